"""Edges that somebody states: a table of pairs and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import SchemaError
from vquery.graph.edges.symmetric import undirected

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy import sparse

    Ints = NDArray[np.int64]


def given_edges(
    n: int, source: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None
) -> sparse.csr_array:
    """Make a table of undirected edges a symmetric matrix.

    A pair may be given several times, in either order: tables often list both directions, some
    only for some pairs. The same thing said twice is not twice as true, so the **largest** weight
    counts. An edge of weight 0 is none.

    Parameters
    ----------
    source, target
        Shape (m,), integers from 0 to n - 1.
    weight
        Shape (m,), finite, not negative; by default 1 for all.

    Returns
    -------
    csr_array
        Shape (n, n), float32, without a diagonal. O(m log m).

    Raises
    ------
    SchemaError
        If lengths differ, or a row has a node that does not exist, the same node twice, or a
        weight that is negative or not finite; the first such row is named.

    >>> given_edges(3, [0, 1], [1, 0], [0.25, 0.5]).toarray()[0].tolist()
    [0.0, 0.5, 0.0]
    """
    a, b = _nodes(source, n, "source"), _nodes(target, n, "target")
    if len(a) != len(b):
        raise SchemaError(f"edges: source has {len(a)} rows, target has {len(b)}")
    w = np.ones(len(a), np.float32) if weight is None else _weights(weight, len(a))
    loops = a == b
    if loops.any():
        row = int(loops.argmax())
        raise SchemaError(
            f"edges, row {row}: node {a[row]} is linked with itself "
            f"({loops.sum()} such rows). Leave these rows out"
        )
    low, high = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((w, high, low))
    low, high, w = low[order], high[order], w[order]
    last = np.ones(len(a), bool)
    last[:-1] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    last &= w > 0
    return undirected(n, low[last], high[last], w[last])


def _nodes(values: ArrayLike, n: int, name: str) -> Ints:
    array: NDArray[Any] = np.asarray(values)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise SchemaError(
            f"edges: {name} must be one row of integers, got {array.dtype} of shape {array.shape}"
        )
    outside = (array < 0) | (array >= n)
    if outside.any():
        row = int(outside.argmax())
        raise SchemaError(
            f"edges, row {row}: {name} must be from 0 to {n - 1}, got {array[row]} "
            f"({outside.sum()} such rows)"
        )
    return array.astype(np.int64)


def _weights(values: ArrayLike, m: int) -> NDArray[np.float32]:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise SchemaError(f"edges: weights must be numbers: {error}") from error
    if array.shape != (m,):
        raise SchemaError(f"edges: weight must have shape ({m},), got {array.shape}")
    wrong = ~((array >= 0) & (array <= float(np.finfo(np.float32).max)))
    if wrong.any():
        row = int(wrong.argmax())
        raise SchemaError(
            f"edges, row {row}: a weight must be a finite number and not negative, "
            f"got {array[row]} ({wrong.sum()} such rows)"
        )
    return array.astype(np.float32)
