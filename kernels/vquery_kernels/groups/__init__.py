"""Groups of rows by number: numbers in order of occurrence, and the extent of each group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery_kernels.arrays import columns
from vquery_kernels.backend import implementation

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s

__all__ = ["extents", "numbered"]


def numbered(codes: npt.ArrayLike) -> Int64s:
    """Renumber codes from 0 in the order in which they first occur.

    Parameters
    ----------
    codes : (n,) int64
        At least 0; memory grows with the largest.

    Returns
    -------
    (n,) int64

    Raises
    ------
    ValueError
        For a wrong shape or type, or a code below 0.

    >>> numbered([7, 0, 7, 5])
    array([0, 1, 0, 2])
    """
    (given,) = columns(codes=codes)
    if given.size and given.min() < 0:
        raise ValueError(f"codes must be at least 0, got {given.min()}")
    made: Int64s = implementation("groups", given.size).numbered(given)
    return made


def extents(
    groups: npt.ArrayLike, start: npt.ArrayLike, end: npt.ArrayLike
) -> tuple[Int64s, Int64s]:
    """Find the smallest start and the largest end of each group.

    Parameters
    ----------
    groups : (n,) int64
        Numbers from 0 without holes.
    start, end : (n,) int64

    Returns
    -------
    low, high : (groups,) int64

    Raises
    ------
    ValueError
        For a wrong shape or type, or a group below 0.

    >>> [each.tolist() for each in extents([0, 1, 0], [5, 2, 3], [6, 4, 5])]
    [[3, 2], [6, 4]]
    """
    number, low, high = columns(groups=groups, start=start, end=end)
    if number.size and number.min() < 0:
        raise ValueError(f"groups must be at least 0, got {number.min()}")
    made: tuple[Int64s, Int64s] = implementation("groups", number.size).extents(number, low, high)
    return made
