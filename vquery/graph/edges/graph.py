"""An undirected weighted graph with several kinds of edges, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from vquery.graph.edges import describe, outside
from vquery.graph.edges.check import checked
from vquery.graph.edges.given import given_edges

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import networkx as nx
    from numpy.typing import ArrayLike, NDArray

    from vquery.graph.edges.outside import Columns

    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Graph:
    """An undirected weighted graph; ``kinds`` holds one symmetric matrix for each kind of edge.

    The matrices are checked and brought to canonical form (see `check.checked`): symmetric, finite,
    above 0, no loop, no edge twice. Theirs and the sum's arrays are shared: do not change them.
    ``facts`` are figures on how the graph was built (floor, recall …) that ``summary`` repeats.

    Raises
    ------
    SchemaError
        Naming the kind and the pair of nodes at fault.

    >>> from_pairs(3, [0], [1], [0.5], kind="visual")
    Graph(3 nodes; visual: 1 edge)
    """

    n: int
    kinds: Mapping[str, sparse.csr_array]
    facts: Mapping[str, Any] = field(default_factory=dict)
    _sum: sparse.csr_array | None = field(init=False, default=None)
    _parts: tuple[int, Ints] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        kinds = {kind: checked(matrix, kind, self.n) for kind, matrix in self.kinds.items()}
        object.__setattr__(self, "kinds", kinds)

    @property
    def weights(self) -> sparse.csr_array:
        """The sum over all kinds, shape (n, n), computed once; float32 if all kinds are."""
        if self._sum is None:
            first, *others = self.kinds.values() or [_nothing(self.n)]
            for matrix in others:
                first = first + matrix
            object.__setattr__(self, "_sum", first)
        return self._sum

    def components(self) -> tuple[int, Ints]:
        """Count the connected components and number each node's, shape (n,); computed once."""
        if self._parts is None:
            count, labels = csgraph.connected_components(self.weights, directed=False)
            object.__setattr__(self, "_parts", (int(count), np.asarray(labels, np.int64)))
        assert self._parts is not None
        return self._parts

    def summary(self) -> dict[str, Any]:
        """Describe the graph in figures that JSON can hold; see `describe.summary`.

        >>> line = from_pairs(3, [0], [1], [0.5], kind="visual")
        >>> line.summary()["edges"], line.summary()["components"], line.summary()["isolated"]
        (1, 2, 1)
        """
        return describe.summary(self)

    def __repr__(self) -> str:
        kinds = ", ".join(
            f"{kind}: {describe.counted(part.nnz // 2, 'edge')}"
            for kind, part in self.kinds.items()
        )
        return f"Graph({describe.counted(self.n, 'node')}; {kinds or 'no edges'})"

    def __str__(self) -> str:
        return describe.text(self.summary())

    def to_networkx(self, nodes: Columns | None = None) -> nx.Graph:
        """Copy to a ``networkx.Graph``, for inspection; see `outside.to_networkx`.

        >>> graph = from_pairs(3, [0], [1], [0.5], kind="visual").to_networkx()
        >>> graph.number_of_nodes(), graph.edges[0, 1]["weight"], graph.edges[0, 1]["kind"]
        (3, 0.5, 'visual')
        """
        return outside.to_networkx(self, nodes)

    def to_graphml(self, path: Path | str, nodes: Columns | None = None) -> Path:
        """Write a GraphML file (Gephi, Cytoscape, yEd …); see `outside.to_graphml`."""
        return outside.to_graphml(self, path, nodes)


def _nothing(n: int) -> sparse.csr_array:
    return sparse.csr_array((n, n), dtype=np.float32)


def from_pairs(
    n: int, source: ArrayLike, target: ArrayLike, weight: ArrayLike, *, kind: str
) -> Graph:
    """Build a graph of one kind from undirected pairs, see `given_edges`."""
    return Graph(n, {kind: given_edges(n, source, target, weight)})
