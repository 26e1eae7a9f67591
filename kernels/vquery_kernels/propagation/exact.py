"""What judges a solution: its true residual in float64, and the nodes that it does not decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]

from vquery_kernels import threads
from vquery_kernels.cpu import compiled, written
from vquery_kernels.propagation import CHUNK
from vquery_kernels.propagation.rows import DOUBLE, PLACE, Row

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery_kernels.propagation import Doubles, Int64s

    Rows = npt.NDArray[Any]

PIECES = (8, 4, 2, 1)
"""Columns that are worked on together, in one register."""


def remainder(
    indptr: Rows,
    indices: Rows,
    data: Rows,
    diagonal: Doubles,
    x: Doubles,
    right: Doubles,
    order: Int64s,
) -> Doubles:
    """See :func:`vquery_kernels.propagation.remainder`."""
    out = np.empty(right.shape)
    x, right = (np.ascontiguousarray(each, np.float64) for each in (x, right))
    given = indptr, indices, data, diagonal, x, right, order
    kinds = indices.dtype.type(0), data.dtype.type(0)
    tasks = -(-len(order) // CHUNK)

    def task(k: int) -> None:
        column = 0
        for piece in PIECES:
            lanes = (0,) * piece
            while column + piece <= right.shape[1]:
                _remain_rows(lanes, *given, *kinds, column, k * CHUNK, (k + 1) * CHUNK, out)
                column += piece

    threads.run(task, tasks)
    return out


@compiled
def _remain_rows(
    lanes: tuple[int, ...],
    indptr: Rows,
    indices: Rows,
    data: Rows,
    diagonal: Rows,
    x: Rows,
    right: Rows,
    order: Rows,
    place: Any,
    weight: Any,
    column: int,
    low: int,
    high: int,
    out: Rows,
) -> None:
    """Write some columns of the rows at the places ``low .. high``."""
    wide, before = 8 * x.shape[1], 8 * column
    for at in range(low, min(high, order.size)):
        i = np.int64(order[at])
        begin, row = np.int64(indptr[i]), wide * i + before
        _remain(lanes, (
            indices.ctypes.data + begin * indices.itemsize, place,
            data.ctypes.data + begin * data.itemsize, weight, np.int64(indptr[i + 1]) - begin,
            x.ctypes.data + before, wide, np.float64(diagonal[i]), x.ctypes.data + row,
            right.ctypes.data + row, out.ctypes.data + row,
        ))  # fmt: skip


@written
def _remain(builder: Any, width: int, *given: Any) -> None:
    """``right - diagonal x + W x`` of one row, in doubles; two numbers tell the kinds of lists."""
    row = Row(builder, width)
    indices, place_kind, data, weight_kind, count, table, wide, diagonal, own, right, out = given
    before = builder.block
    head, body, done = (builder.append_basic_block(name) for name in ("head", "body", "done"))
    taken = row.times(row.spread(diagonal, row.double), row.load(own, row.double, 8))
    total = row.minus(row.load(right, row.double, 8), taken)
    builder.branch(head)
    builder.position_at_end(head)
    place, sum_ = builder.phi(PLACE), builder.phi(row.double)
    place.add_incoming(ir.Constant(PLACE, 0), before)
    sum_.add_incoming(total, before)
    builder.cbranch(builder.icmp_signed("<", place, count), body, done)
    builder.position_at_end(body)
    other = _element(row, indices, place, place_kind.type)
    weight = _element(row, data, place, weight_kind.type)
    if weight.type != DOUBLE:
        weight = builder.fpext(weight, DOUBLE)
    scores = row.load(builder.add(table, builder.mul(other, wide)), row.double, 8)
    place.add_incoming(builder.add(place, ir.Constant(PLACE, 1)), body)
    sum_.add_incoming(row.plus(sum_, row.times(row.spread(weight, row.double), scores)), body)
    builder.branch(head)
    builder.position_at_end(done)
    row.store(sum_, out, 8)


def _element(row: Row, address: Any, place: Any, kind: Any) -> Any:
    """One number of a list; a place is widened."""
    size = 8 if kind in (PLACE, DOUBLE) else 4
    offset = row.builder.mul(place, ir.Constant(PLACE, size))
    found = row.load(row.builder.add(address, offset), kind)
    return row.builder.sext(found, PLACE) if isinstance(kind, ir.IntType) and size == 4 else found


def unsure(
    x: Doubles, late: Doubles, residual: Doubles, diagonal: Doubles, wider: float, local: float
) -> npt.NDArray[np.bool_]:
    """See :func:`vquery_kernels.propagation.unsure`."""
    found = np.empty(len(x), np.bool_)
    given = x, late, residual, diagonal, wider, local
    tasks = -(-len(x) // CHUNK)
    threads.run(lambda k: _unsure(*given, k * CHUNK, (k + 1) * CHUNK, found), tasks)
    return found


@compiled
def _unsure(
    x: Rows,
    late: Rows,
    residual: Rows,
    diagonal: Rows,
    wider: float,
    local: float,
    low: int,
    high: int,
    found: Rows,
) -> None:
    for i in range(low, min(high, found.size)):
        mass, left, moved, best, second = 0.0, 0.0, 0.0, -np.inf, -np.inf
        for c in range(x.shape[1]):
            mass += abs(x[i, c])
            left = max(left, abs(residual[i, c]))
            moved = max(moved, late[i, c])
            second = max(second, min(best, x[i, c]))
            best = max(best, x[i, c])
        found[i] = left > local * diagonal[i] * mass
        if x.shape[1] > 1:
            found[i] |= best - second < wider * moved
