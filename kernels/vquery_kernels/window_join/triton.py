"""Window join on the GPU: two searches a window, then one program per tile of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from vquery_kernels import gpu
from vquery_kernels.arrays import blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s, Pairs, Pool
    from vquery_kernels.residual import Residual
    from vquery_kernels.window_join import Windows

    Found = tuple[gpu.Ranges, torch.Tensor]


def window_join(given: Windows, *, pool: Pool | None, residual: Residual | None = None) -> Pairs:
    """See :func:`vquery_kernels.window_join.window_join`; ``pool`` is of no use here."""
    del pool
    return _pairs(_found(given), 0, given.low.size, residual)


def window_join_blocks(
    given: Windows, *, max_pairs: int, pool: Pool | None, residual: Residual | None = None
) -> Iterator[Pairs]:
    """See :func:`vquery_kernels.window_join.window_join_blocks`."""
    del pool
    found = _found(given)
    made = (
        _pairs(found, low, high, residual)
        for low, high in blocks_of(gpu.numbers(found[0].count), max_pairs)
    )
    return (block for block in made if block[0].size)


def window_count(given: Windows, residual: Residual | None = None) -> Int64s:
    """See :func:`vquery_kernels.window_join.window_count`."""
    if residual is None:
        return gpu.numbers(_found(given)[0].count)
    rows, _ = window_join(given, pool=None, residual=residual)
    return np.bincount(rows, minlength=given.low.size).astype(np.int64)


def window_any(given: Windows, residual: Residual | None = None) -> npt.NDArray[np.bool_]:
    """See :func:`vquery_kernels.window_join.window_any`."""
    return window_count(given, residual) > 0


def _found(given: Windows) -> Found:
    """Ranges of right rows by key for each window, and the order of the right rows."""
    group, low, high = map(gpu.tensor, (given.group, given.low, given.high))
    right_group, key = gpu.tensor(given.right_group), gpu.tensor(given.key)
    lows, highs, keys = gpu.order_keys((group, low), (group, high), (right_group, key))
    order = torch.sort(keys, stable=True).indices
    keys = keys[order]
    first = gpu.search(keys, lows, upper=False)
    stop = torch.maximum(gpu.search(keys, highs, upper=True), first)
    return gpu.Ranges(first, stop - first, of_right=False), order


def _pairs(found: Found, low: int, high: int, residual: Residual | None) -> Pairs:
    ranges, order = found
    part = gpu.Ranges(ranges.first[low:high], ranges.count[low:high], of_right=False)
    rows = torch.arange(low, high, device=gpu.DEVICE)
    pairs = gpu.pairs([part], rows, order, residual)
    return gpu.row_numbers(pairs, ranges.first.numel(), order.numel())
