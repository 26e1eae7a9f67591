"""Nearest on the GPU: the first k of each kind of neighbour by searches, then one stable sort."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import triton
import triton.language as tl

from vquery_kernels import gpu
from vquery_kernels.arrays import index_type, refuse_inverted
from vquery_kernels.nearest import HIGHEST, Near
from vquery_kernels.overlap_join.triton import overlap_join

if TYPE_CHECKING:
    from vquery_kernels.arrays import Spans
    from vquery_kernels.nearest import Question


class Side(NamedTuple):
    """Columns of one side on the device."""

    group: torch.Tensor
    start: torch.Tensor
    end: torch.Tensor


def nearest(left: Spans, right: Spans, question: Question) -> Near:
    """See :func:`vquery_kernels.nearest.nearest`."""
    refuse_inverted(left)
    refuse_inverted(right)
    a, b = (Side(*map(gpu.tensor, (each.group, each.start, each.end))) for each in (left, right))
    found = []
    if question.overlapping:
        rows = overlap_join(left, right, touching=False, pool=None)
        found.append(tuple(gpu.tensor(each).long() for each in rows))
    if question.after:
        found.append(_after(a, b, question.k))
    if question.before:
        found.extend(_before(a, b, question.k))
    left_rows = torch.cat([rows for rows, _ in found])
    right_rows = torch.cat([rows for _, rows in found])
    order, gap = _by_distance(a, b, left_rows, right_rows)
    near = gap[order] <= question.max_gap
    order = order[near]
    firsts = torch.arange(a.start.numel(), device=gpu.DEVICE)
    first = gpu.search(left_rows[order], firsts, upper=False)
    rank = torch.arange(order.numel(), device=gpu.DEVICE) - first[left_rows[order]]
    order = order[rank < question.k]
    dtype = index_type(left.start.size, right.start.size)
    found_left, found_right = (gpu.array(each[order], dtype) for each in (left_rows, right_rows))
    return Near(found_left, found_right, gpu.numbers(gap[order]))


def _by_distance(
    left: Side, right: Side, left_rows: torch.Tensor, right_rows: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Order by left row, gap, start of the partner and its row; and the gaps."""
    gap = torch.empty_like(left_rows)
    if gap.numel():
        _gap[gpu.tiles(gap.numel())](
            left_rows, right_rows, *left[1:], *right[1:], gap, gap.numel(), SIZE=gpu.BLOCK
        )
    order = torch.sort(right_rows, stable=True).indices
    for key in (right.start[right_rows], gap, left_rows):
        order = order[torch.sort(key[order], stable=True).indices]
    return order, gap


@triton.jit
def _gap(left_rows, right_rows, start, end, other_start, other_end, gap, count, SIZE: tl.constexpr):
    """Distance of the ends that face each other, at most what int64 holds."""
    pair = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    there = pair < count
    row = tl.load(left_rows + pair, mask=there, other=0)
    other = tl.load(right_rows + pair, mask=there, other=0)
    ahead = tl.load(other_start + other, mask=there, other=0)
    ending = tl.load(end + row, mask=there, other=0)
    beginning = tl.load(start + row, mask=there, other=0)
    behind = tl.load(other_end + other, mask=there, other=0)
    far = tl.where(ahead > ending, ahead - ending, 0)
    back = tl.where(beginning > behind, beginning - behind, 0)
    # a difference that does not fit has become negative
    far = tl.where(far < 0, 9223372036854775807, far)
    back = tl.where(back < 0, 9223372036854775807, back)
    tl.store(gap + pair, tl.maximum(far, back), mask=there)


def _first(
    first: torch.Tensor, stop: torch.Tensor, k: int, order: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pairs of every row and the first ``k`` of its range."""
    rows = torch.arange(first.numel(), device=gpu.DEVICE)
    count = (stop - first).clamp(0, k)
    return gpu.pairs([gpu.Ranges(first, count, of_right=False)], rows, order)


def _after(left: Side, right: Side, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the first k right rows that start behind the last tick of each left row."""
    order = gpu.sorted_order(right.group, right.start)
    last = gpu.last_tick(left.start, left.end, touching=False)
    keys, lasts, ends = gpu.order_keys(
        (right.group[order], right.start[order]),
        (left.group, last),
        (left.group, torch.full_like(last, _highest(right.start, last))),
    )
    first = gpu.search(keys, lasts, upper=True)
    return _first(first, gpu.search(keys, ends, upper=True), k, order)


def _before(left: Side, right: Side, k: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Find the right rows before each left row: the first k that abut, the first k behind them."""
    order = torch.sort(right.start, stable=True).indices
    order = order[gpu.sorted_order(right.group[order], ~right.end[order])]
    falling = ~left.start
    keys, starts, ends = gpu.order_keys(
        (right.group[order], ~right.end[order]),
        (left.group, falling),
        (left.group, torch.full_like(falling, _highest(~right.end, falling))),
    )
    abut = gpu.search(keys, starts, upper=False)
    behind = gpu.search(keys, starts, upper=True)
    rows, others = _first(abut, behind, k, order)
    # an instant where a left row starts shares time with it
    apart = right.start[others] < left.start[rows]
    far = _first(behind, gpu.search(keys, ends, upper=True), k, order)
    return [(rows[apart], others[apart]), far]


def _highest(*columns: torch.Tensor) -> int:
    return max((int(values.max()) for values in columns if values.numel()), default=0)


assert np.iinfo(np.int64).max == HIGHEST  # what _gap writes where a distance does not fit
