"""Numbers of the runs that spans form when those that overlap or nearly touch are joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery_kernels.arrays import Spans, frozen, spans
from vquery_kernels.backend import implementation
from vquery_kernels.coordinates import (
    are_coordinates,
    coordinate_spans,
    highest_within,
    order_key,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s

__all__ = ["coalesce"]


def coalesce(
    group: npt.ArrayLike, start: npt.ArrayLike, end: npt.ArrayLike, gap: float = 0
) -> Int64s:
    """Give every row the number of the component that it belongs to.

    Rows of one group are gone through by start. A row joins the open component when it starts at
    or before the component's latest end plus ``gap`` (so gap 0 joins what touches), else it opens
    the next one.

    Parameters
    ----------
    group : (n,) int32 or int64
    start, end : (n,) int64
        Microseconds, any order of rows. There is no sort when starts ascend inside each group,
        however the groups are mixed.
        Or coordinates, float32 or float64.
    gap : int
        Microseconds, at least 0. For coordinates a number, rounded to their type: a row joins when
        its start less the latest end, also rounded, is at most ``gap``.

    Returns
    -------
    (n,) int64
        Components are numbered from 0 in the order of ``(group, start)``, without holes.

    Raises
    ------
    ValueError
        For a wrong shape or type, a negative gap, or a span that ends before it starts.

    Examples
    --------
    >>> coalesce([0, 0, 0, 1], [0, 5, 8, 0], [5, 6, 9, 9], gap=1)
    array([0, 0, 1, 2])
    """
    if not 0 <= gap < 2**63:
        raise ValueError(f"gap must be at least 0 and fit int64, got {gap}")
    if are_coordinates(start, end):
        groups, starts, ends = coordinate_spans("", group, start, end)
        # what starts at or before the farthest start that is near joins: gap 0 on keys
        given = Spans("", groups, frozen(order_key(starts)), frozen(highest_within(ends, gap)))
        gap = 0
    elif gap != int(gap):
        raise ValueError(f"gap must be a whole number of microseconds, got {gap}")
    else:
        given = spans("", group, start, end)
    component: Int64s = implementation("coalesce", given.start.size).coalesce(given, int(gap))
    return component
