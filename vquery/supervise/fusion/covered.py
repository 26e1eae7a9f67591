"""Which label each span of time has that people labelled pieces of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels.coverage import coverage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.metrics.spans import Spans

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

COVER = 0.5
"""Share of an item's time that a label must cover to be the item's, as for concepts."""
ROUNDING = 1e-9
"""Shares closer than this are equal."""


def covered(items: Spans, labelled: Spans, codes: Ints, classes: int) -> Floats:
    """Share of each item's time that each class covers, (n, classes).

    O((n + m) log (n + m)) for each class that is there. Groups of spans are videos; an item that is
    an instant lasts a microsecond.

    >>> from vquery.metrics.spans import Spans
    >>> items = Spans(np.array([0, 0]), np.array([0, 10]), np.array([10, 30]))
    >>> labelled = Spans(np.array([0, 0]), np.array([2, 12]), np.array([12, 30]))
    >>> covered(items, labelled, np.array([0, 1]), 2).tolist()
    [[0.8, 0.0], [0.1, 0.9]]
    """
    mine = items._replace(end=np.maximum(items.end, items.start + 1))
    found = np.zeros((len(items.start), classes))
    for code in np.unique(codes):
        found[:, code] = coverage(*mine, *(column[codes == code] for column in labelled))
    return found / (mine.end - mine.start)[:, None]


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
