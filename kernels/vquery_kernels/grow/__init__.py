"""Numbers of the runs that rows form when each joins the last opened run that takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vquery_kernels.backend import implementation

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s

__all__ = ["Bounds", "Program", "grow"]

COST = 50
"""A row costs about so many times what it costs in other kernels."""


class Bounds(NamedTuple):
    """Bounds of rows: ``times`` (2, n) int64, ``boxes`` (4, n) float32 x1, y1, x2, y2 or NaN."""

    times: Int64s
    boxes: npt.NDArray[np.float32]


class Program(NamedTuple):
    """A test between a run and a row, see :mod:`vquery_kernels.grow.operations`.

    ``code`` (m, 4) int64 instructions, none: always true; ``whole`` and ``real`` are constants,
    ``wholes`` and ``reals`` columns (leaves, n), ``missing`` (leaves, n) where they are null.
    ``shared`` says that the program holds only where the boxes share area, which is seen sooner.
    """

    code: Int64s
    whole: Int64s
    real: npt.NDArray[np.float64]
    wholes: Int64s
    reals: npt.NDArray[np.float64]
    missing: npt.NDArray[np.bool_]
    shared: bool = False

    @classmethod
    def always(cls, rows: int) -> Program:
        """Make a program that is always true."""
        return cls(
            np.zeros((0, 4), np.int64),
            np.zeros(0, np.int64),
            np.zeros(0),
            np.zeros((0, rows), np.int64),
            np.zeros((0, rows)),
            np.zeros((0, rows), np.bool_),
        )


def grow(
    group: Int64s,
    start: npt.NDArray[Any],
    end: npt.NDArray[Any],
    gap: npt.NDArray[Any],
    longest: npt.NDArray[Any],
    bounds: Bounds,
    program: Program,
) -> Int64s:
    """Give every row the number of the run that it belongs to.

    Rows are gone through in their order. A run of the same group is open to a row while the row
    starts at most ``gap`` after the latest end in the run, takes it where it would not become
    longer than ``longest`` and the program holds; of several such runs the one that was opened last
    gets the row. A row that no run takes opens the next one. O(rows × open runs).

    Parameters
    ----------
    group : (n,) int64
        Rows of one group are together.
    start, end : (n,) int64 or float32
        Starts ascend inside a group; no NaN.
    gap, longest : (n,) of the same type
        For each row.
    bounds : Bounds
        Of which the hull grows with a run, for the program.
    program : Program

    Returns
    -------
    (n,) int64
        Runs are numbered from 0 in the order in which they are opened.

    Raises
    ------
    ValueError
        If the rows are not in such an order.

    Examples
    --------
    >>> start, end = np.array([0, 1, 2]), np.array([5, 6, 7])
    >>> bounds = Bounds(np.stack([start, end]), np.zeros((4, 3), np.float32))
    >>> most, none = np.full(3, 6), np.zeros(3, np.int64)
    >>> grow(none, start, end, none, most, bounds, Program.always(3))
    array([0, 0, 1])
    """
    together = group[1:] == group[:-1]
    if (together & (start[1:] < start[:-1])).any() or (~together).sum() >= np.unique(
        group
    ).size > 0:
        raise ValueError("rows of a group have to be together, with ascending starts")
    module = implementation("grow", group.size * COST)
    component: Int64s = module.grow(
        *map(np.ascontiguousarray, (group, start, end, gap, longest, *bounds, *program[:-1])),
        program.shared,
    )
    return component
