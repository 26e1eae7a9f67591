"""Neighbour lists, and which rows may not be in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import SchemaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Found = tuple[NDArray[Any], Floats]

BLOCK_ROWS = 1 << 16
"""Lists that are sorted together: a few tens of MB."""


@dataclass(frozen=True, slots=True)
class Apart:
    """Which rows may not be neighbours: those of one group, such as a track, or of one moment.

    Parameters
    ----------
    group
        Shape (n,); rows with the same number of 0 or more are kept apart, -1 is a group of its own.
    video, time
        Shape (n,): integers and seconds. Rows of the same video are kept apart when their times
        differ by at most ``seconds``; a time that is not a number is near none.
    seconds
        With 0 there is no such rule.

    Raises
    ------
    SchemaError
        If ``seconds`` is negative or not finite, or is given without ``video`` and ``time``.

    >>> rows = np.arange(3)
    >>> apart = Apart(video=np.zeros(3, int), time=np.array([0.0, 1.0, 3.0]), seconds=1.0)
    >>> apart.excludes(rows, rows[:1]).tolist()
    [True, True, False]
    """

    group: Ints | None = None
    video: Ints | None = None
    time: NDArray[np.float64] | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < np.inf:
            raise SchemaError(
                f"The 'seconds' parameter of Apart must be 0 or more. Got {self.seconds} instead."
            )
        if self.seconds > 0 and (self.video is None or self.time is None):
            raise SchemaError("Apart needs both 'video' and 'time' for its 'seconds'")

    def check(self, n: int) -> None:
        """Raise SchemaError if a column has another length than ``n``."""
        for name in ("group", "video", "time"):
            column = getattr(self, name)
            if column is not None and np.shape(column) != (n,):
                raise SchemaError(
                    f"Apart's {name} must have one value for each of {n} rows,"
                    f" got shape {np.shape(column)}"
                )

    def excludes(self, source: Ints, target: Ints) -> NDArray[np.bool_]:
        """Tell for each pair of rows (broadcast together) whether it is kept apart."""
        out: NDArray[np.bool_] = np.zeros(np.broadcast_shapes(source.shape, target.shape), bool)
        if self.group is not None:
            out |= (self.group[source] == self.group[target]) & (self.group[source] >= 0)
        if self.seconds > 0 and self.video is not None and self.time is not None:
            near = np.abs(self.time[source] - self.time[target]) <= self.seconds
            out |= near & (self.video[source] == self.video[target])
        return out

    def counts(self, n: int) -> Ints:
        """Bound for each row from above how many rows are kept apart from it, itself included.

        Exact with one of the two rules; with both, rows that both keep apart count twice.
        """
        out = np.ones(n, np.int64)
        if self.group is not None:
            named = self.group >= 0
            _, code, sizes = np.unique(self.group[named], return_inverse=True, return_counts=True)
            out[named] = sizes[code]
        if self.seconds > 0 and self.video is not None and self.time is not None:
            out += _in_window(self.video, self.time, self.seconds)
        return out

    def take(self, rows: Ints) -> Apart:
        """Keep apart what ``rows`` are, numbered anew from 0."""
        return Apart(
            None if self.group is None else np.asarray(self.group)[rows],
            None if self.video is None else np.asarray(self.video)[rows],
            None if self.time is None else np.asarray(self.time)[rows],
            self.seconds,
        )

    def columns(self) -> dict[str, Any]:
        """Give the rules as the arguments of the kernels."""
        out: dict[str, Any] = {} if self.group is None else {"group": self.group}
        if self.seconds > 0:
            out |= {"video": self.video, "time": self.time, "seconds": self.seconds}
        return out


def _in_window(video: Ints, time: NDArray[np.float64], seconds: float) -> Ints:
    """Count the other rows of the same video within ``seconds``, shape (n,)."""
    out = np.zeros(len(time), np.int64)
    order = np.lexsort((time, video))
    order = order[np.isfinite(time[order])]
    edges = np.r_[True, np.diff(video[order]) != 0, True][: len(order) + 1]
    for low, high in pairwise(np.flatnonzero(edges)):
        rows = order[low:high]
        when = time[rows]
        # half an ulp more on each side: rounding in a difference must not hide a row
        reach = np.nextafter(seconds, np.inf) + 2 * np.spacing(np.abs(when).max() + seconds)
        after = np.searchsorted(when, when + reach, "right")
        out[rows] = after - np.searchsorted(when, when - reach, "left") - 1
    return out


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Directed lists as three parallel arrays, by source, then falling similarity, then target.

    ``recall`` is the share of the exact answer that was found on the sample (1 for exact search).
    ``remarks`` says what else there is to know, such as why kept lists were not used. The arrays
    may be memory-mapped, and are not to be written to.
    """

    n: int
    k: int
    source: Ints
    target: Ints
    similarity: Floats
    method: str
    recall: float
    remarks: tuple[str, ...] = ()

    def counts(self) -> Ints:
        """Length of each row's list, shape (n,)."""
        return np.bincount(self.source, minlength=self.n)

    def head(self, k: int) -> Neighbours:
        """Keep the first ``k`` of each list."""
        if k >= self.k:
            return self
        size = self.counts()
        keep = np.arange(len(self.source)) - np.repeat(np.cumsum(size) - size, size) < k
        lists = (self.source[keep], self.target[keep], self.similarity[keep])
        return Neighbours(self.n, k, *lists, self.method, self.recall, self.remarks)

    def padded(self) -> Found:
        """Pad lists to one length: ids and similarities (n, k), -1 and -inf at the ends."""
        ids = np.full((self.n, self.k), -1, np.int32)
        near = np.full((self.n, self.k), -np.inf, np.float32)
        size = self.counts()
        place = np.arange(len(self.source)) - np.repeat(np.cumsum(size) - size, size)
        ids[self.source, place], near[self.source, place] = self.target, self.similarity
        return ids, near

    def remarked(self, *remarks: str) -> Neighbours:
        """Add remarks."""
        return replace(self, remarks=(*self.remarks, *remarks))


def gathered(
    found: Found, rows: Ints, n: int, k: int, floor: float, method: str, recall: float
) -> Neighbours:
    """Flatten padded lists of ascending ``rows`` into sorted pairs at or above the floor.

    Parameters
    ----------
    found
        Ids (-1 for none) and similarities, both of shape (len(rows), width), in any order.
    """
    ids, near = found
    keep = (ids >= 0) & (near >= floor)
    size = keep.sum(1)
    target, similarity = np.empty(size.sum(), np.int64), np.empty(size.sum(), np.float32)
    stops = np.cumsum(size)
    for start in range(0, len(rows), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        value = np.clip(near[part], -1.0, 1.0)
        value[~keep[part]] = -np.inf
        order = np.lexsort((ids[part], -value), axis=1)
        real = np.take_along_axis(keep[part], order, 1)
        first = stops[start] - size[start]
        place = slice(first, first + int(real.sum()))
        target[place] = np.take_along_axis(ids[part], order, 1)[real]
        similarity[place] = np.take_along_axis(value, order, 1)[real]
    source = np.repeat(np.asarray(rows, np.int64), size)
    return Neighbours(n, k, source, target, similarity, method, recall)
