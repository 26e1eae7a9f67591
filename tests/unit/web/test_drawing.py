"""Boxes drawn from the page: one request, one event, one undo, and seen over the picture."""

from __future__ import annotations

import json

import pytest

BOX = [0.1, 0.2, 0.4, 0.6]
POINTS = [[0.5, 0.1], [0.2, 0.4], [0.6, 0.9], [0.8, 0.5]]


@pytest.fixture
def page(workbench):
    return workbench.client


def draw(page, status=200, **more):
    given = {"video": "a.mp4", "t_us": 0, "class": "face", "box": BOX, "points": None}
    return page.post("/api/boxes", given | more, status=status)


def overlay(page, start_us=0, end_us=1):
    said = page.get("/api/overlay", video="a.mp4", start_us=start_us, end_us=end_us)
    return {box["detection_id"]: box for box in said["boxes"]}


def test_a_box_is_drawn_seen_and_undone(page):
    before = overlay(page)
    assert [box["drawn"] for box in before.values()] == [False] * len(before)
    done = draw(page)
    assert set(done) >= {"detection_id", "track", "event", "sentence", "waiting"}
    assert (done["waiting"], done["start_us"], done["box"]) == (False, 0, pytest.approx(BOX))
    seen = overlay(page)[done["detection_id"]]
    assert (seen["drawn"], seen["points"], seen["interpolated"]) == (True, None, False)
    assert seen["box"] == pytest.approx(BOX)
    assert "undone: drawing of a box of 'face'" in page.post("/api/undo")["sentence"]
    assert overlay(page) == before
    page.post("/api/redo")
    assert set(overlay(page)) == {*before, done["detection_id"]}
