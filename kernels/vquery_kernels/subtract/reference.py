"""Subtract in numpy: union of the right side, then two searches a left row. Oracle and fallback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels.arrays import (
    Spans,
    expand,
    index_type,
    order_keys,
    refuse_inverted,
    sort_order,
)
from vquery_kernels.coalesce.reference import opens_component
from vquery_kernels.subtract import Pieces

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s


def subtract(left: Spans, right: Spans) -> Pieces:
    """See :func:`vquery_kernels.subtract.subtract`."""
    refuse_inverted(left)
    refuse_inverted(right)
    cut = union(right)
    first, stop, held = meeting(left, cut)
    instant = left.start == left.end
    # Pieces lie between neighbouring cuts: before cut `place`, for place in first .. stop.
    rows, place = expand(first, np.where(instant, first + ~held, stop + 1))
    start, end = left.start[rows].copy(), left.end[rows].copy()
    after = place > first[rows]
    start[after] = cut.end[place[after] - 1]
    before = place < stop[rows]
    end[before] = cut.start[place[before]]
    keep = (start < end) | instant[rows]
    rows = rows[keep].astype(index_type(left.start.size, right.start.size))
    return Pieces(rows, start[keep], end[keep])


def union(given: Spans) -> Spans:
    """Disjoint sorted spans that cover the same time; instants cover none."""
    order = sort_order(given.group, given.start)
    order = order[given.start[order] < given.end[order]]
    group, start, end = given.group[order], given.start[order], given.end[order]
    if not order.size:
        return Spans(given.side, group, start, end)
    first = np.flatnonzero(opens_component(group, start, end, 0))
    return Spans(given.side, group[first], start[first], np.maximum.reduceat(end, first))


def meeting(left: Spans, cut: Spans) -> tuple[Int64s, Int64s, npt.NDArray[np.bool_]]:
    """Which cuts share time with each left row, ``first .. stop``; whether one holds its start."""
    left_start, left_end, cut_start, cut_end = order_keys(
        (left.group, left.start),
        (left.group, left.end),
        (cut.group, cut.start),
        (cut.group, cut.end),
    )
    first = np.searchsorted(cut_end, left_start, side="right")
    stop = np.maximum(np.searchsorted(cut_start, left_end, side="left"), first)
    # A cut holds a left start: it starts at or before it and ends after it.
    held = np.searchsorted(cut_start, left_start, side="right") > first
    return first, stop, held
