"""What remains of left spans when the time of right spans is cut out, within equal groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vquery_kernels.arrays import Ints, Spans, same_groups, spans
from vquery_kernels.backend import implementation
from vquery_kernels.coordinates import are_coordinates
from vquery_kernels.subtract.coordinates import pieces_of_coordinates

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Pieces", "subtract"]


class Pieces(NamedTuple):
    """Parts of left rows: left_row (int32 or int64), start and end (as given), each (pieces,)."""

    left_row: Ints
    start: npt.NDArray[Any]
    end: npt.NDArray[Any]


def subtract(
    left_group: npt.ArrayLike,
    left_start: npt.ArrayLike,
    left_end: npt.ArrayLike,
    right_group: npt.ArrayLike,
    right_start: npt.ArrayLike,
    right_end: npt.ArrayLike,
) -> Pieces:
    """Cut the time of right spans out of left spans of the same group.

    A left row falls into the longest pieces that no right row covers. Right instants are ignored;
    what only touches changes nothing; a left instant disappears when a right span holds it
    (``start <= instant < end``) and stays otherwise.

    Parameters
    ----------
    left_group, right_group : (n,), (m,) int32 or int64
        Only rows of equal groups meet.
    left_start, left_end, right_start, right_end : (n,), (m,) int64
        Microseconds. Any order of rows; right rows sorted by ``(group, start)`` are not sorted
        again. Or coordinates, all float32 or float64: then a left span without extent disappears
        only when it lies strictly inside a right one.

    Returns
    -------
    Pieces
        ``left_row, start, end``; left rows ascend, the pieces of one row ascend by start. Row
        numbers are int32, or int64 when a side has 2**31 rows or more.

    Raises
    ------
    ValueError
        For a wrong shape or type, or a span that ends before it starts.

    Examples
    --------
    >>> pieces = subtract([0, 0], [0, 3], [9, 3], [0, 0, 0], [1, 2, 5], [2, 3, 5])
    >>> [column.tolist() for column in pieces]
    [[0, 0, 1], [0, 3, 3], [1, 9, 3]]
    """
    ends = left_start, left_end, right_start, right_end
    if are_coordinates(*ends):
        sides = (left_group, left_start, left_end), (right_group, right_start, right_end)
        return pieces_of_coordinates(*sides, _run, inside=False)
    left = spans("left_", left_group, left_start, left_end)
    right = spans("right_", right_group, right_start, right_end)
    groups = same_groups(left.group, right.group)
    return _run(left._replace(group=groups[0]), right._replace(group=groups[1]))


def _run(left: Spans, right: Spans) -> Pieces:
    rows = left.start.size + right.start.size
    pieces: Pieces = implementation("subtract", rows).subtract(left, right)
    return pieces
