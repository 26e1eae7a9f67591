"""Frame numbers and lengths in frames, by the frame table of a collection."""

from __future__ import annotations

import pyarrow.compute as pc
import pytest

import vquery as vq
from vquery import row
from vquery.engine import reference


@pytest.fixture
def db(path):
    with vq.open(path) as opened:
        yield opened


def test_faces_start_in_their_frames(db):
    frames = db.frames.select("frame")
    same = frames.join(db.faces.mutate(made=row.frame), predicate=vq.starts | vq.equals)
    found = same.collect()
    assert found.num_rows > 0
    assert found["frame"].equals(found["made"])


def test_any_time_lies_in_the_frame_that_is_shown(db):
    later = db.frames.rename(number="frame").mutate(start=row.start + 0.001)
    query = later.mutate(made=row.frame)
    found = query.collect()
    assert pc.all(pc.equal(found["number"], found["made"])).as_py()
    assert [each["made"] for each in reference.run(query.node)] == found["number"].to_pylist()
    early = db.frames.limit(1).drop("frame").mutate(start=row.start - 5).mutate(made=row.frame)
    assert early.collect()["made"].to_pylist() == [0]


def test_lengths_in_frames(db):
    one = db.frames.filter(row.duration <= vq.frames(1.01), row.duration >= vq.frames(0.99))
    assert one.count() >= db.frames.count() - 2  # the last frame of a video may last longer
    assert db.faces.dilate(vq.frames(2)).count() == db.faces.count()
