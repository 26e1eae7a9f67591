"""Neighbour lists that are kept: what is searched again, and that results stay the same."""

from __future__ import annotations

import shutil

import pytest

import vquery as vq
from vquery.api.console import info_text
from vquery.api.propagation import cached
from vquery.graph.knn import exact, stored

VIDEOS = ("a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4")


@pytest.fixture
def people(world):
    found = {}
    for video in VIDEOS:
        tracks = [("Ann", 0), ("Bob", 10), (f"somebody in {video}", 20)]
        found[video] = world.add(video, tracks)
    world.db.label(found["a.mp4"]["Ann"][:1], "name", "Ann")
    world.db.label(found["a.mp4"]["Bob"][:1], "name", "Bob")
    return world


@pytest.fixture
def searched(monkeypatch):
    """Rows that are searched, in whatever way."""
    rows = []
    some, every = exact.some_rows, stored.neighbours
    monkeypatch.setattr(
        exact, "some_rows", lambda p, r, *a, **k: rows.append(len(r)) or some(p, r, *a, **k)
    )
    monkeypatch.setattr(
        stored, "neighbours", lambda p, *a, **k: rows.append(len(p)) or every(p, *a, **k)
    )
    return rows


def labels(found):
    return found.table.drop_columns(["run_id"])


def lists(db):
    return db.path / "cache" / "neighbours"


def test_propagating_again_searches_nothing(people, searched):
    db = people.db
    first = db.propagate("name")
    assert searched
    searched.clear()
    again = db.propagate("name")
    assert searched == []
    assert "90 of 90 lists were kept from before" in again.report["remarks"]
    assert labels(again).equals(labels(first))
    db.label([first.table["detection_id"][0].as_py()], "host", "yes")
    db.propagate("host")
    db.propagation("name").why(first.table["detection_id"][20].as_py())
    db.suggest(3)
    assert searched == []


def test_a_new_video_is_all_that_is_searched(people, searched):
    db = people.db
    db.propagate("name")
    searched.clear()
    new = people.add("f.mp4", [("Bob", 0), ("Ann", 10), ("Cleo", 20)])
    found = db.propagate("name")
    # the new rows among all, and all others among the new: no row of before among those of before
    assert searched == [18, 90]
    assert "90 of 108 lists were kept from before" in found.report["remarks"]
    given = {row["detection_id"]: row["label"] for row in found.table.to_pylist()}
    assert [given[new[who][0]] for who in ("Ann", "Bob", "Cleo")] == ["Ann", "Bob", None]
    shutil.rmtree(db.path / "cache")
    fresh = db.propagate("name")
    assert labels(fresh).equals(labels(found))
    same = [name for name in fresh.report if name not in ("remarks", "search")]
    assert {name: fresh.report[name] for name in same} == {n: found.report[n] for n in same}


def test_a_part_of_the_faces_has_lists_of_its_own(people, searched):
    db = people.db
    whole = db.propagate("name")
    part = db.faces.filter(vq.face.video != "e.mp4")
    db.propagate("name", over=part)
    searched.clear()
    db.propagate("name", over=part)
    db.propagate("name", over=whole.table)  # all faces, however they are named
    assert searched == []
    for video in VIDEOS[:4]:
        db.propagate("name", over=db.faces.filter(vq.face.video.isin(["a.mp4", video])))
    assert len(list(lists(db).glob("part-*"))) == cached.KEPT_PARTS


def test_a_longer_list_needs_no_new_search(people, searched):
    db = people.db
    db.propagate("name")
    searched.clear()
    assert db.propagate("name", k=12).report["k"] == 12
    assert searched == []


@pytest.mark.parametrize("harm", ["gone", "truncated", "nonsense"])
def test_lists_that_are_damaged_are_made_anew(people, harm):
    db = people.db
    first = db.propagate("name")
    for file in lists(db).rglob("*.npy" if harm == "truncated" else "*.json"):
        if harm == "gone":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:200] if harm == "truncated" else b"{]")
    again = db.propagate("name")
    assert labels(again).equals(labels(first))
    assert any("kept lists" in remark for remark in again.report["remarks"])


def test_a_collection_whose_cache_cannot_be_written_works_without(people):
    db = people.db
    (db.path / "cache").write_text("no folder")
    found = db.propagate("name")
    assert any("lists were not kept" in remark for remark in found.report["remarks"])
    assert found.summary()["labels"]["Ann"] >= 18
    assert db.suggest(2).count() == 2
    db.compact()


def test_info_tells_the_size_and_compact_sweeps(people):
    db = people.db
    assert db.info()["cache_bytes"] == 0
    db.propagate("name")
    one = db.info()["cache_bytes"]
    assert one > 0
    assert "neighbour lists kept" in info_text(db.info())
    db.propagate("name", over=db.faces.filter(vq.face.video == "a.mp4"))
    assert db.info()["cache_bytes"] > one
    db.compact()
    assert db.info()["cache_bytes"] == one
    (lists(db) / cached.WHOLE / stored.FACTS).write_text("{]")
    db.compact()
    assert db.info()["cache_bytes"] == 0
    assert list(lists(db).iterdir()) == []
