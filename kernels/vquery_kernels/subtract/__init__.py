"""What remains of left spans when the time of right spans is cut out, within equal groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vquery_kernels.arrays import Int64s, Ints, same_groups, spans
from vquery_kernels.backend import implementation

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Pieces", "subtract"]


class Pieces(NamedTuple):
    """What remains: left_row (int32 or int64), start and end (int64), each (pieces,)."""

    left_row: Ints
    start: Int64s
    end: Int64s


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
        again.

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
    left = spans("left_", left_group, left_start, left_end)
    right = spans("right_", right_group, right_start, right_end)
    groups = same_groups(left.group, right.group)
    rows = left.start.size + right.start.size
    pieces: Pieces = implementation("subtract", rows).subtract(
        left._replace(group=groups[0]), right._replace(group=groups[1])
    )
    return pieces
