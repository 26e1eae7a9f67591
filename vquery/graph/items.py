"""Items and the graph of their likeness, solved for any seeds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from vquery.errors import LabelError
from vquery.graph.columns import read_columns, read_edges, read_spaces
from vquery.graph.concepts import label_concepts
from vquery.graph.edges import (
    Graph,
    Symmetry,
    given_edges,
    mixed,
    runs,
    temporal_edges,
    text_edges,
    visual_edges,
)
from vquery.graph.knn import Apart, neighbours
from vquery.graph.knn.fold import folded
from vquery.graph.labelled import Labelled, label_items
from vquery.graph.masses import Prior, shares
from vquery.graph.seeds import Seeds, read_seeds
from vquery.graph.solve import Harmonic, Poisson, Solver, Spreading
from vquery.graph.solve.spreading import ALPHA

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import ArrayLike, NDArray
    from scipy import sparse

    from vquery.graph.columns import Columns
    from vquery.graph.concepts import Concepts

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Weights = NDArray[np.float64]

Method = Literal["harmonic", "spreading", "poisson"]
NEIGHBOURS = 10
SYMMETRY: Symmetry = "tree"
"""Chosen, with the number of neighbours, on seventeen sets (digits are one): best on average from 1
to 10 labels a class. Mutual neighbours alone leave parts of small sets without any label."""


@dataclass(frozen=True, eq=False, repr=False)
class ItemGraph:
    """Items and their affinities; copies of one item share a node. Solved for any seeds.

    Attributes
    ----------
    graph
        Affinities over the nodes.
    node
        Shape (n,): the node of each item.
    """

    graph: Graph
    node: Ints

    def __repr__(self) -> str:
        return f"<ItemGraph: {len(self.node):,} items as {self.graph!r}>"

    @cached_property
    def first(self) -> Ints:
        """Shape (nodes,): the first item of each node."""
        return np.unique(self.node, return_index=True)[1].astype(np.int64)

    @cached_property
    def multiplicity(self) -> Ints:
        """Shape (nodes,): how many items each node stands for."""
        return np.bincount(self.node, minlength=self.graph.n).astype(np.int64)

    @cached_property
    def degree(self) -> Weights:
        """Shape (nodes,): sum of the affinities of each node."""
        return np.asarray(self.graph.weights.sum(axis=1), np.float64).ravel()

    @cached_property
    def component(self) -> Ints:
        """Shape (nodes,): the number of each node's component."""
        return self.graph.components()[1]

    @cached_property
    def _summary(self) -> dict[str, Any]:
        return self.graph.summary()

    def summary(self) -> dict[str, Any]:
        """Describe the graph: items, copies, edges, components, degrees, share by kind, recall."""
        return dict(self._summary)

    def propagate(
        self,
        seeds: Mapping[int, Hashable],
        *,
        method: Method = "harmonic",
        prior: Prior = "uniform",
        confidence: Mapping[int, float] | None = None,
        alpha: float | None = None,
    ) -> Labelled:
        """Spread labels from some items to all others.

        Parameters
        ----------
        seeds
            Item → label; None is a class of its own, "none of them".
        method
            "harmonic": seeds stay as they are. "spreading": seeds are votes that may be wrong, and
            copies may contradict each other. "poisson": seeds stay; meant for one label a class.
        prior
            Class masses to scale to: "uniform", shares by label, or None for no scaling.
        confidence
            Item → number above 0 and at most 1, for some or all seeds; only for "spreading".
        alpha
            Only for "spreading", see `Spreading`; .99 unless given, less for classes of a few
            items.

        Raises
        ------
        LabelError
            See `vquery.graph.propagate.propagate`.

        >>> items = knn_graph([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], k=1)
        >>> items.propagate({0: "right", 2: "up"}).table["label"].to_pylist()
        ['right', 'right', 'up', 'up']
        """
        check_method(method, confidence, alpha)
        read = read_seeds(seeds, self.node, confidence=confidence, soft=method == "spreading")
        wanted = shares(prior, read.classes)
        solver = self.solver(read, method, alpha)
        facts = {"seeds": len(seeds), "classes": len(read.classes), "propagation": method}
        hard = method != "spreading"
        return label_items(self, read, solver, wanted, hard=hard, facts=facts)

    def propagate_concepts(
        self, concepts: Concepts, *, method: Method = "harmonic"
    ) -> dict[str, Labelled]:
        """Say for each concept which items are of it; see `label_concepts`.

        >>> items = knn_graph([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], k=1)
        >>> found = items.propagate_concepts({"flat": {0: True, 2: False}})
        >>> found["flat"].table["label"].to_pylist()
        [True, True, False, False]
        """
        check_method(method)
        return label_concepts(self, concepts, method=method)

    def solver(self, seeds: Seeds, method: Method, alpha: float | None = None) -> Solver:
        """Set up the problem for seeds on nodes; labels may still vary."""
        weights = self.graph.weights
        if method == "spreading":
            return Spreading(weights, seeds.nodes, seeds.confidence, alpha or ALPHA)
        return (Harmonic if method == "harmonic" else Poisson)(weights, seeds.nodes)


