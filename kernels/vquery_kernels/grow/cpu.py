"""Runs that grow row by row, compiled; the test is a small program that is interpreted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vquery_kernels.cpu import compiled
from vquery_kernels.grow import operations as op

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s

    Array = npt.NDArray[Any]


@compiled
def grow(
    group: Int64s,
    start: Array,
    end: Array,
    gap: Array,
    longest: Array,
    times: Int64s,
    boxes: Array,
    code: Int64s,
    whole: Int64s,
    real: Array,
    wholes: Int64s,
    reals: Array,
    missing: Array,
    shared: bool,  # noqa: FBT001
) -> Int64s:
    """See :func:`vquery_kernels.grow.grow`."""
    n, size = group.size, code.shape[0]
    run_of = np.empty(n, np.int64)
    first, opened = np.empty(n, np.int64), np.empty(n, np.int64)
    low, reach = np.empty_like(start), np.empty_like(end)
    moments, edges = np.empty((n, 2), np.int64), np.empty((n, 4), np.float32)
    ints, floats, null = np.zeros(size, np.int64), np.zeros(size), np.zeros(size, np.bool_)
    number = count = 0
    for row in range(n):
        if row > 0 and group[row] != group[row - 1]:
            count = 0
        kept = 0
        for k in range(count):  # what ends too early is closed for good
            if start[row] - reach[opened[k]] <= gap[row]:
                opened[kept] = opened[k]
                kept += 1
        count = kept
        chosen = -1
        for k in range(count - 1, -1, -1):
            run = opened[k]
            if max(reach[run], end[row]) - low[run] > longest[row]:
                continue
            if shared and not (
                edges[run, 0] < boxes[2, row]
                and boxes[0, row] < edges[run, 2]
                and edges[run, 1] < boxes[3, row]
                and boxes[1, row] < edges[run, 3]
            ):
                continue
            if size > 0 and not _holds(
                code, whole, real, wholes, reals, missing, first[run], row,
                moments, edges, run, ints, floats, null,
            ):  # fmt: skip
                continue
            chosen = run
            break
        if chosen < 0:
            chosen = number
            number += 1
            opened[count] = chosen
            count += 1
            first[chosen], low[chosen], reach[chosen] = row, start[row], end[row]
            moments[chosen] = times[:, row]
            edges[chosen] = boxes[:, row]
        else:
            reach[chosen] = max(reach[chosen], end[row])
            _widen(moments[chosen], edges[chosen], times[:, row], boxes[:, row])
        run_of[row] = chosen
    return run_of


@compiled
def _widen(moment: Int64s, edge: Array, time: Int64s, box: Array) -> None:
    """Widen the hull of a run by a row."""
    moment[0], moment[1] = min(moment[0], time[0]), max(moment[1], time[1])
    if np.isnan(edge[0]):
        edge[:] = box
    elif not np.isnan(box[0]):
        edge[0], edge[1] = min(edge[0], box[0]), min(edge[1], box[1])
        edge[2], edge[3] = max(edge[2], box[2]), max(edge[3], box[3])


@compiled
def _holds(
    code: Int64s,
    whole: Int64s,
    real: Array,
    wholes: Int64s,
    reals: Array,
    missing: Array,
    first: int,
    row: int,
    moments: Int64s,
    edges: Array,
    run: int,
    ints: Int64s,
    floats: Array,
    null: Array,
) -> bool:
    """Run the program. One function, as calls would take longer than the instructions."""
    for at in range(code.shape[0]):
        what, a, b = code[at, 0], code[at, 1], code[at, 2]
        if what <= op.NULL:
            null[at] = what == op.NULL
            source = row if b == 1 else first
            if what == op.LEAF_WHOLE:
                ints[at] = wholes[a, source]
                null[at] = missing[a, source]
            elif what == op.LEAF_FLOAT:
                floats[at] = reals[a, source]
                null[at] = missing[a, source]
            elif what == op.HULL_TIME:
                ints[at] = moments[run, a]
            elif what == op.HULL_BOX:
                floats[at] = edges[run, a]
                null[at] = np.isnan(edges[run, a])
            elif what == op.WHOLE:
                ints[at] = whole[a]
            elif what == op.FLOAT:
                floats[at] = real[a]
        elif what >= op.AND:
            source = a
            if what <= op.OR:
                decisive = 1 if what == op.OR else 0
                decided = (not null[a] and ints[a] == decisive) or (
                    not null[b] and ints[b] == decisive
                )
                null[at] = not decided and (null[a] or null[b])
                ints[at] = decisive if decided else 1 - decisive
                continue
            if what == op.NOT:
                ints[at], null[at] = 1 - ints[a], null[a]
                continue
            if what == op.IS_NULL:
                ints[at], null[at] = null[a], False
                continue
            if what == op.CHOOSE:
                source = b if not null[a] and ints[a] == 1 else code[at, 3]
            elif null[a]:  # FILL, or the larger or smaller of two
                source = b
            elif what != op.FILL and not null[b]:
                less = floats[a] < floats[b] if what >= op.GREATEST_F else ints[a] < ints[b]
                source = b if less == (what in (op.GREATEST, op.GREATEST_F)) else a
            ints[at], floats[at], null[at] = ints[source], floats[source], null[source]
        elif null[a] or null[b]:
            null[at] = True
        else:
            null[at] = False
            if what == op.SUBTRACT_F:
                floats[at] = floats[a] - floats[b]
            elif what == op.MULTIPLY_F:
                floats[at] = floats[a] * floats[b]
            elif what == op.ADD_F:
                floats[at] = floats[a] + floats[b]
            elif what == op.ROUND:
                floats[at] = np.float64(np.float32(floats[a]))
            elif what == op.LESS_F:
                ints[at] = floats[a] < floats[b]
            elif what == op.AT_MOST_F:
                ints[at] = floats[a] <= floats[b]
            elif what == op.EQUAL_F:
                ints[at] = floats[a] == floats[b]
            elif what == op.DIFFERENT_F:
                ints[at] = floats[a] != floats[b]
            elif what == op.NEGATE_F:
                floats[at] = -floats[a]
            elif what == op.SIZE_F:
                floats[at] = abs(floats[a])
            elif what == op.DIVIDE_F:
                null[at] = floats[b] == 0
                if floats[b] != 0:
                    floats[at] = floats[a] / floats[b]
            elif what == op.TO_FLOAT:
                floats[at] = ints[a]
            elif what == op.ADD:
                ints[at] = ints[a] + ints[b]
            elif what == op.SUBTRACT:
                ints[at] = ints[a] - ints[b]
            elif what == op.MULTIPLY:
                ints[at] = ints[a] * ints[b]
            elif what == op.NEGATE:
                ints[at] = -ints[a]
            elif what == op.SIZE:
                ints[at] = abs(ints[a])
            elif what == op.EQUAL:
                ints[at] = ints[a] == ints[b]
            elif what == op.DIFFERENT:
                ints[at] = ints[a] != ints[b]
            elif what == op.LESS:
                ints[at] = ints[a] < ints[b]
            elif what == op.AT_MOST:
                ints[at] = ints[a] <= ints[b]
            elif ints[b] == 0:
                null[at] = True
            elif what == op.FLOOR_DIVIDE:
                ints[at] = ints[a] // ints[b]
            else:
                ints[at] = ints[a] % ints[b]
    last = code.shape[0] - 1
    return not null[last] and ints[last] == 1
