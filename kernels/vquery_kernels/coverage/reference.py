"""Coverage in numpy: running length of the union, its difference at both ends. Oracle, fallback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels.arrays import refuse_inverted
from vquery_kernels.subtract.reference import meeting, union

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s, Spans


def coverage(left: Spans, right: Spans) -> Int64s:
    """See :func:`vquery_kernels.coverage.coverage`."""
    refuse_inverted(left)
    refuse_inverted(right)
    cover = union(right)
    first, stop, _ = meeting(left, cover)
    total = np.concatenate(([0], np.cumsum(cover.end - cover.start)))
    covered = total[stop] - total[first]
    some = np.flatnonzero(stop > first)
    # maxima before differences: these may not fit, their sum does
    begin, behind = cover.start[first[some]], cover.end[stop[some] - 1]
    covered[some] -= np.maximum(left.start[some], begin) - begin
    covered[some] -= np.maximum(behind, left.end[some]) - left.end[some]
    return np.where(left.start == left.end, 0, covered)
