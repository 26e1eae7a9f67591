"""Neighbour lists of rows of which most were searched before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vquery.errors import SchemaError
from vquery.graph.knn import exact
from vquery.graph.knn.lists import Apart, Neighbours, gathered
from vquery.graph.knn.search import neighbours
from vquery.graph.knn.vectors import unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from vquery.graph.knn.lists import Found

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]

SHARE_OF_ALL = 4
"""Each product of a full exact search serves two rows; here new rows meet all rows, and all rows
the new ones: with more than a quarter of new rows a full search is faster."""
MOST_ROWS = 50_000
"""With more new rows than this a search in cells of everything is faster, at any size."""


def extended(
    known: Neighbours,
    known_rows: Ints,
    vectors: ArrayLike,
    k: int,
    *,
    apart: Apart | None = None,
    floor: float = -1.0,
    recall: float = 0.99,
    progress: Callable[[float], None] | None = None,
) -> Neighbours:
    """Find neighbours as `neighbours` does, given the lists that some rows had before.

    Parameters
    ----------
    known
        Lists of an earlier search, with a floor not above ``floor``.
    known_rows
        Shape (known.n,): which row each of its rows is now, -1 for those that are gone. Their
        vectors and what keeps them apart from each other must be the same as then.

    Raises
    ------
    SchemaError
        If ``known_rows`` has another length, or rows twice or outside.

    Notes
    -----
    Only new rows, and rows whose full list lost a neighbour, are compared with all others; rows
    that stay are compared with the new ones: O(new × n × d). The result is that of a full search
    if the known lists were exact; else ``recall`` is that of the known lists.

    >>> points = np.array([[1, 0], [0.9, 0.1], [0, 1]])
    >>> two = neighbours(points[:2], 1)
    >>> extended(two, np.array([0, 1]), points, 1).target.tolist()
    [1, 0, 1]
    """
    points = unit(vectors)
    n, apart = len(points), apart or Apart()
    apart.check(n)
    at = _checked(known_rows, known.n, n)
    alive = points.any(1)
    live = np.flatnonzero(alive)
    width = max(min(k, len(live) - 1), 1)
    (ids, near), searched = _carried(known.head(width), at, n, width)
    fresh = np.ones(n, bool)
    fresh[at[at >= 0]] = False
    rows = np.flatnonzero((searched | fresh) & alive)
    if len(rows) > min(len(live) / SHARE_OF_ALL, MOST_ROWS):
        return neighbours(points, k, apart=apart, floor=floor, recall=recall, progress=progress)
    kept = np.flatnonzero(~(searched | fresh) & alive)
    new = np.flatnonzero(fresh & alive)
    ids[rows], near[rows] = exact.some_rows(points, rows, live, width, apart, _part(progress, 0))
    _offer(points, (ids, near), kept, new, apart, _part(progress, 1))
    # every row that was searched was searched exactly
    reached = known.recall if len(kept) else 1.0
    method = known.method.split(" + ")[0] + (f" + {len(rows)} rows" if len(rows) else "")
    found = gathered((ids, near), np.arange(n), n, width, floor, method, reached)
    return replace(found, remarks=known.remarks)


def _part(progress: Callable[[float], None] | None, half: int) -> Callable[[float], None] | None:
    return None if progress is None else lambda done: progress((half + done) / 2)


def _checked(known_rows: Ints, size: int, n: int) -> Ints:
    at = np.asarray(known_rows)
    if at.shape != (size,) or not np.issubdtype(at.dtype, np.integer):
        raise SchemaError(
            f"known_rows must be {size} integers, one a row of the known lists,"
            f" got {at.dtype} of shape {at.shape}"
        )
    there = at[at >= 0]
    if len(there) and (there.max() >= n or len(np.unique(there)) < len(there)):
        raise SchemaError(f"known_rows must be different rows from 0 to {n - 1}, or -1")
    return at.astype(np.int64)


def _carried(known: Neighbours, at: Ints, n: int, width: int) -> tuple[Found, NDArray[np.bool_]]:
    """Give known lists their new numbers; tell which rows must be searched again.

    A list shorter than ``known.k`` holds all there is, so that it stays complete when it loses a
    neighbour or when more are wanted; a full one does not.
    """
    ids, near = np.full((n, width), -1, np.int32), np.full((n, width), -np.inf, np.float32)
    again = np.zeros(n, bool)
    there = np.flatnonzero(at >= 0)
    target = np.where(at[known.target] >= 0, at[known.target], -1)
    old_ids, old_near = replace(known, target=target).padded()
    full = known.counts() >= known.k
    lost = np.zeros(known.n, bool)
    lost[known.source[target < 0]] = True
    old_near[old_ids < 0] = -np.inf
    ids[at[there], : known.k], near[at[there], : known.k] = old_ids[there], old_near[there]
    again[at[there]] = (full & (lost | (known.k < width)))[there]
    return (ids, near), again


def _offer(
    points: Floats,
    lists: Found,
    rows: Ints,
    new: Ints,
    apart: Apart,
    progress: Callable[[float], None] | None,
) -> None:
    """Put new rows into the lists of ``rows`` where they beat what is there."""
    ids, near = lists
    width = ids.shape[1]
    more = min(width, len(new))
    if not more or not len(rows):
        return
    got, cosine = exact.some_rows(points, rows, new, more, apart, progress)
    better = np.flatnonzero(cosine[:, 0] > near[rows].min(1))
    part = rows[better]
    both = np.c_[ids[part], got[better]], np.c_[near[part], cosine[better]]
    order = np.lexsort((both[0], -both[1]), axis=1)[:, :width]
    ids[part], near[part] = (np.take_along_axis(each, order, 1) for each in both)
