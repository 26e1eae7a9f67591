"""Items and the graph of their likeness, solved for any seeds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from vquery.errors import LabelError, SchemaError
from vquery.graph.edges import Graph, Symmetry, temporal_edges, visual_edges
from vquery.graph.knn import Apart, bulk_floor, cosines, neighbours, unit
from vquery.graph.labelled import Labelled, label_items
from vquery.graph.masses import Prior, shares
from vquery.graph.seeds import read_seeds
from vquery.graph.solve import Harmonic

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from vquery.graph.knn import Neighbours

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Weights = NDArray[np.float64]

Method = Literal["harmonic"]
NEIGHBOURS = 8
COPY_SIMILARITY = 1 - 1e-5
"""Items at least this alike are one node."""
RUN_GAP_S = 2.0
"""Items of one video further apart in time never belong to one run."""


@dataclass(frozen=True)
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
        """Describe the graph: items, nodes, edges, components, degrees, share by kind, recall."""
        return dict(self._summary)

    def propagate(
        self,
        seeds: Mapping[int, Hashable],
        *,
        method: Method = "harmonic",
        prior: Prior = "uniform",
        confidence: Mapping[int, float] | None = None,
    ) -> Labelled:
        """Spread labels from some items to all others; parameters as for `propagate`.

        >>> items = knn_graph([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], k=1)
        >>> items.propagate({0: "right", 2: "up"}).table["label"].to_pylist()
        ['right', 'right', 'up', 'up']
        """
        if method != "harmonic":
            raise LabelError(f"The 'method' parameter must be 'harmonic'. Got {method!r} instead.")
        read = read_seeds(seeds, self.node, confidence=confidence)
        solver = Harmonic(self.graph.weights, read.nodes)
        return label_items(self, read, solver, shares(prior, read.classes), hard=True)


def knn_graph(
    vectors: ArrayLike,
    *,
    time: ArrayLike | None = None,
    track: ArrayLike | None = None,
    video: ArrayLike | None = None,
    k: int = NEIGHBOURS,
    symmetry: Symmetry = "mutual",
    recall: float = 0.99,
) -> ItemGraph:
    """Build the graph that `propagate` solves; parameters as there.

    Raises
    ------
    SchemaError
        If lengths differ or values are not finite.

    >>> knn_graph([[1, 0], [1, 0], [0, 1]], k=1).node.tolist()    # a copy is no node of its own
    [0, 0, 1]
    """
    points = unit(vectors)
    n = len(points)
    when = None if time is None else _finite(time, n)
    videos = _codes(video, n)
    runs = _given_runs(track, videos, n)
    if runs is None and when is not None:
        runs = _runs(points, videos, when)
    found = neighbours(points, max(k, NEIGHBOURS), recall=recall)
    node = _copies(found)
    _, first = np.unique(node, return_index=True)
    own = None if runs is None else runs[first]
    if own is None and len(first) == n:
        found = found.head(k)
    else:
        found = neighbours(points[first], k, apart=Apart(own), recall=recall)
    kinds = {"visual": visual_edges(found, symmetry=symmetry)}
    cut = 0
    if own is not None and when is not None:
        weight = float(kinds["visual"].data.mean()) if kinds["visual"].nnz else 1.0
        kinds["temporal"], cut = temporal_edges(points[first], own, when[first], weight=weight)
    facts = {
        "items": n,
        "copies": n - len(first),
        "without_vector": int((~points.any(1)).sum()),
        "k": k,
        "search": found.method,
        "recall": found.recall,
        "temporal_cut": cut,
    }
    return ItemGraph(Graph(len(first), kinds, facts), node)


def _finite(time: ArrayLike, n: int) -> Weights:
    when = np.asarray(time, np.float64)
    if when.shape != (n,) or not np.isfinite(when).all():
        raise SchemaError(f"time must be {n} finite numbers of seconds, got shape {when.shape}")
    return when


def _codes(values: ArrayLike | None, n: int) -> Ints:
    if values is None:
        return np.zeros(n, np.int64)
    array = np.asarray(values)
    if array.shape != (n,):
        raise SchemaError(f"video must have one value for each of {n} items, got {array.shape}")
    return np.unique(array, return_inverse=True)[1].astype(np.int64)


def _given_runs(track: ArrayLike | None, video: Ints, n: int) -> Ints | None:
    """Give tracks numbers that hold over all videos, -1 to items without one."""
    if track is None:
        return None
    array = np.asarray(track)
    if array.shape != (n,) or not np.issubdtype(array.dtype, np.integer):
        raise SchemaError(f"track must be {n} integers, got {array.dtype} of shape {array.shape}")
    code = np.unique(np.c_[video, array], axis=0, return_inverse=True)[1].ravel()
    return np.where(array >= 0, code, -1).astype(np.int64)


def _runs(points: Floats, video: Ints, time: Weights) -> Ints:
    """Give a number to each run of items that follow closely and are more alike than most."""
    n = len(points)
    floor, _ = bulk_floor(points, np.arange(n))
    order = np.lexsort((time, video))
    before, after = order[:-1], order[1:]
    gap = time[after] - time[before]
    joined = (video[before] == video[after]) & (gap > 0) & (gap <= RUN_GAP_S)
    joined &= cosines(points, before, after) >= floor
    runs = np.empty(n, np.int64)
    runs[order] = np.cumsum(np.r_[np.zeros(min(n, 1), np.int64), ~joined])
    return runs


def _copies(found: Neighbours) -> Ints:
    """Give copies one number, counted in the order of their first one."""
    n = found.n
    if n < 2:
        return np.arange(n)
    same = found.similarity >= COPY_SIMILARITY
    pairs = (np.ones(same.sum()), (found.source[same], found.target[same]))
    label = csgraph.connected_components(sparse.coo_array(pairs, shape=(n, n)), directed=False)[1]
    _, first, code = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[code.ravel()], np.int64)
