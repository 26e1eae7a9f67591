"""Spans of coordinates (float32, float64): strict overlap, no rule for instants, rounded gaps."""

from __future__ import annotations

import operator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery_kernels.box_iou import box_iou, box_iou_join
from vquery_kernels.box_iou import reference as iou_reference
from vquery_kernels.coalesce import coalesce
from vquery_kernels.coordinates import from_order_key, order_key
from vquery_kernels.coverage import coverage
from vquery_kernels.intersect import intersect
from vquery_kernels.overlap_join import (
    overlap_any,
    overlap_count,
    overlap_join,
    overlap_join_blocks,
)
from vquery_kernels.subtract import subtract

DTYPES = st.sampled_from([np.float32, np.float64])
SEEDS = st.integers(0, 2**32 - 1)


def side(rng, dtype):
    size = int(rng.integers(0, 9))
    group = rng.integers(0, 2, size)
    start = (rng.integers(-4, 9, size) / 10).astype(dtype)
    return group, start, start + (rng.integers(0, 5, size) / 10).astype(dtype)


def as_rows(columns):
    return list(zip(*columns, strict=True))


@given(SEEDS, DTYPES, DTYPES, st.booleans())
def test_overlap(seed, one, other, touching):
    rng = np.random.default_rng(seed)
    left, right = side(rng, one), side(rng, other)
    less = operator.le if touching else operator.lt
    expected = [
        (i, j)
        for i, (group, start, end) in enumerate(as_rows(left))
        for j, (of, begin, stop) in enumerate(as_rows(right))
        if group == of and less(start, stop) and less(begin, end)
    ]
    pairs = overlap_join(*left, *right, touching=touching)
    assert sorted(as_rows([rows.tolist() for rows in pairs])) == expected
    count = np.bincount([i for i, _ in expected], minlength=left[0].size)
    np.testing.assert_array_equal(overlap_count(*left, *right, touching=touching), count)
    np.testing.assert_array_equal(overlap_any(*left, *right, touching=touching), count > 0)
    blocks = list(overlap_join_blocks(*left, *right, max_pairs=4, touching=touching))
    assert sum(rows.size for rows, _ in blocks) == len(expected)


@given(SEEDS, DTYPES, st.sampled_from([0, 0.1, 0.3]))
def test_coalesce(seed, dtype, gap):
    rng = np.random.default_rng(seed)
    group, start, end = side(rng, dtype)
    number, before, reach, expected = -1, None, None, np.zeros(group.size, int)
    for row in np.lexsort((start, group)):
        if group[row] != before or not start[row] - reach <= dtype(gap):
            number += 1
            reach = end[row] if group[row] != before else max(reach, end[row])
        before, reach = group[row], max(reach, end[row])
        expected[row] = number
    np.testing.assert_array_equal(coalesce(group, start, end, gap), expected)


def cut_loops(left, right):
    """What right rows cut out of each left row, and what they leave."""
    inside, rest = [], []
    for i, (group, start, end) in enumerate(as_rows(left)):
        others = sorted((b, s) for of, b, s in as_rows(right) if of == group and b < s)
        if start == end:
            held = any(begin < start < stop for begin, stop in others)
            (inside if held else rest).append((i, start, end))
            continue
        union = []
        for begin, stop in others:
            if union and begin <= union[-1][1]:
                union[-1][1] = max(union[-1][1], stop)
            else:
                union.append([begin, stop])
        for begin, stop in union:
            low, high = max(begin, start), min(stop, end)
            if low < high:
                inside.append((i, low, high))
                rest += [(i, start, low)] * bool(start < low)
                start = high
        rest += [(i, start, end)] * bool(start < end)
    return inside, rest


@given(SEEDS, DTYPES)
def test_subtract_intersect_and_coverage(seed, dtype):
    rng = np.random.default_rng(seed)
    left, right = side(rng, dtype), side(rng, dtype)
    inside, rest = cut_loops(left, right)
    assert as_rows(intersect(*left, *right)) == inside
    assert as_rows(subtract(*left, *right)) == rest
    assert subtract(*left, *right).start.dtype == dtype
    covered = np.zeros(left[0].size)
    for row, low, high in inside:
        covered[row] += float(high) - float(low)
    np.testing.assert_array_equal(coverage(*left, *right), covered)


@given(st.lists(st.floats(width=32, allow_nan=False)))
def test_keys_sort_as_the_coordinates_and_come_back(values):
    given_values = np.array(values, np.float32)
    keys = order_key(given_values)
    np.testing.assert_array_equal(from_order_key(keys, np.float32), given_values)
    for one, other in pairwise(values):
        assert (one < other) == (order_key(np.float32([one])) < order_key(np.float32([other])))


def boxes_of(rng, size):
    edges = (rng.integers(0, 5, (size, 4)) / 4).astype(np.float32)
    edges[:, 2:] += edges[:, :2]
    edges[rng.random(size) < 0.1] = np.nan
    return edges


@given(SEEDS, st.sampled_from([0, 0.1, 1 / 3, 1]))
def test_box_iou(seed, at_least):
    rng = np.random.default_rng(seed)
    left, right = boxes_of(rng, int(rng.integers(0, 9))), boxes_of(rng, int(rng.integers(0, 9)))
    groups = rng.integers(0, 2, len(left)), rng.integers(0, 2, len(right))
    rows = [(i, j) for i in range(len(left)) for j in range(len(right))]
    first, second = (np.array([row[k] for row in rows], np.int64) for k in (0, 1))
    plain = iou_reference.box_iou(left, right, first, second)
    expected = []
    for (i, j), value in zip(rows, plain, strict=True):
        a, b = left[i], right[j]
        wide = [max(min(a[k + 2], b[k + 2]) - max(a[k], b[k]), np.float32(0)) for k in (0, 1)]
        shared = wide[0] * wide[1]
        total = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - shared
        loops = np.float32(0) if total <= 0 else shared / total
        missing = bool(np.isnan(a).any() or np.isnan(b).any())
        assert np.isnan(value) if missing else value == loops
        if not missing and groups[0][i] == groups[1][j] and value >= np.float32(at_least):
            expected.append((i, j, value))
    assert as_rows(box_iou_join(groups[0], left, groups[1], right, at_least)) == expected
    pytest.importorskip("numba")
    from vquery_kernels.box_iou import cpu as iou_cpu

    np.testing.assert_array_equal(iou_cpu.box_iou(left, right, first, second), plain)


def test_box_misuse_names_the_argument():
    box = [[0, 0, 1, 1]]
    with pytest.raises(ValueError, match=r"left must have the shape \(n, 4\), got \(4,\)"):
        box_iou(box[0], box)
    with pytest.raises(ValueError, match="right_rows must be row numbers below 1"):
        box_iou(box, box, [0], [1])
    with pytest.raises(ValueError, match="as many left rows as right rows are needed, got 1 and 2"):
        box_iou(box, box * 2)
    with pytest.raises(ValueError, match="at_least must be from 0 to 1, got 2"):
        box_iou_join([0], box, [0], box, 2)
    with pytest.raises(ValueError, match="left must have as many boxes as left_group"):
        box_iou_join([0, 0], box, [0], box)
