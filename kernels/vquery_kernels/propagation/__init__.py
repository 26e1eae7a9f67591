"""Steps over a graph of fixed-width neighbour lists: what propagation and its solvers repeat.

Scores are float32 rows, one a node, as wide as a vector register: 1, 2, 4, 8 or 16 columns
(:func:`width`), one for each right-hand side, padded with zeros. Sums over nodes are float64, made
in chunks that do not depend on the number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from vquery_kernels.backend import HUGE, implementation

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "Clusters",
    "Edges",
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
    "width",
]

Floats: TypeAlias = npt.NDArray[np.float32]
Doubles: TypeAlias = npt.NDArray[np.float64]
Int32s: TypeAlias = npt.NDArray[np.int32]
Int64s: TypeAlias = npt.NDArray[np.int64]

WIDTHS = (1, 2, 4, 8, 16)
"""Columns of a block: 16 floats are one cache line; wider blocks gain nothing (measured)."""

CHUNK = 4096
"""Rows that are summed by themselves, and are one task."""

FILLED = 0.75
"""Share of the lists that fit the fixed width; what is longer goes to the rest."""

STEP = 4
"""The fixed width is a multiple of this: places are worked on so many at a time."""


class Edges(NamedTuple):
    """Neighbour lists of n nodes: ``width`` places each, and a rest for those that are longer."""

    target: Int32s  # (n, width), the first filled[i] of row i count
    weight: Floats  # (n, width), 0 where there is no neighbour
    filled: Int32s  # (n,)
    rest_start: Int64s  # (n + 1,): the rest of row i is rest_start[i] .. rest_start[i + 1]
    rest_target: Int32s
    rest_weight: Floats


class Clusters(NamedTuple):
    """An order of the nodes in which neighbours are close, and its pieces."""

    order: Int64s  # (n,): node at each place
    group: Int32s  # (n,): cluster of each place, ascending; `number` where there is none
    number: int
    cuts: Int64s  # places at which tasks begin: no cluster is in two tasks


def width(columns: int) -> int:
    """Return how many columns a block of so many is padded to.

    >>> [width(columns) for columns in (1, 3, 10)]
    [1, 4, 16]
    """
    return next(each for each in WIDTHS if each >= min(columns, WIDTHS[-1]))


def _module(rows: int) -> ModuleType:
    """Choose, but not the GPU, where one call of many would copy everything there and back."""
    return implementation("propagation", min(rows, HUGE - 1))


def layout(
    indptr: npt.NDArray[Any],
    indices: npt.NDArray[Any],
    data: npt.NDArray[Any],
    order: Int64s | None = None,
    *,
    places: int | None = None,
) -> Edges:
    """Lay out a square sparse matrix in compressed rows, without its diagonal.

    Parameters
    ----------
    indptr, indices, data
        Compressed rows of n nodes.
    order
        Shape (n,): the node to put at each place; as given unless stated.
    places
        Width of the lists; by itself such that three in four nodes fit.

    >>> edges = layout(np.array([0, 2, 3, 4]), np.array([1, 2, 0, 0]), np.ones(4), places=1)
    >>> edges.target.tolist(), edges.filled.tolist(), edges.rest_target.tolist()
    ([[1], [0], [0]], [1, 1, 1], [2])
    """
    n = indptr.size - 1
    if n >= 2**31:
        raise ValueError(f"a graph may have at most 2^31 nodes, got {n}")
    order = np.arange(n) if order is None else order
    if places is None:
        places = int(np.quantile(np.diff(indptr), FILLED)) if n else 0
        places += -places % STEP
    found: Edges = _module(n).layout(indptr, indices, data, order, max(places, 1))
    return found


def clusters(
    indptr: npt.NDArray[Any],
    indices: npt.NDArray[Any],
    data: npt.NDArray[Any],
    most: int,
) -> Clusters:
    """Group the nodes of a symmetric graph into at most ``most`` clusters and order them by those.

    Each round pairs neighbours (the strongest link for its degree first) until there are few
    enough or the largest allowed size, twice the mean, stops it. Where there are more clusters than
    allowed in the end, the smallest are none. Deterministic; O(edges) a round, about
    log2(n / most) rounds.

    >>> found = clusters(np.array([0, 1, 2, 3, 4]), np.array([2, 3, 0, 1]), np.ones(4), 2)
    >>> found.order.tolist(), found.group.tolist()
    ([0, 2, 1, 3], [0, 0, 1, 1])
    """
    found: Clusters = _module(indptr.size - 1).clusters(indptr, indices, data, most)
    return found


def product(
    edges: Edges, diagonal: Floats, inverse: Floats, x: Floats, out: Floats, cuts: Int64s
) -> Doubles:
    """Write ``out = diagonal · x - W x`` and return ``x · out`` of each column, shape (w,).

    Rows whose ``inverse`` is 0 are clamped: nothing is written there, and ``x`` should be 0.
    """
    dots: Doubles = _module(x.size).product(edges, diagonal, inverse, x, out, cuts)
    return dots


def update(
    x: Floats,
    residual: Floats,
    step: Floats,
    moved: Floats,
    inverse: Floats,
    length: Floats,
    found: Clusters,
) -> tuple[Doubles, Doubles, Doubles]:
    """Go along a step: ``x += length · step``, ``residual -= length · moved``, on free rows.

    Returns
    -------
    (ndarray, ndarray, ndarray)
        Of each column ``r · r`` and ``r · inverse r``, shape (w,), and the sum of ``r`` over each
        cluster, shape (number, w).
    """
    sums: tuple[Doubles, Doubles, Doubles] = _module(x.size).update(
        x, residual, step, moved, inverse, length, found
    )
    return sums


def turn(
    residual: Floats,
    step: Floats,
    inverse: Floats,
    keep: Floats,
    lift: Floats,
    found: Clusters,
) -> None:
    """Choose the next step: ``step = inverse · residual + lift[cluster] + keep · step``.

    ``lift`` has shape (number + 1, w), with zeros in the last row.
    """
    _module(residual.size).turn(residual, step, inverse, keep, lift, found)


def coarse(edges: Edges, diagonal: Floats, inverse: Floats, found: Clusters) -> Doubles:
    """Sum ``diag(diagonal) - W`` over the free nodes of each pair of clusters, (number, number)."""
    made: Doubles = _module(edges.filled.size).coarse(edges, diagonal, inverse, found)
    return made


def inverse(matrix: Doubles) -> Floats:
    """Invert a symmetric positive definite matrix (k, k) of some hundred rows.

    Computed in float64 on the threads of the kernels: libraries that start threads of their own
    wait long for them on a busy machine.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite.
    """
    made: Floats = _module(matrix.size).inverse(matrix)
    return made


def times(matrix: Floats, x: Floats, out: Floats) -> None:
    """Write ``out = matrix x`` for a dense matrix (k, k) of some hundred rows and ``x`` (k, w).

    >>> matrix, out = np.ones((2, 2), np.float32), np.zeros((2, 1), np.float32)
    >>> times(matrix, np.ones((2, 1), np.float32), out)
    >>> out.tolist()
    [[2.0], [2.0]]
    """
    _module(matrix.size).times(matrix, x, out)


def spread(edges: Edges, gain: Floats, base: Floats, x: Floats, out: Floats) -> Doubles:
    """Write one propagation step, ``out = base + gain · (W x)``, clamped where ``gain`` is 0.

    Scores that spread by ``(1 - a) y + a S x`` with ``S = D^-1/2 W D^-1/2`` are ``D^1/2 u`` with
    ``u = (1 - a) D^-1/2 y + a D^-1 W u``: ``gain = a / d``. A row with gain 0 takes ``base``.

    Returns
    -------
    ndarray
        Of each column the sum of squares of ``out - x``, shape (w,).
    """
    change: Doubles = _module(x.size).spread(edges, gain, base, x, out)
    return change


def propagate(
    edges: Edges, gain: Floats, base: Floats, x: Floats, steps: int
) -> tuple[Floats, Doubles]:
    """Take ``steps`` propagation steps (see :func:`spread`) from ``x``, on a GPU where it pays.

    Returns
    -------
    (ndarray, ndarray)
        The scores, shape (n, w), and the sum of squares of the last change in each column.

    >>> chain = layout(np.array([0, 1, 2]), np.array([1, 0]), np.ones(2))
    >>> source, gain = np.array([[1.0], [0.0]], np.float32), np.array([0.0, 0.5], np.float32)
    >>> scores, change = propagate(chain, gain, source, np.zeros_like(source), 2)
    >>> scores.ravel().tolist(), change.tolist()
    ([1.0, 0.5], [0.25])
    """
    found: tuple[Floats, Doubles] = implementation("propagation", x.size).propagate(
        edges, gain, base, x, steps
    )
    return found


def pack(given: Doubles, order: Int64s, columns: Int64s, factor: Doubles) -> Floats:
    """Bring ``columns`` of ``given`` (n, c), each times its factor, into order, in float32.

    >>> pack(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0]), np.array([1]), np.array([10.0]))
    array([[40.],
           [20.]], dtype=float32)
    """
    out = np.zeros((len(order), width(len(columns))), np.float32)
    _module(given.size).pack(given, order, columns, factor, out)
    return out


def unpack(
    block: Floats, order: Int64s, columns: Int64s, factor: Doubles, into: Doubles, *, add: bool
) -> None:
    """Write a block, each column times its factor, back to where :func:`pack` took it from."""
    _module(into.size).unpack(block, order, columns, factor, into, add)


def remainder(
    indptr: npt.NDArray[Any],
    indices: npt.NDArray[Any],
    data: npt.NDArray[Any],
    diagonal: Doubles,
    x: Doubles,
    right: Doubles,
    order: Int64s | None = None,
) -> Doubles:
    """Return ``right - diagonal · x + W x`` in float64, (n, c): the true residual of a solution.

    Rows are worked on in ``order`` (n,), which is faster where neighbours are close in it.
    """
    order = np.arange(len(x)) if order is None else order
    given = indptr, indices, data, diagonal, x, right, order
    left: Doubles = _module(x.size).remainder(*given)
    return left


def corrected(scores: Doubles, columns: Doubles, change: Doubles) -> Doubles:
    """Return ``scores + columns change`` for (n, c), (n, m) and (m, c), with m small.

    >>> corrected(np.ones((2, 2)), np.array([[0.0], [2.0]]), np.array([[1.0, -1.0]])).tolist()
    [[1.0, 1.0], [3.0, -1.0]]
    """
    made: Doubles = _module(scores.size).corrected(scores, columns, change)
    return made


def unsure(
    x: Doubles, late: Doubles, residual: Doubles, diagonal: Doubles, wider: float, local: float
) -> npt.NDArray[np.bool_]:
    """Tell at which rows the largest of ``x`` (n, c) is not settled, shape (n,).

    Where it exceeds the second by less than ``wider`` times the most that is still to come
    (``late``), or the residual is more than ``local`` of ``diagonal`` times the row's sum.

    >>> x, late = np.array([[0.6, 0.4], [0.501, 0.499]]), np.full((2, 2), 0.001)
    >>> unsure(x, late, np.zeros((2, 2)), np.ones(2), 3.0, 1.0).tolist()
    [False, True]
    """
    given = x, late, residual, diagonal, wider, local
    found: npt.NDArray[np.bool_] = _module(x.size).unsure(*given)
    return found
