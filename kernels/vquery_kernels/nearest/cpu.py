"""Nearest compiled: three ordered streams of neighbours a left row, merged until k are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import Int64s, Ints, empty, frozen, index_type, sort_order
from vquery_kernels.cpu import (
    ENDS_DESCEND,
    check,
    compiled,
    group_runs,
    seek_lower,
    seek_run,
    seek_upper,
    sort,
)
from vquery_kernels.nearest import Near

if TYPE_CHECKING:
    from vquery_kernels.arrays import Spans
    from vquery_kernels.cpu import Sorted
    from vquery_kernels.nearest import Question

HIGHEST = 2**63 - 1
LOWEST = -(2**63)
Arrays: TypeAlias = tuple[Any, ...]


class Partners(NamedTuple):
    """The right side: by group and start; by group, falling end and start; a tree of last ticks."""

    group: Ints
    start: Int64s
    end: Int64s
    runs: Int64s
    fallen: Int64s  # place by start of each row by falling end
    turned: Int64s  # its end with all bits turned, so that it ascends
    tree: Int64s  # node n holds the latest last tick of nodes 2n and 2n + 1; leaves are rows


def nearest(left: Spans, right: Spans, question: Question) -> Near:
    """See :func:`vquery_kernels.nearest.nearest`."""
    check(left)
    table = sort(right)
    partners = _partners(table, before=question.before, overlapping=question.overlapping)
    rows = left.start.size
    counts = empty(rows, np.int64)
    chunks = threads.cuts(rows)
    k, *others = map(int, question)
    before, after, overlapping, max_gap = others
    asked = k, before, after, overlapping, max_gap
    arrays = left.group, left.start, left.end, *partners
    totals = threads.run(
        lambda k: _count(*arrays, asked, chunks[k], chunks[k + 1], counts), len(chunks) - 1
    )
    places = np.cumsum([0, *totals])
    dtype = index_type(rows, right.start.size)
    near = Near(empty(places[-1], dtype), empty(places[-1], dtype), empty(places[-1], np.int64))

    def fill(k: int) -> None:
        chunk = chunks[k], chunks[k + 1], counts, int(places[k])
        _fill(*arrays, table.order, asked, *chunk, *near)

    threads.run(fill, len(chunks) - 1)
    return near


def _partners(table: Sorted, *, before: bool, overlapping: bool) -> Partners:
    nothing = np.empty(0, np.int64)
    fallen, turned, tree = nothing, nothing, nothing
    runs = group_runs(table.group)
    if before:
        if table.flaws & ENDS_DESCEND:
            fallen = sort_order(table.group, ~table.end)
        else:
            fallen = empty(table.end.size, np.int64)
            _fall(runs, table.end, fallen)
        turned = ~table.end[fallen]
    if overlapping and not table.ends_ascend(touching=False):
        size = 1 << max(table.start.size - 1, 1).bit_length()
        tree = np.full(2 * size, LOWEST, np.int64)
        _grow(table.start, table.end, tree)
    extra = (frozen(each) for each in (fallen, turned, tree))
    return Partners(table.group, table.start, table.end, runs, *extra)


@compiled
def _fall(runs: Int64s, end: Int64s, fallen: Int64s) -> None:
    """Order rows whose ends ascend in each run by falling end; equal ends stay in order."""
    for run in range(runs.size - 1):
        place, high = runs[run], runs[run + 1]
        while high > runs[run]:
            low = high - 1
            while low > runs[run] and end[low - 1] == end[high - 1]:
                low -= 1
            for row in range(low, high):
                fallen[place] = row
                place += 1
            high = low


@compiled
def _grow(start: Int64s, end: Int64s, tree: Int64s) -> None:
    """Write the last ticks of rows into the leaves, and the latest of them into the nodes."""
    size = tree.size // 2
    for row in range(start.size):
        tree[size + row] = end[row] - (1 if end[row] > start[row] else 0)
    for node in range(size - 1, 0, -1):
        tree[node] = max(tree[2 * node], tree[2 * node + 1])


@compiled
def _next_reaching(end: Int64s, tree: Int64s, row: int, stop: int, tick: int) -> int:
    """Find the first of the rows ``row .. stop`` whose last tick is at least ``tick``.

    Without a tree the ends ascend and there are no instants.
    """
    if row >= stop:
        return stop
    if not tree.size:
        return row if end[row] > tick else seek_upper(end, tick, row, stop, row)
    size = tree.size // 2
    node = size + row
    while tree[node] < tick:
        while node & 1:  # a right child: up, until there is a neighbour on the right
            node >>= 1
        if node == 0:
            return stop
        node += 1
    while node < size:
        node *= 2
        if tree[node] < tick:
            node += 1
    return min(node - size, stop)


@compiled
def _far(earlier: int, later: int) -> np.uint64:
    """Distance of two ends; unsigned, so that there is room for the farthest."""
    return np.uint64(np.uint64(later) - np.uint64(earlier))


@compiled
def _streams(
    start: int,
    end: int,
    begin: int,
    stop: int,
    right_start: Int64s,
    fallen: Int64s,
    turned: Int64s,
    max_gap: int,
    before: int,
    after: int,
    near: tuple[int, int],
) -> tuple[int, int, int, int, int, int]:
    """Bound the neighbours of a left row inside the right rows ``begin .. stop``.

    By start: from ``behind`` on they start after its last tick, up to ``far``. By falling end:
    ``abut .. seam`` end where it starts, ``apart .. gone`` earlier. ``near`` is where ``behind``
    and ``abut`` were found for the row before.
    """
    last = end - (1 if end > start else 0)
    guess = min(max(near[0], begin), stop)
    behind = seek_upper(right_start, last, begin, stop, guess)
    far = behind
    if after:
        limit = HIGHEST if end > HIGHEST - max_gap or max_gap == HIGHEST else end + max_gap
        far = stop if limit == HIGHEST else seek_upper(right_start, limit, behind, stop, behind)
    abut, seam, apart, gone = begin, begin, begin, begin
    if before:
        guess = min(max(near[1], begin), stop)
        abut = seek_lower(turned, ~start, begin, stop, guess)
        apart = seek_upper(turned, ~start, abut, stop, abut)
        # an instant where the left row starts shares time with it; it comes last
        low, seam = abut, apart
        while low < seam:
            middle = (low + seam) // 2
            if right_start[fallen[middle]] < start:
                low = middle + 1
            else:
                seam = middle
        least = LOWEST if start < LOWEST + max_gap or max_gap == HIGHEST else start - max_gap
        gone = stop if least == LOWEST else seek_upper(turned, ~least, apart, stop, apart)
    return behind, far, abut, seam, apart, gone


@compiled
def _count(
    left_group: Ints,
    left_start: Int64s,
    left_end: Int64s,
    group: Ints,
    right_start: Int64s,
    right_end: Int64s,
    runs: Int64s,
    fallen: Int64s,
    turned: Int64s,
    tree: Int64s,
    asked: tuple[int, int, int, int, int],
    low: int,
    high: int,
    counts: Int64s,
) -> int:
    """Count the neighbours of the left rows ``low .. high``, at most k each."""
    k, before, after, overlapping, max_gap = asked
    run, total = 0, 0
    near = 0, 0
    for row in range(low, high):
        counts[row] = 0
        run = seek_run(group, runs, left_group[row], run)
        if run >= runs.size - 1 or group[runs[run]] != left_group[row]:
            continue
        start, end, begin, stop = left_start[row], left_end[row], runs[run], runs[run + 1]
        behind, far, abut, seam, apart, gone = _streams(
            start, end, begin, stop, right_start, fallen, turned, max_gap, before, after, near
        )
        near = behind, abut
        found = far - behind + seam - abut + gone - apart
        if overlapping and found < k:
            place = _next_reaching(right_end, tree, begin, behind, start)
            while place < behind and found < k:
                found += 1
                place = _next_reaching(right_end, tree, place + 1, behind, start)
        counts[row] = min(found, k)
        total += counts[row]
    return total


@compiled
def _fill(
    left_group: Ints,
    left_start: Int64s,
    left_end: Int64s,
    group: Ints,
    right_start: Int64s,
    right_end: Int64s,
    runs: Int64s,
    fallen: Int64s,
    turned: Int64s,
    tree: Int64s,
    order: Int64s,
    asked: tuple[int, int, int, int, int],
    low: int,
    high: int,
    counts: Int64s,
    at: int,
    left_rows: Ints,
    right_rows: Ints,
    gaps: Int64s,
) -> None:
    """Write the neighbours of the left rows ``low .. high`` from ``at`` on, nearest first."""
    _, before, after, overlapping, max_gap = asked
    none = np.uint64(0)
    run = 0
    near = 0, 0
    for row in range(low, high):
        if not counts[row]:
            continue
        run = seek_run(group, runs, left_group[row], run)
        start, end, begin, stop = left_start[row], left_end[row], runs[run], runs[run + 1]
        behind, far, abut, seam, apart, gone = _streams(
            start, end, begin, stop, right_start, fallen, turned, max_gap, before, after, near
        )
        near = behind, abut
        inside = behind
        if overlapping:
            inside = _next_reaching(right_end, tree, begin, behind, start)
        past = abut if abut < seam else apart
        ahead = behind
        for _ in range(counts[row]):
            # gap 0 by start: what abuts before the row, and what shares time with it
            earlier = past < seam or (past >= apart and past < gone)
            place, gap = -1, none
            if earlier:
                place = fallen[past]
                gap = _far(right_end[place], start)
            if inside < behind and (place < 0 or gap > none or inside < place):
                place, gap = inside, none
                inside = _next_reaching(right_end, tree, inside + 1, behind, start)
            elif ahead < far and (place < 0 or _far(end, right_start[ahead]) < gap):
                place, gap = ahead, _far(end, right_start[ahead])
                ahead += 1
            else:
                past += 1
                if past == seam:
                    past = apart
            left_rows[at] = row
            right_rows[at] = order[place] if order.size else place
            gaps[at] = np.int64(min(gap, np.uint64(HIGHEST)))
            at += 1
