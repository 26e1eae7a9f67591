"""The compiled kernels against the numpy form, with chunks of a few rows and several threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vquery_kernels import threads
from vquery_kernels.arrays import Pool, spans
from vquery_kernels.coalesce import reference as coalesce_reference
from vquery_kernels.overlap_join import reference as overlap_reference
from vquery_kernels.subtract import reference as subtract_reference
from vquery_kernels.window_join import Windows
from vquery_kernels.window_join import reference as window_reference

pytest.importorskip("numba")

from vquery_kernels import ranges
from vquery_kernels.coalesce import cpu as coalesce_cpu
from vquery_kernels.overlap_join import cpu as overlap_cpu
from vquery_kernels.overlap_join import sweep
from vquery_kernels.subtract import cpu as subtract_cpu
from vquery_kernels.window_join import cpu as window_cpu

LOW, HIGH = -(2**63), 2**63 - 1
several = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True, params=[1, 3, 1 << 16], ids=["chunk1", "chunk3", "whole"])
def chunk(request, monkeypatch):
    monkeypatch.setattr(threads, "CHUNK", request.param)
    monkeypatch.setenv("VQUERY_THREADS", "2")


@st.composite
def table(draw, max_size=40):
    """Spans of few values, so that ties, nesting, instants and touching ends are common."""
    size = draw(st.integers(0, max_size))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    groups = draw(st.sampled_from([1, 2, 5, 30]))
    reach = draw(st.sampled_from([4, 20, 200]))
    length = draw(st.sampled_from([1, 3, 60]))
    offset = draw(st.sampled_from([0, -50, LOW, HIGH - 400]))
    group = rng.integers(0, groups, size) * draw(st.sampled_from([1, 7, 10**15]))
    start = rng.integers(0, reach, size) + offset
    end = start + rng.integers(0, length, size)
    if size and draw(st.booleans()):  # one span that covers all that follow
        start[0], end[0] = start.min(), end.max()
    sorted_by = draw(st.sampled_from(["nothing", "start", "group and start"]))
    if sorted_by != "nothing":
        keys = (start, group) if sorted_by == "group and start" else (start,)
        order = np.lexsort(keys)
        group, start, end = group[order], start[order], end[order]
    if draw(st.booleans()) and groups * 10**15 < 2**31:
        group = group.astype(np.int32)
    return group, start, end


def sides(left, right):
    left, right = spans("left_", *left), spans("right_", *right)
    return left._replace(group=left.group.astype(np.int64)), right._replace(
        group=right.group.astype(np.int64)
    )


def same(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@several
@given(table(), table(), st.booleans())
def test_overlap_join(left, right, touching):
    left, right = sides(left, right)
    expected = overlap_reference.overlap_join(left, right, touching=touching, pool=None)
    same(overlap_cpu.overlap_join(left, right, touching=touching, pool=None), expected)
    for pool in (None, Pool()):
        same(overlap_cpu.overlap_join(left, right, touching=touching, pool=pool), expected)


@several
@given(table(), table(), st.booleans())
def test_overlap_count_and_any(left, right, touching):
    left, right = sides(left, right)
    count = overlap_reference.overlap_count(left, right, touching=touching)
    same([overlap_cpu.overlap_count(left, right, touching=touching)], [count])
    same([overlap_cpu.overlap_any(left, right, touching=touching)], [count > 0])


@several
@given(table(), table(), st.integers(1, 60), st.booleans())
def test_overlap_blocks_in_a_row_are_the_join(left, right, max_pairs, pooled):
    left, right = sides(left, right)
    keywords = {"touching": False, "max_pairs": max_pairs}
    count = overlap_reference.overlap_count(left, right, touching=False)
    for module in (overlap_cpu, overlap_reference):
        pool = Pool() if pooled else None
        blocks = [
            (rows.copy(), partners.copy())
            for rows, partners in module.overlap_join_blocks(left, right, pool=pool, **keywords)
        ]
        for rows, _ in blocks:
            assert rows.size
            assert rows.size <= max_pairs or np.unique(rows).size == 1
        pairs = [np.concatenate(column) for column in zip(*blocks, strict=True)] or [[], []]
        order = np.argsort(pairs[0], kind="stable")
        expected = overlap_reference.overlap_join(left, right, touching=False, pool=None)
        np.testing.assert_array_equal(np.asarray(pairs[0])[order], expected[0])
        np.testing.assert_array_equal(np.asarray(pairs[1])[order], expected[1])
        assert len(pairs[0]) == count.sum()


@several
@given(table(), table())
def test_window_join(left, right):
    windows = Windows(*sides(left, left)[0][1:], *sides(right, right)[1][1:3])
    if windows.low.size % 2:  # windows that hold nothing
        windows = windows._replace(low=windows.high, high=windows.low)
    expected = window_reference.window_join(windows, pool=None)
    same(window_cpu.window_join(windows, pool=None), expected)
    same([window_cpu.window_count(windows)], [window_reference.window_count(windows)])
    for module in (window_cpu, window_reference):
        blocks = list(module.window_join_blocks(windows, max_pairs=7, pool=None))
        assert all(0 < rows.size <= max(7, windows.key.size) for rows, _ in blocks)
        pairs = [np.concatenate(column) for column in zip(*blocks, strict=True)]
        same(pairs or [rows[:0] for rows in expected], expected)


@several
@given(table(), st.sampled_from([0, 1, 5, 1000, HIGH]))
def test_coalesce(rows, gap):
    rows = spans("", *rows)
    same([coalesce_cpu.coalesce(rows, gap)], [coalesce_reference.coalesce(rows, gap)])


@several
@given(table(), table())
def test_subtract(left, right):
    left, right = sides(left, right)
    same(subtract_cpu.subtract(left, right), subtract_reference.subtract(left, right))


def test_row_numbers_are_int64_for_long_sides(monkeypatch):
    for module in (ranges, sweep, subtract_cpu):
        monkeypatch.setattr(module, "index_type", lambda *_: np.int64)
    left = ([1, 1], [0, 5], [6, 9])
    for right, expected in (
        (([1, 1], [5, 7], [6, 8]), ([0, 1, 1], [0, 0, 1])),
        (([1, 1], [4, 5], [8, 6]), ([0, 0, 1, 1], [0, 1, 0, 1])),  # ends descend
    ):
        rows, partners = overlap_cpu.overlap_join(*sides(left, right), touching=False, pool=None)
        assert rows.dtype == partners.dtype == np.int64
        assert (rows.tolist(), partners.tolist()) == expected
    pieces = subtract_cpu.subtract(*sides(left, ([1], [5], [7])))
    assert [column.tolist() for column in pieces] == [[0, 1], [0, 7], [5, 9]]


@pytest.mark.parametrize("streams", [1, 4])
def test_folding_videos_into_long_streams_keeps_the_pairs(streams):
    """Videos laid one behind the other in few streams: skewed groups, the very same pairs."""
    rng = np.random.default_rng(7)
    hour, videos = 3_600, 40

    def rows(size, longest):
        video = np.sort(rng.integers(0, videos, size))
        start = rng.integers(0, hour - longest, size)
        end = start + rng.integers(0, longest, size)
        order = np.lexsort((start, video))
        return video[order], start[order], end[order]

    def fold(table):
        video, start, end = table
        shift = (video // streams) * hour
        return video % streams, start + shift, end + shift

    left, right = rows(700, 60), rows(900, 200)
    apart = overlap_cpu.overlap_join(*sides(left, right), touching=False, pool=None)
    folded = sides(fold(left), fold(right))
    together = overlap_cpu.overlap_join(*folded, touching=False, pool=None)
    assert set(zip(*apart, strict=True)) == set(zip(*together, strict=True))
    cuts = subtract_cpu.subtract(*sides(left, right))
    folded_cuts = subtract_cpu.subtract(*folded)
    np.testing.assert_array_equal(cuts.left_row, folded_cuts.left_row)
    np.testing.assert_array_equal(cuts.end - cuts.start, folded_cuts.end - folded_cuts.start)


def test_read_only_and_strided_inputs_share_one_compilation():
    from vquery_kernels.coalesce import coalesce

    columns = np.array([[0, 0, 5], [0, 4, 6], [0, 9, 9]], np.int64)
    coalesce_cpu.coalesce(spans("", *np.ascontiguousarray(columns.T)), 0)
    compiled = len(coalesce_cpu._number.signatures)
    columns.flags.writeable = False
    assert coalesce(*columns.T).tolist() == [0, 0, 1]
    assert len(coalesce_cpu._number.signatures) == compiled
