"""Coverage compiled: running length of the union, its difference at both ends of a left row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import empty
from vquery_kernels.cpu import check, compiled
from vquery_kernels.cuts import meet, union

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s, Spans


def coverage(left: Spans, right: Spans) -> Int64s:
    """See :func:`vquery_kernels.coverage.coverage`."""
    check(left)
    cut = union(right)
    first, stop, chunks, _ = meet(left, cut)
    total = empty(cut.start.size + 1, np.int64)
    total[0] = 0
    np.cumsum(cut.end - cut.start, out=total[1:])
    covered = empty(left.start.size, np.int64)
    arrays = left.start, left.end, cut.start, cut.end, total, first, stop
    threads.run(lambda k: _measure(*arrays, chunks[k], chunks[k + 1], covered), len(chunks) - 1)
    return covered


@compiled
def _measure(
    left_start: Int64s,
    left_end: Int64s,
    cut_start: Int64s,
    cut_end: Int64s,
    total: Int64s,
    first: Int64s,
    stop: Int64s,
    low: int,
    high: int,
    covered: Int64s,
) -> None:
    """Measure the left rows ``low .. high``."""
    for row in range(low, high):
        covered[row] = 0
        if stop[row] > first[row] and left_start[row] < left_end[row]:
            inside = total[stop[row]] - total[first[row]]
            inside -= max(left_start[row], cut_start[first[row]]) - cut_start[first[row]]
            inside -= max(cut_end[stop[row] - 1], left_end[row]) - left_end[row]
            covered[row] = inside
