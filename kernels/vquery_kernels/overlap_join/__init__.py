"""Pairs of spans that overlap in time, within equal groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vquery_kernels.arrays import Pool, same_groups, spans
from vquery_kernels.backend import implementation
from vquery_kernels.coordinates import are_coordinates, exact_spans, strict_sides

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s, Pairs, Spans
    from vquery_kernels.residual import Residual

__all__ = ["overlap_any", "overlap_count", "overlap_join", "overlap_join_blocks"]

Side: TypeAlias = tuple[Any, Any, Any]


def overlap_join(
    left_group: npt.ArrayLike,
    left_start: npt.ArrayLike,
    left_end: npt.ArrayLike,
    right_group: npt.ArrayLike,
    right_start: npt.ArrayLike,
    right_end: npt.ArrayLike,
    *,
    touching: bool = False,
    residual: Residual | None = None,
    pool: Pool | None = None,
) -> Pairs:
    """Row numbers of every pair of one group that shares time.

    Spans are half-open; an instant (start == end) is one tick long; abutting spans do not overlap
    unless ``touching``, which is the closed test ``a.start <= b.end and b.start <= a.end`` on the
    ends as given.

    Parameters
    ----------
    left_group, right_group : (n,), (m,) int32 or int64
        Only rows of equal groups meet.
    left_start, left_end, right_start, right_end : (n,), (m,) int64
        Microseconds. Any order of rows; rows sorted by ``(group, start)`` are not sorted again.
        Or coordinates, all float32 or float64: then the test is ``a.start < b.end and
        b.start < a.end``, and a span without extent meets only what it lies strictly inside.
    residual : Residual, optional
        Further conditions on the pairs, tested while pairs are looked for.
    pool : Pool, optional
        Memory for the result, which the next call with the same pool overwrites.

    Returns
    -------
    left_rows, right_rows : (pairs,) int32, int64 when a side has 2**31 rows or more
        Left rows ascend; the partners of one left row ascend by start, ties by row.

    Raises
    ------
    ValueError
        For a wrong shape or type, or a span that ends before it starts.

    Notes
    -----
    O(n + m + pairs) where rows are sorted, whatever the lengths: the pairs are the disjoint union
    of {right starts inside left} and {left starts strictly inside right}, two contiguous ranges.

    Examples
    --------
    The span [1, 3) meets the instant at 1 but neither the one at 3 nor the span that abuts.

    >>> overlap_join([7], [1], [3], [7, 7, 7, 8], [1, 3, 3, 1], [1, 3, 9, 2])
    (array([0], dtype=int32), array([0], dtype=int32))
    """
    left, right = _sides(
        (left_group, left_start, left_end),
        (right_group, right_start, right_end),
        touching=touching,
    )
    module = _of_many(left, right, touching=touching)
    pairs: Pairs = module.overlap_join(left, right, touching=touching, pool=pool, residual=residual)
    return pairs


def overlap_join_blocks(
    left_group: npt.ArrayLike,
    left_start: npt.ArrayLike,
    left_end: npt.ArrayLike,
    right_group: npt.ArrayLike,
    right_start: npt.ArrayLike,
    right_end: npt.ArrayLike,
    *,
    max_pairs: int,
    touching: bool = False,
    residual: Residual | None = None,
    pool: Pool | None = None,
) -> Iterator[Pairs]:
    """Like :func:`overlap_join`, in blocks of at most ``max_pairs`` pairs.

    The pairs of one left row stay in one block, which may therefore be as long as the right side.
    Where the left rows are sorted by ``(group, start)`` the blocks in a row are exactly the result
    of :func:`overlap_join`; else left rows come in that order instead of ascending. Blocks are
    never empty. With ``pool``, a block is overwritten by the next.

    >>> rows = [0, 0], [1, 2], [9, 9]
    >>> [left.tolist() for left, _ in overlap_join_blocks(*rows, *rows, max_pairs=2)]
    [[0, 0], [1, 1]]
    """
    if max_pairs < 1:
        raise ValueError(f"max_pairs must be at least 1, got {max_pairs}")
    left, right = _sides(
        (left_group, left_start, left_end),
        (right_group, right_start, right_end),
        touching=touching,
    )
    blocks: Iterator[Pairs] = _of_many(left, right, touching=touching).overlap_join_blocks(
        left, right, touching=touching, max_pairs=max_pairs, pool=pool, residual=residual
    )
    return blocks


def overlap_count(
    left_group: npt.ArrayLike,
    left_start: npt.ArrayLike,
    left_end: npt.ArrayLike,
    right_group: npt.ArrayLike,
    right_start: npt.ArrayLike,
    right_end: npt.ArrayLike,
    *,
    touching: bool = False,
    residual: Residual | None = None,
) -> Int64s:
    """Count the partners of every left row, (n,) int64, without making the pairs.

    O(n + m) where rows are sorted, however many pairs there are, unless there is a residual; the
    sum is the length of :func:`overlap_join`.

    >>> overlap_count([0, 0], [0, 5], [5, 6], [0, 0], [1, 4], [2, 6])
    array([2, 1])
    """
    left, right = _sides(
        (left_group, left_start, left_end),
        (right_group, right_start, right_end),
        touching=touching,
    )
    count: Int64s = _of(left, right).overlap_count(
        left, right, touching=touching, residual=residual
    )
    return count


def overlap_any(
    left_group: npt.ArrayLike,
    left_start: npt.ArrayLike,
    left_end: npt.ArrayLike,
    right_group: npt.ArrayLike,
    right_start: npt.ArrayLike,
    right_end: npt.ArrayLike,
    *,
    touching: bool = False,
    residual: Residual | None = None,
) -> npt.NDArray[np.bool_]:
    """Tell for every left row whether it has a partner: (n,) bool, for semi- and anti-joins.

    >>> overlap_any([0, 0, 1], [0, 5, 0], [5, 6, 9], [0], [1], [5])
    array([ True, False, False])
    """
    left, right = _sides(
        (left_group, left_start, left_end),
        (right_group, right_start, right_end),
        touching=touching,
    )
    found: npt.NDArray[np.bool_] = _of(left, right).overlap_any(
        left, right, touching=touching, residual=residual
    )
    return found


def found_on_ticks(left: Spans, right: Spans) -> npt.NDArray[np.bool_]:
    """Tell for every checked left row whether it has a partner."""
    found: npt.NDArray[np.bool_] = _of(left, right).overlap_any(left, right, touching=False)
    return found


def _sides(left: Side, right: Side, *, touching: bool) -> tuple[Spans, Spans]:
    if not are_coordinates(*left[1:], *right[1:]):
        sides = spans("left_", *left), spans("right_", *right)
    elif touching:
        dtype = np.result_type(*map(np.asarray, (*left[1:], *right[1:])))
        sides = exact_spans("left_", *left, dtype), exact_spans("right_", *right, dtype)
    else:
        sides = strict_sides(left, right)
    groups = same_groups(sides[0].group, sides[1].group)
    return sides[0]._replace(group=groups[0]), sides[1]._replace(group=groups[1])


def _of(left: Spans, right: Spans) -> ModuleType:
    return implementation("overlap_join", left.start.size + right.start.size)


def _of_many(left: Spans, right: Spans, *, touching: bool) -> ModuleType:
    def pairs(plain: ModuleType) -> int:
        return int(plain.overlap_count(left, right, touching=touching).sum())

    return implementation("overlap_join", left.start.size + right.start.size, pairs)
