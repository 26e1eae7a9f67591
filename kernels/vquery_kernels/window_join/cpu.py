"""Window join compiled: a search from where the window before was found, a prefix sum, a fill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery_kernels import ranges
from vquery_kernels.cpu import sort_points
from vquery_kernels.residual.cpu import as_test

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s, Pairs, Pool
    from vquery_kernels.residual import Residual
    from vquery_kernels.window_join import Windows


def window_join(given: Windows, *, pool: Pool | None, residual: Residual | None = None) -> Pairs:
    """See :func:`vquery_kernels.window_join.window_join`."""
    found, test = _find(given), as_test(residual)
    return ranges.pairs(found, ranges.kept(found, test), 0, given.low.size, pool, test)


def window_join_blocks(
    given: Windows, *, max_pairs: int, pool: Pool | None, residual: Residual | None = None
) -> Iterator[Pairs]:
    """See :func:`vquery_kernels.window_join.window_join_blocks`."""
    return ranges.blocks(_find(given), max_pairs, pool, residual)


def window_count(given: Windows, residual: Residual | None = None) -> Int64s:
    """See :func:`vquery_kernels.window_join.window_count`."""
    return ranges.kept(_find(given), as_test(residual))


def window_any(given: Windows, residual: Residual | None = None) -> npt.NDArray[np.bool_]:
    """See :func:`vquery_kernels.window_join.window_any`."""
    return ranges.kept(_find(given), as_test(residual), 1) > 0


def _find(given: Windows) -> ranges.Ranges:
    group, key, order = sort_points(given.right_group, given.key)
    keys = ranges.Keys(group, key, key, order)
    return ranges.find(given.group, given.low, given.high, keys, slack=0)