def check_method(
    method: str, confidence: Mapping[int, float] | None = None, alpha: float | None = None
) -> None:
    """Refuse a method that does not exist, and what only spreading can use.

    Raises
    ------
    LabelError
        Naming the parameter.
    """
    if method not in get_args(Method):
        known = ", ".join(repr(name) for name in get_args(Method))
        raise LabelError(f"The 'method' parameter must be one of {known}. Got {method!r} instead.")
    if confidence is not None and method != "spreading":
        raise LabelError(
            f"confidence needs method='spreading': with {method!r} every seed keeps its label"
        )
    if alpha is not None and (method != "spreading" or not 0 < alpha < 1):
        raise LabelError(
            f"The 'alpha' parameter must be between 0 and 1, with method='spreading'. Got {alpha} "
            f"with {method!r} instead."
        )


def knn_graph(
    vectors: ArrayLike | Mapping[str, ArrayLike],
    *,
    time: ArrayLike | None = None,
    track: ArrayLike | None = None,
    video: ArrayLike | None = None,
    shot: ArrayLike | None = None,
    texts: Sequence[str | None] | pa.Array | None = None,
    edges: Columns | None = None,
    mix: Mapping[str, float] | None = None,
    k: int = NEIGHBOURS,
    symmetry: Symmetry = SYMMETRY,
    apart_s: float = 0.0,
    recall: float = 0.99,
) -> ItemGraph:
    """Link items that look alike, follow each other, say the same, or are linked by a table.

    Parameters
    ----------
    vectors
        Shape (n, d), or several such arrays by name: each becomes a kind of edge of that name, and
        items are copies only if they are in all of them.
    time
        Shape (n,), seconds. With it, items that follow each other in one video and look alike are
        linked, and neighbours are taken outside that run.
    track
        Shape (n,), integers, negative for none: the runs, where they are known.
    video
        Shape (n,), any values; by default all items are in one video.
    shot
        Shape (n,), any values: the shot that each item lies in. Edges in time end where it changes;
        needs ``time``.
    texts
        n texts or nulls: what is said during each item.
    edges
        A table with the columns ``source``, ``target`` and perhaps ``weight``, or a tuple of such
        arrays: pairs of items that belong together.
    mix
        Weight by kind ("visual" or the names of ``vectors``, "temporal", "text", "given"), see
        `vquery.graph.edges.mixed`.
    k
        Neighbours of each item.
    symmetry
        Which pairs are linked, see `visual_edges`.
    apart_s
        Items of one video within so many seconds are no visual neighbours; needs ``time``.
    recall
        Wanted of the search for neighbours where it is not exact.

    Raises
    ------
    SchemaError
        If lengths differ, values are not finite (the item is named), or a parameter is unknown.

    Notes
    -----
    Edges between items become edges between their nodes: of several the heaviest, and none within
    a node. Time and memory are those of the search for neighbours.

    >>> knn_graph([[1, 0], [1, 0], [0, 1]], k=1).node.tolist()    # a copy is no node of its own
    [0, 0, 1]
    """
    spaces, together = read_spaces(vectors)
    n = len(together)
    given = read_columns(
        n, time=time, track=track, video=video, shot=shot, texts=texts, apart_s=apart_s
    )
    pairs = None if edges is None else given_edges(n, *read_edges(edges))
    run = given.run
    if run is None and given.time is not None:
        run = runs(together, given.video, given.time, cuts=given.shot)
    apart = Apart(run, given.video, given.time, apart_s)
    node, first = folded(together, video=given.video, time=given.time)
    lists = {
        name: neighbours(points[first], k, apart=apart.take(first), recall=recall)
        for name, points in spaces.items()
    }
    kinds = {name: visual_edges(found, symmetry=symmetry) for name, found in lists.items()}
    facts: dict[str, Any] = {
        "items": n,
        "copies": n - len(first),
        "without_vector": int((~together.any(1)).sum()),
        "k": int(k),
        "search": ", ".join(dict.fromkeys(found.method for found in lists.values())),
        "recall": min(found.recall for found in lists.values()),
    }
    if run is not None and given.time is not None:
        follow, cut = temporal_edges(together, run, given.time, shot=given.shot)
        kinds["temporal"] = _on_nodes(follow, node, len(first))
        facts["temporal_cut"] = cut._asdict()
    if texts is not None:
        said = text_edges(texts, apart=apart)
        kinds["text"] = _on_nodes(said, node, len(first))
        facts["text_linked"] = int((np.diff(said.indptr) > 0).sum())
    if pairs is not None:
        kinds["given"] = _on_nodes(pairs, node, len(first))
    return ItemGraph(mixed(len(first), kinds, mix, facts), node)


def _on_nodes(between: sparse.csr_array, node: Ints, n: int) -> sparse.csr_array:
    """Turn edges between items into edges between their nodes; the heaviest of several counts."""
    if len(node) == n:
        return between
    pairs = between.tocoo()
    source, target = node[pairs.row], node[pairs.col]
    keep = source < target
    return given_edges(n, source[keep], target[keep], pairs.data[keep])
