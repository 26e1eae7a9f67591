"""A small picture of a large graph: cells of neighbouring nodes, and how they hang together.

Made once for a graph, whatever its labels, so that what to label next can be asked at a cost that
does not grow with the collection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from vquery.graph.knowing.gaps import components_of, counted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

CELLS = 600
"""Cells at most: their matrix is inverted in some 20 ms."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Cells of a graph.

    Attributes
    ----------
    component
        Shape (n,): connected component of each node.
    owner
        Shape (n,): cell of each node; -1 for components too small to be worth a cell.
    nodes
        Shape (p,): the node in the middle of each cell.
    weights
        Shape (p, p): sums of the links between cells.
    items, count
        Shape (p,): items and nodes in each cell.
    """

    component: Ints
    owner: Ints
    nodes: Ints
    weights: sparse.csr_array
    items: Weights
    count: Weights


def overview(
    weights: sparse.csr_array, *, item_count: ArrayLike | None = None, cells: int = CELLS
) -> Overview:
    """Put neighbouring nodes together until at most ``cells`` are left.

    Parameters
    ----------
    weights
        Shape (n, n), symmetric, not negative.
    item_count
        Shape (n,): items that a node stands for, by default 1.
    cells
        Components without a link to spare get at most half of them, those with most items.

    Returns
    -------
    Overview
        Time O(edges) for each of the few rounds.

    >>> from vquery.graph.edges.graph import from_pairs
    >>> line = from_pairs(5, [0, 1, 2, 3], [1, 2, 3, 4], [1.0, 2, 2, 1], kind="visual").weights
    >>> small = overview(line, cells=3)
    >>> small.nodes.tolist(), small.items.tolist(), small.owner.tolist()
    ([0, 2, 4], [1.0, 3.0, 1.0], [0, 1, 1, 1, 2])
    """
    n = weights.shape[0]
    items = counted(item_count, n).astype(np.float64)
    count, nodes, owner = np.ones(n), np.arange(n), np.arange(n)
    component = components_of(weights)
    while len(nodes) > cells:
        alone = np.flatnonzero(np.diff(weights.indptr) == 0)
        if len(alone) > cells // 2:  # too many components for a cell each: the largest
            out = alone[np.lexsort((alone, -items[alone]))[cells // 2 :]]
            heads = np.setdiff1d(np.arange(len(nodes)), out)
            part = np.full(len(nodes), -1)
            part[heads] = np.arange(len(heads))
        else:
            part, heads = _not_below(cells, *coarsened(weights), items)
        weights = _merged(weights, part, len(heads))
        kept = part >= 0
        items = np.bincount(part[kept], items[kept], minlength=len(heads)).astype(np.float64)
        count = np.bincount(part[kept], count[kept], minlength=len(heads)).astype(np.float64)
        owner = np.where(owner >= 0, part[owner], -1)
        nodes = nodes[heads]
    return Overview(component, owner, nodes, weights, items, count)


def _not_below(cells: int, part: Ints, heads: Ints, items: Weights) -> tuple[Ints, Ints]:
    """Let the largest of those that were taken in stay as well, so that ``cells`` are left."""
    if len(heads) >= cells:
        return part, heads
    taken = np.setdiff1d(np.arange(len(part)), heads)
    spared = taken[np.lexsort((taken, -items[taken]))[: cells - len(heads)]]
    owner = heads[part]
    owner[spared] = spared
    every = np.union1d(heads, spared)
    return np.searchsorted(every, owner), every


def coarsened(weights: sparse.csr_array) -> tuple[Ints, Ints]:
    """Put nodes together so that about one in the length of a neighbour list is left.

    Those with a large degree among their neighbours stay and take in the neighbours whose
    strongest link to one that stays leads to them; no two that stay are linked (a maximal
    independent set, M. Luby 1986).

    Returns
    -------
    (ndarray, ndarray)
        Shape (m,): the place among those that stay; and those, sorted.

    >>> from vquery.graph.edges.graph import from_pairs
    >>> line = from_pairs(5, [0, 1, 2, 3], [1, 2, 3, 4], [1.0, 2, 2, 1], kind="visual").weights
    >>> [part.tolist() for part in coarsened(line)]
    [[0, 1, 1, 1, 2], [0, 2, 4]]
    """
    m = weights.shape[0]
    source = np.repeat(np.arange(m), np.diff(weights.indptr))
    target = np.asarray(weights.indices, np.int64)
    degree = np.asarray(weights.sum(axis=1)).ravel()
    # by doublings of the degree and then by chance: in the order of the nodes a chain of equal
    # ones would take a round each
    doublings = np.log2(degree, out=np.full(m, -np.inf), where=degree > 0)
    rank = np.empty(m, np.int64)
    luck = np.random.default_rng(0).permutation(m)
    rank[np.lexsort((luck, np.floor(doublings)))] = np.arange(m)
    stays, open_ = np.zeros(m, bool), np.ones(m, bool)
    while open_.any():
        both = open_[source] & open_[target]
        source_, target_ = source[both], target[both]
        beaten = np.zeros(m, bool)
        beaten[source_[rank[source_] < rank[target_]]] = True
        chosen = open_ & ~beaten
        stays |= chosen
        open_ &= ~chosen
        open_[target_[chosen[source_]]] = False
    heads = np.flatnonzero(stays)
    place = np.full(m, -1, np.int64)
    place[heads] = np.arange(len(heads))
    link = stays[target] & ~stays[source]
    order = np.lexsort((rank[target[link]], weights.data[link]))
    place[source[link][order]] = place[target[link][order]]  # the last one written is the strongest
    return place, heads


def _merged(weights: sparse.csr_array, owner: Ints, count: int) -> sparse.csr_array:
    """Sum the links between groups of nodes; what lies inside one is left out."""
    flat = sparse.coo_array(weights)
    a, b = owner[flat.row], owner[flat.col]
    across = (a != b) & (a >= 0) & (b >= 0)
    pairs = (flat.data[across], (a[across], b[across]))
    return sparse.csr_array(sparse.coo_array(pairs, shape=(count, count)))
