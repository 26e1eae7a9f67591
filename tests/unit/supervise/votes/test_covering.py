"""Intervals as votes, against counting every tick of every item."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import SchemaError
from vquery.supervise.votes.covering import Items, ballot
from vquery.supervise.votes.items import items_of, runs, segments, track_items

VALUES = ("no", "yes", None)


def ticks(row) -> set[int]:
    return set(range(row["start_us"], max(row["end_us"], row["start_us"] + 1)))


def slow(items, rows, label, otherwise, cover, by):
    """Vote on each item by looking at each of its ticks."""
    found = []
    for item in items:
        seconds, covered = Counter(), set()
        for row in rows:
            value = row.get("vote", label)
            same = by == "time" or (row[by] is not None and row[by] == item[by])
            if row["video"] == item["video"] and same and value is not None:
                covered |= ticks(item) & ticks(row)
        for value in {row.get("vote", label) for row in rows} - {None}:
            mine = set()
            for row in rows:
                same = by == "time" or (row[by] is not None and row[by] == item[by])
                if row["video"] == item["video"] and same and row.get("vote", label) == value:
                    mine |= ticks(item) & ticks(row)
            seconds[value] = len(mine)
        best = [value for value, n in seconds.items() if n == max(seconds.values())]
        if len(covered) / len(ticks(item)) < cover:
            found.append(otherwise)
        else:
            found.append(best[0] if len(best) == 1 else None)
    return found


@st.composite
def spans(draw, *, voted: bool):
    start = draw(st.integers(0, 12))
    row = {
        "video": draw(st.sampled_from("ab")),
        "start_us": start,
        "end_us": start + draw(st.integers(0, 8)),
        "track": draw(st.sampled_from([1, 2, None])),
    }
    return row | ({"vote": draw(st.sampled_from(VALUES))} if voted else {})


def table(rows, names):
    kinds = {"start_us": pa.int64(), "end_us": pa.int64(), "track": pa.int64()}
    return pa.table(
        {
            name: pa.array([row[name] for row in rows], kinds.get(name, pa.string()))
            for name in names
        }
    )


@given(st.data(), st.booleans())
def test_votes_are_those_of_counted_ticks(data, voted):
    items = data.draw(st.lists(spans(voted=False), max_size=6))
    rows = data.draw(st.lists(spans(voted=voted), max_size=8))
    cover = data.draw(st.sampled_from([0.1, 0.25, 0.5, 1.0]))
    otherwise = data.draw(st.sampled_from([None, "else"]))
    by = data.draw(st.sampled_from(["time", "track"]))
    keys = ["video", "start_us", "end_us", "track"]
    made = ballot(
        Items(table(items, keys)),
        table(rows, keys + ["vote"] * voted),
        label="it",
        otherwise=otherwise,
        cover=cover,
        by=by,
    )
    said = [(*made.values, None)[code] for code in made.codes]
    assert said == slow(items, rows, "it", otherwise, cover, by)
    assert made.facts.get("unmatched", 0) == (by == "track") * sum(r["track"] is None for r in rows)


@pytest.mark.parametrize(("end", "said"), [(9, -1), (10, 0)])
def test_a_share_that_is_just_enough_is_enough(end, said):
    items = Items(pa.table({"video": ["a"], "start_us": [0], "end_us": [100]}))
    rows = pa.table({"video": ["a"], "start_us": [0], "end_us": [end]})
    assert ballot(items, rows, label=1, otherwise=None, cover=0.1).codes.tolist() == [said]


def test_a_found_face_votes_on_itself_unless_told_otherwise():
    faces = {"video": ["a", "a"], "start_us": [0, 0], "end_us": [9, 9], "detection_id": [1, 2]}
    items, rows = Items(pa.table(faces)), pa.table(faces).slice(1)
    for by, said in (("auto", [-1, 0]), ("time", [0, 0]), ("detection_id", [-1, 0])):
        assert ballot(items, rows, label=1, otherwise=None, cover=1, by=by).codes.tolist() == said
    with pytest.raises(SchemaError, match=r"by='track' needs this column .* auto, time, detection"):
        ballot(items, rows, label=1, otherwise=None, cover=1, by="track")
    named = rows.set_column(3, "detection_id", pa.array(["x"]))
    with pytest.raises(SchemaError, match="'detection_id' is string in the rows and int64"):
        ballot(items, named, label=1, otherwise=None, cover=1)


def test_ties_are_counted_and_say_nothing():
    items = Items(pa.table({"video": ["a"] * 2, "start_us": [0, 8], "end_us": [8, 12]}))
    rows = {"video": ["a"] * 2, "start_us": [0, 4], "end_us": [4, 12], "vote": ["x", "y"]}
    made = ballot(items, pa.table(rows), label="z", otherwise="o", cover=0.5)
    assert made.codes.tolist() == [-1, 1]
    assert made.values == ("x", "y", "o")
    assert made.facts["ties"] == 1


@given(st.lists(spans(voted=False), max_size=8), st.booleans())
def test_segments_are_cut_at_every_border_and_nowhere_else(rows, bounded):
    extents = {"a": (0, 15), "c": (0, 3)} if bounded else None
    found = segments([table(rows, ["video", "start_us", "end_us"])], extents)
    for video in "abc":
        mine = [row for row in rows if row["video"] == video]
        borders = {t for row in mine for t in (min(ticks(row)), max(ticks(row)) + 1)}
        low, high = (extents or {}).get(video, (-1, 99))
        if bounded and video in extents:
            borders = {t for t in borders if low <= t <= high} | {low, high}
        expected = sorted(borders)
        here = found.filter(pa.compute.equal(found["video"], video))
        assert here["start_us"].to_pylist() == expected[:-1]
        assert here["end_us"].to_pylist() == expected[1:]
    assert found["item"].to_pylist() == list(range(found.num_rows))


def test_runs_end_where_votes_change_and_where_time_is_missing():
    rows = {"video": ["a"] * 4 + ["b"], "start_us": [0, 1, 2, 5, 6], "end_us": [1, 2, 3, 6, 7]}
    votes = np.array([[0], [0], [1], [1], [1]], np.int16)
    assert runs(pa.table(rows), votes).tolist() == [0, 0, 1, 2, 3]
    assert runs(pa.table(rows).slice(0, 0), votes[:0]).tolist() == []


def test_items_are_numbered_by_what_tells_them_apart():
    rows = pa.table({"detection_id": [5, 6], "track": [1, 1], "video": ["a", "a"]})
    assert items_of(rows)["item"].to_pylist() == [5, 6]
    twice = rows.set_column(0, "detection_id", pa.array([5, 5]))
    assert items_of(twice)["item"].to_pylist() == [0, 1]
    missing = rows.set_column(0, "detection_id", pa.array([5, None]))
    assert items_of(missing)["item"].to_pylist() == [0, 1]
    tracks = {
        "video": ["a", "a", "b", "b"],
        "start_us": [5, 0, 3, 4],
        "end_us": [6, 2, 9, 5],
        "track": [1, 1, 1, None],
        "class": ["face", "car", "face", "face"],
    }
    found = track_items(pa.table(tracks)).select(["video", "start_us", "end_us", "class"])
    assert found.to_pylist() == [
        {"video": "a", "start_us": 0, "end_us": 6, "class": "car"},
        {"video": "b", "start_us": 3, "end_us": 9, "class": "face"},
    ]
