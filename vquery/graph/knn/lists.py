"""Neighbour lists, and which rows may not be in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Apart:
    """Which rows may not be neighbours: those of one group, such as a track.

    Parameters
    ----------
    group
        Shape (n,); rows with the same number of 0 or more are kept apart, -1 is a group of its own.
    """

    group: Ints | None = None

    def excludes(self, source: Ints, target: Ints) -> NDArray[np.bool_]:
        """Tell for each pair of rows (broadcast together) whether it is kept apart."""
        if self.group is None:
            return np.zeros(np.broadcast_shapes(source.shape, target.shape), bool)
        excluded: NDArray[np.bool_] = self.group[source] == self.group[target]
        excluded &= self.group[source] >= 0
        return excluded

    def counts(self, n: int) -> Ints:
        """Count for each row the rows kept apart from it (itself included)."""
        out = np.ones(n, np.int64)
        if self.group is not None:
            named = self.group >= 0
            _, code, sizes = np.unique(self.group[named], return_inverse=True, return_counts=True)
            out[named] = sizes[code]
        return out


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Directed lists as three parallel arrays, by source, then falling similarity, then target.

    ``recall`` is the share of the exact answer that was found on the sample (1 for exact search).
    """

    n: int
    k: int
    source: Ints
    target: Ints
    similarity: Floats
    method: str
    recall: float

    def counts(self) -> Ints:
        """Length of each row's list, shape (n,)."""
        return np.bincount(self.source, minlength=self.n)

    def head(self, k: int) -> Neighbours:
        """Keep the first ``k`` of each list."""
        size = self.counts()
        keep = np.arange(len(self.source)) - np.repeat(np.cumsum(size) - size, size) < k
        lists = (self.source[keep], self.target[keep], self.similarity[keep])
        return Neighbours(self.n, min(k, self.k), *lists, self.method, self.recall)
