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

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

LEAK = 0.01
"""Share of the mean degree that every node loses: a label speaks for some hundred nodes."""


class Regions:
    """The gain of a label at each of p nodes, brought up to date after each one that is chosen.

    Parameters
    ----------
    weights
        Shape (p, p), symmetric, not negative: links among the nodes without a label.
    ground
        Shape (p,): weight of each one's links to labelled nodes.
    size, count
        Shape (p,): items and nodes that each stands for.

    Notes
    -----
    Memory O(p²), time O(p³) once and O(p²) for each choice.

    >>> from vquery.graph.edges.graph import from_pairs
    >>> line = from_pairs(4, [0, 1, 2], [1, 2, 3], [1.0] * 3, kind="visual").weights
    >>> one = np.ones(4)
    >>> Regions(line, np.array([1.0, 0, 0, 0]), one, one).gain().argmax() >= 2    # far away
    np.True_
    """

    def __init__(
        self, weights: sparse.csr_array, ground: Weights, size: Weights, count: Weights
    ) -> None:
        inner = weights.toarray()
        degree = inner.sum(1) + ground
        typical = float(degree.sum() / max(count.sum(), 1.0))
        self.leak = LEAK * (typical or 1.0)
        self._covariance = np.linalg.inv(np.diag(degree + self.leak * np.maximum(count, 1)) - inner)
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
