"""Coverage on the GPU: running length of the union, its difference at both ends, fused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl

from vquery_kernels import gpu
from vquery_kernels.subtract.triton import meeting

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s, Spans


def coverage(left: Spans, right: Spans) -> Int64s:
    """See :func:`vquery_kernels.coverage.coverage`."""
    met = meeting(left, right)
    _, cut_start, cut_end = met.cut
    total = torch.nn.functional.pad(torch.cumsum(cut_end - cut_start, 0), (1, 0))
    covered = torch.zeros_like(met.left[1])
    if covered.numel():
        _covered[gpu.tiles(covered.numel())](
            *met.left[1:],
            cut_start,
            cut_end,
            met.first,
            met.stop,
            total,
            covered,
            covered.numel(),
            SIZE=gpu.BLOCK,
        )
    return gpu.numbers(covered)


@triton.jit
def _covered(
    left_start, left_end, cut_start, cut_end, first, stop, total, covered, count, SIZE: tl.constexpr
):
    row = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    there = row < count
    begin = tl.load(first + row, mask=there, other=0)
    behind = tl.load(stop + row, mask=there, other=0)
    start = tl.load(left_start + row, mask=there, other=0)
    end = tl.load(left_end + row, mask=there, other=0)
    some = there & (behind > begin) & (start < end)
    length = tl.load(total + behind, mask=some, other=0) - tl.load(
        total + begin, mask=some, other=0
    )
    # maxima before differences: these may not fit, their sum does
    opening = tl.load(cut_start + begin, mask=some, other=0)
    closing = tl.load(cut_end + behind - 1, mask=some, other=0)
    length -= tl.maximum(start, opening) - opening
    length -= tl.maximum(closing, end) - end
    tl.store(covered + row, tl.where(some, length, 0), mask=there)
