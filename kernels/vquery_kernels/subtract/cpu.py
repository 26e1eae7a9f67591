"""Subtract compiled: union of the right side, a search a left row, a prefix sum, a fill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import Int64s, Ints, empty, index_type
from vquery_kernels.cpu import check, compiled, group_runs, seek_lower, seek_run, seek_upper
from vquery_kernels.cuts import union
from vquery_kernels.subtract import Pieces

if TYPE_CHECKING:
    from vquery_kernels.arrays import Spans


def subtract(left: Spans, right: Spans) -> Pieces:
    """See :func:`vquery_kernels.subtract.subtract`."""
    check(left)
    cut = union(right)
    runs = group_runs(cut.group)
    rows = left.start.size
    first, stop = empty(rows, np.int64), empty(rows, np.int64)
    cuts = threads.cuts(rows)
    arrays = left.group, left.start, left.end, *cut
    totals = threads.run(
        lambda k: _search(*arrays, runs, cuts[k], cuts[k + 1], first, stop), len(cuts) - 1
    )
    places = np.cumsum([0, *totals])
    pieces = Pieces(
        empty(places[-1], index_type(rows, right.start.size)),
        empty(places[-1], np.int64),
        empty(places[-1], np.int64),
    )

    def fill(k: int) -> None:
        chunk = cuts[k], cuts[k + 1], int(places[k])
        _fill_rows(left.start, left.end, cut.start, cut.end, first, stop, *chunk, *pieces)

    threads.run(fill, len(cuts) - 1)
    return pieces


@compiled
def _search(
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
    """Find the cuts that share time with the left rows ``low .. high``, and count the pieces.

    A left instant that a cut holds gets ``stop`` -1.
    """
    run, begin, end, place, behind, pieces = 0, 0, 0, 0, 0, 0
    for row in range(low, high):
        if row == low or left_group[row] != left_group[row - 1]:
            run = seek_run(group, runs, left_group[row], run)
            begin, end = 0, 0
            if run < runs.size - 1 and group[runs[run]] == left_group[row]:
                begin, end = runs[run], runs[run + 1]
            place, behind = begin, begin
        place = seek_upper(cut_end, left_start[row], begin, end, place)
        behind = seek_lower(cut_start, left_end[row], begin, end, behind)
        held = place < end and cut_start[place] <= left_start[row]
        first[row] = place
        stop[row] = max(place, behind)
        if left_start[row] == left_end[row]:
            if held:
                stop[row] = -1
            else:
                pieces += 1
        elif behind > place:
            pieces += 1 + behind - place - held - (cut_end[behind - 1] >= left_end[row])
        else:
            pieces += 1
    return pieces


@compiled
def _fill_rows(
    left_start: Int64s,
    left_end: Int64s,
    cut_start: Int64s,
    cut_end: Int64s,
    first: Int64s,
    stop: Int64s,
    low: int,
    high: int,
    place: int,
    piece_row: Ints,
    piece_start: Int64s,
    piece_end: Int64s,
) -> None:
    """Write the pieces of the left rows ``low .. high`` from ``place`` on."""
    for row in range(low, high):
        if stop[row] < 0:
            continue
        start = left_start[row]
        for cut in range(first[row], stop[row]):
            if start < cut_start[cut]:
                piece_row[place] = row
                piece_start[place] = start
                piece_end[place] = cut_start[cut]
                place += 1
            start = cut_end[cut]
        if start < left_end[row] or left_start[row] == left_end[row]:
            piece_row[place] = row
            piece_start[place] = start
            piece_end[place] = left_end[row]
            place += 1
