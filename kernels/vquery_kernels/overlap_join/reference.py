"""Overlap join in numpy: two binary searches a side. Oracle, and fallback without numba."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery_kernels.arrays import (
    Pool,
    Spans,
    blocks_of,
    empty,
    expand,
    index_type,
    last_tick,
    order_keys,
    refuse_inverted,
    sort_order,
)
from vquery_kernels.residual.reference import PART, kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s, Pairs
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
    refuse_inverted(left)
    refuse_inverted(right)
    left_order = sort_order(left.group, left.start)
    right_order = sort_order(right.group, right.start)
    left_keys, left_last, right_keys, right_last = _keys(
        _take(left, left_order), _take(right, right_order), touching=touching
    )
    inside = expand(
        np.searchsorted(right_keys, left_keys, side="left"),
        np.searchsorted(right_keys, left_last, side="right"),
    )
    around = expand(
        np.searchsorted(left_keys, right_keys, side="right"),
        np.searchsorted(left_keys, right_last, side="right"),
    )
    left_rows = left_order[np.concatenate([inside[0], around[1]])]
    right_places = np.concatenate([inside[1], around[0]])
    order = np.lexsort((right_places, left_rows))
    pairs = kept((left_rows[order], right_order[right_places[order]]), residual)
    return _emit(*pairs, left, right, pool)


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
    count = overlap_count(left, right, touching=touching)
    order = sort_order(left.group, left.start)

    def block(rows: Int64s) -> Pairs:
        places, right_rows = overlap_join(_take(left, rows), right, touching=touching, pool=None)
        pairs = kept((rows[places], right_rows), residual)
        return _emit(*pairs, left, right, pool)

    made = (block(order[low:high]) for low, high in blocks_of(count[order], max_pairs))
    return (pairs for pairs in made if pairs[0].size)


def overlap_count(
    left: Spans, right: Spans, *, touching: bool, residual: Residual | None = None
) -> Int64s:
    """Subtract the right rows that end before a row starts from those that start before it ends."""
    refuse_inverted(left)
    refuse_inverted(right)
    if residual is not None:
        return _count_kept(left, right, residual, touching=touching)
    left_keys, left_last, right_keys, right_last = _keys(left, right, touching=touching)
    started = np.searchsorted(np.sort(right_keys), left_last, side="right")
    ended = np.searchsorted(np.sort(right_last), left_keys, side="left")
    return (started - ended).astype(np.int64, copy=False)


def overlap_any(
    left: Spans, right: Spans, *, touching: bool, residual: Residual | None = None
) -> npt.NDArray[np.bool_]:
    """See :func:`vquery_kernels.overlap_join.overlap_any`."""
    return overlap_count(left, right, touching=touching, residual=residual) > 0


def _count_kept(left: Spans, right: Spans, residual: Residual, *, touching: bool) -> Int64s:
    count = np.zeros(left.start.size, np.int64)
    settings: dict[str, Any] = {"touching": touching, "max_pairs": PART, "pool": None}
    for rows, _ in overlap_join_blocks(left, right, **settings, residual=residual):
        count += np.bincount(rows, minlength=count.size)
    return count


def _keys(left: Spans, right: Spans, *, touching: bool) -> list[Int64s]:
    return order_keys(
        (left.group, left.start),
        (left.group, last_tick(left.start, left.end, touching=touching)),
        (right.group, right.start),
        (right.group, last_tick(right.start, right.end, touching=touching)),
    )


def _take(given: Spans, rows: Int64s) -> Spans:
    return Spans(given.side, given.group[rows], given.start[rows], given.end[rows])


def _emit(
    left_rows: Int64s, right_rows: Int64s, left: Spans, right: Spans, pool: Pool | None
) -> Pairs:
    dtype = index_type(left.start.size, right.start.size)
    result = (
        empty(left_rows.size, dtype, pool, "left_rows"),
        empty(right_rows.size, dtype, pool, "right_rows"),
    )
    result[0][:] = left_rows
    result[1][:] = right_rows
    return result
