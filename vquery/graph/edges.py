"""Symmetric, non-negative affinities from neighbour lists and from time.

The weight of a directed neighbour is ``exp(-4 d² / d_k²)``, ``d`` the Euclidean distance of the
unit vectors and ``d_k`` the node's own distance to its last neighbour (as in the GraphLearning
package of J. Calder). Mutual neighbours stay, and each node keeps its nearest neighbour, so that
few nodes are cut off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from vquery.errors import SchemaError
from vquery.graph.knn import cosines

if TYPE_CHECKING:
    from collections.abc import Mapping

    import networkx as nx
    from numpy.typing import NDArray

    from vquery.graph.knn import Neighbours

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

Symmetry = Literal["mutual", "sum"]
SHORTEST = 1e-12
"""Smallest d_k²: a node whose neighbours are all copies of it."""
SWITCH_QUANTILE = 0.01
"""Consecutive detections of a track less alike than this quantile are likely two objects."""


@dataclass(frozen=True, slots=True)
class Graph:
    """An undirected weighted graph; ``kinds`` holds one symmetric matrix for each kind of edge.

    ``facts`` are figures on how it was built (floor, recall …) that ``summary`` repeats.
    """

    n: int
    kinds: Mapping[str, sparse.csr_array]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind, matrix in self.kinds.items():
            _check(matrix, kind, self.n)

    @property
    def weights(self) -> sparse.csr_array:
        """The sum over all kinds, shape (n, n)."""
        total = sparse.csr_array((self.n, self.n), dtype=np.float64)
        for matrix in self.kinds.values():
            total = total + matrix
        return sparse.csr_array(total)

    def components(self) -> tuple[int, Ints]:
        """Count the connected components and number each node's."""
        count, labels = csgraph.connected_components(self.weights, directed=False)
        return int(count), np.asarray(labels, np.int64)

    def summary(self) -> dict[str, Any]:
        """Describe the graph: nodes, edges, components, degrees, share of the weight by kind.

        >>> line = from_pairs(3, [0], [1], [0.5], kind="visual")
        >>> line.summary()["edges"], line.summary()["components"], line.summary()["isolated"]
        (1, 2, 1)
        """
        weights = self.weights
        degree = np.diff(weights.indptr)
        total = float(weights.sum())
        sizes = np.bincount(self.components()[1]) if self.n else np.zeros(1, np.int64)
        shares = {
            kind: float(part.sum()) / total if total else 0.0 for kind, part in self.kinds.items()
        }
        return {
            "nodes": self.n,
            "edges": int(weights.nnz // 2),
            "components": int((sizes > 0).sum()),
            "largest_component": int(sizes.max()),
            "isolated": int((degree == 0).sum()),
            "degree_median": float(np.median(degree)) if self.n else 0.0,
            "degree_max": int(degree.max()) if self.n else 0,
            "weight_share": shares,
            **self.facts,
        }

    def to_networkx(self) -> nx.Graph:
        """Copy to a ``networkx.Graph``; edges carry ``weight`` and ``kind`` (the heaviest one).

        >>> graph = from_pairs(3, [0], [1], [0.5], kind="visual").to_networkx()
        >>> graph.number_of_nodes(), graph.edges[0, 1]["weight"], graph.edges[0, 1]["kind"]
        (3, 0.5, 'visual')
        """
        import networkx as nx

        graph = nx.Graph()
        graph.add_nodes_from(range(self.n))
        heaviest: dict[tuple[int, int], float] = {}
        for kind, matrix in self.kinds.items():
            upper = sparse.coo_array(sparse.triu(matrix))
            pairs = zip(upper.row.tolist(), upper.col.tolist(), upper.data.tolist(), strict=True)
            for a, b, weight in pairs:
                before = graph.edges[a, b]["weight"] if graph.has_edge(a, b) else 0.0
                if weight > heaviest.get((a, b), 0.0):
                    heaviest[a, b] = weight
                    graph.add_edge(a, b, kind=kind)
                graph.edges[a, b]["weight"] = before + weight
        return graph


def _check(matrix: sparse.csr_array, kind: str, n: int) -> None:
    """Refuse what makes propagation wrong without a sign: see the rules in the message."""
    if matrix.shape != (n, n):
        raise SchemaError(f"{kind} edges must have shape ({n}, {n}), got {matrix.shape}")
    if not np.isfinite(matrix.data).all() or (matrix.data < 0).any():
        raise SchemaError(f"{kind} edges: weights must be finite and not negative")
    if matrix.diagonal().any():
        raise SchemaError(f"{kind} edges: no node may be linked with itself")
    if n and abs(matrix - matrix.T).max() > 1e-9:
        raise SchemaError(f"{kind} edges must be symmetric")


def from_pairs(n: int, source: Any, target: Any, weight: Any, *, kind: str) -> Graph:
    """Build a graph of one kind from undirected pairs, each given once."""
    half = sparse.coo_array(
        (np.asarray(weight, np.float64), (np.asarray(source), np.asarray(target))), shape=(n, n)
    )
    return Graph(n, {kind: sparse.csr_array(half + half.T)})


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


def temporal_edges(
    vectors: NDArray[np.float32], track: Ints, time: NDArray[Any], *, weight: float
) -> tuple[sparse.csr_array, int]:
    """Link each detection of a track with the next one in time.

    A track never crosses a shot, so these edges end at cuts by themselves. They are also cut where
    two consecutive detections are less alike than ``SWITCH_QUANTILE`` of all: there the tracker
    has probably changed to another object.

    Parameters
    ----------
    vectors
        Shape (n, d), unit length.
    track, time
        Shape (n,); a negative track is none.
    weight
        Of every edge.

    Returns
    -------
    (csr_array, int)
        The symmetric edges, and how many were cut.
    """
    n = len(track)
    order = np.lexsort((time, track))
    order = order[track[order] >= 0]
    a, b = order[:-1], order[1:]
    same = track[a] == track[b]
    a, b = a[same], b[same]
    alike = cosines(vectors, a, b)
    keep = alike >= np.quantile(alike, SWITCH_QUANTILE) if len(alike) else alike > 0
    half = sparse.coo_array((np.full(keep.sum(), weight), (a[keep], b[keep])), shape=(n, n))
    return sparse.csr_array(half + half.T), int((~keep).sum())
