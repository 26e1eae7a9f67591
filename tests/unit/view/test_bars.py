"""Bars are few, hide nothing, and cover exactly the time that the intervals cover."""

import math
from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from vquery.view.bars import MOST_ROWS, Bar, bars_of, merged, packed

spans = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 60), st.sampled_from(["a", "b", None])),
    max_size=60,
).map(lambda rows: [Bar(start, start + length, value) for start, length, value in rows])


def covered(bars, value):
    """The instants that the bars of a value cover, ends of instants included."""
    found = set()
    for bar in bars:
        if bar.value == value:
            found |= set(range(bar.start, max(bar.end, bar.start + 1)))
    return found


@given(spans, st.sampled_from([0, 3, 20, math.inf]))
def test_merging_keeps_all_time_and_all_members(bars, narrow):
    result = merged(bars, narrow, 0)
    assert sum(bar.members for bar in result) == len(bars)
    assert [bar.start for bar in result] == sorted(bar.start for bar in result)
    for value in ("a", "b", None):
        ends = {bar.end for bar in bars if bar.value == value}  # an instant at an end is in it
        assert covered(result, value) | ends == covered(bars, value) | ends


@given(spans)
def test_with_colours_nothing_of_one_value_touches(bars):
    result = merged(bars, math.inf, 0)
    for value in ("a", "b", None):
        mine = [bar for bar in result if bar.value == value]
        assert all(one.end < other.start for one, other in pairwise(mine))


def test_wide_neighbours_stay_apart_and_narrow_ones_join():
    shots = [Bar(0, 50, None), Bar(50, 90, None), Bar(90, 91, None), Bar(91, 92, None)]
    assert merged(shots, 3, 0) == [*shots[:2], Bar(90, 92, None, 2)]


@given(spans)
def test_rows_do_not_overlap_and_nothing_is_lost(bars):
    rows = packed(sorted(bars, key=lambda bar: bar.start))
    assert len(rows) <= MOST_ROWS
    assert sum(bar.members for row in rows for bar in row) == len(bars)
    for row in rows:
        assert all(one.end <= other.start for one, other in pairwise(row))


def test_a_value_keeps_its_row_where_it_can():
    bars = [Bar(0, 4, "a"), Bar(1, 9, "b"), Bar(5, 6, "c"), Bar(10, 12, "b"), Bar(10, 12, "a")]
    first, second = packed(bars)
    assert [bar.value for bar in first] == ["a", "c", "a"]
    assert [bar.value for bar in second] == ["b", "b"]


def test_what_overlaps_too_often_shares_the_last_row():
    bars = [Bar(i, 100, str(i)) for i in range(MOST_ROWS)] + [
        Bar(50, 60, "late"),
        Bar(70, 120, "x"),
    ]
    rows = packed(bars)
    assert len(rows) == MOST_ROWS
    assert rows[-1] == [Bar(MOST_ROWS - 1, 120, None, 3)]


def table(starts, ends, names):
    return pa.table({"start_us": starts, "end_us": ends, "name": pa.array(names, pa.string())})


def test_a_hundred_thousand_detections_are_a_few_hundred_bars():
    count = 100_000
    starts = [i * 33_000 for i in range(count)]
    rows = bars_of(
        table(starts, [s + 20_000 for s in starts], [str(i // 7 % 3) for i in range(count)]),
        "name",
        scale=800 / starts[-1],
    )
    bars = [bar for row in rows for bar in row]
    assert len(bars) < 2 * 800
    assert sum(bar.members for bar in bars) == count


def test_an_empty_table_has_no_rows():
    assert bars_of(table([], [], []), "name", 1.0) == []
