"""Overlap join on the GPU: two searches a row, then one program per tile of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from vquery_kernels import gpu
from vquery_kernels.arrays import blocks_of, refuse_inverted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s, Pairs, Pool, Spans
    from vquery_kernels.residual import Residual


class Sides(NamedTuple):
    """Both sides sorted by ``(group, start)``, and where each row's partners begin and stop."""

    left_order: torch.Tensor
    right_order: torch.Tensor
    inside: tuple[torch.Tensor, torch.Tensor]  # right rows that start inside each left row
    around: tuple[torch.Tensor, torch.Tensor]  # left rows that start strictly inside each right row


def overlap_join(
    left: Spans,
    right: Spans,
    *,
    touching: bool,
    pool: Pool | None,
    residual: Residual | None = None,
) -> Pairs:
    """See :func:`vquery_kernels.overlap_join.overlap_join`; ``pool`` is of no use here."""
    del pool
    sides = _sides(left, right, touching=touching)
    found = gpu.by_left_row(_pairs(sides, 0, left.start.size, residual))
    return gpu.row_numbers(found, left.start.size, right.start.size)


def overlap_join_blocks(
    left: Spans,
    right: Spans,
    *,
    touching: bool,
    max_pairs: int,
    pool: Pool | None,
    residual: Residual | None = None,
) -> Iterator[Pairs]:
    """See :func:`vquery_kernels.overlap_join.overlap_join_blocks`."""
    del pool
    count = overlap_count(left, right, touching=touching)
    sides = _sides(left, right, touching=touching)
    count = count[gpu.array(sides.left_order)]
    sizes = left.start.size, right.start.size
    made = (_pairs(sides, low, high, residual) for low, high in blocks_of(count, max_pairs))
    return (gpu.row_numbers(block, *sizes) for block in made if block[0].numel())


def overlap_count(
    left: Spans, right: Spans, *, touching: bool, residual: Residual | None = None
) -> Int64s:
    """Subtract the right rows that end before a row starts from those that start before it ends."""
    if residual is not None:
        rows, _ = overlap_join(left, right, touching=touching, pool=None, residual=residual)
        return np.bincount(rows, minlength=left.start.size).astype(np.int64)
    left_keys, left_last, right_keys, right_last = _keys(left, right, touching=touching)
    started = gpu.search(torch.sort(right_keys).values, left_last, upper=True)
    ended = gpu.search(torch.sort(right_last).values, left_keys, upper=False)
    return gpu.numbers(started - ended)


def overlap_any(
    left: Spans, right: Spans, *, touching: bool, residual: Residual | None = None
) -> npt.NDArray[np.bool_]:
    """See :func:`vquery_kernels.overlap_join.overlap_any`."""
    return overlap_count(left, right, touching=touching, residual=residual) > 0


def _sides(left: Spans, right: Spans, *, touching: bool) -> Sides:
    left_keys, left_last, right_keys, right_last = _keys(left, right, touching=touching)
    left_order = torch.sort(left_keys, stable=True).indices
    right_order = torch.sort(right_keys, stable=True).indices
    left_keys, left_last = left_keys[left_order], left_last[left_order]
    right_keys, right_last = right_keys[right_order], right_last[right_order]
    inside = (
        gpu.search(right_keys, left_keys, upper=False),
        gpu.search(right_keys, left_last, upper=True),
    )
    around = (
        gpu.search(left_keys, right_keys, upper=True),
        gpu.search(left_keys, right_last, upper=True),
    )
    return Sides(left_order, right_order, inside, around)


def _pairs(
    sides: Sides, low: int, high: int, residual: Residual | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pairs of the sorted left rows ``low .. high``."""
    first, stop = (each[low:high] for each in sides.inside)
    inside = gpu.Ranges(first, stop - first, of_right=False)
    first, stop = (each.clamp(low, high) - low for each in sides.around)
    around = gpu.Ranges(first, stop - first, of_right=True)
    order = sides.left_order[low:high]
    return gpu.pairs([inside, around], order, sides.right_order, residual)


def _keys(left: Spans, right: Spans, *, touching: bool) -> list[torch.Tensor]:
    columns = []
    for side in (left, right):
        refuse_inverted(side)
        group, start, end = map(gpu.tensor, (side.group, side.start, side.end))
        columns += [(group, start), (group, gpu.last_tick(start, end, touching=touching))]
    return gpu.order_keys(*columns)
