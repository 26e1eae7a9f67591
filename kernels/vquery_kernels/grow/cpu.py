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
            if size > 0:
                for at in range(size):
                    _fill(
                        at, code, whole, real, wholes, reals, missing, first[run], row,
                        moments[run], edges[run], ints, floats, null,
                    )  # fmt: skip
                if null[size - 1] or ints[size - 1] == 0:
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
def _fill(
    at: int,
    code: Int64s,
    whole: Int64s,
    real: Array,
    wholes: Int64s,
    reals: Array,
    missing: Array,
    first: int,
    row: int,
    moment: Int64s,
    edge: Array,
    ints: Int64s,
    floats: Array,
    null: Array,
) -> None:
    """Carry out one instruction."""
    what, a, b, c = code[at, 0], code[at, 1], code[at, 2], code[at, 3]
    if what <= op.NULL:
        null[at] = what == op.NULL
        if what <= op.LEAF_FLOAT:
            source = row if b == 1 else first
            ints[at], floats[at] = wholes[a, source], reals[a, source]
            null[at] = missing[a, source]
        elif what == op.HULL_TIME:
            ints[at] = moment[a]
        elif what == op.HULL_BOX:
            floats[at] = edge[a]
            null[at] = np.isnan(edge[a])
        elif what == op.WHOLE:
            ints[at] = whole[a]
        elif what == op.FLOAT:
            floats[at] = real[a]
        return
    if what >= op.AND:
        _logic(what, at, a, b, c, ints, floats, null)
        return
    null[at] = null[a] or null[b]
    if null[at]:
        return
    if what <= op.SIZE:
        _on_ints(what, at, a, b, ints, floats, null)
    elif what <= op.SIZE_F:
        _on_floats(what, at, a, b, floats, null)
    elif what == op.EQUAL:
        ints[at] = ints[a] == ints[b]
    elif what == op.DIFFERENT:
        ints[at] = ints[a] != ints[b]
    elif what == op.LESS:
        ints[at] = ints[a] < ints[b]
    elif what == op.AT_MOST:
        ints[at] = ints[a] <= ints[b]
    elif what == op.EQUAL_F:
        ints[at] = floats[a] == floats[b]
    elif what == op.DIFFERENT_F:
        ints[at] = floats[a] != floats[b]
    elif what == op.LESS_F:
        ints[at] = floats[a] < floats[b]
    else:
        ints[at] = floats[a] <= floats[b]


@compiled
def _on_ints(what: int, at: int, a: int, b: int, ints: Int64s, floats: Array, null: Array) -> None:
    """Arithmetic on integers, and changes of type."""
    if what == op.TO_FLOAT:
        floats[at] = ints[a]
    elif what == op.ROUND:
        floats[at] = np.float64(np.float32(floats[a]))
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
    elif ints[b] == 0:
        null[at] = True
    elif what == op.FLOOR_DIVIDE:
        ints[at] = ints[a] // ints[b]
    else:
        ints[at] = ints[a] % ints[b]


@compiled
def _on_floats(what: int, at: int, a: int, b: int, floats: Array, null: Array) -> None:
    """Arithmetic on floats."""
    if what == op.ADD_F:
        floats[at] = floats[a] + floats[b]
    elif what == op.SUBTRACT_F:
        floats[at] = floats[a] - floats[b]
    elif what == op.MULTIPLY_F:
        floats[at] = floats[a] * floats[b]
    elif what == op.NEGATE_F:
        floats[at] = -floats[a]
    elif what == op.SIZE_F:
        floats[at] = abs(floats[a])
    elif floats[b] == 0:
        null[at] = True
    else:
        floats[at] = floats[a] / floats[b]


@compiled
def _logic(
    what: int, at: int, a: int, b: int, c: int, ints: Int64s, floats: Array, null: Array
) -> None:
    """Logic, choices, and what looks at nulls."""
    source = a
    if what <= op.OR:
        decisive = 1 if what == op.OR else 0
        decided = (not null[a] and ints[a] == decisive) or (not null[b] and ints[b] == decisive)
        null[at] = not decided and (null[a] or null[b])
        ints[at] = decisive if decided else 1 - decisive
        return
    if what == op.NOT:
        null[at] = null[a]
        ints[at] = 1 - ints[a]
        return
    if what == op.IS_NULL:
        null[at] = False
        ints[at] = null[a]
        return
    if what == op.CHOOSE:
        source = b if not null[a] and ints[a] == 1 else c
    elif null[a]:  # FILL, or the larger or smaller of two
        source = b
    elif what != op.FILL and not null[b]:
        floating = what >= op.GREATEST_F
        less = floats[a] < floats[b] if floating else ints[a] < ints[b]
        largest = what in (op.GREATEST, op.GREATEST_F)
        source = b if less == largest else a
    ints[at], floats[at], null[at] = ints[source], floats[source], null[source]
