"""Window join in numpy: two binary searches a window. Oracle, and fallback without numba."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels.arrays import Pool, blocks_of, empty, expand, index_type, order_keys, sort_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery_kernels.arrays import Int64s, Pairs
    from vquery_kernels.window_join import Windows


def window_join(given: Windows, *, pool: Pool | None) -> Pairs:
    """See :func:`vquery_kernels.window_join.window_join`."""
    order = sort_order(given.right_group, given.key)
    return _emit(given, order, *_ranges(given, order), 0, pool)


def window_join_blocks(given: Windows, *, max_pairs: int, pool: Pool | None) -> Iterator[Pairs]:
    """See :func:`vquery_kernels.window_join.window_join_blocks`."""
    order = sort_order(given.right_group, given.key)
    first, stop = _ranges(given, order)
    for low, high in blocks_of(stop - first, max_pairs):
        yield _emit(given, order, first[low:high], stop[low:high], low, pool)


def window_count(given: Windows) -> Int64s:
    """See :func:`vquery_kernels.window_join.window_count`."""
    first, stop = _ranges(given, sort_order(given.right_group, given.key))
    return stop - first


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
    given: Windows, order: Int64s, first: Int64s, stop: Int64s, row: int, pool: Pool | None
) -> Pairs:
    rows, places = expand(first, stop)
    dtype = index_type(given.low.size, given.key.size)
    result = (
        empty(rows.size, dtype, pool, "left_rows"),
        empty(rows.size, dtype, pool, "right_rows"),
    )
    result[0][:] = rows + row
    result[1][:] = order[places]
    return result
