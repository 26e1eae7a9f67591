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


def test_extreme_points_come_back_as_they_were_clicked(page):
    done = draw(page, box=None, points=POINTS)
    assert overlay(page)[done["detection_id"]]["points"] == POINTS
    assert done["box"] == pytest.approx([0.2, 0.1, 0.8, 0.9])


def test_a_label_is_given_in_the_same_action_and_null_gives_none(page, workbench):
    done = draw(page, concept="name", value="Cleo")
    assert overlay(page)[done["detection_id"]]["label"] == "Cleo"
    assert overlay(page)[done["detection_id"]]["state"] == "confirmed"
    draw(page, concept="name", value=None)
    assert len(workbench.workbench.db.labels("name")) == 1
    said = page.get("/api/events")["events"]
    assert [(one["action"], one["concept"], one["value"]) for one in said] == [
        ("draw boxes", "name", "Cleo"),
        ("draw boxes", None, None),
    ]
    page.post("/api/undo")
    page.post("/api/undo")
    assert len(workbench.workbench.db.labels("name")) == 0
    assert [one["undone"] for one in page.get("/api/events")["events"]] == [
        True,
        True,
        False,
        False,
    ]


def test_a_box_is_moved_continued_and_removed(page):
    times = page.get("/api/frames", video="a.mp4", start_us=0, end_us=500_000)["start_us"]
    first = draw(page)
    second = draw(page, t_us=times[3], **{"class": None}, continues=first["detection_id"])
    assert (second["track"], second["start_us"]) == (first["track"], times[3])
    assert second["rows"] == 3
    seen = [box for box in overlay(page, 0, times[4]).values() if box["drawn"]]
    assert sorted(box["interpolated"] for box in seen) == [False, False, True, True]
    to = [0.3, 0.2, 0.6, 0.6]
    moved = page.post("/api/boxes/move", {"detection_id": second["detection_id"], "box": to})
    assert moved["box"] == pytest.approx(to)
    assert "move of a box" in moved["sentence"]
    done = page.post("/api/boxes/remove", {"detection_ids": [second["detection_id"]]})
    assert (done["removed"], done["waiting"]) == (1, False)
    left = [box for box in overlay(page, 0, times[4]).values() if box["drawn"]]
    assert [box["detection_id"] for box in left] == [first["detection_id"]]


def test_an_action_sent_twice_is_done_once(page, workbench):
    body = {"video": "a.mp4", "t_us": 0, "class": "face", "box": BOX}
    answers = [
        page.ask("POST", "/api/boxes", json.dumps(body).encode(), {"X-VQuery-Action": "one"})
        for _ in range(2)
    ]
    assert answers[0].json == answers[1].json
    assert len(workbench.workbench.store.events()) == 1


def test_a_busy_collection_keeps_the_box_and_says_that_it_waits(page, workbench):
    with workbench.workbench.store.writer("index news"):
        done = draw(page)
        assert done["waiting"]
        assert "index news" in done["sentence"]
        assert done["detection_id"] not in overlay(page)
        assert "follow as soon as" in page.post("/api/undo")["sentence"]
        page.post("/api/redo")
    assert done["detection_id"] in overlay(page)


def test_it_is_found_by_a_query_with_its_crop(page):
    done = draw(page)
    result = page.run("drawn")
    rows = page.get(f"/api/results/{result['id']}/rows")["rows"]
    assert [row["detection_id"] for row in rows] == [done["detection_id"]]
    assert rows[0]["more"]["by"] == "tester"
    answer = page.ask("GET", f"/media/crop/{done['detection_id']}.jpg")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"box": None}, "got neither"),
        ({"points": POINTS}, "got both"),
        ({"box": [0, 0, 640, 360]}, "divide pixels"),
        ({"box": [0.5, 0, 0.5, 0.4]}, "x1=0.5 and x2=0.5"),
        ({"box": [0, 0, [], 0.4]}, "x1, y1, x2, y2"),
        ({"box": None, "points": [[0.1, 0.1]] * 3}, "got 3"),
        ({"video": "../../etc/passwd"}, "there is no video"),
        ({"t_us": 1 << 62}, "no frame of"),
        ({"t_us": -1}, "no frame of"),
        ({"class": " "}, "a blank one"),
        ({"class": 7}, "'class' must be"),
        ({"value": "Ann"}, "alone"),
        ({"value": "Ann", "concept": "x1"}, "names a column"),
        ({"continues": 1}, "no box that was drawn"),
        ({"continues": 1 << 62}, "no box that was drawn"),
        ({"wrong": 1}, "no field 'wrong'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(page, workbench, given, said):
    assert said in draw(page, status=400, **given)["error"]
    assert workbench.workbench.store.events() == []


@pytest.mark.parametrize("ids", [[], [1], [1_000_000_001], ["a"], [None], [1.5], [1 << 70], [True]])
def test_what_was_not_drawn_is_not_removed(page, ids):
    assert page.post("/api/boxes/remove", {"detection_ids": ids}, status=400)["error"]


def test_drawing_needs_the_token(page):
    body = json.dumps({"video": "a.mp4", "t_us": 0, "box": BOX}).encode()
    for path in ("/api/boxes", "/api/boxes/move", "/api/boxes/remove"):
        assert page.ask("POST", path, body, {"X-VQuery-Token": None}).status == 403


def test_crops_follow_boxes_that_move(page):
    times = page.get("/api/frames", video="a.mp4", start_us=0, end_us=500_000)["start_us"]
    first = draw(page)
    last = draw(page, t_us=times[2], **{"class": None}, continues=first["detection_id"])
    seen = overlay(page, 0, times[3]).values()
    between = next(box["detection_id"] for box in seen if box["interpolated"])
    crops = {}
    for turn in ("before", "after"):
        for item in (last["detection_id"], between):
            answer = page.ask("GET", f"/media/crop/{item}.jpg")
            assert (answer.status, answer.headers["cache-control"]) == (200, "private, no-cache")
            crops[turn, item] = answer.body
        to = [0.5, 0.1, 0.9, 0.9]
        page.post("/api/boxes/move", {"detection_id": last["detection_id"], "box": to})
    assert all(crops["before", i] != crops["after", i] for i in (last["detection_id"], between))
