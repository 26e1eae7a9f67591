"""Merge operations: the bounds of the row that a pair becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vquery.errors import QueryError
from vquery.expr.node import Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MergeOp(Node):
    """How the spans and boxes of two rows become one.

    ``time`` and ``box`` are each ``"span"`` (hull), ``"intersection"``, ``"left"`` or ``"right"``.
    A row without a box takes the other row's, except by ``left`` and ``right``.
    """

    name: str
    time: str
    box: str

    def __repr__(self) -> str:
        return self.name


span = MergeOp("span", "span", "span")
"""Hull of the times and of the boxes."""

intersection = MergeOp("intersection", "intersection", "intersection")
"""Shared time and shared box; a pair that shares none is dropped and counted."""

time_intersection = MergeOp("time_intersection", "intersection", "span")
"""Shared time, hull of the boxes."""

left = MergeOp("left", "left", "left")
"""Time and box of the left row."""

right = MergeOp("right", "right", "right")
"""Time and box of the right row."""


def as_merge_op(given: Any) -> MergeOp:
    """Check a merge operation.

    >>> as_merge_op("span")
    Traceback (most recent call last):
    vquery.errors.QueryError: merge_op= must be span, intersection, time_intersection, left or
    right (from vquery import span), got 'span'
    """
    if not isinstance(given, MergeOp):
        raise QueryError(
            "merge_op= must be span, intersection, time_intersection, left or right"
            f" (from vquery import span), got {given!r}"
        )
    return given
