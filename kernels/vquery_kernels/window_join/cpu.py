"""Window join compiled: a search from where the window before was found, a prefix sum, a fill."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import Pool, blocks_of, empty, index_type
from vquery_kernels.cpu import compiled, group_runs, seek_lower, seek_run, seek_upper, sort_points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery_kernels.arrays import Int64s, Ints, Pairs
    from vquery_kernels.window_join import Windows


class Ranges(NamedTuple):
    """Where in the sorted keys each window begins and stops."""

    order: Int64s
    first: Int64s
    stop: Int64s


def window_join(given: Windows, *, pool: Pool | None) -> Pairs:
    """See :func:`vquery_kernels.window_join.window_join`."""
    return _fill(given, _ranges(given), 0, given.low.size, pool)


def window_join_blocks(given: Windows, *, max_pairs: int, pool: Pool | None) -> Iterator[Pairs]:
    """See :func:`vquery_kernels.window_join.window_join_blocks`."""
    ranges = _ranges(given)
    for low, high in blocks_of(ranges.stop - ranges.first, max_pairs):
        yield _fill(given, ranges, low, high, pool)


def window_count(given: Windows) -> Int64s:
    """See :func:`vquery_kernels.window_join.window_count`."""
    ranges = _ranges(given)
    return ranges.stop - ranges.first


def _ranges(given: Windows) -> Ranges:
    group, key, order = sort_points(given.right_group, given.key)
    runs = group_runs(group)
    ranges = Ranges(order, empty(given.low.size, np.int64), empty(given.low.size, np.int64))
    cuts = threads.cuts(given.low.size)

    def search(k: int) -> None:
        windows = given.group, given.low, given.high, cuts[k], cuts[k + 1]
        _search(*windows, group, key, runs, ranges.first, ranges.stop)

    threads.run(search, len(cuts) - 1)
    return ranges


def _fill(given: Windows, ranges: Ranges, low: int, high: int, pool: Pool | None) -> Pairs:
    cuts = [low + cut for cut in threads.cuts(high - low)]
    totals = np.array([(ranges.stop[a:b] - ranges.first[a:b]).sum() for a, b in pairwise(cuts)])
    places = np.cumsum(totals) - totals
    dtype = index_type(given.low.size, given.key.size)
    result = (
        empty(int(totals.sum()), dtype, pool, "left_rows"),
        empty(int(totals.sum()), dtype, pool, "right_rows"),
    )
    threads.run(
        lambda k: _fill_rows(cuts[k], cuts[k + 1], places[k], *ranges, *result), len(cuts) - 1
    )
    return result


@compiled
def _search(
    left_group: Ints,
    window_low: Int64s,
    window_high: Int64s,
    low: int,
    high: int,
    group: Ints,
    key: Int64s,
    runs: Int64s,
    first: Int64s,
    stop: Int64s,
) -> None:
    """Find the windows of the left rows ``low .. high`` in the sorted keys."""
    run = 0
    begin, end, place, behind = 0, 0, 0, 0
    for row in range(low, high):
        if row == low or left_group[row] != left_group[row - 1]:
            run = seek_run(group, runs, left_group[row], run)
            begin, end = 0, 0
            if run < runs.size - 1 and group[runs[run]] == left_group[row]:
                begin, end = runs[run], runs[run + 1]
            place, behind = begin, begin
        place = seek_lower(key, window_low[row], begin, end, place)
        behind = seek_upper(key, window_high[row], begin, end, behind)
        first[row] = place
        stop[row] = max(place, behind)


@compiled
def _fill_rows(
    low: int,
    high: int,
    place: int,
    order: Int64s,
    first: Int64s,
    stop: Int64s,
    left_rows: Ints,
    right_rows: Ints,
) -> None:
    """Write the pairs of the left rows ``low .. high`` from ``place`` on."""
    for row in range(low, high):
        for number in range(first[row], stop[row]):
            left_rows[place] = row
            right_rows[place] = order[number] if order.size else number
            place += 1
