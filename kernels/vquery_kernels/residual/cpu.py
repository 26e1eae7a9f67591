"""Residuals compiled: whether all conditions hold for a pair. For use inside compiled joins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vquery_kernels.cpu import compiled

if TYPE_CHECKING:
    from vquery_kernels.residual import Residual

Test: TypeAlias = tuple[Any, ...]
"""The fields of a residual as a plain tuple; None instead of it is no test."""


def as_test(residual: Residual | None) -> Test | None:
    """Hand a residual to compiled code."""
    return None if residual is None else tuple(residual)


@compiled
def holds(test: Test, left: int, right: int) -> bool:
    """Tell whether all conditions hold for a pair of given rows."""
    bounds, keys, apart_left, apart_right, left_boxes, right_boxes, at_least = test
    for number in range(bounds.shape[1]):
        if bounds[left, number] > keys[right, number]:
            return False
    for number in range(apart_left.shape[1]):
        if apart_left[left, number] == apart_right[right, number]:
            return False
    if left_boxes.shape[0]:
        return bool(iou(left_boxes[left], right_boxes[right]) >= at_least)
    return True


@compiled
def iou(a: Any, b: Any) -> Any:
    """Intersection over union of two boxes in float32; nan where an edge is missing."""
    nothing = np.float32(0)
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = width * height if width > nothing and height > nothing else nothing
    total = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    if np.isnan(total):
        return total
    return nothing if total <= nothing else shared / total
