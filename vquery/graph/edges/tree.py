"""The shortest edges that keep together what neighbour lists connect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

if TYPE_CHECKING:
    from numpy.typing import NDArray


def shortest_tree(
    n: int, source: NDArray[Any], target: NDArray[Any], length: NDArray[Any]
) -> NDArray[np.bool_]:
    """Mark the list entries that form the minimum spanning tree of each component.

    Mutual neighbours alone leave dozens of islands; what is in a tree is connected by the shortest
    edge there is, and by no more than that (J. Kruskal 1956; trees for neighbour graphs:
    M. Carreira-Perpiñán, R. Zemel 2004).

    Parameters
    ----------
    source, target
        Shape (m,): lists sorted by source, which may name a pair from both sides.
    length
        Shape (m,): of each entry; equal ones are taken in their order.

    Returns
    -------
    ndarray
        Shape (m,): True for n less the number of components entries. O(m log m) time, and about
        40 bytes an entry.

    >>> triangle = np.array([0, 0, 1]), np.array([1, 2, 2]), np.array([1.0, 3.0, 2.0])
    >>> shortest_tree(3, *triangle).tolist()
    [True, False, True]
    """
    kept = np.zeros(len(source), bool)
    order = np.argsort(length, kind="stable")
    # ranks, because an edge of length 0 would be none to scipy, and ties would be left to its sort
    rank = np.empty(len(order), np.float64)
    rank[order] = np.arange(1, len(order) + 1)
    starts = np.searchsorted(source, np.arange(n + 1)).astype(np.int32)
    lists = sparse.csr_array((rank, np.asarray(target, np.int32), starts), shape=(n, n))
    found = csgraph.minimum_spanning_tree(lists, overwrite=True)
    kept[order[found.data.astype(np.int64) - 1]] = True
    return kept
