"""Flicker and appear: against seconds counted one by one, and by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vquery as vq
from tests.unit.supervise.assertions.drawn import STEP, boxed, spans, told
from vquery.errors import QueryError, SchemaError
from vquery.schema import BOX
from vquery.supervise.assertions.flicker import between

SHOTS = {"a": [(0, 14), (14, 30)], "b": [(0, 30)]}
SHOT_TABLE = pa.table(
    {
        "video": [video for video, each in SHOTS.items() for _ in each],
        "start": [start for each in SHOTS.values() for start, _ in each],
        "end": [end for each in SHOTS.values() for _, end in each],
    }
)
ROW = st.tuples(
    st.sampled_from("ab"), st.integers(0, 24), st.integers(1, 5), st.sampled_from([1, 2, None])
).map(lambda row: (row[0], row[1], row[1] + row[2], row[3]))


def stretches(rows):
    """Yield the shot, and seconds covered without a break, of each track in each shot."""
    groups = {}
    for video, start, end, track in rows:
        if track is not None:
            shot = next(one for one in SHOTS[video] if one[0] <= start < one[1])
            groups.setdefault((video, shot, track), set()).update(range(start, end))
    for (video, shot, _), seconds in sorted(groups.items()):
        edges = [one for one in sorted(seconds) if one - 1 not in seconds]
        ends = [one + 1 for one in sorted(seconds) if one + 1 not in seconds]
        yield video, shot, list(zip(edges, ends, strict=True))


def seconds(violations):
    return sorted((one["video"], one["start_us"] / 1e6, one["end_us"] / 1e6) for one in violations)


@given(st.lists(ROW, max_size=12), st.integers(1, 5), st.randoms())
def test_short_gaps_flicker(rows, least, random):
    random.shuffle(rows)
    found = told(
        spans(rows), [vq.flicker(max_gap=least)], "video", "start_us", "end_us", shots=SHOT_TABLE
    )
    wanted = [
        (video, end, start)
        for video, _, parts in stretches(rows)
        for (_, end), (start, _) in pairwise(parts)
        if start - end < least
    ]
    assert seconds(found) == sorted(wanted)


@given(st.lists(ROW, max_size=12), st.integers(1, 5), st.randoms())
def test_short_presences_between_absences_appear(rows, least, random):
    random.shuffle(rows)
    found = told(
        spans(rows),
        [vq.appear(min_duration=least)],
        "video",
        "start_us",
        "end_us",
        shots=SHOT_TABLE,
    )
    wanted = []
    for video, shot, parts in stretches(rows):
        sides = [shot[0], *(edge for part in parts for edge in part), shot[1]]
        for at, (start, end) in enumerate(parts):
            since, until = sides[2 * at], sides[2 * at + 3]
            if end - start < least and start - since >= least and until - end >= least:
                wanted.append((video, start, end))
    assert seconds(found) == sorted(wanted)


@given(st.lists(ROW, max_size=12), st.integers(1, 5))
def test_corrected_rows_hold(rows, least):
    rules = [vq.flicker(max_gap=least), vq.appear(min_duration=least)]
    table = spans(rows)
    mended = vq.corrected(table, vq.check(table, rules, shots=SHOT_TABLE))
    assert len(vq.check(mended, rules, shots=SHOT_TABLE)) == 0


def test_frames_that_are_missing_are_filled_on_the_line():
    rows = [(f, 1, 0.1 + 0.01 * f) for f in range(20) if f not in (8, 9)]
    other = [(f, 2, 0.8, 0.5) for f in range(20)]
    table = boxed(rows + other)
    checked = vq.check(table, [vq.flicker()])
    assert checked.counts == {"flicker": 1}
    added = checked.corrections.to_pylist()
    assert [one["start_us"] for one in added] == [8 * STEP, 9 * STEP]
    assert [one["end_us"] for one in added] == [9 * STEP, 10 * STEP]
    assert [one["x1"] for one in added] == pytest.approx([0.18, 0.19], abs=1e-6)
    assert [one["item"] for one in added] == [-1, -2]
    assert [one["score"] for one in added] == pytest.approx([0.81, 0.81])
    mended = vq.corrected(table, checked)
    assert mended.num_rows == table.num_rows + 2
    new = mended.filter(pa.compute.equal(mended["correction"], "flicker"))
    assert new["track"].to_pylist() == [1, 1]
    assert set(new["weight"].to_pylist()) == set(checked.violations["weight"].to_pylist())


def test_filled_frames_are_drawn_to_moments_that_are_known():
    uneven = [0, 40_000, 90_000, 120_000, 165_000, 200_000]
    base = {"video": "a", "x1": 0.1, "y1": 0.1, "x2": 0.2, "y2": 0.2}
    rows = [
        {**base, "start_us": a, "end_us": b, "track": track}
        for a, b in zip(uneven, [*uneven[1:], 240_000], strict=True)
        for track in (1, 2)
        if track == 2 or a not in (90_000, 120_000)
    ]
    fixed = vq.check(pa.Table.from_pylist(rows), [vq.flicker()]).corrections
    assert fixed["start_us"].to_pylist() == [90_000, 120_000]


def test_nothing_flickers_over_a_cut_or_between_videos_outside_shots():
    rows = [("a", 0, 10, 1), ("a", 10.1, 20, 1)]
    shots = pa.table({"video": ["a", "a"], "start": [0, 10.05], "end": [10.05, 20]})
    assert len(vq.check(spans(rows), [vq.flicker()])) == 1
    assert len(vq.check(spans(rows), [vq.flicker()], shots=shots)) == 0
    elsewhere = [("a", 30, 31, 1), ("b", 31.1, 32, 1)]
    assert len(vq.check(spans(elsewhere), [vq.flicker()], shots=shots)) == 0


def test_what_the_border_of_a_shot_cuts_off_may_be_longer():
    rows = [(f, 1, 0.1) for f in range(50)] + [(f, 2, 0.5) for f in (0, 1, 2)]
    assert len(vq.check(boxed(rows), [vq.appear()])) == 0
    later = [(f, 1, 0.1) for f in range(50)] + [(f, 2, 0.5) for f in (20, 21, 22)]
    assert vq.check(boxed(later), [vq.appear()]).corrections["item"].to_pylist() == [50, 51, 52]


def test_instants_last_until_the_next_frame():
    times = [0, 40_000, 80_000, 200_000, 240_000]
    table = pa.table({"video": ["a"] * 5, "start_us": times, "end_us": times, "track": [1] * 5})
    assert told(table, [vq.flicker()], "start_us", "end_us") == [
        {"start_us": 120_000, "end_us": 200_000}
    ]


def test_a_gap_is_filled_before_a_short_presence_is_removed():
    rows = [(f, 1, 0.1) for f in range(40)]
    broken = [(f, 2, 0.5) for f in (10, 11, 12, 15, 16, 17)]  # .12 s, twice
    checked = vq.check(boxed(rows + broken), [vq.appear(), vq.flicker()])
    assert checked.counts == {"appear": 0, "flicker": 1}
    assert checked.rules == ("appear", "flicker")


def test_no_rows_break_no_rule():
    table = boxed([(0, 1, 0.1)]).slice(0, 0)
    rules = [vq.flicker(), vq.appear(), vq.multibox(), vq.switches(), vq.consistent("track")]
    checked = vq.check(table, rules)
    assert (len(checked), checked.corrections.num_rows) == (0, 0)
    assert vq.corrected(table, checked).num_rows == 0


def test_boxes_without_extent_stay_finite():
    flat = np.array([[0.1, 0.1, 0.1, 0.3]])
    assert np.isfinite(between(flat, flat + 0.1, np.array([0.5]))).all()


def test_filled_rows_begin_where_a_long_row_ends():
    """Most rows last one frame; one that lasts two must not be doubled by what is filled in."""
    times = [(0, 100), (100, 200), (200, 300), (300, 400), (400, 600), (800, 900), (900, 1000)]
    rows = pa.table(
        {
            "video": ["a"] * len(times),
            "start_us": [start for start, _ in times],
            "end_us": [end for _, end in times],
            "track": [1] * len(times),
            **{
                edge: [value] * len(times)
                for edge, value in zip(BOX, (0, 0, 0.5, 0.5), strict=True)
            },
        }
    )
    fixed = vq.check(rows, [vq.flicker()]).corrections
    spans = list(zip(fixed["start_us"].to_pylist(), fixed["end_us"].to_pylist(), strict=True))
    assert spans == [(600, 700), (700, 800)]


def test_the_order_of_rows_that_are_alike_decides_nothing():
    rows = pa.table(
        {"video": ["a"] * 3, "start": [0.0, 0, 1.1], "end": [1.0, 1, 2], "track": [1] * 3}
    )
    rows = rows.append_column("item", pa.array([5, 3, 7]))
    for table in (rows, rows.take(pa.array([1, 0, 2]))):
        found = vq.check(table, [vq.flicker()]).violations
        assert found["items"].to_pylist() == [[3, 7]]


def test_rows_that_were_corrected_can_be_checked_again():
    rows = pa.table({"video": ["a"] * 2, "start": [0, 1.1], "end": [1, 2], "track": [1, 1]})
    fixed = vq.corrected(rows, vq.check(rows, [vq.flicker()])).drop_columns(
        ["correction", "weight"]
    )
    later = pa.table(
        {"video": ["a"], "start_us": [2_100_000], "end_us": [3_000_000], "track": [1], "item": [9]}
    )
    both = pa.concat_tables([fixed, later.select(fixed.column_names).cast(fixed.schema)])
    again = vq.check(both, [vq.flicker()])
    assert again.corrections["item"].to_pylist() == [-2]
    assert len(vq.check(vq.corrected(both, again), [vq.flicker(), vq.appear()])) == 0


def test_columns_of_lists_are_filled_where_both_sides_agree():
    rows = pa.table({"video": ["a"] * 2, "start": [0, 1.1], "end": [1, 2], "track": [1, 1]})
    rows = rows.append_column("v", pa.array([[1], [1]])).append_column("w", pa.array([[1], [2]]))
    fixed = vq.corrected(rows, vq.check(rows, [vq.flicker()]))
    added = fixed.filter(pc.less(fixed["item"], 0)).to_pylist()
    assert [(one["v"], one["w"]) for one in added] == [([1], None)]


def test_what_is_no_check_is_refused():
    rows = pa.table({"video": ["a"], "start": [0], "end": [1]})
    for wrong in (5, rows):
        with pytest.raises(SchemaError, match=r"corrected\(\) takes what check\(\) gave"):
            vq.corrected(rows, wrong)


@pytest.mark.parametrize("by", [5, None, [], ["a", 3]])
def test_columns_are_named(by):
    with pytest.raises(QueryError, match=r"flicker\(by=\) must be the name of a column"):
        vq.flicker(by=by)
