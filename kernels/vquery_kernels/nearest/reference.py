"""Nearest in numpy: the first k of each kind of neighbour, then one sort. Oracle and fallback.

The right rows of a group fall into three kinds for a left row: those that start after its last
tick, those whose last tick is before its start, and those that share time with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels.arrays import (
    Spans,
    expand,
    index_type,
    last_tick,
    order_keys,
    refuse_inverted,
    sort_order,
)
from vquery_kernels.nearest import HIGHEST, Near
from vquery_kernels.overlap_join.reference import overlap_join

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s
    from vquery_kernels.nearest import Question

Found = tuple["Int64s", "Int64s"]


def nearest(left: Spans, right: Spans, question: Question) -> Near:
    """See :func:`vquery_kernels.nearest.nearest`."""
    refuse_inverted(left)
    refuse_inverted(right)
    found: list[Found] = []
    if question.overlapping:
        found.append(overlap_join(left, right, touching=False, pool=None))
    if question.after:
        found.append(_after(left, right, question.k))
    if question.before:
        found.extend(_before(left, right, question.k))
    left_rows, right_rows = (
        np.concatenate([np.asarray(part[side], np.int64) for part in found]).astype(
            np.int64, copy=False
        )
        for side in (0, 1)
    )
    gap = _gap(left, right, left_rows, right_rows)
    order = np.lexsort((right_rows, right.start[right_rows], gap, left_rows))
    if question.max_gap < HIGHEST:
        order = order[gap[order] <= np.uint64(question.max_gap)]
    first = np.searchsorted(left_rows[order], np.arange(left.start.size))
    order = order[np.arange(order.size) - first[left_rows[order]] < question.k]
    dtype = index_type(left.start.size, right.start.size)
    gaps = np.minimum(gap[order], np.uint64(HIGHEST)).astype(np.int64)
    return Near(left_rows[order].astype(dtype), right_rows[order].astype(dtype), gaps)


def _gap(left: Spans, right: Spans, left_rows: Int64s, right_rows: Int64s) -> np.ndarray:
    """Distance as uint64, which holds the distance of any two int64."""
    start, end = left.start[left_rows], left.end[left_rows]
    other_start, other_end = right.start[right_rows], right.end[right_rows]
    ahead = np.where(other_start > end, (other_start - end).view(np.uint64), np.uint64(0))
    behind = np.where(start > other_end, (start - other_end).view(np.uint64), np.uint64(0))
    return np.maximum(ahead, behind)


def _after(left: Spans, right: Spans, k: int) -> Found:
    """Find the first k right rows that start behind the last tick of each left row."""
    order = sort_order(right.group, right.start)
    last = last_tick(left.start, left.end, touching=False)
    keys, lasts, ends = order_keys(
        (right.group[order], right.start[order]),
        (left.group, last),
        (left.group, np.full(last.shape, _highest(right.start, last))),
    )
    first = np.searchsorted(keys, lasts, side="right")
    stop = np.searchsorted(keys, ends, side="right")
    rows, places = expand(first, np.minimum(stop, first + k))
    return rows, order[places]


def _before(left: Spans, right: Spans, k: int) -> list[Found]:
    """Find the right rows before each left row: the first k that abut, the first k behind them.

    Right rows are sorted by falling end, then start. Falling is ascending with all bits turned.
    """
    order = np.lexsort((right.start, ~right.end, right.group))
    keys, starts, ends = order_keys(
        (right.group[order], ~right.end[order]),
        (left.group, ~left.start),
        (left.group, np.full(left.start.shape, _highest(~right.end, ~left.start))),
    )
    abut = np.searchsorted(keys, starts, side="left")
    behind = np.searchsorted(keys, starts, side="right")
    stop = np.searchsorted(keys, ends, side="right")
    found = []
    for first, last in ((abut, behind), (behind, stop)):
        rows, places = expand(first, np.minimum(last, first + k))
        found.append((rows, order[places]))
    # an instant where a left row starts shares time with it
    rows, others = found[0]
    apart = right.start[others] < left.start[rows]
    found[0] = rows[apart], others[apart]
    return found


def _highest(*columns: Int64s) -> int:
    return max((int(values.max()) for values in columns if values.size), default=0)
