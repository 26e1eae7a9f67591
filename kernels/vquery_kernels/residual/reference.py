"""Residuals in numpy, part by part. Oracle, and fallback without numba."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery_kernels.arrays import Ints, Pairs
    from vquery_kernels.residual import Residual

PART = 1 << 18
"""Pairs that are tested at a time."""


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


def holds(residual: Residual, left_rows: Ints, right_rows: Ints) -> npt.NDArray[np.bool_]:
    """Tell for which pairs all conditions hold."""
    keep = (residual.bounds[left_rows] <= residual.keys[right_rows]).all(axis=1)
    keep &= (residual.apart_left[left_rows] != residual.apart_right[right_rows]).all(axis=1)
    if residual.left_boxes.size:
        boxes = residual.left_boxes[left_rows], residual.right_boxes[right_rows]
        keep &= iou(*boxes) >= residual.at_least
    answer: npt.NDArray[np.bool_] = keep
    return answer


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
