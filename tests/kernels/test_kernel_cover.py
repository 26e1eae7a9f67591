"""nearest, intersect and coverage against nested loops, numpy and compiled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vquery_kernels import threads
from vquery_kernels.arrays import spans
from vquery_kernels.coverage import coverage
from vquery_kernels.coverage import reference as coverage_reference
from vquery_kernels.intersect import intersect
from vquery_kernels.intersect import reference as intersect_reference
from vquery_kernels.nearest import HIGHEST, Question, nearest
from vquery_kernels.nearest import reference as nearest_reference
from vquery_kernels.overlap_join import overlap_count
from vquery_kernels.subtract import reference as subtract_reference
from vquery_kernels.subtract import subtract

LOW, HIGH = -(2**63), 2**63 - 1
several = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True, params=["numpy", "numba"])
def modules(request, monkeypatch):
    monkeypatch.setattr(threads, "CHUNK", 3)
    monkeypatch.setenv("VQUERY_THREADS", "2")
    if request.param == "numpy":
        return nearest_reference, intersect_reference, coverage_reference, subtract_reference
    pytest.importorskip("numba")
    from vquery_kernels.coverage import cpu as coverage_cpu
    from vquery_kernels.intersect import cpu as intersect_cpu
    from vquery_kernels.nearest import cpu as nearest_cpu
    from vquery_kernels.subtract import cpu as subtract_cpu

    return nearest_cpu, intersect_cpu, coverage_cpu, subtract_cpu


def side(rng, name):
    """Spans that tie, nest, abut, repeat; instants; a few that reach the ends of int64."""
    size = int(rng.integers(0, 12))
    group = rng.integers(0, rng.choice([1, 3]), size)
    start = rng.integers(0, rng.choice([4, 20]), size) + rng.choice([0, 0, LOW, HIGH - 40])
    end = start + rng.integers(0, rng.choice([1, 3, 10]), size)
    if size and rng.random() < 0.2:
        start[0] = LOW
    if size and rng.random() < 0.2:
        end[0] = HIGH
    return spans(name, group, start, end)


def rows_of(table):
    return list(zip(*[column.tolist() for column in table], strict=True))


def last_tick(start, end):
    return end - 1 if end > start else start


def near_loops(left, right, question):
    found = []
    for i, (group, start, end) in enumerate(left):
        known = []
        for j, (other, begin, stop) in enumerate(right):
            if group != other:
                continue
            if begin > last_tick(start, end):
                known += [(begin - end, begin, j)] * question.after
            elif last_tick(begin, stop) < start:
                known += [(start - stop, begin, j)] * question.before
            else:
                known += [(0, begin, j)] * question.overlapping
        if question.max_gap < HIGHEST:
            known = [each for each in known if each[0] <= question.max_gap]
        found += [(i, j, min(gap, HIGH)) for gap, _, j in sorted(known)[: question.k]]
    return found


@several
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.sampled_from([(True, True), (True, False), (False, True)]),
    st.booleans(),
    st.sampled_from([HIGHEST, HIGHEST - 1, 0, 3]),
)
def test_nearest(modules, seed, k, sides, overlapping, max_gap):
    rng = np.random.default_rng(seed)
    left, right = side(rng, "left_"), side(rng, "right_")
    question = Question(k, *sides, overlapping, max_gap)
    expected = near_loops(rows_of(left[1:]), rows_of(right[1:]), question)
    assert rows_of(modules[0].nearest(left, right, question)) == expected


def inside_loops(left, right):
    """What right rows cover of each left row, in its longest pieces."""
    pieces = []
    for i, (group, start, end) in enumerate(left):
        union = []
        for begin, stop in sorted(each[1:] for each in right if each[0] == group):
            if begin == stop:
                continue
            if union and begin <= union[-1][1]:
                union[-1][1] = max(union[-1][1], stop)
            else:
                union.append([begin, stop])
        for begin, stop in union:
            low, high = max(start, begin), min(end, stop)
            if low < high or (start == end and begin <= start < stop):
                pieces.append((i, low, high))
    return pieces


@several
@given(st.integers(0, 2**32 - 1))
def test_intersect_subtract_and_coverage(modules, seed):
    rng = np.random.default_rng(seed)
    left, right = side(rng, "left_"), side(rng, "right_")
    expected = inside_loops(rows_of(left[1:]), rows_of(right[1:]))
    assert rows_of(modules[1].intersect(left, right)) == expected
    covered = [0] * left.start.size
    for row, low, high in expected:
        covered[row] += high - low
    wrapped = [(total + 2**63) % 2**64 - 2**63 for total in covered]
    assert modules[2].coverage(left, right).tolist() == wrapped
    rest = rows_of(modules[3].subtract(left, right))
    for row, low, high in rest:
        covered[row] += high - low
    lengths = [int(end) - int(start) for start, end in zip(left.start, left.end, strict=True)]
    assert covered == lengths
    instants = np.flatnonzero(left.start == left.end).tolist()
    assert sorted([row for row, *_ in expected + rest if row in instants]) == instants


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("either", [(0, 1, 0), (0, 2, 0), (0, 3, 0), (0, 4, 5), (0, 0, 6)]),
        ("after", [(0, 2, 0), (0, 3, 0), (0, 4, 5)]),
        ("before", [(0, 1, 0), (0, 2, 0), (0, 0, 6)]),
    ],
)
def test_directions(direction, expected):
    right = [0] * 5, [0, 8, 12, 20, 25], [4, 10, 13, 22, 30]
    near = nearest([0], [10], [20], *right, k=9, direction=direction)
    assert rows_of(near) == expected
    apart = nearest([0], [10], [20], *right, k=9, direction=direction, overlapping=False)
    assert rows_of(apart) == [each for each in expected if each[1] != 2]
    assert rows_of(nearest([0], [10], [20], *right, k=2, direction=direction)) == expected[:2]


@pytest.mark.parametrize(("groups", "rows"), [(1, 100_000), (100_000, 100_000)])
def test_one_long_group_and_many_of_one_row(groups, rows):
    rng = np.random.default_rng(4)
    group = np.arange(rows) % groups
    table = group, np.sort(rng.integers(0, 10**6, rows)), None
    end = table[1] + rng.integers(0, 60, rows)
    left, right = spans("left_", *table[:2], end), spans("right_", *table[:2], end)
    question = Question(2, True, True, True, HIGHEST)
    near = nearest_reference.nearest(left, right, question)
    pytest.importorskip("numba")
    from vquery_kernels.coverage import cpu as coverage_cpu
    from vquery_kernels.nearest import cpu as nearest_cpu

    for one, other in zip(near, nearest_cpu.nearest(left, right, question), strict=True):
        np.testing.assert_array_equal(one, other)
    covered = coverage_cpu.coverage(left, right)
    np.testing.assert_array_equal(covered, end - table[1])  # each row covers itself
    assert near.left_row.size == min(2, rows // groups) * rows


def test_empty_sides():
    empty = [], [], []
    row = [0], [0], [5]
    assert [each.size for each in nearest(*row, *empty)] == [0, 0, 0]
    assert [each.size for each in nearest(*empty, *row)] == [0, 0, 0]
    assert rows_of(intersect(*row, *empty)) == []
    assert coverage(*row, *empty).tolist() == [0]
    assert coverage(*empty, *row).size == 0


def test_misuse_names_the_argument():
    row = [0], [0], [1]
    with pytest.raises(
        ValueError, match="direction must be one of either, before, after, got 'up'"
    ):
        nearest(*row, *row, direction="up")
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        nearest(*row, *row, k=0)
    with pytest.raises(ValueError, match="max_gap must be at least 0, got -1"):
        nearest(*row, *row, max_gap=-1)
    for function in (nearest, intersect, coverage):
        with pytest.raises(ValueError, match="right_start must not be after right_end, but at row"):
            function(*row, [0], [2], [1])
    for function in (subtract, intersect, coverage, overlap_count):
        with pytest.raises(ValueError, match="left_end must be numbers, but at row 0 it is nan"):
            function([0], [0.5], [np.nan], [0], [0.5], [0.6])
    with pytest.raises(ValueError, match="left_start must not be after left_end, but at row 0"):
        subtract([0], [0.7], [0.6], [0], [0.5], [0.6])
