"""Conditions tested inside joins, against nested loops that compute each pair in the same type."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vquery_kernels import threads
from vquery_kernels.arrays import spans
from vquery_kernels.coordinates import from_order_key, highest_within, order_key
from vquery_kernels.overlap_join import reference as overlap_reference
from vquery_kernels.residual import Compare, Distance, Iou, Present, residual_of
from vquery_kernels.window_join import Windows
from vquery_kernels.window_join import reference as window_reference

LOW, HIGH = -(2**63), 2**63 - 1
TYPES = (np.float32, np.float64, np.int64, np.int32, np.bool_)
several = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@pytest.fixture(autouse=True, params=["numpy", "numba"])
def modules(request, monkeypatch):
    monkeypatch.setattr(threads, "CHUNK", 3)
    monkeypatch.setenv("VQUERY_THREADS", "2")
    if request.param == "numpy":
        return overlap_reference, window_reference
    pytest.importorskip("numba")
    from vquery_kernels.overlap_join import cpu as overlap_cpu
    from vquery_kernels.window_join import cpu as window_cpu

    return overlap_cpu, window_cpu


def values_of(rng, dtype, size):
    """Few values, so that they meet; some missing, some at the ends of the type."""
    if dtype == np.bool_:
        return rng.random(size) < 0.5
    if np.dtype(dtype).kind == "i":
        values = rng.integers(-3, 4, size).astype(dtype)
        ends = [np.iinfo(dtype).min, np.iinfo(dtype).max]
    else:
        values = (rng.integers(-8, 9, size) / 10).astype(dtype)
        ends = [np.nan, np.inf, -np.inf, -0.0]
    odd = rng.random(size) < 0.15
    values[odd] = rng.choice(ends, int(odd.sum()))
    return values


def condition_of(rng, left_rows, right_rows):
    """One condition and the same as a function of two row numbers."""
    dtype = TYPES[rng.integers(len(TYPES))]
    left, right = values_of(rng, dtype, left_rows), values_of(rng, dtype, right_rows)
    kind = rng.integers(4)
    if kind == 0 and dtype != np.bool_:
        return distance_of(rng, left, right)
    if kind == 1:
        marked = rng.random(left_rows) < 0.8, rng.random(right_rows) < 0.8
        return Present(marked[0], None), lambda i, _: marked[0][i]
    if kind == 2:
        return iou_of(rng, left_rows, right_rows)
    sign = rng.choice(list(COMPARE))

    def holds(i, j):
        known = left[i] == left[i] and right[j] == right[j]  # not nan
        return known and COMPARE[sign](left[i], right[j])

    return Compare(sign, left, right), holds


def distance_of(rng, left, right):
    whole = left.dtype.kind == "i"
    limits = [None, 0, 1, -2, HIGH, LOW] if whole else [None, 0.0, 0.1, -0.3, 0.5]
    low, high = limits[rng.integers(len(limits))], limits[rng.integers(len(limits))]
    strict = bool(rng.integers(2))
    less = operator.lt if strict else operator.le

    def holds(i, j):
        if whole:
            apart = int(right[j]) - int(left[i])
        else:
            with np.errstate(all="ignore"):
                apart = right[j] - left[i]
            if np.isnan(left[i]) or np.isnan(right[j]):
                return False
        kind = int if whole else left.dtype.type
        return (low is None or less(kind(low), apart)) and (high is None or less(apart, kind(high)))

    return Distance(left, right, low, high, strict), holds


def iou_of(rng, left_rows, right_rows):
    def boxes(rows):
        edges = (rng.integers(0, 5, (4, rows)) / 4).astype(np.float32)
        edges[2] += edges[0]
        edges[3] += edges[1]
        edges[:, rng.random(rows) < 0.1] = np.nan
        return tuple(edges)

    left, right = boxes(left_rows), boxes(right_rows)
    at_least = rng.choice([0.0, 0.1, 1 / 3, 1.0])
    zero = np.float32(0)

    def holds(i, j):
        a, b = [edge[i] for edge in left], [edge[j] for edge in right]
        if any(np.isnan([*a, *b])):
            return False
        width = max(min(a[2], b[2]) - max(a[0], b[0]), zero)
        height = max(min(a[3], b[3]) - max(a[1], b[1]), zero)
        shared = width * height
        total = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
        return (shared / total if total > 0 else zero) >= np.float32(at_least)

    return Iou(left, right, at_least), holds


def conditions_of(rng, left_rows, right_rows):
    made = [condition_of(rng, left_rows, right_rows) for _ in range(rng.integers(0, 4))]
    boxes = [pair for pair in made if isinstance(pair[0], Iou)]
    made = [pair for pair in made if not isinstance(pair[0], Iou)] + boxes[:1]
    return residual_of([each for each, _ in made], left_rows, right_rows), [f for _, f in made]


def sides_of(rng):
    def side(name):
        size = int(rng.integers(0, 12))
        group, start = rng.integers(0, 2, size), rng.integers(0, 12, size)
        end = start + rng.integers(0, rng.choice([2, 9]), size)
        if rng.integers(2):
            order = np.lexsort((start, group))
            group, start, end = group[order], start[order], end[order]
        return spans(name, group, start, end)

    return side("left_"), side("right_")


def as_list(pairs):
    return list(zip(*[rows.tolist() for rows in pairs], strict=True))


@several
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_overlap_join_with_conditions(modules, seed, touching):
    rng = np.random.default_rng(seed)
    left, right = sides_of(rng)
    residual, tests = conditions_of(rng, left.start.size, right.start.size)
    pairs = as_list(overlap_reference.overlap_join(left, right, touching=touching, pool=None))
    expected = [(i, j) for i, j in pairs if all(test(i, j) for test in tests)]
    keywords = {"touching": touching, "residual": residual}
    assert as_list(modules[0].overlap_join(left, right, pool=None, **keywords)) == expected
    count = np.bincount([i for i, _ in expected], minlength=left.start.size).tolist()
    assert modules[0].overlap_count(left, right, **keywords).tolist() == count
    assert modules[0].overlap_any(left, right, **keywords).tolist() == [n > 0 for n in count]
    blocks = list(modules[0].overlap_join_blocks(left, right, max_pairs=3, pool=None, **keywords))
    assert sorted(pair for block in blocks for pair in as_list(block)) == sorted(expected)
    assert all(rows.size for rows, _ in blocks)


@several
@given(st.integers(0, 2**32 - 1))
def test_window_join_with_conditions(modules, seed):
    rng = np.random.default_rng(seed)
    left, right = sides_of(rng)
    windows = Windows(left.group, left.start, left.end, right.group, right.start)
    residual, tests = conditions_of(rng, left.start.size, right.start.size)
    pairs = as_list(window_reference.window_join(windows, pool=None))
    expected = [(i, j) for i, j in pairs if all(test(i, j) for test in tests)]
    module = modules[1]
    assert as_list(module.window_join(windows, pool=None, residual=residual)) == expected
    count = np.bincount([i for i, _ in expected], minlength=left.start.size).tolist()
    assert module.window_count(windows, residual).tolist() == count
    assert module.window_any(windows, residual).tolist() == [n > 0 for n in count]
    blocks = module.window_join_blocks(windows, max_pairs=3, pool=None, residual=residual)
    assert [pair for block in blocks for pair in as_list(block)] == expected


@given(
    st.sampled_from([np.float32, np.float64]),
    st.floats(allow_nan=False),
    st.floats(allow_nan=False),
    st.booleans(),
)
def test_highest_within_is_the_last_that_passes(dtype, base, limit, strict):
    with np.errstate(over="ignore"):
        base, limit = np.array([base]).astype(dtype), dtype(limit)
    key = highest_within(base, float(limit), strict=strict)
    top = int(order_key(np.array([np.inf], dtype))[0])

    def passes(key):
        with np.errstate(all="ignore"):
            apart = (from_order_key(key, dtype) - base)[0]
        return bool(apart < limit if strict else apart <= limit)

    if key[0] >= -top:
        assert passes(key)
    if key[0] < top:
        assert not passes(np.maximum(key + 1, -top))


def test_misuse_is_refused():
    one, two = np.zeros(1), np.zeros(2)
    with pytest.raises(ValueError, match="expected 2 values, got an array"):
        residual_of([Compare("<", one, one)], 1, 2)
    with pytest.raises(ValueError, match="both sides must be of one type of numbers"):
        residual_of([Compare("<", one, two.astype(np.int64))], 1, 2)
    with pytest.raises(ValueError, match="unknown operation '<>'"):
        residual_of([Compare("<>", one, two)], 1, 2)
    with pytest.raises(ValueError, match="one test on boxes only"):
        residual_of([Iou((one,) * 4, (two,) * 4, 0.5)] * 2, 1, 2)
    with pytest.raises(ValueError, match="expected 2 values"):
        residual_of([Present(None, np.ones(1, np.bool_))], 1, 2)
