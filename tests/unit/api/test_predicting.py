"""What a model says of many items, a block at a time, is what it says of all at once."""

from __future__ import annotations

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from vquery.api.learnt import items as seeing
from vquery.errors import LearnError
from vquery.schema import PICTURE

pytest.importorskip("torch")
PEOPLE = [("ann", 0.0), ("bob", 3.0)]
VIDEOS = ("a.mp4", "b.mp4", "c.mp4")


@pytest.fixture
def cast(world):
    """Three videos of two people, half of each labelled; returns the collection and the ids."""
    ids: list[int] = []
    for video in VIDEOS:
        for person, found in world.add(video, PEOPLE).items():
            world.db.label(found[:3], "name", person)
            ids += found
    return world, sorted(ids)


def with_pictures(db, ids):
    """Give half of the detections a picture, and one of them one that cannot be read."""
    rng = np.random.default_rng(0)
    faces = db.faces.collect().sort_by("detection_id")
    half = faces.filter(pc.is_in(faces["detection_id"], value_set=pa.array(ids)))
    jpegs = [
        cv2.imencode(".png", rng.integers(0, 256, (16, 16, 3), np.uint8))[1].tobytes() for _ in ids
    ]
    jpegs[-1] = b"no picture"
    columns = [half["detection_id"], half["video"], pa.array(jpegs, pa.binary())]
    with db._store.writer("made") as writer:
        table = pa.table(columns, schema=PICTURE)
        writer.commit([writer.write("picture.detection", table)])


@pytest.mark.parametrize("by", ["track", "detection"])
def test_vectors_in_blocks(cast, by, monkeypatch):
    world, ids = cast
    world.db.train("name")
    world.add("d.mp4", PEOPLE)
    whole = world.db.predict("name", by=by, keep=False)
    votes = world.db.classified("name").collect()
    monkeypatch.setattr(seeing, "BLOCK", 5)  # tracks are of six
    blocks = world.db.predict("name", by=by, keep=False)
    assert blocks.probability.shape == (48, 2)
    np.testing.assert_allclose(blocks.probability, whole.probability, atol=1e-6)
    assert blocks.table["best"] == whole.table["best"]
    assert world.db.classified("name").collect()["vote"] == votes["vote"]
    one = world.db.predict("name", over=ids[-2:], keep=False)
    assert len(one.probability) == 2


def test_pictures_in_blocks_some_of_which_show_nothing(cast, monkeypatch):
    world, ids = cast
    seen = ids[::2]
    with_pictures(world.db, seen)
    options = {"kind": "network", "side": 16, "width": 4, "blocks": (1,), "epochs": 1}
    world.db.train("name", **options)
    whole = world.db.predict("name", by="detection", keep=False)
    nothing = np.isnan(whole.probability).any(1)
    assert (np.array(ids)[nothing] == np.setdiff1d(ids, seen[:-1])).all()
    monkeypatch.setattr(seeing, "PICTURE_BYTES", 0)  # one after the other
    blocks = world.db.predict("name", concept="guess", by="detection", keep=False)
    np.testing.assert_allclose(blocks.probability, whole.probability, atol=1e-6)
    assert blocks.summary()["without_features"] == len(ids) - len(seen) + 1
    for unseen in (ids[1:6:2], [seen[-1]]):
        with pytest.raises(LearnError, match=r"none of . detections has a picture: index"):
            world.db.predict("name", over=unseen, keep=False)


def test_a_reason_is_told_of_each_item_that_is_seen(cast):
    world, _ = cast
    found = world.db.train("name")
    said = world.db.predict("name", by="detection", keep=False)
    for row, chance in enumerate(said.probability):
        second, best = np.sort(chance)
        (why,) = pa.array([said.table["why"][row]]).to_pylist()
        weight = np.round(np.log(best) - np.log(max(second, 1e-6)), 2)
        assert f'"version": "{found.version}", "weight": {weight}' in why
