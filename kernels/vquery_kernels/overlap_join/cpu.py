"""Overlap join compiled.

Where the ends of the right rows ascend with their starts (words, shots, sampled frames), the
partners of a left row are one contiguous range. Else a sweep finds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery_kernels import ranges
from vquery_kernels.cpu import check, sort
from vquery_kernels.overlap_join import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s, Pairs, Pool, Spans
    from vquery_kernels.cpu import Sorted


def overlap_join(left: Spans, right: Spans, *, touching: bool, pool: Pool | None) -> Pairs:
    """See :func:`vquery_kernels.overlap_join.overlap_join`."""
    partners = sort(right)
    if partners.ends_ascend(touching=touching):
        return ranges.pairs(_find(left, partners, touching=touching), 0, left.start.size, pool)
    return sweep.pairs(sort(left), partners, touching=touching, pool=pool)


def overlap_join_blocks(
    left: Spans, right: Spans, *, touching: bool, max_pairs: int, pool: Pool | None
) -> Iterator[Pairs]:
    """See :func:`vquery_kernels.overlap_join.overlap_join_blocks`."""
    partners = sort(right)
    if partners.ends_ascend(touching=touching):
        return ranges.blocks(_find(left, partners, touching=touching), max_pairs, pool)
    return sweep.blocks(sort(left), partners, touching=touching, max_pairs=max_pairs, pool=pool)


def overlap_count(left: Spans, right: Spans, *, touching: bool) -> Int64s:
    """See :func:`vquery_kernels.overlap_join.overlap_count`."""
    partners = sort(right)
    if partners.ends_ascend(touching=touching):
        return _find(left, partners, touching=touching).counts
    return sweep.count(sort(left), partners, touching=touching)


def overlap_any(left: Spans, right: Spans, *, touching: bool) -> npt.NDArray[np.bool_]:
    """See :func:`vquery_kernels.overlap_join.overlap_any`."""
    partners = sort(right)
    if partners.ends_ascend(touching=touching):
        return _find(left, partners, touching=touching).counts > 0
    return sweep.found(sort(left), partners, touching=touching)


def _find(left: Spans, right: Sorted, *, touching: bool) -> ranges.Ranges:
    check(left)
    keys = ranges.Keys(right.group, right.end, right.start, right.order)
    return ranges.find(left.group, left.start, left.end, keys, slack=0 if touching else 1)
