"""Coalesce in numpy: sort, running maximum. Oracle, and fallback without numba."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels.arrays import Spans, empty, refuse_inverted, sort_order

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s


def coalesce(given: Spans, gap: int) -> Int64s:
    """See :func:`vquery_kernels.coalesce.coalesce`."""
    refuse_inverted(given)
    order = sort_order(given.group, given.start)
    opens = opens_component(given.group[order], given.start[order], given.end[order], gap)
    component = empty(order.size, np.int64)
    component[order] = np.cumsum(opens) - 1
    return component


def opens_component(
    group: npt.NDArray[np.integer], start: Int64s, end: Int64s, gap: int
) -> npt.NDArray[np.bool_]:
    """Mark the sorted rows that open a component."""
    if not start.size:
        return np.zeros(0, np.bool_)
    new_group = np.ones(start.size, np.bool_)
    new_group[1:] = group[1:] != group[:-1]
    # Ranks make one running maximum restart at every group: a later group has larger keys.
    ends, rank = np.unique(end, return_inverse=True)
    offset = np.cumsum(new_group) * ends.size
    latest = ends[np.maximum.accumulate(offset + rank) - offset]
    reach = np.where(latest > np.iinfo(np.int64).max - gap, np.iinfo(np.int64).max, latest + gap)
    far = np.ones(start.size, np.bool_)
    far[1:] = start[1:] > reach[:-1]
    return new_group | far
