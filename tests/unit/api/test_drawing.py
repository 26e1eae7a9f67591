"""Boxes drawn by hand: detections like any other, undone as one, and joined to tracks."""

from __future__ import annotations

import pytest

import vquery as vq
from vquery.errors import LabelError

BOX = (0.1, 0.2, 0.4, 0.6)
POINTS = [(0.5, 0.1), (0.2, 0.4), (0.6, 0.9), (0.8, 0.5)]


@pytest.fixture
def db(path):
    with vq.open(path) as db:
        yield db


def stored(db):
    return db["drawn"].collect().to_pylist()


class TestDraw:
    def test_a_box_is_a_detection_of_the_frame_on_show(self, db):
        before = db.faces.count()
        frame = db.frames.filter(vq.row.video == "a.mp4").collect().slice(3, 1).to_pylist()[0]
        middle = (frame["start_us"] + frame["end_us"]) / 2e6
        done = db.draw("a.mp4", middle, BOX, class_="face", by="ann")
        assert (done.rows, done.waiting, done.event) == (1, False, 1)
        assert db.faces.count() == before + 1
        row = db.faces.filter(vq.row.detection_id == done.detection_id).collect().to_pylist()[0]
        assert (row["start_us"], row["end_us"]) == (frame["start_us"], frame["end_us"])
        assert [row[n] for n in ("x1", "y1", "x2", "y2")] == pytest.approx(BOX)
        assert (row["class"], row["score"], row["track"]) == ("face", 1.0, done.track)
        assert "drawing of a box of 'face' at" in done.sentence
        assert done.sentence.endswith("by ann")
        assert stored(db)[0]["by"] == "ann"
