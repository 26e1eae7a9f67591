"""In a notebook a relation shows timeline lanes and crops."""

from __future__ import annotations

import sys
from collections import Counter
from types import ModuleType, SimpleNamespace

import pyarrow as pa
import pytest

import vquery as vq
from vquery import face, row, time_overlaps

ANN = 1_000_000_001
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def db(path):
    with vq.open(path) as db:
        yield db


@pytest.fixture
def shown(monkeypatch):
    """What a kernel is given to display; IPython itself is no dependency."""
    given = []
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    display.HTML = lambda text: text
    display.display = given.append
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return given


def test_show_draws_lanes_and_crops(db, shown, capsys):
    db.faces.filter(face.score > 0.5).show()
    (page,) = shown
    assert "<svg" in page
    assert "data:image/jpeg;base64," in page
    assert "60 faces in 2 videos" in page
    assert capsys.readouterr().out == ""


def test_crops_come_through_joins_and_saved_relations(db, shown):
    both = db.faces.filter(face.track == ANN).join(db.shots, predicate=time_overlaps)
    both.show()
    assert "data:image/jpeg;base64," in shown[0]
    db.save("mine", db.faces).show()
    assert "data:image/jpeg;base64," in shown[1]


def test_what_has_no_crops_shows_lanes_alone(db, shown):
    db.shots.filter(row.duration > 0).show()
    db.faces.limit(0).show()
    assert "<svg" in shown[0]
    assert "data:image" not in shown[0] + shown[1]


def test_the_last_line_of_a_cell_shows_the_same(db, shown):
    db.captions.show()
    assert db.captions._repr_html_() == shown[0]
    assert "GOOD NIGHT" in shown[0]


@pytest.mark.parametrize("there", [True, False])
def test_rows_of_a_collection_say_how_they_are_labelled_here(db, monkeypatch, there):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object() if there else None)
    said = db.faces._repr_html_()
    assert "vq.grid(rows) selects and labels them here" in said
    assert ("vquery-video[notebook]" in said) is not there
    spans = pa.table({"video": ["a"], "start": [0.0], "end": [1.0]})
    assert "vq.grid" not in vq.from_arrow(spans)._repr_html_()  # of no collection


def results(db):
    """All that methods give back beside relations, made of texts that are markup."""
    from vquery.export.report import Written
    from vquery.index.report import IndexReport

    db.label([ANN], "name", HOSTILE)
    written = Written(by_class={"train": Counter({HOSTILE: 2})}, skipped=Counter({HOSTILE: 1}))
    written.warnings = [HOSTILE]
    report = IndexReport(videos=2, failed={HOSTILE: HOSTILE}, notes=[HOSTILE], seconds=1.0)
    return {
        "propagation": db.propagate("name", keep=False),
        "sql": db.sql("select video, start_us, ? as said from faces limit 30", [HOSTILE]),
        "written": written,
        "indexed": report,
        "facts": db,
        "suggestions": db.suggest(3),
    }


def test_what_methods_give_back_shows_itself_and_escapes_what_it_says(db):
    for name, result in results(db).items():
        said = result._repr_html_()
        assert said.startswith("<style>"), name
        assert "<table" in said or "<svg" in said or "<dl" in said, name
        assert "<img src=x" not in said, name
        if name in ("propagation", "sql", "written", "indexed"):
            assert "&lt;img src=x" in said, name


def test_a_propagation_shows_its_labels_and_whether_it_is_kept(db):
    db.label([ANN], "name", "Ann")
    preview = db.propagate("name", keep=False)
    assert "a preview, not kept" in preview._repr_html_()
    assert "expected precision" in preview._repr_html_()
    run = preview.keep()
    assert f"run {run}" in preview._repr_html_()
    assert f'<td>Ann</td><td class="vq-number">{preview._labels()["Ann"]}</td>' in (
        preview._repr_html_()
    )


def test_a_console_shows_a_table(db, capsys):
    db.captions.show()
    assert "GOOD NIGHT" in capsys.readouterr().out


def test_captions_are_neither_markup_nor_commands_to_the_terminal(capsys):
    text = ["[MUSIC]", "[/b] closed", "\x1b[2J\x07cleared", "tab\tand\nline"]
    cues = pa.table({"video": ["[v]"] * 4, "start": range(4), "end": range(1, 5), "text": text})
    vq.from_arrow(cues, name="[/cues]").show()
    printed = capsys.readouterr().out
    assert "[MUSIC]" in printed
    assert "[/b] closed" in printed
    assert "tab and line" in printed
    assert "[/cues]" in printed
    assert "\x1b" not in printed
    assert "\x07" not in printed


def test_a_table_is_wider_than_the_console_rather_than_cut_short(db, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    db.faces.show(1)
    printed = capsys.readouterr().out
    assert "1000000001" in printed
    assert "…" not in printed.replace("show(limit=…)", "")
