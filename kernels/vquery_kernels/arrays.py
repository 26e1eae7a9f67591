"""What every kernel needs of its arrays: checks, the instant rule, sort orders, output memory."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.signedinteger[Any]]
Int64s: TypeAlias = npt.NDArray[np.int64]
Pairs: TypeAlias = tuple[Ints, Ints]


class Spans(NamedTuple):
    """Checked spans: group int32 or int64, start and end int64, each (n,) and read-only."""

    side: str  # "left_", "right_" or "": how the arguments are called in messages
    group: Ints
    start: Int64s
    end: Int64s


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a read-only view.

    Compiled code exists once per type, and Arrow hands out read-only arrays: with every input
    read-only there is one type instead of two.
    """
    view = array.view()
    view.flags.writeable = False
    return view


def column(name: str, values: npt.ArrayLike, *, narrow: bool = False) -> Ints:
    """Check one argument and return it as a contiguous int64 array; ``narrow`` keeps int32.

    Raises
    ------
    ValueError
        If it is not one-dimensional or not of an integer type that fits int64.

    >>> column("left_start", [0.5])
    Traceback (most recent call last):
    ValueError: left_start must be of an integer type that fits int64, got float64
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}")
    integer = array.dtype.kind in "iu" and np.can_cast(array.dtype, np.int64)
    if array.size and not integer:
        raise ValueError(f"{name} must be of an integer type that fits int64, got {array.dtype}")
    wanted = np.int32 if narrow and array.dtype == np.int32 else np.int64
    return frozen(np.ascontiguousarray(array, dtype=wanted))


def columns(**arguments: npt.ArrayLike) -> list[Ints]:
    """Check arguments of one side: each as :func:`column`, all of one length.

    >>> columns(group=[1, 1], start=[0])
    Traceback (most recent call last):
    ValueError: start must have as many elements as group (2), got 1
    """
    checked = [
        column(name, values, narrow=name.endswith("group")) for name, values in arguments.items()
    ]
    first = next(iter(arguments))
    for name, array in zip(arguments, checked, strict=True):
        if array.size != checked[0].size:
            raise ValueError(
                f"{name} must have as many elements as {first} ({checked[0].size}),"
                f" got {array.size}"
            )
    return checked


def spans(side: str, group: npt.ArrayLike, start: npt.ArrayLike, end: npt.ArrayLike) -> Spans:
    """Check the three columns of one side (the order of start and end is checked by the kernel)."""
    names = (f"{side}group", f"{side}start", f"{side}end")
    return Spans(side, *columns(**dict(zip(names, (group, start, end), strict=True))))


def same_groups(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """Bring the group columns of both sides to one type."""
    if left.dtype == right.dtype:
        return left, right
    return frozen(left.astype(np.int64)), frozen(right.astype(np.int64))


def inverted(given: Spans, row: int) -> ValueError:
    """Make the error for a span that ends before it starts."""
    return ValueError(
        f"{given.side}start must not be after {given.side}end, but at row {row} it is:"
        f" {given.start[row]} > {given.end[row]}"
    )


def refuse_inverted(given: Spans) -> None:
    """Raise for the first span that ends before it starts."""
    bad = given.start > given.end
    if bad.any():
        raise inverted(given, int(bad.argmax()))


def last_tick(start: Int64s, end: Int64s, *, touching: bool) -> Int64s:
    """Last tick that belongs to each span, so that overlap is a test on closed spans.

    ``a`` and ``b`` overlap when ``a.start <= last(b)`` and ``b.start <= last(a)``. Half-open spans
    last until ``end - 1``, an instant until itself (one tick long); with ``touching`` until
    ``end``. No value can overflow.

    >>> last_tick(np.array([1, 3]), np.array([3, 3]), touching=False)
    array([2, 3])
    """
    if touching:
        return end
    return np.where(end > start, end - (end > start), start)


def sort_order(group: Ints, key: Int64s) -> Int64s:
    """Stable order by ``(group, key)``: ties stay in input order.

    Group, key and row number are sorted as one number where they fit 63 bits together.

    >>> sort_order(np.array([2, 1, 2]), np.array([5, 9, 5]))
    array([1, 0, 2])
    """
    rows = group.size
    if not rows or _extent(group) * _extent(key) * rows >= 2**63:
        return np.lexsort((key, group)).astype(np.int64, copy=False)
    groups = group.astype(np.int64, copy=False) - int(group.min())
    packed = (groups * _extent(key) + (key - key.min())) * rows + np.arange(rows)
    packed.sort()
    order: Int64s = packed % rows
    return order


def _extent(values: Ints) -> int:
    return int(values.max()) - int(values.min()) + 1


def index_type(*sizes: int) -> type[np.signedinteger[Any]]:
    """Type of row numbers: int32 unless a side has 2**31 rows or more."""
    return np.int32 if max(sizes) < 2**31 else np.int64


class Pool:
    """Output memory that is used again.

    Writing to fresh pages can cost more than a join, so a caller that runs many joins and is done
    with each result before the next one passes the same pool each time. Arrays taken from a pool
    are overwritten by the next call with that pool. Not for use by several threads at once.

    >>> pool = Pool()
    >>> first = pool.empty("left", 3, np.int32)
    >>> np.shares_memory(first, pool.empty("left", 2, np.int32))
    True
    """

    def __init__(self) -> None:
        self._memory: dict[str, npt.NDArray[np.uint8]] = {}

    def empty(self, name: str, size: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return ``size`` elements of whatever content."""
        needed = size * np.dtype(dtype).itemsize
        memory = self._memory.get(name)
        if memory is None or memory.size < needed:
            memory = np.empty(max(needed, 2 * (memory.size if memory is not None else 0)), np.uint8)
            self._memory[name] = memory
        return memory[:needed].view(dtype)


