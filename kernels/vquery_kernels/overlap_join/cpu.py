"""Overlap join compiled: one sweep to count, a prefix sum, one sweep to fill.

The left rows, in order, are cut into chunks that threads take. A right row belongs to the chunk in
which it starts; the rows that reach over the end of their chunk are carried to the next ones.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import Int64s, Pool, Spans, blocks_of, empty, index_type
from vquery_kernels.cpu import Sorted, compiled, lower, matched, seek_lower, seek_upper, sort

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from vquery_kernels.arrays import Ints, Pairs

NOTHING = np.empty(0, np.int64)


Arrays: TypeAlias = tuple[Int64s, Int64s, Int64s, Int64s, Int64s, int]


class Sweep(NamedTuple):
    """Both sides sorted, cut into chunks, with what is carried into each chunk."""

    left: Sorted
    right: Sorted
    runs: Int64s  # (groups, 4): left low, left high, right low, right high of equal groups
    slack: int  # ticks from a span's last tick to its end: 1, or 0 where the end counts
    cuts: list[int]  # chunk k holds the left rows cuts[k] .. cuts[k + 1]
    carried: list[Int64s]  # right rows that reach over cuts[k], ascending

    @property
    def arrays(self) -> Arrays:
        """The arguments that every compiled sweep takes first."""
        left, right = self.left, self.right
        return left.start, left.end, right.start, right.end, self.runs, self.slack


def overlap_join(left: Spans, right: Spans, *, touching: bool, pool: Pool | None) -> Pairs:
    """See :func:`vquery_kernels.overlap_join.overlap_join`."""
    sweep = _sweep(left, right, touching=touching)
    return _fill(sweep, _count(sweep), pool)


def overlap_join_blocks(
    left: Spans, right: Spans, *, touching: bool, max_pairs: int, pool: Pool | None
) -> Iterator[Pairs]:
    """See :func:`vquery_kernels.overlap_join.overlap_join_blocks`."""
    sweep = _sweep(left, right, touching=touching)
    count = _count(sweep)
    done, carry = 0, NOTHING
    for low, high in blocks_of(count, max_pairs):
        cuts = _even_cuts(count, low, high)
        carried = _carried(sweep, [done, *cuts], carry)[1:]
        yield _fill(sweep._replace(cuts=cuts, carried=carried), count, pool, ascending=False)
        done, carry = high, carried[-1]


def overlap_count(left: Spans, right: Spans, *, touching: bool) -> Int64s:
    """See :func:`vquery_kernels.overlap_join.overlap_count`."""
    sweep = _sweep(left, right, touching=touching)
    return sweep.left.given_order(_count(sweep))


def overlap_any(left: Spans, right: Spans, *, touching: bool) -> npt.NDArray[np.bool_]:
    """See :func:`vquery_kernels.overlap_join.overlap_any`."""
    sweep = _sweep(left, right, touching=touching)
    found = empty(left.start.size, np.bool_)
    _each_chunk(sweep, lambda k, low, high: _find(sweep.arrays, low, high, sweep.carried[k], found))
    return sweep.left.given_order(found)


def _sweep(left: Spans, right: Spans, *, touching: bool) -> Sweep:
    sides = sort(left), sort(right)
    runs = matched(sides[0].group, sides[1].group)
    slack = 0 if touching else 1
    parts = threads.chunks(left.start.size + right.start.size)
    cuts = _balanced_cuts(sides[0].start, sides[1].start, runs, parts)
    sweep = Sweep(*sides, runs, slack, np.unique(cuts).tolist(), [])
    return sweep._replace(carried=_carried(sweep, sweep.cuts, NOTHING))


def _carried(sweep: Sweep, cuts: list[int], carry: Int64s) -> list[Int64s]:
    """List the right rows that reach over each cut, given those of the first."""
    carried = [carry]
    if len(cuts) == 2 and cuts[-1] == sweep.left.start.size:
        return [carry, NOTHING]
    memory = empty(sweep.right.start.size, np.int64)
    found = threads.run(
        lambda k: _reach_over(sweep.arrays, cuts[k], cuts[k + 1], memory), len(cuts) - 1
    )
    for cut, (first_of_group, low, high) in zip(cuts[1:], found, strict=True):
        if first_of_group < 0:
            carried.append(NOTHING)
            continue
        carry = carried[-1]
        start, end = sweep.right.start[carry], sweep.right.end[carry]
        reaches = end - (end > start) * sweep.slack >= sweep.left.start[cut]
        carry = carry[reaches & (carry >= first_of_group)]
        carried.append(np.concatenate([carry, memory[low:high]]))
    return carried


def _each_chunk(sweep: Sweep, task: Callable[[int, int, int], None]) -> None:
    """Call ``task(k, low, high)`` for every chunk of left rows."""
    bounds = list(pairwise(sweep.cuts))
    threads.run(lambda k: task(k, *bounds[k]), len(bounds))


def _count(sweep: Sweep) -> Int64s:
    """Count the partners of every sorted left row."""
    count = empty(sweep.left.start.size, np.int64)
    _each_chunk(
        sweep, lambda k, low, high: _count_rows(sweep.arrays, low, high, sweep.carried[k], count)
    )
    return count


def _fill(sweep: Sweep, count: Int64s, pool: Pool | None, *, ascending: bool = True) -> Pairs:
    """Write the pairs of the chunks; ``ascending`` by given left row, else in sorted order."""
    left, right, cuts = sweep.left, sweep.right, sweep.cuts
    totals = np.array([count[low:high].sum() for low, high in pairwise(cuts)], np.int64)
    before = np.cumsum(totals) - totals
    places = NOTHING
    if ascending and left.order.size:
        given = left.given_order(count)
        places = (np.cumsum(given) - given)[left.order]
    dtype = index_type(left.start.size, right.start.size)
    result = (
        empty(int(totals.sum()), dtype, pool, "left_rows"),
        empty(int(totals.sum()), dtype, pool, "right_rows"),
    )
    orders = left.order, right.order

    def fill(k: int, low: int, high: int) -> None:
        _fill_rows(
            sweep.arrays, low, high, sweep.carried[k], count, before[k], places, *orders, *result
        )

    _each_chunk(sweep, fill)
    return result


def _even_cuts(count: Int64s, low: int, high: int) -> list[int]:
    """Cut the rows ``low .. high`` into chunks of about as many pairs each."""
    total = np.cumsum(count[low:high])
    parts = threads.chunks(int(total[-1]))
    inner = low + np.searchsorted(total, total[-1] * np.arange(1, parts) // parts)
    return [int(cut) for cut in np.unique([low, high, *inner])]


@compiled
def _balanced_cuts(left_start: Int64s, right_start: Int64s, runs: Int64s, parts: int) -> Int64s:
    """Cut the left rows so that each chunk has about as many left and right rows together."""
    cuts = np.zeros(parts + 1, np.int64)
    cuts[parts] = left_start.size
    total = 0
    for run in range(runs.shape[0]):
        total += runs[run, 1] - runs[run, 0] + runs[run, 3] - runs[run, 2]
    run, before = 0, 0
    for part in range(1, parts):
        wanted = total // parts * part
        while run < runs.shape[0]:
            rows = runs[run, 1] - runs[run, 0] + runs[run, 3] - runs[run, 2]
            if before + rows >= wanted:
                break
            before += rows
            run += 1
        if run == runs.shape[0]:
            cuts[part] = left_start.size
            continue
        low, high = runs[run, 0], runs[run, 1]
        while low < high:
            middle = (low + high) // 2
            right = lower(right_start, left_start[middle], runs[run, 2], runs[run, 3])
            if before + middle - runs[run, 0] + right - runs[run, 2] < wanted:
                low = middle + 1
            else:
                high = middle
        cuts[part] = low
    return cuts


@compiled
def _last(start: Int64s, end: Int64s, row: int, slack: int) -> int:
    """Last tick of a span: an instant lasts one tick."""
    last: int = end[row] - (slack if end[row] > start[row] else 0)
    return last


@compiled
def _first_run(runs: Int64s, row: int) -> int:
    """Find the first run that ends after a left row."""
    low, high = 0, runs.shape[0]
    while low < high:
        middle = (low + high) // 2
        if runs[middle, 1] <= row:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _first_right(left_start: Int64s, right_start: Int64s, runs: Int64s, run: int, row: int) -> int:
    """Find the first right row that belongs to a chunk that begins at left row ``row``."""
    if row <= runs[run, 0]:
        return int(runs[run, 2])
    return lower(right_start, left_start[row], runs[run, 2], runs[run, 3])


@compiled
def _reach_over(
    arrays: Arrays,
    low: int,
    high: int,
    memory: Int64s,
) -> tuple[int, int, int]:
    """List in ``memory`` the right rows of chunk ``low .. high`` that reach the row ``high``.

    Returns the first right row of the group and the part of the memory; -1 when the chunk ends
    between groups.
    """
    left_start, _, right_start, right_end, runs, slack = arrays
    run = _first_run(runs, high)
    if run == runs.shape[0] or runs[run, 0] >= high:
        return -1, 0, 0
    first = _first_right(left_start, right_start, runs, run, low)
    stop = lower(right_start, left_start[high], first, runs[run, 3])
    found = first
    for row in range(first, stop):
        if _last(right_start, right_end, row, slack) >= left_start[high]:
            memory[found] = row
            found += 1
    return runs[run, 2], first, found


@compiled
def _count_rows(
    arrays: Arrays,
    low: int,
    high: int,
    carry: Int64s,
    count: Int64s,
) -> None:
    """Count the partners of the left rows ``low .. high``."""
    left_start, left_end, right_start, right_end, runs, slack = arrays
    for row in range(low, high):
        count[row] = 0
    run = _first_run(runs, low)
    while run < runs.shape[0] and runs[run, 0] < high:
        first, stop = max(runs[run, 0], low), min(runs[run, 1], high)
        # A right row that starts before left rows start and reaches them: +1 where they begin,
        # -1 behind the last of them.
        if first > runs[run, 0]:
            for row in carry:
                last = _last(right_start, right_end, row, slack)
                count[first] += 1
                behind = seek_upper(left_start, last, first, stop, first)
                if behind < stop:
                    count[behind] -= 1
        right = _first_right(left_start, right_start, runs, run, low)
        row, behind = first, first
        while right < runs[run, 3] and right_start[right] < left_start[stop - 1]:
            while left_start[row] <= right_start[right]:
                row += 1
            last = _last(right_start, right_end, right, slack)
            behind = seek_upper(left_start, last, row, stop, max(row, behind))
            count[row] += 1
            if behind < stop:
                count[behind] -= 1
            right += 1
        # Now the running sum, plus the right rows that start inside.
        right = _first_right(left_start, right_start, runs, run, low)
        around, behind = 0, right
        for row in range(first, stop):
            around += count[row]
            right = seek_lower(right_start, left_start[row], right, runs[run, 3], right)
            last = _last(left_start, left_end, row, slack)
            behind = seek_upper(right_start, last, right, runs[run, 3], max(right, behind))
            count[row] = around + behind - right
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
    run = _first_run(runs, low)
    while run < runs.shape[0] and runs[run, 0] < high:
        first, stop = max(runs[run, 0], low), min(runs[run, 1], high)
        right = _first_right(left_start, right_start, runs, run, low)
        seen, latest = False, 0
        if first > runs[run, 0]:
            for row in carry:
                last = _last(right_start, right_end, row, slack)
                latest = max(latest, last) if seen else last
                seen = True
        for row in range(first, stop):
            while right < runs[run, 3] and right_start[right] < left_start[row]:
                last = _last(right_start, right_end, right, slack)
                latest = max(latest, last) if seen else last
                seen = True
                right += 1
            found[row] = (seen and latest >= left_start[row]) or (
                right < runs[run, 3]
                and right_start[right] <= _last(left_start, left_end, row, slack)
            )
        run += 1


@compiled
def _fill_rows(
    arrays: Arrays,
    low: int,
    high: int,
    carry: Int64s,
    count: Int64s,
    place: int,
    places: Int64s,
    left_order: Int64s,
    right_order: Int64s,
    left_rows: Ints,
    right_rows: Ints,
) -> None:
    """Write the pairs of the left rows ``low .. high``, from ``place`` or at ``places``."""
    left_start, _, right_start, right_end, runs, slack = arrays
    active = np.empty(256 + 2 * carry.size, np.int64)
    run = _first_run(runs, low)
    while run < runs.shape[0] and runs[run, 0] < high:
        first, stop = max(runs[run, 0], low), min(runs[run, 1], high)
        right = _first_right(left_start, right_start, runs, run, low)
        held = 0
        if first > runs[run, 0]:
            for row in carry:
                active[held] = row
                held += 1
        for row in range(first, stop):
            start = left_start[row]
            while right < runs[run, 3] and right_start[right] < start:
                if _last(right_start, right_end, right, slack) >= start:
                    if held == active.size:
                        active = np.concatenate((active, np.empty_like(active)))
                    active[held] = right
                    held += 1
                right += 1
            if row == first or start != left_start[row - 1]:
                kept = 0
                for number in range(held):
                    if _last(right_start, right_end, active[number], slack) >= start:
                        active[kept] = active[number]
                        kept += 1
                held = kept
            if places.size:
                place = places[row]
            given = left_order[row] if left_order.size else row
            for number in range(held):
                left_rows[place + number] = given
                right_rows[place + number] = active[number]
            inside = count[row] - held
            for number in range(inside):
                left_rows[place + held + number] = given
                right_rows[place + held + number] = right + number
            if right_order.size:
                for number in range(place, place + count[row]):
                    right_rows[number] = right_order[right_rows[number]]
            place += count[row]
        run += 1
