"""Segments: maximal runs of one class, and how many of them have a counterpart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery.errors import SchemaError
from vquery.metrics.items import ItemScore, Overlaps, one_to_one, overlaps
from vquery.metrics.spans import Spans

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]

TIOU = 0.5


def runs_of(
    codes: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    code: int = 1,
    start: ArrayLike | None = None,
    end: ArrayLike | None = None,
    gap: int = 0,
) -> Spans:
    """Find maximal runs of one class among rows in order.

    Parameters
    ----------
    codes
        Shape (n,): class of each row, -1 where there is none; booleans are 0 and 1.
    groups
        Shape (n,), whole numbers: a run ends with its group, such as a video. One group by default.
    code
        The class whose runs are wanted.
    start, end
        Shape (n,), microseconds: a run then lasts from the start of its first to the end of its
        last row, and ends where no row follows within ``gap``. By default rows count: a run is
        ``[first row, last row + 1)``.
    gap
        Microseconds without any row that do not end a run.

    Returns
    -------
    Spans
        In the order of rows.

    Raises
    ------
    SchemaError
        If shapes differ, only one of ``start`` and ``end`` is given, or starts fall in a group.

    >>> [each.tolist() for each in runs_of([1, 1, 0, 1, 1], [0, 0, 0, 0, 1])]
    [[0, 0, 1], [0, 3, 4], [2, 4, 5]]
    >>> runs_of([1, 1], start=[0, 9], end=[4, 12]).end.tolist()  # nothing from 4 to 9
    [4, 12]
    """
    wanted = np.asarray(codes) == code
    if wanted.ndim != 1:
        raise SchemaError(f"codes must have one dimension, got shape {wanted.shape}")
    n = len(wanted)
    group = np.zeros(n, np.int64) if groups is None else _column(groups, n, "groups")
    if (start is None) != (end is None):
        raise SchemaError("runs_of() needs start and end, or neither of them")
    begin = np.arange(n) if start is None else _column(start, n, "start")
    stop = begin + 1 if end is None else _column(end, n, "end")
    same = group[1:] == group[:-1]
    back = np.flatnonzero(same & (begin[1:] < begin[:-1]))
    if back.size:
        raise SchemaError(
            f"row {back[0] + 1} starts before row {back[0]}: rows must be in order of time"
        )
    joined = wanted[1:] & wanted[:-1] & same & (begin[1:] - stop[:-1] <= gap)
    first = wanted & ~np.concatenate((np.zeros(min(n, 1), bool), joined))
    last = wanted & ~np.concatenate((joined, np.zeros(min(n, 1), bool)))
    return Spans(group[first], begin[first], stop[last])


def segment_score(found: Spans, truth: Spans, tiou: float = TIOU) -> ItemScore:
    """Count segments found that are true, one to one.

    In time order each segment found takes the free true one that it overlaps most; a pair needs at
    least the given tIoU. F1 is twice the hits over the number of both.

    Parameters
    ----------
    found, truth
        Segments, in any order; only those of one group meet. For several classes let each pair of
        video and class be a group (`class_groups`).
    tiou
        Time shared over time covered together, above 0 up to 1.

    Returns
    -------
    ItemScore
        Counts, ``precision``, ``recall`` and ``f1``; None where nothing is found and nothing true.

    >>> one, two = runs_of([1, 1, 0, 1, 0, 0]), runs_of([1, 1, 1, 0, 0, 1])
    >>> segment_score(one, two).f1, segment_score(one, two, tiou=0.7).f1
    (0.5, 0.0)
    """
    hits = int((matches(found, truth, tiou) >= 0).sum())
    return ItemScore(found.start.size, truth.start.size, hits, hits)


def matches(found: Spans, truth: Spans, tiou: float = TIOU) -> Ints:
    """Pair segments as `segment_score` does: the true row of each found one, -1 for none.

    >>> matches(runs_of([1, 0, 1]), runs_of([1, 0, 0]))
    array([ 0, -1])
    """
    if not 0 < tiou <= 1:
        raise SchemaError(f"tiou must be above 0 and at most 1, got {tiou}")
    pairs = overlaps(found, truth)
    enough = pairs.tiou >= tiou
    near = Overlaps(pairs.found[enough], pairs.truth[enough], pairs.tiou[enough])
    order = np.lexsort((found.end, found.start, found.group))
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    return one_to_one(near, rank)


def class_groups(groups: ArrayLike, code: int, classes: int) -> Ints:
    """Give pairs of group and class numbers, so that segments of different classes never meet.

    >>> class_groups([0, 1], code=2, classes=3)
    array([2, 5])
    """
    return np.asarray(groups, np.int64) * classes + code


def _column(values: ArrayLike, n: int, name: str) -> Ints:
    given = np.asarray(values)
    if given.shape != (n,):
        raise SchemaError(f"{name} must have shape ({n},), one entry a row; got {given.shape}")
    if n and given.dtype.kind not in "iub":  # an empty list is one of float64
        raise SchemaError(f"{name} must be whole numbers, got {given.dtype}")
    return given.astype(np.int64)
