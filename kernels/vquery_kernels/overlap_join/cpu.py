"""Overlap join compiled.

Where the ends of the right rows ascend with their starts (words, shots, sampled frames), the
partners of a left row are one contiguous range. Else a sweep finds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery_kernels import ranges
from vquery_kernels.cpu import HIGHEST, check, sort
from vquery_kernels.overlap_join import sweep
from vquery_kernels.residual.cpu import as_test

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s, Pairs, Pool, Spans
    from vquery_kernels.cpu import Sorted
    from vquery_kernels.residual import Residual


def overlap_join(
    left: Spans,
    right: Spans,
    *,
    touching: bool,
    pool: Pool | None,
    residual: Residual | None = None,
) -> Pairs:
    """See :func:`vquery_kernels.overlap_join.overlap_join`."""
    partners, test = sort(right), as_test(residual)
    if partners.ends_ascend(touching=touching):
        found = _find(left, partners, touching=touching)
        return ranges.pairs(found, ranges.kept(found, test), 0, left.start.size, pool, test)
    return sweep.pairs(sort(left), partners, touching=touching, pool=pool, test=test)


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
    partners = sort(right)
    if partners.ends_ascend(touching=touching):
        return ranges.blocks(_find(left, partners, touching=touching), max_pairs, pool, residual)
    return sweep.blocks(
        sort(left), partners, touching=touching, max_pairs=max_pairs, pool=pool, residual=residual
    )


def overlap_count(
    left: Spans, right: Spans, *, touching: bool, residual: Residual | None = None
) -> Int64s:
    """See :func:`vquery_kernels.overlap_join.overlap_count`."""
    return _count(left, right, HIGHEST, touching=touching, residual=residual)


def overlap_any(
    left: Spans, right: Spans, *, touching: bool, residual: Residual | None = None
) -> npt.NDArray[np.bool_]:
    """See :func:`vquery_kernels.overlap_join.overlap_any`."""
    if residual is None:
        partners = sort(right)
        if not partners.ends_ascend(touching=touching):
            return sweep.found(sort(left), partners, touching=touching)
    return _count(left, right, 1, touching=touching, residual=residual) > 0


def _count(
    left: Spans, right: Spans, most: int, *, touching: bool, residual: Residual | None
) -> Int64s:
    partners, test = sort(right), as_test(residual)
    if partners.ends_ascend(touching=touching):
        return ranges.kept(_find(left, partners, touching=touching), test, most)
    return sweep.count(sort(left), partners, touching=touching, test=test, most=most)


def _find(left: Spans, right: Sorted, *, touching: bool) -> ranges.Ranges:
    check(left)
    keys = ranges.Keys(right.group, right.end, right.start, right.order)
    return ranges.find(left.group, left.start, left.end, keys, slack=0 if touching else 1)
