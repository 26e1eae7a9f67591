"""Pairs whose right key lies in the window of the left row, within equal groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vquery_kernels.arrays import Int64s, Ints, Pool, columns, same_groups
from vquery_kernels.backend import implementation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import numpy as np
    import numpy.typing as npt

    from vquery_kernels.arrays import Pairs
    from vquery_kernels.residual import Residual

__all__ = ["window_any", "window_count", "window_join", "window_join_blocks"]


class Windows(NamedTuple):
    """Checked windows (n,) and points (m,)."""

    group: Ints
    low: Int64s
    high: Int64s
    right_group: Ints
    key: Int64s


def window_join(
    left_group: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    right_group: npt.ArrayLike,
    key: npt.ArrayLike,
    *,
    residual: Residual | None = None,
    pool: Pool | None = None,
) -> Pairs:
    """Row numbers of every pair of one group with ``low <= key <= high``.

    Serves every test on a distance between two ends: "right starts at most 10 s after left ends"
    has ``low = left end``, ``high = left end + 10 s``, ``key = right start``. Both bounds count; a
    window with ``low > high`` holds nothing.

    Parameters
    ----------
    left_group, right_group : (n,), (m,) int32 or int64
        Only rows of equal groups meet.
    low, high, key : (n,), (n,), (m,) int64
        Microseconds. Any order of rows; right rows sorted by ``(group, key)`` are not sorted again.
    residual : Residual, optional
        Further conditions on the pairs, tested while pairs are looked for.
    pool : Pool, optional
        Memory for the result, which the next call with the same pool overwrites.

    Returns
    -------
    left_rows, right_rows : (pairs,) int32, int64 when a side has 2**31 rows or more
        Left rows ascend; the partners of one left row ascend by key, ties by row.

    Raises
    ------
    ValueError
        For a wrong shape or type.

    Notes
    -----
    O(n log d + m + pairs), d the distance between the windows of successive left rows.

    >>> window_join([0, 0], [3, 9], [9, 8], [0, 0, 1], [9, 3, 4])
    (array([0, 0], dtype=int32), array([1, 0], dtype=int32))
    """
    given = _windows(left_group, low, high, right_group, key)
    pairs: Pairs = _of_many(given).window_join(given, pool=pool, residual=residual)
    return pairs


def window_join_blocks(
    left_group: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    right_group: npt.ArrayLike,
    key: npt.ArrayLike,
    *,
    max_pairs: int,
    residual: Residual | None = None,
    pool: Pool | None = None,
) -> Iterator[Pairs]:
    """Like :func:`window_join`, in blocks of at most ``max_pairs`` pairs, none empty.

    The pairs of one left row stay in one block, which may therefore be as long as the right side.
    With ``pool``, a block is overwritten by the next.

    >>> blocks = window_join_blocks([0, 0], [1, 1], [2, 2], [0, 0], [1, 2], max_pairs=3)
    >>> [left.tolist() for left, _ in blocks]
    [[0, 0], [1, 1]]
    """
    if max_pairs < 1:
        raise ValueError(f"max_pairs must be at least 1, got {max_pairs}")
    given = _windows(left_group, low, high, right_group, key)
    blocks: Iterator[Pairs] = _of_many(given).window_join_blocks(
        given, max_pairs=max_pairs, pool=pool, residual=residual
    )
    return blocks


def window_count(
    left_group: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    right_group: npt.ArrayLike,
    key: npt.ArrayLike,
    *,
    residual: Residual | None = None,
) -> Int64s:
    """Count the keys in every window, (n,) int64, without making the pairs.

    >>> window_count([0, 0], [3, 9], [9, 8], [0, 0, 1], [9, 3, 4])
    array([2, 0])
    """
    given = _windows(left_group, low, high, right_group, key)
    count: Int64s = _of(given).window_count(given, residual)
    return count


def window_any(
    left_group: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    right_group: npt.ArrayLike,
    key: npt.ArrayLike,
    *,
    residual: Residual | None = None,
) -> npt.NDArray[np.bool_]:
    """Tell for every window whether it holds a key: (n,) bool, for semi- and anti-joins.

    >>> window_any([0, 0], [3, 9], [9, 8], [0, 0, 1], [9, 3, 4])
    array([ True, False])
    """
    given = _windows(left_group, low, high, right_group, key)
    found: npt.NDArray[np.bool_] = _of(given).window_any(given, residual)
    return found


def _windows(
    left_group: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    right_group: npt.ArrayLike,
    key: npt.ArrayLike,
) -> Windows:
    left = columns(left_group=left_group, low=low, high=high)
    right = columns(right_group=right_group, key=key)
    groups = same_groups(left[0], right[0])
    return Windows(groups[0], left[1], left[2], groups[1], right[1])


def _of(given: Windows) -> ModuleType:
    return implementation("window_join", given.low.size + given.key.size)


def _of_many(given: Windows) -> ModuleType:
    def pairs(plain: ModuleType) -> int:
        return int(plain.window_count(given).sum())

    return implementation("window_join", given.low.size + given.key.size, pairs)
