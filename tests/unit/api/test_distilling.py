"""Models of a collection that teach themselves: what they take, what they leave, what they say."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from vquery.errors import LabelError, LearnError

pytest.importorskip("torch")
PEOPLE = ("ann", "bob")


@pytest.fixture
def cast(world):
    """Six videos of two people; one face of each of the first tracks is labelled in five."""
    who: dict[int, str] = {}
    for video in ("a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4", "f.mp4"):
        found = world.add(video, [("ann", 0.0), ("bob", 3.0), ("ann", 6.0), ("bob", 9.0)])
        firsts = {person: ids[0] for person, ids in found.items()}
        if video < "f":
            world.db.label(list(firsts.values()), "name", list(firsts))
        who |= {item: person for person, ids in found.items() for item in ids}
    return world.db, who


def test_it_is_kept_and_predicts_as_any_end_model(cast):
    db, who = cast
    lines: list[str] = []
    found = db.distil("name", "own", rounds=2, progress=lines.append)
    assert found.told["human"] == found.told["items"] == 10
    assert [line for line in lines if line.startswith("round 0")]
    rounds = found.rounds.to_pylist()
    assert [row["round"] for row in rounds] == list(range(len(rounds)))
    assert rounds[0]["pseudo"] == 0
    assert rounds[0]["left_out"] == 10
    assert found.best == int(np.argmax([row["measure"] for row in rounds]))
    assert found.by_people is not None
    assert f"round {found.best} of {len(rounds) - 1}" in repr(found)
    page = (found.folder / "report.html").read_text("utf-8")
    assert f"The model is that of round {found.best}" in page
    assert "left out" in found._repr_html_()
    assert any("none of them" in note for note in found.told["notes"])
    assert db.runs["command"].to_pylist()[-1] == "distil"
    assert not (found.folder / "parts").exists()
    again = db.trained("own")
    assert again.version == found.version
    assert again.told["rounds"] == rounds
    said = db.predict("own").table
    right = [label == who[i] for i, label in zip(
        said["detection_id"].to_pylist(), said["best"].to_pylist(), strict=True)]  # fmt: skip
    assert np.mean(right) > 0.9
    assert db.undo_run().did == "predicted"


def test_pseudo_labels_are_no_labels_of_the_collection(cast):
    db, who = cast
    before = db.labels("name").num_rows
    found = db.distil("name", rounds=1, seconds=0)
    assert db.labels("name").num_rows == before
    assert found.told["pseudo"] in (0, *range(10, len(who)))
    rows = db.faces.with_labels("name").collect()
    assert sum(one is not None for one in rows["name"].to_pylist()) == before


def test_shares_that_are_known_bound_what_is_kept(cast):
    db, _ = cast
    few = db.distil("name", "few", rounds=1, shares={"ann": 0.25, "bob": 0.25})
    all_of_them = db.distil("name", "all", rounds=1, shares={"ann": 1.0, "bob": 1.0})
    assert few.rounds["pseudo"][1].as_py() < all_of_them.rounds["pseudo"][1].as_py()


def test_few_labels_measure_nothing_and_say_so(world):
    found = world.add("a.mp4", [("ann", 0.0), ("bob", 3.0), ("ann", 6.0), ("bob", 9.0)])
    for person, ids in found.items():
        world.db.label(ids[:3], "name", person)
    made = world.db.distil("name", rounds=3)
    assert made.best == 1
    assert any("nothing tells whether it helps" in note for note in made.told["notes"])
    assert "than the teacher" not in repr(made)
    assert (made.folder / "report.html").exists()
    assert world.db.predict("name", keep=False).table.num_rows == 24


def test_what_cannot_be_is_said(cast):
    db, _ = cast
    with pytest.raises(LabelError, match="nothing is labelled of 'other'"):
        db.distil("other")
    with pytest.raises(LearnError, match="labels="):
        db.distil("name", labels="hard")
    with pytest.raises(LearnError, match="rounds="):
        db.distil("name", rounds=0)
    with pytest.raises(LearnError, match="shares= must have a share for each"):
        db.distil("name", shares={"ann": 1.0})
    with pytest.raises(LearnError, match="hidden_units"):
        db.distil("name", hidden_units=3)
    labelled = pa.array(db.labels("name")["detection_id"].to_pylist())
    with pytest.raises(LearnError, match="every item is labelled"):
        db.distil("name", over=labelled)
    with pytest.raises(LearnError, match="no end model"):
        db.trained("name")
