"""Window join in numpy: two binary searches a window. Oracle, and fallback without numba."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels.arrays import Pool, blocks_of, empty, expand, index_type, order_keys, sort_order
from vquery_kernels.residual.reference import PART, kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s, Pairs
    from vquery_kernels.residual import Residual
    from vquery_kernels.window_join import Windows


def window_join(given: Windows, *, pool: Pool | None, residual: Residual | None = None) -> Pairs:
    """See :func:`vquery_kernels.window_join.window_join`."""
    order = sort_order(given.right_group, given.key)
    return _emit(given, order, *_ranges(given, order), 0, pool, residual)


def window_join_blocks(
    given: Windows, *, max_pairs: int, pool: Pool | None, residual: Residual | None = None
) -> Iterator[Pairs]:
    """See :func:`vquery_kernels.window_join.window_join_blocks`."""
    order = sort_order(given.right_group, given.key)
    first, stop = _ranges(given, order)
    for low, high in blocks_of(stop - first, max_pairs):
        block = _emit(given, order, first[low:high], stop[low:high], low, pool, residual)
        if block[0].size:
            yield block


def window_count(given: Windows, residual: Residual | None = None) -> Int64s:
    """See :func:`vquery_kernels.window_join.window_count`."""
    if residual is None:
        first, stop = _ranges(given, sort_order(given.right_group, given.key))
        return stop - first
    count = np.zeros(given.low.size, np.int64)
    for rows, _ in window_join_blocks(given, max_pairs=PART, pool=None, residual=residual):
        count += np.bincount(rows, minlength=count.size)
    return count


def window_any(given: Windows, residual: Residual | None = None) -> npt.NDArray[np.bool_]:
    """See :func:`vquery_kernels.window_join.window_any`."""
    return window_count(given, residual) > 0


def _ranges(given: Windows, order: Int64s) -> tuple[Int64s, Int64s]:
    low, high, key = order_keys(
        (given.group, given.low),
        (given.group, given.high),
        (given.right_group[order], given.key[order]),
    )
    first = np.searchsorted(key, low, side="left")
    stop = np.searchsorted(key, high, side="right")
    return first, np.maximum(stop, first)


def _emit(
    given: Windows,
    order: Int64s,
    first: Int64s,
    stop: Int64s,
    row: int,
    pool: Pool | None,
    residual: Residual | None,
) -> Pairs:
    rows, places = expand(first, stop)
    rows, partners = kept((rows + row, order[places]), residual)
    dtype = index_type(given.low.size, given.key.size)
    result = (
        empty(rows.size, dtype, pool, "left_rows"),
        empty(rows.size, dtype, pool, "right_rows"),
    )
    result[0][:] = rows
    result[1][:] = partners
    return result
