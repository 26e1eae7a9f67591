"""Affinities from neighbour lists.

The weight of a directed neighbour is ``exp(-4 d² / d_k²)``, ``d`` the Euclidean distance of the
unit vectors and ``d_k`` the node's own distance to its last neighbour (as in the GraphLearning
package of J. Calder). Mutual neighbours stay, each node keeps its nearest neighbour, and the
shortest tree through what the lists connect stays too, so that nothing is cut off that they reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery.graph.edges.symmetric import Symmetry, local_weights, symmetric

if TYPE_CHECKING:
    from scipy import sparse

    from vquery.graph.knn import Neighbours


def visual_edges(found: Neighbours, *, symmetry: Symmetry = "mutual") -> sparse.csr_array:
    """Weigh neighbour lists by ``exp(-4 d² / d_k²)`` and make them symmetric.

    Parameters
    ----------
    symmetry
        "mutual": pairs that name each other, and each node's nearest neighbour; "tree": those, and
        the shortest tree through each component of what the lists connect (`shortest_tree`);
        "sum": every pair that is named by either side. The weight of a pair is the sum of what
        both sides give it.

    Returns
    -------
    csr_array
        Shape (n, n), float32 and int32, symmetric, without a diagonal.

    Raises
    ------
    SchemaError
        If the symmetry is unknown or the lists are not valid, see `symmetric`.
    """
    squared = np.asarray(found.similarity, np.float32) * np.float32(-2)
    squared += 2
    np.maximum(squared, 0, out=squared)
    reach = np.zeros(found.n, np.float32)
    np.maximum.at(reach, found.source, squared)
    weight = local_weights(found.source, squared, reach)
    return symmetric(found.n, found.source, found.target, weight, symmetry, length=squared)
