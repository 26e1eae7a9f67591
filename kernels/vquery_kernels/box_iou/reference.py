"""Intersection over union in numpy. Oracle, and fallback without numba."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery_kernels.residual.reference import iou

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vquery_kernels.arrays import Ints


def box_iou(
    left: npt.NDArray[np.float32],
    right: npt.NDArray[np.float32],
    left_rows: Ints,
    right_rows: Ints,
) -> npt.NDArray[np.float32]:
    """See :func:`vquery_kernels.box_iou.box_iou`."""
    return iou(left[left_rows], right[right_rows])
