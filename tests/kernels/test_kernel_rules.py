"""The rules of the project on hand-written cases, and nested loops against the numpy form."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery_kernels.arrays import spans
from vquery_kernels.coalesce import coalesce
from vquery_kernels.coalesce import reference as coalesce_reference
from vquery_kernels.overlap_join import (
    overlap_any,
    overlap_count,
    overlap_join,
    overlap_join_blocks,
)
from vquery_kernels.overlap_join import reference as overlap_reference
from vquery_kernels.subtract import reference as subtract_reference
from vquery_kernels.subtract import subtract
from vquery_kernels.window_join import reference as window_reference
from vquery_kernels.window_join import window_any, window_count, window_join, window_join_blocks

LOW, HIGH = -(2**63), 2**63 - 1
times = st.one_of(st.integers(-6, 6), st.sampled_from([LOW, LOW + 1, HIGH - 1, HIGH]))
span = st.tuples(st.integers(0, 2), times, times).map(lambda row: (row[0], *sorted(row[1:])))
rows = st.lists(span, max_size=12)


def overlaps(a, b, touching):
    if touching:
        return a[1] <= b[2] and b[1] <= a[2]
    return a[1] < max(b[2], b[1] + 1) and b[1] < max(a[2], a[1] + 1)


def overlap_loops(left, right, touching):
    order = sorted(range(len(right)), key=lambda j: right[j][:2])
    return [
        (i, j)
        for i, a in enumerate(left)
        for j in order
        if a[0] == right[j][0] and overlaps(a, right[j], touching)
    ]


def coalesce_loops(table, gap):
    component, number = [0] * len(table), -1
    order = sorted(range(len(table)), key=lambda i: table[i][:2])
    for _, members in groupby(order, key=lambda i: table[i][0]):
        reach = None
        for i in members:
            if reach is None or table[i][1] > reach + gap:
                number, reach = number + 1, table[i][2]
            reach = max(reach, table[i][2])
            component[i] = number
    return component


def subtract_loops(left, right):
    pieces = []
    for i, (group, start, end) in enumerate(left):
        cutters = sorted(b[1:] for b in right if b[0] == group and b[1] < b[2])
        if start == end:
            if not any(low <= start < high for low, high in cutters):
                pieces.append((i, start, end))
            continue
        for low, high in cutters:
            if low >= end:
                break
            if start < low:
                pieces.append((i, start, low))
            start = max(start, high)
        if start < end:
            pieces.append((i, start, end))
    return pieces


def split(table, width=3):
    return [np.array([row[k] for row in table], np.int64) for k in range(width)]


@given(rows, rows, st.booleans())
def test_overlap_reference_equals_nested_loops(left, right, touching):
    sides = spans("left_", *split(left)), spans("right_", *split(right))
    pairs = overlap_reference.overlap_join(*sides, touching=touching, pool=None)
    expected = overlap_loops(left, right, touching)
    assert list(zip(*[rows.tolist() for rows in pairs], strict=True)) == expected
    count = overlap_reference.overlap_count(*sides, touching=touching)
    assert count.tolist() == [sum(i == k for i, _ in expected) for k in range(len(left))]


@given(rows, st.lists(st.tuples(st.integers(0, 2), times), max_size=12))
def test_window_reference_equals_nested_loops(left, right):
    windows = window_reference_input(left, right)
    pairs = window_reference.window_join(windows, pool=None)
    order = sorted(range(len(right)), key=lambda j: right[j])
    expected = [
        (i, j)
        for i, (group, low, high) in enumerate(left)
        for j in order
        if group == right[j][0] and low <= right[j][1] <= high
    ]
    assert list(zip(*[rows.tolist() for rows in pairs], strict=True)) == expected


def window_reference_input(left, right):
    from vquery_kernels.window_join import Windows

    return Windows(*split(left), *split(right, 2))


@given(rows, st.one_of(st.integers(0, 4), st.just(HIGH)))
def test_coalesce_reference_equals_nested_loops(table, gap):
    component = coalesce_reference.coalesce(spans("", *split(table)), gap)
    assert component.tolist() == coalesce_loops(table, gap)


@given(rows, rows)
def test_subtract_reference_equals_nested_loops(left, right):
    sides = spans("left_", *split(left)), spans("right_", *split(right))
    pieces = subtract_reference.subtract(*sides)
    found = list(zip(*[column.tolist() for column in pieces], strict=True))
    assert found == subtract_loops(left, right)


@pytest.mark.parametrize(
    ("a", "b", "overlap", "touch"),
    [
        ((1, 2), (2, 3), False, True),
        ((1, 1), (1, 3), True, True),
        ((3, 3), (1, 4), True, True),
        ((3, 3), (3, 5), True, True),
        ((3, 3), (1, 3), False, True),
        ((3, 3), (3, 3), True, True),
        ((3, 3), (4, 4), False, False),
        ((HIGH, HIGH), (HIGH, HIGH), True, True),
        ((HIGH, HIGH), (0, HIGH), False, True),
        ((LOW, LOW), (LOW, HIGH), True, True),
    ],
)
def test_what_overlaps(a, b, overlap, touch):
    for left, right in ((a, b), (b, a)):
        table = [0], [left[0]], [left[1]], [0], [right[0]], [right[1]]
        for touching, expected in ((False, overlap), (True, touch)):
            assert overlap_join(*table, touching=touching)[0].size == expected
            assert overlap_count(*table, touching=touching).tolist() == [expected]
            assert overlap_any(*table, touching=touching).tolist() == [expected]


def test_rows_of_different_groups_never_meet():
    assert overlap_join([1, 2], [0, 0], [9, 9], [2, 3], [0, 0], [9, 9])[0].tolist() == [1]
    assert window_join([1, 2], [0, 0], [9, 9], [2, 3], [5, 5])[0].tolist() == [1]
    assert subtract([1], [0], [9], [2], [0], [9]).left_row.tolist() == [0]


@pytest.mark.parametrize(
    ("minuend", "subtrahend", "expected"),
    [
        ((3, 3), (1, 3), [(3, 3)]),
        ((3, 3), (3, 5), []),
        ((3, 3), (3, 3), [(3, 3)]),
        ((1, 5), (3, 3), [(1, 5)]),
        ((1, 5), (5, 9), [(1, 5)]),
        ((1, 5), (2, 3), [(1, 2), (3, 5)]),
        ((1, 5), (0, 9), []),
        ((LOW, HIGH), (0, 1), [(LOW, 0), (1, HIGH)]),
    ],
)
def test_what_remains(minuend, subtrahend, expected):
    pieces = subtract([0], [minuend[0]], [minuend[1]], [0], [subtrahend[0]], [subtrahend[1]])
    assert list(zip(pieces.start.tolist(), pieces.end.tolist(), strict=True)) == expected


def test_coalesce_joins_what_touches_and_keeps_groups_apart():
    assert coalesce([0, 0, 1], [0, 5, 5], [5, 9, 9]).tolist() == [0, 0, 1]
    assert coalesce([0, 0], [0, 6], [5, 9]).tolist() == [0, 1]
    assert coalesce([0, 0], [HIGH - 1, HIGH], [HIGH - 1, HIGH], 5).tolist() == [0, 0]


def test_empty_sides_give_empty_results():
    assert overlap_join([], [], [], [0], [0], [1])[0].size == 0
    assert overlap_join([0], [0], [1], [], [], [])[1].size == 0
    assert overlap_count([0], [0], [1], [], [], []).tolist() == [0]
    assert overlap_any([0], [0], [1], [], [], []).tolist() == [False]
    assert list(overlap_join_blocks([], [], [], [0], [0], [1], max_pairs=1)) == []
    assert window_join([], [], [], [0], [0])[0].size == 0
    assert window_count([0], [0], [1], [], []).tolist() == [0]
    assert window_any([0], [0], [1], [], []).tolist() == [False]
    assert list(window_join_blocks([0], [0], [1], [], [], max_pairs=1)) == []
    assert coalesce([], [], []).tolist() == []
    assert [column.tolist() for column in subtract([0], [1], [2], [], [], [])] == [[0], [1], [2]]
    assert subtract([], [], [], [0], [0], [1]).left_row.size == 0


def test_misuse_names_the_argument():
    span_, point = ([0], [0], [1]), ([0], [0])
    with pytest.raises(ValueError, match="left_end must have as many elements as left_group"):
        overlap_join([0], [0], [1, 2], *span_)
    with pytest.raises(ValueError, match="right_start must be of an integer type"):
        overlap_count(*span_, [0], [0.5], [1])
    with pytest.raises(ValueError, match=r"low must be one-dimensional, got shape \(1, 1\)"):
        window_join([0], [[0]], [1], *point)
    with pytest.raises(ValueError, match="right_start must not be after right_end, but at row 1"):
        overlap_any(*span_, [0, 0], [0, 5], [1, 4])
    with pytest.raises(ValueError, match="start must not be after end, but at row 0"):
        coalesce([0], [2], [1])
    with pytest.raises(ValueError, match="left_start must not be after left_end, but at row 0"):
        subtract([0], [2], [1], *span_)
    with pytest.raises(ValueError, match="gap must be at least 0"):
        coalesce(*span_, gap=-1)
    with pytest.raises(ValueError, match="left_start must not be after left_end"):
        overlap_join_blocks([0], [2], [1], *span_, max_pairs=1)
    with pytest.raises(ValueError, match="max_pairs must be at least 1"):
        overlap_join_blocks(*span_, *span_, max_pairs=0)
    with pytest.raises(ValueError, match="max_pairs must be at least 1"):
        window_join_blocks(*span_, *point, max_pairs=0)
    with pytest.raises(ValueError, match="got uint64"):
        coalesce(np.array([0], np.uint64), [0], [1])
