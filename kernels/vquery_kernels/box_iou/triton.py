"""Intersection over union on the GPU, rounded as on the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import triton
import triton.language as tl

from vquery_kernels import gpu

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
    rows = [gpu.tensor(each).long() for each in (left_rows, right_rows)]
    measured = torch.empty(left_rows.size, dtype=torch.float32, device=gpu.DEVICE)
    if left_rows.size:
        _measure[gpu.tiles(left_rows.size)](
            gpu.tensor(left),
            gpu.tensor(right),
            *rows,
            measured,
            left_rows.size,
            SIZE=gpu.BLOCK,
            enable_fp_fusion=False,
        )
    return gpu.array(measured, np.float32)


@triton.jit
def _measure(left, right, left_rows, right_rows, measured, count, SIZE: tl.constexpr):
    pair = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    there = pair < count
    a = left + tl.load(left_rows + pair, mask=there, other=0) * 4
    b = right + tl.load(right_rows + pair, mask=there, other=0) * 4
    tl.store(measured + pair, gpu.iou(a, b, there), mask=there)
