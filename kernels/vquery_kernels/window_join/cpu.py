"""Window join compiled: a search from where the window before was found, a prefix sum, a fill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery_kernels import ranges
from vquery_kernels.cpu import sort_points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery_kernels.arrays import Int64s, Pairs, Pool
    from vquery_kernels.window_join import Windows


def window_join(given: Windows, *, pool: Pool | None) -> Pairs:
    """See :func:`vquery_kernels.window_join.window_join`."""
    return ranges.pairs(_find(given), 0, given.low.size, pool)


def window_join_blocks(given: Windows, *, max_pairs: int, pool: Pool | None) -> Iterator[Pairs]:
    """See :func:`vquery_kernels.window_join.window_join_blocks`."""
    return ranges.blocks(_find(given), max_pairs, pool)


def window_count(given: Windows) -> Int64s:
    """See :func:`vquery_kernels.window_join.window_count`."""
    return _find(given).counts


def _find(given: Windows) -> ranges.Ranges:
    group, key, order = sort_points(given.right_group, given.key)
    keys = ranges.Keys(group, key, key, order)
    return ranges.find(given.group, given.low, given.high, keys, slack=0)
