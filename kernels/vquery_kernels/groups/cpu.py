"""Groups compiled: one pass over the rows each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels.cpu import compiled
from vquery_kernels.groups.reference import LARGEST, SMALLEST

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s


def numbered(codes: Int64s) -> Int64s:
    """See :func:`vquery_kernels.groups.numbered`."""
    made = np.empty(codes.size, np.int64)
    _number(codes, np.full(int(codes.max(initial=-1)) + 1, -1), made)
    return made


def extents(groups: Int64s, start: Int64s, end: Int64s) -> tuple[Int64s, Int64s]:
    """See :func:`vquery_kernels.groups.extents`."""
    number = int(groups.max(initial=-1)) + 1
    low, high = np.full(number, LARGEST), np.full(number, SMALLEST)
    _extend(groups, start, end, low, high)
    return low, high


@compiled
def _number(codes: Int64s, place: Int64s, made: Int64s) -> None:
    number = 0
    for row in range(codes.size):
        code = codes[row]
        if place[code] < 0:
            place[code] = number
            number += 1
        made[row] = place[code]


@compiled
def _extend(groups: Int64s, start: Int64s, end: Int64s, low: Int64s, high: Int64s) -> None:
    for row in range(groups.size):
        group = groups[row]
        low[group] = min(low[group], start[row])
        high[group] = max(high[group], end[row])
