"""The right spans closest to every left span, within equal groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vquery_kernels.arrays import Int64s, Ints, Spans, same_groups, spans
from vquery_kernels.backend import implementation

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Near", "nearest"]

DIRECTIONS = ("either", "before", "after")
HIGHEST = 2**63 - 1
"""As ``max_gap``: without limit."""


class Near(NamedTuple):
    """Pairs with their distance: left_row, right_row (int32 or int64), gap (int64), each (n,)."""

    left_row: Ints
    right_row: Ints
    gap: Int64s


class Question(NamedTuple):
    """What is asked of each left row."""

    k: int
    before: bool
    after: bool
    overlapping: bool
    max_gap: int


def nearest(
    left_group: npt.ArrayLike,
    left_start: npt.ArrayLike,
    left_end: npt.ArrayLike,
    right_group: npt.ArrayLike,
    right_start: npt.ArrayLike,
    right_end: npt.ArrayLike,
    *,
    k: int = 1,
    direction: str = "either",
    max_gap: int | None = None,
    overlapping: bool = True,
) -> Near:
    """Find for every left row the ``k`` right rows of its group with the smallest gap.

    The gap is 0 for spans that share time (an instant lasts one tick), else the distance between
    the ends that face each other, as stored; what abuts has gap 0 too.

    Parameters
    ----------
    left_group, right_group : (n,), (m,) int32 or int64
        Only rows of equal groups meet.
    left_start, left_end, right_start, right_end : (n,), (m,) int64
        Microseconds, any order of rows.
    k : int
        How many at most, at least 1.
    direction : {"either", "before", "after"}
        Where right rows may lie that share no time with the left row: ``"after"`` takes those that
        start at or after its end.
    max_gap : int, optional
        Rows farther away do not count; this distance does.
    overlapping : bool
        Whether right rows that share time with the left row count (in every direction).

    Returns
    -------
    Near
        ``left_row, right_row, gap``: left rows ascend; the partners of one left row ascend by gap,
        then start, then row number, which also decides who is left out.

    Raises
    ------
    ValueError
        For a wrong shape or type, another direction, ``k`` below 1, a negative ``max_gap``, or a
        span that ends before it starts.

    Examples
    --------
    >>> near = nearest([0], [10], [20], [0, 0, 0], [0, 25, 12], [8, 30, 13], k=2)
    >>> [column.tolist() for column in near]
    [[0, 0], [2, 0], [0, 2]]
    >>> nearest([0], [10], [20], [0, 0], [0, 25], [8, 30], direction="after").right_row.tolist()
    [1]
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}, got {direction!r}")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if max_gap is not None and max_gap < 0:
        raise ValueError(f"max_gap must be at least 0, got {max_gap}")
    left = spans("left_", left_group, left_start, left_end)
    right = spans("right_", right_group, right_start, right_end)
    groups = same_groups(left.group, right.group)
    left, right = left._replace(group=groups[0]), right._replace(group=groups[1])
    question = Question(
        min(int(k), max(right.start.size, 1)),
        direction != "after",
        direction != "before",
        bool(overlapping),
        HIGHEST if max_gap is None else min(int(max_gap), HIGHEST),
    )
    return find(left, right, question)


def find(left: Spans, right: Spans, question: Question) -> Near:
    """Answer a checked question."""
    rows = left.start.size + right.start.size
    near: Near = implementation("nearest", rows).nearest(left, right, question)
    return near
