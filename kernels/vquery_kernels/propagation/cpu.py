"""The propagation step compiled: chunks of rows on several threads, sums in the order of chunks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery_kernels import threads
from vquery_kernels.cpu import compiled
from vquery_kernels.propagation import CHUNK, Clusters, Edges
from vquery_kernels.propagation.dense import inverse, times
from vquery_kernels.propagation.exact import corrected, remainder, unsure
from vquery_kernels.propagation.grouping import clusters
from vquery_kernels.propagation.rows import product_rows, spread_rows, turn_rows, update_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery_kernels.propagation import Doubles, Floats, Int64s

    Rows = npt.NDArray[Any]

LINE = 16
"""Doubles between the sums of two tasks: two cache lines, which are fetched in pairs."""
PRODUCT_WIDTH, UPDATE_WIDTH = 4, 16
"""Columns from which on a chunk is worth a task of its own; fewer columns share one."""
FEWEST = 32
"""Places of a list; where there are more, fewer rows are one task."""

__all__ = [
    "clusters",
    "coarse",
    "corrected",
    "inverse",
    "layout",
    "pack",
    "product",
    "propagate",
    "remainder",
    "spread",
    "times",
    "turn",
    "unpack",
    "unsure",
    "update",
]


def _plain_cuts(rows: int, chunk: int | None = None) -> list[int]:
    return [*range(0, rows, max(chunk or CHUNK, 1)), rows]


def _joined(cuts: Int64s, times: int) -> Int64s:
    """Make so many tasks one, where rows are short: starting one takes as long as some work.

    >>> _joined(np.array([0, 3, 5, 9]), 2).tolist(), _joined(np.array([0, 3, 5, 9]), 0).tolist()
    ([0, 5, 9], [0, 3, 5, 9])
    """
    if times < 2:
        return cuts
    return np.concatenate([cuts[:-1:times], cuts[-1:]])


def _apart(tasks: int, *shape: int) -> Doubles:
    """Zeros (tasks, *shape), so far apart that no two tasks write to one cache line.

    Sums that share a line make threads wait for one another at every row: two were as slow as one.
    """
    size = math.prod(shape)
    return np.zeros((tasks, size + LINE))[:, :size].reshape(tasks, *shape)


def layout(indptr: Rows, indices: Rows, data: Rows, order: Int64s, places: int) -> Edges:
    """See :func:`vquery_kernels.propagation.layout`."""
    n = indptr.size - 1
    place = np.empty(n, np.int32)
    place[order] = np.arange(n, dtype=np.int32)
    count = np.empty(n, np.int32)
    start = np.zeros(n + 1, np.int64)
    cuts = _plain_cuts(n)
    rows = range(len(cuts) - 1)
    threads.run(
        lambda k: _count(indptr, indices, order, places, cuts[k], cuts[k + 1], count, start),
        len(rows),
    )
    np.cumsum(start, out=start)
    edges = Edges(
        np.zeros((n, places), np.int32),
        np.zeros((n, places), np.float32),
        count,
        start,
        np.empty(start[-1], np.int32),
        np.empty(start[-1], np.float32),
    )
    given = indptr, indices, data, order, place
    threads.run(lambda k: _lay(*given, cuts[k], cuts[k + 1], *edges), len(rows))
    return edges


@compiled
def _count(
    indptr: Rows,
    indices: Rows,
    order: Rows,
    places: int,
    low: int,
    high: int,
    count: Rows,
    start: Rows,
) -> None:
    """Count what fits the lists, and what does not, leaving out the diagonal."""
    for i in range(low, high):
        node, found = order[i], 0
        for e in range(indptr[node], indptr[node + 1]):
            if indices[e] != node:
                found += 1
        count[i] = min(found, places)
        start[i + 1] = found - count[i]


@compiled
def _lay(
    indptr: Rows,
    indices: Rows,
    data: Rows,
    order: Rows,
    place: Rows,
    low: int,
    high: int,
    index: Rows,
    weight: Rows,
    count: Rows,
    start: Rows,
    more: Rows,
    more_weight: Rows,
) -> None:
    """Write the neighbours of the places ``low .. high``."""
    for i in range(low, high):
        node, at = order[i], 0
        for e in range(indptr[node], indptr[node + 1]):
            if indices[e] == node:
                continue
            if at < count[i]:
                index[i, at] = place[indices[e]]
                weight[i, at] = data[e]
            else:
                rest = start[i] + at - count[i]
                more[rest] = place[indices[e]]
                more_weight[rest] = data[e]
            at += 1


def product(
    edges: Edges, diagonal: Floats, inverse: Floats, x: Floats, out: Floats, cuts: Int64s
) -> Doubles:
    """See :func:`vquery_kernels.propagation.product`."""
    columns = x.shape[1]
    cuts = _joined(cuts, PRODUCT_WIDTH // columns)
    dots = _apart(len(cuts) - 1, columns)
    given = ((0,) * columns, *edges, x, out, diagonal, inverse)
    threads.run(lambda k: product_rows(*given, cuts[k], cuts[k + 1], dots[k]), len(dots))
    return np.asarray(dots.sum(0))


def update(
    x: Floats,
    residual: Floats,
    step: Floats,
    moved: Floats,
    inverse: Floats,
    length: Floats,
    found: Clusters,
) -> tuple[Doubles, Doubles, Doubles]:
    """See :func:`vquery_kernels.propagation.update`."""
    columns = x.shape[1]
    cuts = _joined(found.cuts, UPDATE_WIDTH // columns)
    dots = _apart(len(cuts) - 1, 3, columns)
    sums = np.zeros((found.number, columns))
    lanes = (0,) * columns
    given = lanes, x, residual, step, moved, inverse, length, found.group, sums
    threads.run(lambda k: update_rows(*given, cuts[k], cuts[k + 1], dots[k]), len(dots))
    norm, energy, _ = dots.sum(0)
    return norm, energy, sums


def turn(
    residual: Floats,
    step: Floats,
    inverse: Floats,
    keep: Floats,
    lift: Floats,
    found: Clusters,
) -> None:
    """See :func:`vquery_kernels.propagation.turn`."""
    lanes, cuts = (0,) * residual.shape[1], _joined(found.cuts, UPDATE_WIDTH // residual.shape[1])
    given = lanes, residual, step, inverse, keep, lift, found.group
    threads.run(lambda k: turn_rows(*given, cuts[k], cuts[k + 1]), len(cuts) - 1)


def spread(edges: Edges, gain: Floats, base: Floats, x: Floats, out: Floats) -> Doubles:
    """See :func:`vquery_kernels.propagation.spread`."""
    cuts = _plain_cuts(x.shape[0], FEWEST * CHUNK // max(edges.target.shape[1], FEWEST))
    dots = _apart(len(cuts) - 1, x.shape[1])
    given = ((0,) * x.shape[1], *edges, x, base, out, gain)
    threads.run(lambda k: spread_rows(*given, cuts[k], cuts[k + 1], dots[k]), len(dots))
    return np.asarray(dots.sum(0))


def propagate(
    edges: Edges, gain: Floats, base: Floats, x: Floats, steps: int
) -> tuple[Floats, Doubles]:
    """See :func:`vquery_kernels.propagation.propagate`."""
    now, following, change = x.copy(), np.empty_like(x), np.zeros(x.shape[1])
    for _ in range(steps):
        change = spread(edges, gain, base, now, following)
        now, following = following, now
    return now, change


def coarse(edges: Edges, diagonal: Floats, inverse: Floats, found: Clusters) -> Doubles:
    """See :func:`vquery_kernels.propagation.coarse`."""
    out = np.zeros((found.number, found.number))
    given, cuts = (*edges, diagonal, inverse, found.group), found.cuts
    threads.run(lambda k: _meet(*given, cuts[k], cuts[k + 1], out), len(cuts) - 1)
    return out


@compiled
def _meet(
    index: Rows,
    weight: Rows,
    count: Rows,
    start: Rows,
    more: Rows,
    more_weight: Rows,
    diagonal: Rows,
    inverse: Rows,
    group: Rows,
    low: int,
    high: int,
    out: Rows,
) -> None:
    """Sum the matrix between clusters over the rows ``low .. high``, which hold whole clusters."""
    for i in range(low, high):
        if group[i] >= out.shape[0] or inverse[i] == 0:
            continue
        out[group[i], group[i]] += diagonal[i]
        for e in range(count[i]):
            other = index[i, e]
            if inverse[other] > 0 and group[other] < out.shape[0]:
                out[group[i], group[other]] -= weight[i, e]
        for e in range(start[i], start[i + 1]):
            other = more[e]
            if inverse[other] > 0 and group[other] < out.shape[0]:
                out[group[i], group[other]] -= more_weight[e]


def pack(given: Doubles, order: Int64s, columns: Int64s, factor: Doubles, out: Floats) -> None:
    """See :func:`vquery_kernels.propagation.pack`."""
    cuts = _plain_cuts(len(order))
    arrays = given, order, columns, factor
    threads.run(lambda k: _pack(*arrays, cuts[k], cuts[k + 1], out), len(cuts) - 1)


@compiled
def _pack(
    given: Rows, order: Rows, columns: Rows, factor: Rows, low: int, high: int, out: Rows
) -> None:
    for i in range(low, high):
        for c in range(columns.size):
            out[i, c] = given[order[i], columns[c]] * factor[c]


def unpack(
    block: Floats,
    order: Int64s,
    columns: Int64s,
    factor: Doubles,
    into: Doubles,
    add: bool,  # noqa: FBT001 - compiled code takes no keywords
) -> None:
    """See :func:`vquery_kernels.propagation.unpack`."""
    cuts, keep = _plain_cuts(len(order)), float(add)
    arrays = block, order, columns, factor, keep
    threads.run(lambda k: _unpack(*arrays, cuts[k], cuts[k + 1], into), len(cuts) - 1)


@compiled
def _unpack(
    block: Rows,
    order: Rows,
    columns: Rows,
    factor: Rows,
    keep: float,
    low: int,
    high: int,
    into: Rows,
) -> None:
    for i in range(low, high):
        for c in range(columns.size):
            before = into[order[i], columns[c]] if keep > 0 else 0.0
            into[order[i], columns[c]] = before + block[i, c] * factor[c]
