"""An undirected weighted graph with several kinds of edges, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from vquery.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import networkx as nx
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


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
