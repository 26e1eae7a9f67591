"""Which label would speak for most of what no label speaks for yet.

A label at node v speaks for node u as far as a random walk from u meets v before it is lost:
``C_uv / C_vv`` with ``C`` the inverse of ``D + Λ - W``, where the leak ``Λ`` limits how far a label
speaks. Of several labels the one that speaks most counts, so that what one label speaks for is not
asked about again while others wait (facility location: monotone and submodular, so that choosing
the best again and again comes within 1 - 1/e of the best choice; G. Nemhauser, L. Wolsey,
M. Fisher 1978). It needs no scores; regions of one component and components without a label
compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
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
        Shape (p, p), symmetric, not negative.
    size, count
        Shape (p,): items and nodes that each stands for.
    labelled
        Places, among the p, that have a label already.

    Notes
    -----
    Memory O(p²), time O(p³) once and O(p²) for each choice.

    >>> from vquery.graph.edges.graph import from_pairs
    >>> line = from_pairs(4, [0, 1, 2], [1, 2, 3], [1.0] * 3, kind="visual").weights
    >>> one = np.ones(4)
    >>> Regions(line, one, one, [0]).gain().argmax() >= 2    # far away
    np.True_
    """

    def __init__(
        self, weights: sparse.csr_array, size: Weights, count: Weights, labelled: ArrayLike = ()
    ) -> None:
        inner = weights.toarray()
        degree = inner.sum(1)
        leak = LEAK * (float(degree.sum() / max(count.sum(), 1.0)) or 1.0)
        met = np.linalg.inv(np.diag(degree + leak * np.maximum(count, 1)) - inner)
        self._speaks = np.ascontiguousarray((met / np.diag(met)).T)  # a row for each label
        self._size = size
        self._known = np.zeros(len(size))
        for place in np.asarray(labelled, np.int64).tolist():
            self.choose(place)

    def gain(self) -> Weights:
        """Items that a label would newly speak for, shape (p,); 0 at nodes that were chosen."""
        return np.asarray(np.maximum(self._speaks - self._known, 0.0) @ self._size)

    def choose(self, place: int) -> None:
        """Take the node at ``place`` (among the p) as labelled."""
        np.maximum(self._known, self._speaks[place], out=self._known)
