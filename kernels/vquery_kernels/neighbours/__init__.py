"""The k nearest rows by inner product: exact, without what is kept apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery_kernels.backend import implementation
from vquery_kernels.neighbours.question import Rules, among, between

if TYPE_CHECKING:
    from types import ModuleType

    import numpy.typing as npt

    from vquery_kernels.neighbours.question import Found, Question

__all__ = ["all_top_k", "top_k"]

PAIRS_PER_ROW = 800
"""Pairs of vectors that take about as long as one row of a join: what the choice counts in."""


def top_k(
    queries: npt.ArrayLike,
    base: npt.ArrayLike,
    k: int,
    *,
    query_ids: npt.ArrayLike,
    base_ids: npt.ArrayLike,
    group: npt.ArrayLike | None = None,
    video: npt.ArrayLike | None = None,
    time: npt.ArrayLike | None = None,
    seconds: float = 0.0,
) -> Found:
    """Find for each query the ``k`` base rows with the largest inner product, by falling product.

    Never a row of the same id, nothing kept apart, no row of zeros; ties go to the lower id.

    Parameters
    ----------
    queries, base : (q, d), (m, d) float32
        Unit vectors, so that products are cosines. A row of zeros has and is no neighbour.
    query_ids, base_ids : (q,), (m,) int, 0 and up, below 2**31
        Who the rows are; base ids are all different.
    group : int, optional
        By id: rows of one group of 0 or more are kept apart.
    video, time : int and float64, optional
        By id: rows of one video whose times differ by at most ``seconds`` (if above 0) are kept
        apart; a time that is not a number is near none.

    Returns
    -------
    ids, cosines : (q, k) int32, (q, k) float32
        Lists that are shorter than ``k`` are filled up with -1 and -inf. A cosine is the product
        in float64, rounded.

    Raises
    ------
    ValueError
        For a wrong shape, ids that repeat or lie outside, or a value that is not finite.

    Notes
    -----
    O(q m d). Memory: a few numbers for each of the ``q k`` places, and a tile of products a thread.

    Examples
    --------
    The row itself is left out although an equal one exists; row 2 is zero.

    >>> rows = [[1, 0], [1, 0], [0, 0]]
    >>> top_k(rows, rows, 2, query_ids=[0, 1, 2], base_ids=[0, 1, 2])[0].tolist()
    [[1, -1], [0, -1], [-1, -1]]
    """
    rules = Rules(group, video, time, seconds)
    question = between(queries, base, k, query_ids, base_ids, rules)
    found: Found = _of(question).top_k(question)
    return found


def all_top_k(
    points: npt.ArrayLike,
    k: int,
    *,
    group: npt.ArrayLike | None = None,
    video: npt.ArrayLike | None = None,
    time: npt.ArrayLike | None = None,
    seconds: float = 0.0,
) -> Found:
    """Find the ``k`` nearest other rows of each row: :func:`top_k` of all rows among themselves.

    Ids are row numbers. Each product is computed once and serves both of its rows.

    >>> ids, cosines = all_top_k([[1, 0], [0.6, 0.8], [0, 1]], 1, group=[-1, 5, 5])
    >>> ids.ravel().tolist()   # 2 is more like 1, but both are of group 5
    [1, 0, 0]
    """
    question = among(points, k, Rules(group, video, time, seconds))
    found: Found = _of(question).all_top_k(question)
    return found


def _of(question: Question) -> ModuleType:
    pairs = len(question.queries.ids) * len(question.base.ids)
    return implementation("neighbours", int(pairs / PAIRS_PER_ROW))
