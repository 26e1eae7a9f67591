"""The coarse problem of the solvers, a dense matrix of some hundred rows: inverted and applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]

from vquery_kernels import threads
from vquery_kernels.cpu import compiled, summed, written
from vquery_kernels.propagation.rows import PLACE, SINGLE, Row

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery_kernels.propagation import Doubles, Floats

    Rows = npt.NDArray[Any]

TILE = 16
"""Rows that are worked on together while another row is in the cache."""
TOGETHER = 8
"""Rows that are summed side by side, so that not every sum waits for the one before."""
TASK = 128
"""Rows of one task, a multiple of those."""


def times(matrix: Floats, x: Floats, out: Floats) -> None:
    """See :func:`vquery_kernels.propagation.times`."""
    rows, columns = x.shape
    tasks = -(-rows // TASK)
    if columns == 1 or rows < TOGETHER:
        threads.run(lambda k: _few_columns(matrix, x, k * TASK, out), tasks)
    else:
        lanes = (0,) * columns
        threads.run(lambda k: _many_columns(lanes, matrix, x, k * TASK, out), tasks)


@compiled
def _few_columns(matrix: Rows, x: Rows, begin: int, out: Rows) -> None:
    """Multiply ``TASK`` rows, one column at a time."""
    for c in range(x.shape[1]):
        column = x[:, c].copy()
        for i in range(begin, min(begin + TASK, x.shape[0])):
            out[i, c] = _dot(matrix[i], column)


@compiled
def _many_columns(lanes: tuple[int, ...], matrix: Rows, x: Rows, begin: int, out: Rows) -> None:
    """Multiply ``TASK`` rows, a few at a time; the last few may be multiplied twice."""
    rows, wide = x.shape[0], 4 * len(lanes)
    for i in range(begin, min(begin + TASK, rows), TOGETHER):
        row = min(i, rows - TOGETHER)
        _few_rows(lanes, (
            matrix.ctypes.data + 4 * rows * row, rows, x.ctypes.data, out.ctypes.data + wide * row,
        ))  # fmt: skip


@written
def _few_rows(builder: Any, width: int, *given: Any) -> None:
    """Sum ``count`` rows of a table, weighted by each of ``TOGETHER`` rows of a matrix."""
    row = Row(builder, width)
    matrix, count, table, result = given
    before = builder.block
    head, body, done = (builder.append_basic_block(name) for name in ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    place = builder.phi(PLACE)
    place.add_incoming(ir.Constant(PLACE, 0), before)
    sums = [builder.phi(row.single) for _ in range(TOGETHER)]
    builder.cbranch(builder.icmp_signed("<", place, count), body, done)
    builder.position_at_end(body)
    scores = row.load(_at(builder, table, place, 4 * width), row.single)
    weights = _at(builder, matrix, place, 4)
    for number, sum_ in enumerate(sums):
        further = _at(builder, weights, builder.mul(count, ir.Constant(PLACE, number)), 4)
        weight = row.spread(row.load(further, SINGLE), row.single)
        sum_.add_incoming(ir.Constant(row.single, [0.0] * width), before)
        sum_.add_incoming(row.plus(sum_, row.times(weight, scores)), body)
    place.add_incoming(builder.add(place, ir.Constant(PLACE, 1)), body)
    builder.branch(head)
    builder.position_at_end(done)
    for number, sum_ in enumerate(sums):
        row.store(sum_, _at(builder, result, ir.Constant(PLACE, number), 4 * width))


def _at(builder: Any, address: Any, place: Any, size: int) -> Any:
    """Address of what lies ``place`` times ``size`` bytes behind."""
    return builder.add(address, builder.mul(place, ir.Constant(PLACE, size)))


def inverse(matrix: Doubles) -> Floats:
    """See :func:`vquery_kernels.propagation.inverse`."""
    k = matrix.shape[0]
    factor, turned = matrix.copy(), np.zeros((k, k))
    if not _factorise(factor):
        raise np.linalg.LinAlgError("the matrix is not positive definite")
    out = np.empty((k, k), np.float32)
    # long rows first: what is left for the end is short, so that threads end together
    tiles = -(-k // TILE)
    threads.run(lambda tile: _invert_columns(factor, tile * TILE, turned), tiles)
    threads.run(lambda tile: _multiply_rows(turned, tile * TILE, out), tiles)
    return out


@summed
def _dot(a: Rows, b: Rows) -> float:
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@compiled
def _factorise(a: Rows) -> bool:
    """Cholesky's factor in the lower half, in place; tell whether the matrix is positive."""
    for begin in range(0, a.shape[0], TILE):
        end = min(begin + TILE, a.shape[0])
        for j in range(end):
            for i in range(max(begin, j), end):
                left = a[i, j] - _dot(a[i, :j], a[j, :j])
                if i > j:
                    a[i, j] = left / a[j, j]
                elif left > 0:
                    a[i, i] = np.sqrt(left)
                else:
                    return False
    return True


@compiled
def _invert_columns(factor: Rows, begin: int, turned: Rows) -> None:
    """Write some columns of the factor's inverse, as rows."""
    end = min(begin + TILE, factor.shape[0])
    for i in range(begin, factor.shape[0]):
        for j in range(begin, min(end, i + 1)):
            if i == j:
                turned[j, j] = 1.0 / factor[j, j]
            else:
                turned[j, i] = -_dot(factor[i, j:i], turned[j, j:i]) / factor[i, i]


@compiled
def _multiply_rows(turned: Rows, begin: int, out: Rows) -> None:
    """Multiply columns of the factor's inverse: some rows of the inverse, and their mirror."""
    end = min(begin + TILE, out.shape[0])
    for j in range(begin, out.shape[0]):
        for i in range(begin, min(end, j + 1)):
            out[i, j] = _dot(turned[i, j:], turned[j, j:])
            out[j, i] = out[i, j]
