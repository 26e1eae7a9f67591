"""The parts of left spans that right spans cover, within equal groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery_kernels.arrays import same_groups, spans
from vquery_kernels.backend import implementation
from vquery_kernels.coordinates import are_coordinates
from vquery_kernels.subtract import Pieces
from vquery_kernels.subtract.coordinates import pieces_of_coordinates

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Pieces", "intersect"]


def intersect(
    left_group: npt.ArrayLike,
    left_start: npt.ArrayLike,
    left_end: npt.ArrayLike,
    right_group: npt.ArrayLike,
    right_start: npt.ArrayLike,
    right_end: npt.ArrayLike,
) -> Pieces:
    """Keep of left spans what right spans of the same group cover: what ``subtract`` cuts out.

    A left row falls into the longest pieces that right rows cover together, without a seam where
    two of them touch. Right instants cover nothing; a left instant is kept when a right span holds
    it (``start <= instant < end``). On coordinates (float32, float64) see ``subtract``.

    Returns
    -------
    Pieces
        ``left_row, start, end``; left rows ascend, the pieces of one row ascend by start.

    Raises
    ------
    ValueError
        For a wrong shape or type, or a span that ends before it starts.

    Examples
    --------
    >>> pieces = intersect([0, 0], [0, 3], [9, 3], [0, 0, 0], [1, 2, 5], [2, 3, 5])
    >>> [column.tolist() for column in pieces]
    [[0], [1], [3]]
    """
    ends = left_start, left_end, right_start, right_end
    if are_coordinates(*ends):
        sides = (left_group, left_start, left_end), (right_group, right_start, right_end)
        return pieces_of_coordinates(*sides, _run, inside=True)
    left = spans("left_", left_group, left_start, left_end)
    right = spans("right_", right_group, right_start, right_end)
    groups = same_groups(left.group, right.group)
    return _run(left._replace(group=groups[0]), right._replace(group=groups[1]))


def _run(left: Any, right: Any) -> Pieces:
    rows = left.start.size + right.start.size
    pieces: Pieces = implementation("intersect", rows).intersect(left, right)
    return pieces
