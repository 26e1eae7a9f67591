"""Affinities from neighbour lists.

The weight of a directed neighbour is ``exp(-4 d² / d_k²)``, ``d`` the Euclidean distance of the
unit vectors and ``d_k`` the node's own distance to its last neighbour (as in the GraphLearning
package of J. Calder). Mutual neighbours stay, and each node keeps its nearest neighbour, so that
few nodes are cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import sparse

from vquery.errors import SchemaError

if TYPE_CHECKING:
    from vquery.graph.knn import Neighbours

Symmetry = Literal["mutual", "sum"]
SHORTEST = 1e-12
"""Smallest d_k²: a node whose neighbours are all copies of it."""


def visual_edges(found: Neighbours, *, symmetry: Symmetry = "mutual") -> sparse.csr_array:
    """Weigh neighbour lists by ``exp(-4 d² / d_k²)`` and make them symmetric.

    Parameters
    ----------
    symmetry
        "mutual": pairs that name each other, and each node's nearest neighbour; "sum": every pair
        that is named by either side (for classes of a few items). The weight of a pair is the sum
        of what both sides give it.

    Returns
    -------
    csr_array
        Shape (n, n), symmetric, without a diagonal.
    """
    if symmetry not in ("mutual", "sum"):
        raise SchemaError(
            f"The 'symmetry' parameter must be 'mutual' or 'sum'. Got {symmetry!r} instead."
        )
    n, source, target = found.n, found.source, found.target
    squared = np.maximum(2.0 - 2.0 * found.similarity.astype(np.float64), 0.0)
    reach = np.zeros(n)
    np.maximum.at(reach, source, squared)
    weight = np.exp(-4.0 * squared / np.maximum(reach, SHORTEST)[source])
    directed = sparse.csr_array((weight, (source, target)), shape=(n, n))
    both = sparse.csr_array(directed + directed.T)
    if symmetry == "sum":
        return both
    named = sparse.csr_array((np.ones(len(source)), (source, target)), shape=(n, n))
    first = np.flatnonzero(np.r_[True, source[1:] != source[:-1]]) if len(source) else source[:0]
    nearest = sparse.csr_array((np.ones(len(first)), (source[first], target[first])), shape=(n, n))
    keep = named.multiply(named.T) + nearest + nearest.T
    keep.data[:] = 1.0
    return sparse.csr_array(both.multiply(keep))
