"""One contiguous range of sorted right rows for every left row, and the pairs of the ranges.

Compiled; only for use by the ``cpu`` modules.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import Int64s, Ints, Pool, blocks_of, empty, index_type
from vquery_kernels.cpu import compiled, group_runs, seek_lower, seek_run, seek_upper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery_kernels.arrays import Pairs


class Ranges(NamedTuple):
    """Left row ``i`` meets the sorted right rows ``first[i] .. stop[i]``."""

    first: Ints
    stop: Ints
    order: Int64s  # given row of each sorted right row; empty: the same

    @property
    def counts(self) -> Int64s:
        """How many right rows each left row meets."""
        return np.subtract(self.stop, self.first, dtype=np.int64)


class Keys(NamedTuple):
    """Sorted right rows: a range begins where ``low`` is reached and stops behind ``high``."""

    group: Ints
    low: Int64s
    high: Int64s
    order: Int64s


def find(group: Ints, low: Int64s, high: Int64s, keys: Keys, *, slack: int) -> Ranges:
    """Find the right rows with ``keys.low >= low`` and ``keys.high <= high``, both ascending.

    With ``slack`` 1 the comparisons are strict, for half-open spans with ``keys.low`` their ends
    and ``keys.high`` their starts; an instant on the left (``low == high``) lasts one tick.
    """
    dtype = index_type(keys.group.size)
    ranges = Ranges(empty(low.size, dtype), empty(low.size, dtype), keys.order)
    runs = group_runs(keys.group)
    cuts = threads.cuts(low.size)

    def search(k: int) -> None:
        rows = cuts[k], cuts[k + 1]
        arrays = keys.group, keys.low, keys.high, runs, ranges.first, ranges.stop
        _search(group, low, high, slack, *rows, *arrays)

    threads.run(search, len(cuts) - 1)
    return ranges


def pairs(ranges: Ranges, low: int, high: int, pool: Pool | None) -> Pairs:
    """List the pairs of the left rows ``low .. high``."""
    cuts = [low + cut for cut in threads.cuts(high - low)]
    totals = [_total(ranges.first, ranges.stop, *rows) for rows in pairwise(cuts)]
    places = np.cumsum([0, *totals])
    dtype = np.promote_types(index_type(ranges.first.size), ranges.stop.dtype)
    result = (
        empty(int(places[-1]), dtype, pool, "left_rows"),
        empty(int(places[-1]), dtype, pool, "right_rows"),
    )
    threads.run(
        lambda k: _fill(cuts[k], cuts[k + 1], int(places[k]), *ranges, *result), len(cuts) - 1
    )
    return result


def blocks(ranges: Ranges, max_pairs: int, pool: Pool | None) -> Iterator[Pairs]:
    """List the pairs in blocks of at most ``max_pairs``."""
    for low, high in blocks_of(ranges.counts, max_pairs):
        yield pairs(ranges, low, high, pool)


@compiled
def _search(
    group: Ints,
    low: Int64s,
    high: Int64s,
    slack: int,
    row_low: int,
    row_high: int,
    key_group: Ints,
    key_low: Int64s,
    key_high: Int64s,
    runs: Int64s,
    first: Ints,
    stop: Ints,
) -> None:
    """Find the ranges of the left rows ``row_low .. row_high``, each from the one before."""
    run, begin, end, place, behind = 0, 0, 0, 0, 0
    for row in range(row_low, row_high):
        if row == row_low or group[row] != group[row - 1]:
            run = seek_run(key_group, runs, group[row], run)
            begin, end = 0, 0
            if run < runs.size - 1 and key_group[runs[run]] == group[row]:
                begin, end = runs[run], runs[run + 1]
            place, behind = begin, begin
        if slack:
            place = seek_upper(key_low, low[row], begin, end, place)
        else:
            place = seek_lower(key_low, low[row], begin, end, place)
        last = high[row] - (slack if high[row] > low[row] else 0)
        behind = seek_upper(key_high, last, begin, end, behind)
        first[row] = place
        stop[row] = max(place, behind)


@compiled
def _total(first: Ints, stop: Ints, low: int, high: int) -> int:
    """Count the pairs of the left rows ``low .. high``."""
    total = 0
    for row in range(low, high):
        total += stop[row] - first[row]
    return total


@compiled
def _fill(
    low: int,
    high: int,
    place: int,
    first: Ints,
    stop: Ints,
    order: Int64s,
    left_rows: Ints,
    right_rows: Ints,
) -> None:
    """Write the pairs of the left rows ``low .. high`` from ``place`` on."""
    at = np.uintp(place)  # unsigned: no test for indices from the end
    for row in range(low, high):
        for number in range(first[row], stop[row]):
            left_rows[at] = row
            right_rows[at] = order[number] if order.size else number
            at += np.uintp(1)
