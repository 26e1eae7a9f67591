"""Widgets as Python holds them: rows, selection, and what cannot be shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import vquery as vq

pytest.importorskip("anywidget", reason="widgets need the extra 'notebook'")


@pytest.fixture
def db(path: Path) -> Iterator[Any]:
    from vquery.notebook.room import close_all

    with vq.open(path) as db:
        yield db
    close_all()


def choose(widget: Any, **more: Any) -> None:
    """Do as the page does when somebody selects."""
    widget.set_state({"chosen": {"result": widget.result["id"], "sort": "row", **more}})


def test_selection_is_a_table_of_the_rows_chosen(db: Any) -> None:
    widget = vq.grid(db.faces)
    told: list[Any] = []
    widget.observe(told.append, "chosen")
    faces = db.faces.collect()
    assert widget.rows == faces
    assert widget.selection.num_rows == 0
    assert widget.selection.schema == faces.schema
    choose(widget, ranges=[[1, 2], [3, 5]])
    assert widget.selection["detection_id"] == faces["detection_id"].take(pa.array([1, 3, 4]))
    choose(widget, **{"all": True, "except": [[0, 1]]})
    assert widget.selection == faces.slice(1)
    assert len(told) == 2


def test_selection_goes_with_other_rows(db: Any) -> None:
    widget = vq.grid(db.faces)
    choose(widget, ranges=[[0, 2]])
    old = dict(widget.chosen)
    widget.rows = db.captions
    assert widget.rows == db.captions.collect()
    assert widget.chosen == {}
    widget.set_state({"chosen": old})  # said by a page that was slow to hear of it
    assert widget.selection.num_rows == 0


@pytest.mark.parametrize(
    "chosen",
    [{"ranges": [[0, 10**9]]}, {"ranges": "all"}, {"sort": "nonsense", "ranges": [[0, 1]]}],
)
def test_a_selection_that_is_none_is_said(db: Any, chosen: dict[str, Any]) -> None:
    widget = vq.grid(db.faces)
    choose(widget, **chosen)
    with pytest.raises(vq.QueryError, match=r"grid\(\): "):
        widget.selection  # noqa: B018


def test_widgets_of_one_collection_share_what_they_read(db: Any, path: Path) -> None:
    one, two = vq.grid(db.faces), vq.timeline(db.captions.filter(vq.row.duration > 0.1))
    assert one._room is two._room
    assert vq.grid(db.faces, by="another")._room is not one._room
    assert one.parts == ["grid"]
    assert two.parts == ["timeline"]
    assert vq.grid(db.faces, timeline=True).parts == ["grid", "timeline"]


def test_rows_may_come_from_anywhere_when_the_collection_is_said(db: Any) -> None:
    found = db.sql("select video, start_us, end_us, detection_id from faces")
    for rows in (found, found.to_arrow(), found.to_pandas()):
        assert vq.grid(rows, db=db).rows.num_rows == db.faces.count()
    joined = db.faces.join(db.captions, predicate=vq.time_overlaps)
    assert vq.timeline(joined).rows == joined.collect()


def test_what_cannot_be_shown_is_said(db: Any, tmp_path: Path) -> None:
    spans = pa.table({"video": ["a.avi"], "start_us": [0], "end_us": [5]})
    with pytest.raises(vq.QueryError, match=r"do not say which collection.*grid\(rows, db=db\)"):
        vq.grid(vq.from_arrow(spans))
    with pytest.raises(vq.QueryError, match="no column 'start_us'"):
        vq.timeline(spans.select(["video"]), db=db)
    with pytest.raises(vq.QueryError, match="a relation or a table, got int"):
        vq.grid(5, db=db)
    with pytest.raises(vq.QueryError, match="height= must be 200 to 4000 pixels, got 5"):
        vq.grid(db.faces, height=5)
    with pytest.raises(vq.LabelError, match="cannot name a concept"):
        vq.grid(db.faces, "no concept")
    other = vq.create(tmp_path / "other.vq")
    with pytest.raises(vq.QueryError, match="do not say which collection"):
        vq.grid(vq.concat(db.faces, other.faces))
    other.close()


def test_concept_can_be_set_and_is_checked(db: Any) -> None:
    widget = vq.grid(db.faces)
    widget.concept = "role"
    with pytest.raises(vq.LabelError, match="cannot name a concept"):
        widget.concept = "two words"
    assert widget.concept == "role"
    assert repr(widget) == f"grid(faces: {db.faces.count():,} rows, 'role')"


@pytest.mark.parametrize("missing", ["anywidget", "starlette"])
def test_what_to_install_is_said(db: Any, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vquery.notebook.making.find_spec", lambda name: name != missing or None)
    said = rf"grid\(\) needs {missing}: pip install 'vquery-video\[notebook\]'"
    with pytest.raises(vq.MissingDependencyError, match=said):
        vq.grid(db.faces)


def test_widgets_are_loaded_when_they_are_used() -> None:
    import subprocess

    code = "import sys, vquery as vq; vq.grid; print('anywidget' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_state_that_a_notebook_keeps_has_no_secret(db: Any) -> None:
    widget = vq.grid(db.faces)
    state = widget.get_state()
    assert state["result"]["total"] == db.faces.count()
    assert widget._room.workbench.token not in json.dumps(state)
    (data, *_) = widget._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert data["text/plain"] == repr(widget)


USED = """
import queue, sys
import vquery as vq
widget, said = vq.grid(vq.open(sys.argv[1]).faces), queue.Queue()
widget.send = lambda *answer: said.put(answer)
ask = {"kind": "ask", "method": "GET", "path": "/api/collection"}
for name in "ab":
    widget._handle_custom_msg({"id": name, **ask}, [])
assert said.get(timeout=60)[0]["status"] == 200
print(widget._room.workbench.folder)
"""


def test_a_process_that_had_widgets_ends_and_leaves_nothing(path: Path) -> None:
    import subprocess

    command = [sys.executable, "-W", "error", "-c", USED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "vquery-" in done.stdout
    assert not Path(done.stdout.strip()).exists()
