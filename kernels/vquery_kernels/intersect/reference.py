"""Intersect in numpy: union of the right side, then two searches a left row. Oracle, fallback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels.arrays import expand, index_type, refuse_inverted
from vquery_kernels.subtract import Pieces
from vquery_kernels.subtract.reference import meeting, union

if TYPE_CHECKING:
    from vquery_kernels.arrays import Spans


def intersect(left: Spans, right: Spans) -> Pieces:
    """See :func:`vquery_kernels.intersect.intersect`."""
    refuse_inverted(left)
    refuse_inverted(right)
    cover = union(right)
    first, stop, held = meeting(left, cover)
    instant = left.start == left.end
    rows, place = expand(first, np.where(instant, first + held, stop))
    start = np.maximum(left.start[rows], cover.start[place])
    end = np.minimum(left.end[rows], cover.end[place])
    dtype = index_type(left.start.size, right.start.size)
    return Pieces(rows.astype(dtype), start, end)
