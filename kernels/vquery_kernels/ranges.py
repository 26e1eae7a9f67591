"""One contiguous range of sorted right rows for every left row, and the pairs of the ranges.

Compiled; only for use by the ``cpu`` modules.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import Int64s, Ints, Pool, blocks_of, empty, index_type
from vquery_kernels.cpu import (
    HIGHEST,
    compiled,
    even_cuts,
    group_runs,
    seek_lower,
    seek_run,
    seek_upper,
)
from vquery_kernels.residual.cpu import as_test, holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery_kernels.arrays import Pairs
    from vquery_kernels.residual import Residual


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


def kept(ranges: Ranges, test: int, most: int = HIGHEST) -> Int64s:
    """Count the partners of each left row that pass a test, looking for at most ``most``."""
    if not test:
        return ranges.counts
    counts = empty(ranges.first.size, np.int64)
    cuts = even_cuts(ranges.counts, 0, counts.size)
    threads.run(
        lambda k: _count_kept(cuts[k], cuts[k + 1], *ranges, test, most, counts), len(cuts) - 1
    )
    return counts


def pairs(
    ranges: Ranges, counts: Int64s, low: int, high: int, pool: Pool | None, test: int = 0
) -> Pairs:
    """List the pairs of the left rows ``low .. high`` that pass the test, ``counts`` of them."""
    cuts = even_cuts(counts, low, high)
    places = np.cumsum([0, *(int(counts[a:b].sum()) for a, b in pairwise(cuts))])
    dtype = np.promote_types(index_type(ranges.first.size), ranges.stop.dtype)
    result = (
        empty(int(places[-1]), dtype, pool, "left_rows"),
        empty(int(places[-1]), dtype, pool, "right_rows"),
    )

    def fill(k: int) -> None:
        _fill(cuts[k], cuts[k + 1], int(places[k]), *ranges, test, *result)

    threads.run(fill, len(cuts) - 1)
    return result


def blocks(
    ranges: Ranges, max_pairs: int, pool: Pool | None, residual: Residual | None = None
) -> Iterator[Pairs]:
    """List the pairs in blocks of at most ``max_pairs``."""
    test = as_test(residual)  # it needs the residual alive, as this frame keeps it
    counts = kept(ranges, test)
    for low, high in blocks_of(counts, max_pairs):
        yield pairs(ranges, counts, low, high, pool, test)


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
def _count_kept(
    low: int,
    high: int,
    first: Ints,
    stop: Ints,
    order: Int64s,
    test: int,
    most: int,
    counts: Int64s,
) -> None:
    """Count the pairs of the left rows ``low .. high`` that pass the test."""
    for row in range(low, high):
        found = 0
        for number in range(first[row], stop[row]):
            if holds(test, row, order[number] if order.size else number):
                found += 1
                if found == most:
                    break
        counts[row] = found


@compiled
def _fill(
    low: int,
    high: int,
    place: int,
    first: Ints,
    stop: Ints,
    order: Int64s,
    test: int,
    left_rows: Ints,
    right_rows: Ints,
) -> None:
    """Write the pairs of the left rows ``low .. high`` from ``place`` on."""
    at = np.uintp(place)  # unsigned: no test for indices from the end
    for row in range(low, high):
        for number in range(first[row], stop[row]):
            right = order[number] if order.size else number
            if test and not holds(test, row, right):
                continue
            left_rows[at] = row
            right_rows[at] = right
            at += np.uintp(1)
