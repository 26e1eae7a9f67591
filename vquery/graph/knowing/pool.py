"""Which nodes are looked at when the next ones to label are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Weights = NDArray[np.float64]

POOL = 600
"""Candidates that are enough: the rings around the labelled grow until there are this many."""


def rings(weights: sparse.csr_array, start: Ints, enough: int = POOL) -> Ints:
    """Nodes around ``start``, itself left out, ring by ring until there are ``enough``; sorted.

    Neighbours of labelled items hold nearly all that is worth a label (C. Coleman et al. 2022,
    "Similarity Search for Efficient Active Learning"); the cost follows the labels and not the
    collection.

    >>> from vquery.graph.edges.graph import from_pairs
    >>> line = from_pairs(5, [0, 1, 2, 3], [1, 2, 3, 4], [1.0] * 4, kind="visual").weights
    >>> rings(line, np.array([0]), 2).tolist()
    [1, 2]
    """
    seen = np.zeros(weights.shape[0], bool)
    seen[start] = True
    ring, found = np.unique(start), 0
    kept = [ring[:0]]
    while len(ring) and found < enough:
        around = np.unique(targets(weights, ring))
        ring = around[~seen[around]]
        seen[ring] = True
        kept.append(ring)
        found += len(ring)
    return np.sort(np.concatenate(kept))


def targets(weights: sparse.csr_array, rows: Ints) -> Ints:
    """Columns of all entries of some rows, one row after the other."""
    begin, count = weights.indptr[rows], weights.indptr[np.asarray(rows) + 1] - weights.indptr[rows]
    offset = np.repeat(begin - (np.cumsum(count) - count), count)
    return np.asarray(weights.indices[offset + np.arange(len(offset))], np.int64)


@dataclass(frozen=True, slots=True)
class Nearby:
    """Nodes that lie close together in the time of one video; none do without a time.

    ``video`` (n,) integers and ``time`` (n,) seconds; ``seconds`` is the largest distance.
    """

    video: Ints | None = None
    time: Weights | None = None
    seconds: float = 0.0

    def to(self, nodes: Ints, others: Ints) -> Bools:
        """Tell which of ``nodes`` lie close to any of ``others``; time O((p + q) log q).

        >>> film = Nearby(np.array([0, 0, 1]), np.array([0.0, 1.5, 1.0]), 2.0)
        >>> film.to(np.array([1, 2]), np.array([0])).tolist()
        [True, False]
        """
        near = np.zeros(len(nodes), bool)
        if self.time is None or self.video is None or not len(others):
            return near
        others = others[np.lexsort((self.time[others], self.video[others]))]
        keys = self.video[others]
        for video in np.unique(self.video[nodes]):
            inside = np.flatnonzero(self.video[nodes] == video)
            first, last = np.searchsorted(keys, [video, video + 1])
            when = self.time[others[first:last]]
            if len(when):
                at = self.time[nodes[inside]]
                place = np.searchsorted(when, at)
                before = np.abs(at - when[np.maximum(place - 1, 0)])
                after = np.abs(at - when[np.minimum(place, len(when) - 1)])
                near[inside] = np.minimum(before, after) <= self.seconds
        return near
