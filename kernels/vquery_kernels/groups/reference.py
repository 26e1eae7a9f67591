"""Groups in numpy. Oracle, and fallback without numba."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s

LARGEST, SMALLEST = np.iinfo(np.int64).max, np.iinfo(np.int64).min


def numbered(codes: Int64s) -> Int64s:
    """See :func:`vquery_kernels.groups.numbered`."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(first.size)
    made: Int64s = rank[inverse]
    return made


def extents(groups: Int64s, start: Int64s, end: Int64s) -> tuple[Int64s, Int64s]:
    """See :func:`vquery_kernels.groups.extents`."""
    number = int(groups.max(initial=-1)) + 1
    low, high = np.full(number, LARGEST), np.full(number, SMALLEST)
    np.minimum.at(low, groups, start)
    np.maximum.at(high, groups, end)
    return low, high
