"""Which label would tell most about the nodes that are far from every label.

On a graph the labels are taken for a Gaussian field with the precision ``D + Λ - W``. A label at
node v lowers what is not known about the sum over all nodes by ``(Σ_u s_u C_uv)² / C_vv``, with the
covariance ``C`` given the seeds and ``s`` the items a node stands for (Σ-optimality: Y. Ma,
R. Garnett, J. Schneider 2013). It needs no scores, falls near seeds, and rises with the number of
items a node speaks for. The leak ``Λ`` limits how far a label speaks; a component without a seed of
m nodes gains m / Λ, so components and regions of one component compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

LEAK = 0.01
"""Share of the mean degree that every node loses: a label speaks for some hundred nodes."""


class Regions:
    """The gain of a label at each of p nodes, brought up to date after each one that is chosen.

    Parameters
    ----------
    weights
        Shape (m, m), symmetric, not negative: links among the nodes without a label.
    ground
        Shape (m,): weight of each one's links to labelled nodes.
    size
        Shape (m,): items that each stands for.
    limit
        More nodes than this are put together with their neighbours first (`coarsened`).

    Attributes
    ----------
    nodes
        Shape (p,): which of the m nodes are weighed.
    leak
        Weight that each node loses.

    Notes
    -----
    Memory O(p²), time O(edges + p³) once and O(p²) for each choice.

    >>> from vquery.graph.edges.graph import from_pairs
    >>> line = from_pairs(4, [0, 1, 2], [1, 2, 3], [1.0] * 3, kind="visual").weights
    >>> Regions(line, np.array([1.0, 0, 0, 0]), np.ones(4)).gain().argmax() >= 2    # far away
    np.True_
    """

    def __init__(
        self, weights: sparse.csr_array, ground: Weights, size: Weights, limit: int = 1_000
    ) -> None:
        degree = np.asarray(weights.sum(axis=1)).ravel() + ground
        self.leak = LEAK * (float(degree.mean()) if degree.any() else 1.0)
        self.nodes = np.arange(len(size))
        count = np.ones(len(size))
        while len(self.nodes) > limit:
            owner, heads = coarsened(weights)
            if len(heads) == len(self.nodes):
                heads = np.sort(
                    np.argsort(-(size**2) / (ground + self.leak), kind="stable")[:limit]
                )
                weights, ground = sparse.csr_array(weights[heads][:, heads]), ground[heads]
                size, count = size[heads], count[heads]
            else:
                weights = _merged(weights, owner, len(heads))
                ground = np.bincount(owner, ground).astype(np.float64)
                size = np.bincount(owner, size).astype(np.float64)
                count = np.bincount(owner, count).astype(np.float64)
            self.nodes = self.nodes[heads]
        inner = weights.toarray()
        total = inner.sum(1) + ground + self.leak * count
        self._covariance = np.linalg.inv(np.diag(total) - inner)
        self._size = size

    def gain(self) -> Weights:
        """Reduction of the variance of the sum, shape (p,); 0 at nodes that were chosen."""
        total = self._covariance @ self._size
        own = np.diag(self._covariance)
        # what rounding leaves of a chosen node's variance is none
        known = own <= 1e-12 / self.leak
        return np.asarray(np.divide(total**2, own, out=np.zeros_like(total), where=~known))

    def choose(self, place: int) -> None:
        """Take the node at ``place`` (among the p) as labelled."""
        own = self._covariance[place, place]
        if own > 0:
            column = self._covariance[:, place] / np.sqrt(own)
            self._covariance -= np.outer(column, column)
            self._covariance[place] = self._covariance[:, place] = 0.0


def coarsened(weights: sparse.csr_array) -> tuple[Ints, Ints]:
    """Put nodes together so that about one in the length of a neighbour list is left.

    Those with the largest degree among their neighbours stay and take in the neighbours whose
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
    rank = np.empty(m, np.int64)
    rank[np.lexsort((-np.arange(m), np.asarray(weights.sum(axis=1)).ravel()))] = np.arange(m)
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
    across = a != b
    pairs = (flat.data[across], (a[across], b[across]))
    return sparse.csr_array(sparse.coo_array(pairs, shape=(count, count)))
