"""Subtract on the GPU: union of the right side, two searches a left row, one program per tile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
import triton
import triton.language as tl

from vquery_kernels import gpu
from vquery_kernels.arrays import index_type, refuse_inverted
from vquery_kernels.coalesce.triton import opens_component
from vquery_kernels.subtract import Pieces

if TYPE_CHECKING:
    from vquery_kernels.arrays import Spans


class Met(NamedTuple):
    """Left columns, the cuts, and which cuts ``first .. stop`` share time with each left row."""

    left: tuple[torch.Tensor, ...]  # group, start, end
    cut: tuple[torch.Tensor, ...]
    first: torch.Tensor
    stop: torch.Tensor
    held: torch.Tensor  # 1 where a cut holds the start of the left row


def subtract(left: Spans, right: Spans) -> Pieces:
    """See :func:`vquery_kernels.subtract.subtract`."""
    met = meeting(left, right)
    instant = met.left[1] == met.left[2]
    # pieces lie between neighbouring cuts: before cut `place`, for place in first .. stop
    count = torch.where(instant, 1 - met.held, met.stop - met.first + 1)
    return pieces(met, count, inside=False)


def meeting(left: Spans, right: Spans) -> Met:
    """Find the cuts that each left row meets."""
    refuse_inverted(left)
    refuse_inverted(right)
    given = tuple(map(gpu.tensor, (left.group, left.start, left.end)))
    cut = union(*map(gpu.tensor, (right.group, right.start, right.end)))
    start, end, cut_start, cut_end = gpu.order_keys(
        (given[0], given[1]), (given[0], given[2]), (cut[0], cut[1]), (cut[0], cut[2])
    )
    first = gpu.search(cut_end, start, upper=True)
    stop = torch.maximum(gpu.search(cut_start, end, upper=False), first)
    held = (gpu.search(cut_start, start, upper=True) > first).long()
    return Met(given, cut, first, stop, held)


def union(
    group: torch.Tensor, start: torch.Tensor, end: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Disjoint sorted spans that cover the same time; instants cover none."""
    order = gpu.sorted_order(group, start)
    order = order[start[order] < end[order]]
    group, start, end = group[order].long(), start[order], end[order]
    opens = opens_component(group, start, end, 0)
    component = torch.cumsum(opens, 0) - 1
    number = int(component[-1]) + 1 if component.numel() else 0
    latest = torch.full((number,), -(2**63), dtype=torch.int64, device=gpu.DEVICE)
    latest = latest.scatter_reduce(0, component, end, "amax")
    first = torch.nonzero(opens).ravel()
    return group[first], start[first], latest


def pieces(met: Met, count: torch.Tensor, *, inside: bool) -> Pieces:
    """Write the pieces of every left row, those without length left out (but instants)."""
    before = torch.nn.functional.pad(torch.cumsum(count, 0), (1, 0))
    total = int(before[-1])
    made = [torch.empty(total, dtype=torch.int64, device=gpu.DEVICE) for _ in range(3)]
    if total:
        given: tuple[Any, ...] = (before, met.first, met.stop, *met.left[1:], *met.cut[1:])
        steps = int(before.numel()).bit_length()
        _pieces[gpu.tiles(total)](
            *given, *made, total, before.numel(), INSIDE=inside, STEPS=steps, SIZE=gpu.BLOCK
        )
    rows, start, end = made
    keep = (start < end) | (met.left[1] == met.left[2])[rows]
    dtype: Any = index_type(met.left[1].numel(), met.cut[1].numel())
    numbers = gpu.array(rows[keep], np.int64).astype(dtype)
    return Pieces(numbers, gpu.numbers(start[keep]), gpu.numbers(end[keep]))


@triton.jit
def _pieces(
    before,
    first,
    stop,
    left_start,
    left_end,
    cut_start,
    cut_end,
    rows,
    starts,
    ends,
    total,
    number,
    INSIDE: tl.constexpr,
    STEPS: tl.constexpr,
    SIZE: tl.constexpr,
):
    place = tl.program_id(0).to(tl.int64) * SIZE + tl.arange(0, SIZE)
    there = place < total
    row = tl.where(there, gpu.bisect(before, place, number, there, True, STEPS) - 1, 0)
    begin = tl.load(first + row, mask=there, other=0)
    cut = begin + place - tl.load(before + row, mask=there, other=0)
    start = tl.load(left_start + row, mask=there, other=0)
    end = tl.load(left_end + row, mask=there, other=0)
    if INSIDE:
        start = tl.maximum(start, tl.load(cut_start + cut, mask=there, other=0))
        end = tl.minimum(end, tl.load(cut_end + cut, mask=there, other=0))
    else:
        after = there & (cut > begin)
        start = tl.where(after, tl.load(cut_end + cut - 1, mask=after, other=0), start)
        stopped = there & (cut < tl.load(stop + row, mask=there, other=0))
        end = tl.where(stopped, tl.load(cut_start + cut, mask=stopped, other=0), end)
    tl.store(rows + place, row, mask=there)
    tl.store(starts + place, start, mask=there)
    tl.store(ends + place, end, mask=there)
