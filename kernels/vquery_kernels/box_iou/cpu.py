"""Intersection over union compiled, in chunks on several threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import empty
from vquery_kernels.cpu import compiled
from vquery_kernels.residual.cpu import iou

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery_kernels.arrays import Ints


def box_iou(
    left: npt.NDArray[np.float32],
    right: npt.NDArray[np.float32],
    left_rows: Ints,
    right_rows: Ints,
) -> npt.NDArray[np.float32]:
    """See :func:`vquery_kernels.box_iou.box_iou`."""
    measured = empty(left_rows.size, np.float32)
    cuts = threads.cuts(left_rows.size)
    arrays = left, right, left_rows, right_rows
    threads.run(lambda k: _measure(*arrays, cuts[k], cuts[k + 1], measured), len(cuts) - 1)
    return measured


@compiled
def _measure(
    left: npt.NDArray[np.float32],
    right: npt.NDArray[np.float32],
    left_rows: Ints,
    right_rows: Ints,
    low: int,
    high: int,
    measured: npt.NDArray[np.float32],
) -> None:
    """Measure the pairs ``low .. high``."""
    for pair in range(low, high):
        a, b = left[left_rows[pair]], right[right_rows[pair]]
        measured[pair] = iou(a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3])