def empty(
    size: int, dtype: npt.DTypeLike, pool: Pool | None = None, name: str = ""
) -> npt.NDArray[Any]:
    """Return memory to be written in full, from the pool where there is one."""
    return np.empty(size, dtype) if pool is None else pool.empty(name, size, dtype)


def order_keys(*columns: tuple[Ints, Int64s]) -> list[Int64s]:
    """Replace every ``(group, value)`` by one int64 that sorts the same way across all columns.

    Groups and values keep their distances where that fits 63 bits, else their ranks are used.
    """
    sizes = [group.size for group, _ in columns]
    groups = np.concatenate([group for group, _ in columns]).astype(np.int64, copy=False)
    values = np.concatenate([value for _, value in columns])
    if not groups.size:
        return [values] * len(columns)
    low, first, width = int(values.min()), int(groups.min()), _extent(values)
    if width * _extent(groups) >= 2**63:
        groups = np.unique(groups, return_inverse=True)[1].astype(np.int64, copy=False)
        values = np.unique(values, return_inverse=True)[1].astype(np.int64, copy=False)
        low, first, width = 0, 0, int(values.max()) + 1
    keys = (groups - first) * width + (values - low)
    return np.split(keys, np.cumsum(sizes)[:-1])


def expand(low: Int64s, high: Int64s) -> tuple[Int64s, Int64s]:
    """List every ``(row, position)`` with ``low[row] <= position < high[row]``.

    >>> expand(np.array([4, 0]), np.array([6, 0]))
    (array([0, 0]), array([4, 5]))
    """
    count = np.maximum(high - low, 0)
    rows = np.repeat(np.arange(low.size, dtype=np.int64), count)
    before = np.cumsum(count) - count
    return rows, np.arange(rows.size, dtype=np.int64) + np.repeat(low - before, count)


def blocks_of(count: Int64s, max_pairs: int) -> list[tuple[int, int]]:
    """Cut rows into runs that hold at most ``max_pairs`` pairs, or a single row with more.

    >>> blocks_of(np.array([2, 0, 9, 1, 1]), 3)
    [(0, 2), (2, 3), (3, 5)]
    """
    if max_pairs < 1:
        raise ValueError(f"max_pairs must be at least 1, got {max_pairs}")
    total = np.cumsum(count)
    blocks, row, done = [], 0, 0
    while row < count.size and done < total[-1]:
        end = int(np.searchsorted(total, done + max_pairs, side="right"))
        end = max(end, row + 1)
        if total[end - 1] > done:
            blocks.append((row, end))
        row, done = end, int(total[end - 1])
    return blocks
