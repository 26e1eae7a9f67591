"""Intersection over union of boxes: of given pairs, or of all pairs of equal groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vquery_kernels.arrays import Ints, column, frozen
from vquery_kernels.backend import implementation
from vquery_kernels.overlap_join import overlap_join
from vquery_kernels.residual import Iou, residual_of
from vquery_kernels.window_join import window_join

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Alike", "box_iou", "box_iou_join"]


class Alike(NamedTuple):
    """Pairs of boxes: left_row, right_row (int32 or int64), iou (float32), each (pairs,)."""

    left_row: Ints
    right_row: Ints
    iou: npt.NDArray[np.float32]


def box_iou(
    left: npt.ArrayLike,
    right: npt.ArrayLike,
    left_rows: npt.ArrayLike | None = None,
    right_rows: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float32]:
    """Measure how alike boxes are: shared area over the area that both cover together.

    Parameters
    ----------
    left, right : (n, 4), (m, 4) float32
        Edges x1, y1, x2, y2; nan where there is no box.
    left_rows, right_rows : (pairs,) int, optional
        Which rows to compare; without them row by row, all of both sides.

    Returns
    -------
    (pairs,) float32
        Computed in float32; 0 where both boxes are empty, nan where one is missing.

    Raises
    ------
    ValueError
        For a wrong shape or type, or row numbers that do not exist.

    Examples
    --------
    >>> box_iou([[0, 0, 2, 1], [0, 0, 1, 1]], [[1, 0, 3, 1], [1, 0, 2, 1]]).tolist()
    [0.3333333432674408, 0.0]
    """
    sides = _boxes("left", left), _boxes("right", right)
    rows = (
        _rows("left_rows", left_rows, sides[0].shape[0]),
        _rows("right_rows", right_rows, sides[1].shape[0]),
    )
    if rows[0].size != rows[1].size:
        raise ValueError(
            f"as many left rows as right rows are needed, got {rows[0].size} and {rows[1].size}"
        )
    measured: npt.NDArray[np.float32] = implementation("box_iou", rows[0].size).box_iou(
        *sides, *rows
    )
    return measured


def box_iou_join(
    left_group: npt.ArrayLike,
    left: npt.ArrayLike,
    right_group: npt.ArrayLike,
    right: npt.ArrayLike,
    at_least: float = 0,
) -> Alike:
    """Measure all pairs of boxes of equal groups, and keep those that are alike.

    Parameters
    ----------
    left_group, right_group : (n,), (m,) int32 or int64
        Only rows of equal groups meet: a frame, for example.
    left, right : (n, 4), (m, 4) float32
        Edges x1, y1, x2, y2; a box that is missing (nan) is in no pair.
    at_least : float
        Least intersection over union, from 0 to 1, compared in float32; 0 keeps every pair. Above
        0 only boxes that share something on the x axis are looked at.

    Returns
    -------
    Alike
        ``left_row, right_row, iou``; left rows ascend, the partners of one left row too.

    Raises
    ------
    ValueError
        For a wrong shape or type, or another ``at_least``.

    >>> alike = box_iou_join([0], [[0, 0, 1, 1]], [0, 1], [[0, 0, 1, 2], [0, 0, 1, 1]], 0.5)
    >>> [each.tolist() for each in alike]
    [[0], [0], [0.5]]
    """
    if not 0 <= at_least <= 1:
        raise ValueError(f"at_least must be from 0 to 1, got {at_least}")
    sides = [_boxes("left", left), _boxes("right", right)]
    groups = [column("left_group", left_group), column("right_group", right_group)]
    for name, boxes, group in zip(("left", "right"), sides, groups, strict=True):
        if boxes.shape[0] != group.size:
            raise ValueError(
                f"{name} must have as many boxes as {name}_group has elements ({group.size}), got"
                f" {boxes.shape[0]}"
            )
    kept = [np.flatnonzero(~np.isnan(boxes).any(axis=1)) for boxes in sides]
    some = [boxes[rows] for boxes, rows in zip(sides, kept, strict=True)]
    codes = [group[rows] for group, rows in zip(groups, kept, strict=True)]
    edges = [(box[:, 0], box[:, 1], box[:, 2], box[:, 3]) for box in some]
    test = residual_of([Iou(edges[0], edges[1], at_least)], some[0].shape[0], some[1].shape[0])
    if np.float32(at_least) > 0:
        spans = [(code, box[:, 0], box[:, 2]) for code, box in zip(codes, some, strict=True)]
        pairs = overlap_join(*spans[0], *spans[1], residual=test)
    else:
        zero = [np.zeros(code.size, np.int64) for code in codes]
        pairs = window_join(codes[0], zero[0], zero[0], codes[1], zero[1], residual=test)
    order = np.lexsort((pairs[1], pairs[0]))
    left_rows, right_rows = pairs[0][order], pairs[1][order]
    measured = box_iou(some[0], some[1], left_rows, right_rows)
    return Alike(
        kept[0][left_rows].astype(left_rows.dtype),
        kept[1][right_rows].astype(left_rows.dtype),
        measured,
    )


def _boxes(name: str, given: npt.ArrayLike) -> npt.NDArray[np.float32]:
    boxes = np.asarray(given)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name} must have the shape (n, 4), got {boxes.shape}")
    if boxes.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be numbers, got {boxes.dtype}")
    return frozen(np.ascontiguousarray(boxes, np.float32))


def _rows(name: str, given: Any, size: int) -> Ints:
    if given is None:
        return frozen(np.arange(size, dtype=np.int32))
    rows = column(name, given)
    if rows.size and (rows.min() < 0 or rows.max() >= size):
        raise ValueError(f"{name} must be row numbers below {size}")
    return rows
