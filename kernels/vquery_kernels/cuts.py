"""The union of spans as disjoint cuts, and which of them each left row meets.

Compiled; only for use by the ``cpu`` modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import Int64s, Ints, empty, frozen
from vquery_kernels.coalesce.cpu import NOTHING, number_components
from vquery_kernels.cpu import compiled, group_runs, seek_lower, seek_run, seek_upper, sort

if TYPE_CHECKING:
    from vquery_kernels.arrays import Spans


class Cuts(NamedTuple):
    """Disjoint spans, sorted by group and start, that do not touch one another."""

    group: Ints
    start: Int64s
    end: Int64s


def union(given: Spans) -> Cuts:
    """Join what overlaps or touches; instants cover nothing."""
    table = sort(given)
    parts = number_components(table, 0, NOTHING, skip_instants=True)
    cut = Cuts(
        empty(parts.number, table.group.dtype),
        empty(parts.number, np.int64),
        empty(parts.number, np.int64),
    )

    def fill(k: int) -> None:
        chunk = parts.cuts[k], parts.cuts[k + 1], *parts.opened[k], int(parts.before[k])
        _fill_union(table.group, table.start, table.end, *chunk, *cut)

    threads.run(fill, len(parts.opened))
    return Cuts(*(frozen(array) for array in cut))


@compiled
def _fill_union(
    group: Ints,
    start: Int64s,
    end: Int64s,
    low: int,
    high: int,
    tail: int,
    reach: int,
    number: int,
    cut_group: Ints,
    cut_start: Int64s,
    cut_end: Int64s,
) -> None:
    """Write the components that open in the rows ``low .. high``, and the ends that close there."""
    for row in range(low, high):
        if start[row] == end[row]:
            continue
        if tail < 0 or group[row] != group[tail] or start[row] > reach:
            if tail >= 0:
                cut_end[number - 1] = reach
            cut_group[number] = group[row]
            cut_start[number] = start[row]
            reach = end[row]
            number += 1
        reach = max(reach, end[row])
        tail = row
    if high == start.size and tail >= 0:
        cut_end[number - 1] = reach


@compiled
def meeting(
    left_group: Ints,
    left_start: Int64s,
    left_end: Int64s,
    group: Ints,
    cut_start: Int64s,
    cut_end: Int64s,
    runs: Int64s,
    low: int,
    high: int,
    first: Int64s,
    stop: Int64s,
) -> int:
    """Find the cuts ``first .. stop`` that share time with the left rows ``low .. high``.

    The cut that holds a left instant is the one it meets. Returns how many meet.
    """
    run, begin, end, place, behind, total = 0, 0, 0, 0, 0, 0
    for row in range(low, high):
        if row == low or left_group[row] != left_group[row - 1]:
            run = seek_run(group, runs, left_group[row], run)
            begin, end = 0, 0
            if run < runs.size - 1 and group[runs[run]] == left_group[row]:
                begin, end = runs[run], runs[run + 1]
            place, behind = begin, begin
        place = seek_upper(cut_end, left_start[row], begin, end, place)
        behind = seek_lower(cut_start, left_end[row], begin, end, behind)
        first[row] = place
        if left_start[row] == left_end[row]:
            held = place < end and cut_start[place] <= left_start[row]
            stop[row] = place + 1 if held else place
        else:
            stop[row] = max(place, behind)
        total += stop[row] - first[row]
    return total


def meet(left: Spans, cut: Cuts) -> tuple[Int64s, Int64s, list[int], Int64s]:
    """Find the cuts that each left row meets: first, stop, chunks of rows, pairs before each."""
    rows = left.start.size
    first, stop = empty(rows, np.int64), empty(rows, np.int64)
    chunks = threads.cuts(rows)
    runs = group_runs(cut.group)
    arrays = left.group, left.start, left.end, *cut, runs
    totals = threads.run(
        lambda k: meeting(*arrays, chunks[k], chunks[k + 1], first, stop), len(chunks) - 1
    )
    return first, stop, chunks, np.cumsum([0, *totals])
