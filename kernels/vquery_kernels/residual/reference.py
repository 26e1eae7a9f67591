"""Residuals in numpy, part by part. Oracle, and fallback without numba."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery_kernels.residual import Compare, Distance, Iou, Present

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery_kernels.arrays import Ints, Pairs
    from vquery_kernels.residual import Condition, Residual

    Mask = npt.NDArray[np.bool_]

PART = 1 << 18
"""Pairs that are tested at a time."""

COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def kept(pairs: Pairs, residual: Residual | None) -> Pairs:
    """Keep the pairs for which all conditions hold."""
    if residual is None:
        return pairs
    left_rows, right_rows = pairs
    keep = np.empty(left_rows.size, np.bool_)
    for low in range(0, left_rows.size, PART):
        part = slice(low, low + PART)
        keep[part] = holds(residual, left_rows[part], right_rows[part])
    return left_rows[keep], right_rows[keep]


def holds(residual: Residual, left_rows: Ints, right_rows: Ints) -> Mask:
    """Tell for which pairs all conditions hold."""
    keep = np.ones(left_rows.size, np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        for condition in residual.conditions:
            keep &= _holds(condition, left_rows, right_rows)
    return keep


def _holds(condition: Condition, left_rows: Ints, right_rows: Ints) -> Mask:
    if isinstance(condition, Present):
        keep = np.ones(left_rows.size, np.bool_)
        for mark, rows in ((condition.left, left_rows), (condition.right, right_rows)):
            if mark is not None:
                keep &= mark[rows]
        return keep
    if isinstance(condition, Iou):
        left = np.stack([edge[left_rows] for edge in condition.left], 1)
        right = np.stack([edge[right_rows] for edge in condition.right], 1)
        measured: Mask = iou(left, right) >= np.float32(condition.at_least)
        return measured
    first, second = condition.left[left_rows], condition.right[right_rows]
    known: Mask = (first == first) & (second == second)  # not nan
    if isinstance(condition, Compare):
        passed: Mask = COMPARE[condition.operation](first, second)
        return known & passed
    return known & _near(condition, first, second)


def _near(condition: Distance, left: npt.NDArray[Any], right: npt.NDArray[Any]) -> Mask:
    apart = right - left
    keep = np.ones(apart.size, np.bool_)
    above = below = np.zeros(apart.size, np.bool_)
    if apart.dtype.kind == "i":  # what does not fit is above or below every limit
        above, below = (right >= left) & (apart < 0), (right < left) & (apart >= 0)
    less = np.less if condition.strict else np.less_equal
    if condition.low is not None:
        keep &= (less(apart.dtype.type(condition.low), apart) | above) & ~below
    if condition.high is not None:
        keep &= (less(apart, apart.dtype.type(condition.high)) | below) & ~above
    return keep


def iou(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Intersection over union, row by row, in float32; nan where an edge is missing."""
    nothing = np.float32(0)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        sides = np.minimum(left[:, 2:], right[:, 2:]) - np.maximum(left[:, :2], right[:, :2])
        sides = np.maximum(sides, nothing)
        shared = sides[:, 0] * sides[:, 1]
        areas = [(box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) for box in (left, right)]
        total = areas[0] + areas[1] - shared
        result: npt.NDArray[np.float32] = np.where(total <= 0, nothing, shared / total)
    return result
