"""Which label each span of time has that people labelled pieces of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

COVER = 0.5
"""Share of an item's time that a label must cover to be the item's, as for concepts."""


class Spans(NamedTuple):
    """Spans of time: number of the video, start and end in microseconds, (n,) each."""

    video: Ints
    start: Ints
    end: Ints


def covered(items: Spans, labelled: Spans, codes: Ints, classes: int) -> Floats:
    """Share of each item's time that each class covers, (n, classes).

    O((n + m) log m) for each class and video. Labelled spans of a video do not overlap; an instant
    lasts a microsecond.

    >>> items = Spans(np.array([0, 0]), np.array([0, 10]), np.array([10, 30]))
    >>> labelled = Spans(np.array([0, 0]), np.array([2, 12]), np.array([12, 30]))
    >>> covered(items, labelled, np.array([0, 1]), 2).tolist()
    [[0.8, 0.0], [0.1, 0.9]]
    """
    found = np.zeros((len(items.start), classes))
    ends = np.maximum(items.end, items.start + 1)
    for video in np.unique(labelled.video):
        here = np.flatnonzero(items.video == video)
        for code in np.unique(codes[labelled.video == video]):
            mine = np.flatnonzero((labelled.video == video) & (codes == code))
            mine = mine[np.argsort(labelled.start[mine], kind="stable")]
            time = np.column_stack([labelled.start[mine], labelled.end[mine]]).ravel()
            gone = np.column_stack([np.zeros(len(mine)), labelled.end[mine] - labelled.start[mine]])
            total = gone.ravel().cumsum()
            until = np.interp(ends[here], time, total) - np.interp(items.start[here], time, total)
            found[here, code] = until / (ends[here] - items.start[here])
    return found


def settled(share: Floats) -> tuple[Ints, Ints]:
    """Give each item the class that covers at least half of it, (n,), -1 where none does.

    Returns
    -------
    (ndarray, ndarray)
        The classes; and the items that two classes cover equally much or that only a part of less
        than half is labelled of, which stay without one.

    >>> codes, left = settled(np.array([[0.8, 0.2], [0.5, 0.5], [0.2, 0.0], [0.0, 0.0]]))
    >>> codes.tolist(), left.tolist()
    ([0, -1, -1, -1], [1, 2])
    """
    if not share.shape[1]:
        return np.full(len(share), -1), np.empty(0, np.int64)
    best, most = share.argmax(axis=1), share.max(axis=1)
    alone = (share >= most[:, None] - ROUNDING).sum(axis=1) == 1
    sure = alone & (most >= COVER - ROUNDING)
    return np.where(sure, best, -1), np.flatnonzero(~sure & (most > 0))


ROUNDING = 1e-9
"""Shares closer than this are equal."""
