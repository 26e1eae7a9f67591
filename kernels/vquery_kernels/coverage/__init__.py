"""How much of left spans right spans cover, within equal groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery_kernels.arrays import same_groups, spans
from vquery_kernels.backend import implementation
from vquery_kernels.coordinates import are_coordinates
from vquery_kernels.intersect import intersect

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["coverage"]


def coverage(
    left_group: npt.ArrayLike,
    left_start: npt.ArrayLike,
    left_end: npt.ArrayLike,
    right_group: npt.ArrayLike,
    right_start: npt.ArrayLike,
    right_end: npt.ArrayLike,
) -> npt.NDArray[Any]:
    """Measure how much of every left span the right spans of its group cover together.

    What several right rows cover counts once. Instants cover nothing, and nothing of a left instant
    can be covered.

    Returns
    -------
    (n,) int64 microseconds, or float64 where start and end are coordinates (float32, float64)

    Raises
    ------
    ValueError
        For a wrong shape or type, or a span that ends before it starts.

    Examples
    --------
    >>> coverage([0, 0, 1], [0, 5, 0], [6, 5, 9], [0, 0], [1, 2], [3, 4])
    array([3, 0, 0])
    """
    columns = left_group, left_start, left_end, right_group, right_start, right_end
    if are_coordinates(left_start, left_end, right_start, right_end):
        pieces = intersect(*columns)
        sizes = pieces.end.astype(np.float64) - pieces.start
        return np.bincount(pieces.left_row, sizes, np.asarray(left_start).size)
    left = spans("left_", left_group, left_start, left_end)
    right = spans("right_", right_group, right_start, right_end)
    groups = same_groups(left.group, right.group)
    rows = left.start.size + right.start.size
    covered: npt.NDArray[np.int64] = implementation("coverage", rows).coverage(
        left._replace(group=groups[0]), right._replace(group=groups[1])
    )
    return covered
