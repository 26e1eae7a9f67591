"""Lanes have few bars and lose nothing: counts say what is drawn as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.api.lanes import Spans, bars, lane, sorted_spans
from vquery.api.looking import CONFIRMED, CONFLICT, PROPOSED

SECOND = 1_000_000


def lanes_of(workbench: Any, **query: Any) -> dict[str, dict[str, Any]]:
    found = workbench.client.get("/api/timeline", **{"video": "a.mp4", **query})
    return {one["kind"]: one for one in found["lanes"]}


def test_every_source_has_a_lane(shared: Any):
    result = shared.client.run("faces.filter(score > 0.5)")
    lanes = lanes_of(shared, result=result["id"])
    assert list(lanes) == ["shots", "captions", "detections", "query"]
    assert [bar["start_us"] for bar in lanes["shots"]["bars"]] == [0, SECOND]
    assert [bar["text"] for bar in lanes["captions"]["bars"]] == [
        "Good evening, thank you.",
        "GOOD NIGHT",
    ]
    faces = lanes["detections"]
    assert (faces["name"], faces["total"]) == ("faces", 36)
    assert sum(bar["count"] for bar in faces["bars"]) == 36
    assert len(faces["bars"]) == 3  # one a track
    query = lanes["query"]
    assert query["total"] == 36
    rows = shared.client.get(f"/api/results/{result['id']}/rows", limit=100)["rows"]
    for bar in query["bars"]:
        row = rows[bar["row"]]
        assert (row["video"], row["start_us"]) == ("a.mp4", bar["start_us"])


def test_a_window_shows_what_overlaps_it(shared: Any):
    lanes = lanes_of(shared, start_us=1_200_000, end_us=1_300_000)
    assert [bar["text"] for bar in lanes["captions"]["bars"]] == ["GOOD NIGHT"]
    assert len(lanes["shots"]["bars"]) == 1
    assert lanes["captions"]["total"] == 1
    empty = lanes_of(shared, start_us=800_000, end_us=1_100_000)["captions"]
    assert (empty["total"], empty["bars"]) == (0, [])  # the lane stays where it is


def test_labels_are_proposed_confirmed_or_in_conflict(workbench: Any):
    db = workbench.workbench.db
    rows = db.faces.collect().to_pylist()
    tracks: dict[int, list[int]] = {}
    for row in rows:
        if row["video"] == "a.mp4":
            tracks.setdefault(row["track"], []).append(row["detection_id"])
    first, second, *_ = tracks.values()
    db.label([first[0]], "name", "Ann")
    db.label([second[0]], "name", "Bob")
    db.propagate("name")
    lanes = lanes_of(workbench)
    assert {bar["state"] for bar in lanes["propagated"]["bars"]} == {"proposed"}
    assert {bar["value"] for bar in lanes["propagated"]["bars"]} >= {"Ann", "Bob"}
    assert {bar["state"] for bar in lanes["human"]["bars"]} == {"confirmed"}
    db.label([first[1]], "name", "Bob")
    db.label([second[1]], "name", None)
    human = lanes_of(workbench)["human"]["bars"]
    conflicts = {bar["value"] for bar in human if bar["state"] == "conflict"}
    assert conflicts == {"Bob", "none of them"}
    assert "human" not in lanes_of(workbench, concept="other")


def test_spans_of_people_and_votes_of_relations_are_shown(workbench: Any):
    db = workbench.workbench.db
    span = pa.table({"video": ["a.mp4"], "start_us": [100_000], "end_us": [700_000]})
    db.label(span, "advert", "yes")
    votes = span.append_column("vote", pa.array(["no"]))
    db.save("rule", votes)
    lanes = lanes_of(workbench, concept="advert")
    human = lanes["human"]["bars"]
    assert [(bar["start_us"], bar["end_us"], bar["value"], bar["state"]) for bar in human] == [
        (100_000, 700_000, "yes", "confirmed")
    ]
    assert (lanes["votes"]["name"], lanes["votes"]["bars"][0]["value"]) == ("rule", "no")


def test_the_way_from_hit_to_hit(shared: Any):
    client = shared.client
    result = client.run("captions")["id"]
    way = {"result": result, "video": "a.mp4"}
    first = client.get("/api/hits", **way, after_us=-1)
    assert first == {"row": 0, "start_us": 200_000, "end_us": 800_000}
    second = client.get("/api/hits", **way, after_us=first["start_us"])
    assert second["start_us"] == 1_100_000
    assert client.get("/api/hits", **way, after_us=second["start_us"]) is None
    assert client.get("/api/hits", **way, before_us=second["start_us"]) == first
    assert client.get("/api/hits", **{**way, "video": "b.mp4"}, after_us=0) is None


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"video": "../a.mp4"}, 404),
        ({"video": "a.mp4", "result": "none"}, 404),
        ({}, 400),
        ({"video": "a.mp4", "width": 0}, 400),
        ({"video": "a.mp4", "width": 10**9}, 400),
        ({"video": "a.mp4", "start_us": 9, "end_us": 8}, 400),
        ({"video": "a.mp4", "start_us": "x"}, 400),
        ({"video": "a.mp4", "concept": "x" * 500}, 413),
    ],
)
def test_bad_windows_are_refused(shared: Any, query: dict[str, Any], status: int):
    assert shared.client.refused("/api/timeline", status, **query)


def test_hits_need_a_result_and_a_direction(shared: Any):
    client = shared.client
    assert "either" in client.refused("/api/hits", 400, video="a.mp4", result="x")
    assert "kept" in client.refused("/api/hits", 404, video="a.mp4", result="x", after_us=0)


@given(
    st.lists(
        st.tuples(
            st.integers(-50, 1_050),
            st.integers(0, 300),
            st.integers(-1, 2),
            st.sampled_from([PROPOSED, CONFIRMED, CONFLICT]),
            st.integers(0, 3),
        ),
        min_size=1,
        max_size=80,
    ),
    st.integers(10, 60),
    st.booleans(),
)
def test_bars_are_few_and_cover_what_they_stand_for(
    rows: list[tuple[int, ...]], width: int, joins: bool
):
    start, length, code, state, key = np.array(rows, np.int64).T
    spans = sorted_spans(
        Spans(
            start,
            start + length,
            code=code,
            values=("x", "y", "z"),
            state=state.astype(np.int8),
            row=np.arange(len(rows)),
            key=key if joins else None,
        )
    )
    low, high = 0, 1_000
    found = lane("some", "human", spans, (low, high), width)
    assert found is not None
    inside = [
        one
        for one in rows
        if one[0] < high and (one[0] + one[1] > low or (one[1] == 0 and one[0] >= low))
    ]
    assert found["total"] == len(inside) == sum(bar["count"] for bar in found["bars"])
    assert len(found["bars"]) <= width
    for begin, lasting, value, kind, _ in inside:
        over = [
            b for b in found["bars"] if b["start_us"] <= begin and b["end_us"] >= begin + lasting
        ]
        wanted = None if value < 0 else "xyz"[value]
        assert any(bar["value"] in (wanted, None) for bar in over)
        assert any(bar["state"] >= "" for bar in over)
        if kind == CONFLICT:
            assert any(bar["state"] == "conflict" for bar in over)


def test_many_intervals_are_one_bar_a_pixel_at_most():
    rng = np.random.default_rng(0)
    start = np.sort(rng.integers(0, 7_200 * SECOND, 200_000))
    spans = Spans(start, start + 40_000, key=np.arange(len(start)))
    found = bars(spans, (0, 7_200 * SECOND), 800)
    assert 0 < len(found) <= 800
    assert sum(bar["count"] for bar in found) == len(start)
