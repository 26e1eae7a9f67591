"""Overlap join by a sweep: one to count, a prefix sum, one to fill. Only for ``cpu``.

The pairs of a left row are the right rows that start before it and reach it (it is inside them),
then those that start inside it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery_kernels.arrays import Int64s, Pool, blocks_of, empty, index_type
from vquery_kernels.cpu import HIGHEST, Sorted, compiled, even_cuts, seek_lower, seek_upper
from vquery_kernels.overlap_join.chunks import (
    NOTHING,
    Arrays,
    Sweep,
    carry_over,
    each_chunk,
    first_right,
    first_run,
    last_tick,
    make_sweep,
)
from vquery_kernels.residual.cpu import as_test, holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from vquery_kernels.arrays import Ints, Pairs
    from vquery_kernels.residual import Residual


class Counts(NamedTuple):
    """Of every sorted left row: its partners, those it is inside, the first that starts inside."""

    partners: Int64s
    around: Ints
    inside: Ints


def pairs(
    left: Sorted, right: Sorted, *, touching: bool, pool: Pool | None, test: int = 0
) -> Pairs:
    """List all pairs that pass the test, by given left row."""
    sweep = make_sweep(left, right, touching=touching)
    counts = _count(sweep)
    kept = _kept(sweep, counts, test)
    return _fill(sweep, counts, kept, pool, test, ascending=True)


def blocks(
    left: Sorted,
    right: Sorted,
    *,
    touching: bool,
    max_pairs: int,
    pool: Pool | None,
    residual: Residual | None = None,
) -> Iterator[Pairs]:
    """List all pairs that pass the test by sorted left row, in blocks of at most ``max_pairs``."""
    test = as_test(residual)  # it needs the residual alive, as this frame keeps it
    sweep = make_sweep(left, right, touching=touching)
    counts = _count(sweep)
    kept = _kept(sweep, counts, test)
    done, carry = 0, NOTHING
    for low, high in blocks_of(kept, max_pairs):
        cuts = even_cuts(kept, low, high)
        carried = carry_over(sweep, [done, *cuts], carry)[1:]
        block = sweep._replace(cuts=cuts, carried=carried)
        yield _fill(block, counts, kept, pool, test, ascending=False)
        done, carry = high, carried[-1]


def count(
    left: Sorted,
    right: Sorted,
    *,
    touching: bool,
    test: int = 0,
    most: int = HIGHEST,
) -> Int64s:
    """Count the partners of every given left row, at most ``most`` that pass a test."""
    sweep = make_sweep(left, right, touching=touching)
    counts = _count(sweep, partners_only=not test)
    return left.given_order(_kept(sweep, counts, test, most))


def found(left: Sorted, right: Sorted, *, touching: bool) -> npt.NDArray[np.bool_]:
    """Tell for every given left row whether it has a partner."""
    sweep = make_sweep(left, right, touching=touching)
    result = empty(left.start.size, np.bool_)
    each_chunk(sweep, lambda k, low, high: _find(sweep.arrays, low, high, sweep.carried[k], result))
    return left.given_order(result)


def _kept(sweep: Sweep, counts: Counts, test: int, most: int = HIGHEST) -> Int64s:
    """Count the partners that pass the test, of every sorted left row."""
    if not test:
        return counts.partners
    kept = np.zeros(counts.partners.size, np.int64)
    orders = sweep.left.order, sweep.right.order

    def look(k: int, low: int, high: int) -> None:
        carry = sweep.carried[k]
        _count_kept(sweep.arrays, low, high, carry, *counts, *orders, test, most, kept)

    each_chunk(sweep, look)
    return kept


def _count(sweep: Sweep, *, partners_only: bool = False) -> Counts:
    """Count the partners of every sorted left row."""
    rows = sweep.left.start.size
    dtype = index_type(sweep.right.start.size)
    more = 0 if partners_only else rows
    counts = Counts(empty(rows, np.int64), empty(more, dtype), empty(more, dtype))
    each_chunk(
        sweep, lambda k, low, high: _count_rows(sweep.arrays, low, high, sweep.carried[k], *counts)
    )
    return counts


def _fill(
    sweep: Sweep,
    counts: Counts,
    kept: Int64s,
    pool: Pool | None,
    test: int,
    *,
    ascending: bool,
) -> Pairs:
    """Write the pairs of the chunks; ``ascending`` by given left row, else in sorted order."""
    left, right, cuts = sweep.left, sweep.right, sweep.cuts
    before = np.cumsum([0, *(kept[low:high].sum() for low, high in pairwise(cuts))])
    places = NOTHING
    if ascending and left.order.size:
        given = left.given_order(kept)
        places = (np.cumsum(given) - given)[left.order]
    dtype = index_type(left.start.size, right.start.size)
    result = (
        empty(int(before[-1]), dtype, pool, "left_rows"),
        empty(int(before[-1]), dtype, pool, "right_rows"),
    )
    orders = left.order, right.order

    def fill(k: int, low: int, high: int) -> None:
        carry, place = sweep.carried[k], int(before[k])
        _fill_rows(sweep.arrays, low, high, carry, *counts, place, places, *orders, test, *result)

    each_chunk(sweep, fill)
    return result


@compiled
def _count_rows(
    arrays: Arrays,
    low: int,
    high: int,
    carry: Int64s,
    partners: Int64s,
    around: Ints,
    inside: Ints,
) -> None:
    """Count the partners of the left rows ``low .. high``; ``around``, ``inside`` may be empty."""
    left_start, left_end, right_start, right_end, runs, slack = arrays
    for row in range(low, high):
        partners[row] = 0
        if around.size:
            around[row] = 0
    run = first_run(runs, low)
    while run < runs.shape[0] and runs[run, 0] < high:
        first, stop = max(runs[run, 0], low), min(runs[run, 1], high)
        begin = first_right(left_start, right_start, runs, run, low)
        # Right rows that left rows are inside: +1 at the first of these, -1 behind the last.
        if first > runs[run, 0]:
            for right in carry:
                last = last_tick(right_start, right_end, right, slack)
                partners[first] += 1
                behind = seek_upper(left_start, last, first, stop, first)
                if behind < stop:
                    partners[behind] -= 1
        row, right = first, begin
        while right < runs[run, 3] and right_start[right] < left_start[stop - 1]:
            while left_start[row] <= right_start[right]:
                row += 1
            last = last_tick(right_start, right_end, right, slack)
            if left_start[row] <= last:
                partners[row] += 1
                behind = seek_upper(left_start, last, row, stop, row)
                if behind < stop:
                    partners[behind] -= 1
            right += 1
        # The running sum, plus the right rows that start inside.
        right, behind, held = begin, begin, 0
        for row in range(first, stop):
            held += partners[row]
            right = seek_lower(right_start, left_start[row], right, runs[run, 3], right)
            last = last_tick(left_start, left_end, row, slack)
            behind = seek_upper(right_start, last, right, runs[run, 3], max(right, behind))
            partners[row] = held + behind - right
            if around.size:
                around[row] = held
                inside[row] = right
        run += 1


@compiled
def _find(
    arrays: Arrays,
    low: int,
    high: int,
    carry: Int64s,
    found: npt.NDArray[np.bool_],
) -> None:
    """Tell which of the left rows ``low .. high`` have a partner."""
    left_start, left_end, right_start, right_end, runs, slack = arrays
    for row in range(low, high):
        found[row] = False
    run = first_run(runs, low)
    while run < runs.shape[0] and runs[run, 0] < high:
        first, stop = max(runs[run, 0], low), min(runs[run, 1], high)
        right = first_right(left_start, right_start, runs, run, low)
        seen, latest = False, 0
        if first > runs[run, 0]:
            for row in carry:
                last = last_tick(right_start, right_end, row, slack)
                latest = max(latest, last) if seen else last
                seen = True
        for row in range(first, stop):
            while right < runs[run, 3] and right_start[right] < left_start[row]:
                last = last_tick(right_start, right_end, right, slack)
                latest = max(latest, last) if seen else last
                seen = True
                right += 1
            found[row] = (seen and latest >= left_start[row]) or (
                right < runs[run, 3]
                and right_start[right] <= last_tick(left_start, left_end, row, slack)
            )
        run += 1


@compiled
def _fill_rows(
    arrays: Arrays,
    low: int,
    high: int,
    carry: Int64s,
    partners: Int64s,
    around: Ints,
    inside: Ints,
    place: int,
    places: Int64s,
    left_order: Int64s,
    right_order: Int64s,
    test: int,
    left_rows: Ints,
    right_rows: Ints,
) -> None:
    """Write the pairs of the left rows ``low .. high``, from ``place`` or at ``places``."""
    left_start, _, _, _, runs, _ = arrays
    active = _room(carry, around, low, high)
    at = np.uintp(place)  # unsigned: no test for indices from the end
    run = first_run(runs, low)
    while run < runs.shape[0] and runs[run, 0] < high:
        held = _carried(carry, active) if low > runs[run, 0] else 0
        for row in range(max(runs[run, 0], low), min(runs[run, 1], high)):
            if around[row]:
                held = _refresh(arrays, active, held, left_start[row], around[row], inside[row])
            if places.size:
                at = np.uintp(places[row])
            given = left_order[row] if left_order.size else row
            for number in range(around[row]):
                right = right_order[active[number]] if right_order.size else active[number]
                if test and not holds(test, given, right):
                    continue
                left_rows[at] = given
                right_rows[at] = right
                at += np.uintp(1)
            for number in range(inside[row], inside[row] + partners[row] - around[row]):
                right = right_order[number] if right_order.size else number
                if test and not holds(test, given, right):
                    continue
                left_rows[at] = given
                right_rows[at] = right
                at += np.uintp(1)
        run += 1


@compiled
def _count_kept(
    arrays: Arrays,
    low: int,
    high: int,
    carry: Int64s,
    partners: Int64s,
    around: Ints,
    inside: Ints,
    left_order: Int64s,
    right_order: Int64s,
    test: int,
    most: int,
    kept: Int64s,
) -> None:
    """Count the pairs of the left rows ``low .. high`` that pass the test."""
    left_start, _, _, _, runs, _ = arrays
    active = _room(carry, around, low, high)
    run = first_run(runs, low)
    while run < runs.shape[0] and runs[run, 0] < high:
        held = _carried(carry, active) if low > runs[run, 0] else 0
        for row in range(max(runs[run, 0], low), min(runs[run, 1], high)):
            if around[row]:
                held = _refresh(arrays, active, held, left_start[row], around[row], inside[row])
            given = left_order[row] if left_order.size else row
            found = 0
            for number in range(partners[row]):
                if number < around[row]:
                    right = active[number]
                else:
                    right = inside[row] + number - around[row]
                if holds(test, given, right_order[right] if right_order.size else right):
                    found += 1
                    if found == most:
                        break
            kept[row] = found
        run += 1


@compiled
def _room(carry: Int64s, around: Ints, low: int, high: int) -> Int64s:
    """Make room for the right rows that a left row of ``low .. high`` is inside."""
    most = carry.size
    for row in range(low, high):
        most = max(most, around[row])
    return np.empty(most, np.int64)


@compiled
def _carried(carry: Int64s, active: Int64s) -> int:
    """Begin with the right rows that reach over the beginning of a chunk."""
    for number in range(carry.size):
        active[number] = carry[number]
    return carry.size


@compiled
def _refresh(arrays: Arrays, active: Int64s, held: int, start: int, wanted: int, stop: int) -> int:
    """Keep in ``active`` the ``wanted`` right rows before ``stop`` that reach ``start``.

    Those that were active come first; the others are the latest rows that reach ``start``.
    """
    _, _, right_start, right_end, _, slack = arrays
    kept = 0
    for number in range(held):
        if last_tick(right_start, right_end, active[number], slack) >= start:
            active[kept] = active[number]
            kept += 1
    number, right = wanted - 1, stop - 1
    while number >= kept:
        if last_tick(right_start, right_end, right, slack) >= start:
            active[number] = right
            number -= 1
        right -= 1
    return wanted
