"""What judges a solution: its true residual in float64, and the nodes that it does not decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery_kernels import threads
from vquery_kernels.cpu import compiled, written
from vquery_kernels.propagation import CHUNK
from vquery_kernels.propagation.rows import Row

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
    indices, index, data, weight, count, table, wide, diagonal, own, right, out = given
    row = Row(builder, width, (index.type, weight.type))
    taken = row.times(row.spread(diagonal, row.double), row.load(own, row.double, 8))
    total = row.minus(row.load(right, row.double, 8), taken)
    row.store(row.neighbours(total, indices, data, count, table, wide), out, 8)


def corrected(scores: Doubles, columns: Doubles, change: Doubles) -> Doubles:
    """See :func:`vquery_kernels.propagation.corrected`."""
    out = np.empty(scores.shape)
    tasks = -(-len(scores) // CHUNK)
    given = scores, columns, change
    threads.run(lambda k: _correct(*given, k * CHUNK, (k + 1) * CHUNK, out), tasks)
    return out


@compiled
def _correct(scores: Rows, columns: Rows, change: Rows, low: int, high: int, out: Rows) -> None:
    for i in range(low, min(high, len(out))):
        for c in range(out.shape[1]):
            out[i, c] = scores[i, c]
            for j in range(change.shape[0]):
                out[i, c] += columns[i, j] * change[j, c]


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
