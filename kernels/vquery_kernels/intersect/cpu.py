"""Intersect compiled: union of the right side, a search a left row, a prefix sum, a fill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import empty, index_type
from vquery_kernels.cpu import check, compiled
from vquery_kernels.cuts import meet, union
from vquery_kernels.subtract import Pieces

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s, Ints, Spans


def intersect(left: Spans, right: Spans) -> Pieces:
    """See :func:`vquery_kernels.intersect.intersect`."""
    check(left)
    cut = union(right)
    first, stop, chunks, places = meet(left, cut)
    pieces = Pieces(
        empty(places[-1], index_type(left.start.size, right.start.size)),
        empty(places[-1], np.int64),
        empty(places[-1], np.int64),
    )

    def fill(k: int) -> None:
        chunk = chunks[k], chunks[k + 1], int(places[k])
        _fill(left.start, left.end, cut.start, cut.end, first, stop, *chunk, *pieces)

    threads.run(fill, len(chunks) - 1)
    return pieces


@compiled
def _fill(
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
        for cut in range(first[row], stop[row]):
            piece_row[place] = row
            piece_start[place] = max(left_start[row], cut_start[cut])
            piece_end[place] = min(left_end[row], cut_end[cut])
            place += 1
