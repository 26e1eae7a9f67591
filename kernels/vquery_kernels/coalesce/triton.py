"""Coalesce on the GPU: a segmented running maximum of ends, tile by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl

from vquery_kernels import gpu
from vquery_kernels.arrays import refuse_inverted

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s, Spans

LARGEST = 2**63 - 1


def coalesce(given: Spans, gap: int) -> Int64s:
    """See :func:`vquery_kernels.coalesce.coalesce`."""
    refuse_inverted(given)
    group, start, end = map(gpu.tensor, (given.group, given.start, given.end))
    order = gpu.sorted_order(group, start)
    opens = opens_component(group[order], start[order], end[order], gap)
    component = torch.empty_like(start)
    component[order] = torch.cumsum(opens, 0) - 1
    return gpu.numbers(component)


def opens_component(
    group: torch.Tensor, start: torch.Tensor, end: torch.Tensor, gap: int
) -> torch.Tensor:
    """Mark the sorted rows that open a component, (n,) int64 of 0 and 1."""
    opens = torch.empty_like(start)
    if not start.numel():
        return opens
    grid = gpu.tiles(start.numel())
    latest = torch.empty_like(start)
    ends = torch.empty(grid[0], dtype=torch.int64, device=gpu.DEVICE)
    begun = torch.empty_like(ends)
    size = {"SIZE": gpu.BLOCK}
    _latest_in_tile[grid](group, end, latest, ends, begun, start.numel(), **size)
    carried = torch.empty_like(ends)
    _carry[(1,)](ends, begun, carried, grid[0], **size)
    _opens[grid](group, start, latest, carried, opens, gap, LARGEST - gap, start.numel(), **size)
    return opens


@triton.jit
def _later(one_new, one, other_new, other):
    """Combine two stretches: the maximum begins anew where a group does."""
    return one_new | other_new, tl.where(other_new != 0, other, tl.maximum(one, other))


@triton.jit
def _is_new(group, row, there):
    before = tl.load(group + row - 1, mask=there & (row > 0), other=0)
    return ((row == 0) | (tl.load(group + row, mask=there, other=0) != before)).to(tl.int32)


@triton.jit
def _latest_in_tile(group, end, latest, ends, begun, count, SIZE: tl.constexpr):
    """Latest end so far inside the tile, and what the tile hands on to the next."""
    row = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    there = row < count
    lowest = tl.full((SIZE,), -(2**63), tl.int64)
    value = tl.where(there, tl.load(end + row, mask=there, other=0), lowest)
    new = tl.where(there, _is_new(group, row, there), 0)
    new, value = tl.associative_scan((new, value), 0, _later)
    tl.store(latest + row, value, mask=there)
    last = tl.arange(0, SIZE) == SIZE - 1
    tl.store(ends + tl.program_id(0), tl.max(tl.where(last, value, lowest), 0))
    tl.store(begun + tl.program_id(0), tl.max(tl.where(last, new, 0), 0).to(tl.int64))


@triton.jit
def _carry(ends, begun, carried, count, SIZE: tl.constexpr):
    """Latest end that reaches each tile from those before it."""
    place = tl.arange(0, SIZE)
    lowest = tl.full((SIZE,), -(2**63), tl.int64)
    tl.store(carried + place, lowest, mask=place == 0)
    held = tl.max(lowest, 0)
    for first in range(0, count, SIZE):
        tile = first + place
        there = tile < count
        value = tl.where(there, tl.load(ends + tile, mask=there, other=0), lowest)
        new = tl.load(begun + tile, mask=there, other=0).to(tl.int32)
        new, value = tl.associative_scan((new, value), 0, _later)
        value = tl.where(new == 0, tl.maximum(value, held), value)
        tl.store(carried + tile + 1, value, mask=tile + 1 < count)
        held = tl.max(tl.where(place == SIZE - 1, value, lowest), 0)


@triton.jit
def _opens(group, start, latest, carried, opens, gap, far, count, SIZE: tl.constexpr):
    """Whether a row starts behind the latest end before it, plus the gap."""
    row = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    there = row < count
    new = _is_new(group, row, there)
    in_tile = tl.where(there, new, 0)
    in_tile, _ = tl.associative_scan((in_tile, in_tile.to(tl.int64)), 0, _later)
    inside = there & (tl.arange(0, SIZE) > 0)
    lowest = tl.full((SIZE,), -(2**63), tl.int64)
    reach = tl.where(inside, tl.load(latest + row - 1, mask=inside, other=0), lowest)
    from_before = tl.load(carried + tl.program_id(0))
    # no group has begun in this tile before the row: the tiles before count too
    reach = tl.where(in_tile == 0, tl.maximum(reach, from_before), reach)
    limit = tl.where(reach > far, 9223372036854775807, reach + gap)
    away = tl.load(start + row, mask=there, other=0) > limit
    tl.store(opens + row, ((new != 0) | away).to(tl.int64), mask=there)
