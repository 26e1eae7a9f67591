"""Coordinates (float32, float64) as int64 keys in the same order, so that one kernel serves both.

Kernels only compare. A coordinate is replaced by an integer that sorts the same way, a distance
test by the last coordinate that passes it; results are turned back without any rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vquery_kernels.arrays import Spans, column, frozen, inverted

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery_kernels.arrays import Int64s

Floats = npt.NDArray[np.floating[Any]]

BITS: dict[Any, tuple[type[np.signedinteger[Any]], int]] = {
    np.dtype(np.float32): (np.int32, 31),
    np.dtype(np.float64): (np.int64, 63),
}


def are_coordinates(*arguments: npt.ArrayLike) -> bool:
    """Tell whether all arguments are coordinates.

    >>> are_coordinates([0.5], [1]), are_coordinates([0.5], np.float32([1]))
    (False, True)
    """
    return all(np.asarray(each).dtype in BITS for each in arguments)


def order_key(values: Floats) -> Int64s:
    """Replace floats by integers in the same order; neighbouring floats differ by 1.

    >>> order_key(np.float32([-0.0, 0.0, 1e-45, -1e-45])).tolist()
    [0, 0, 1, -1]
    """
    integer, sign = BITS[values.dtype]
    bits = np.ascontiguousarray(values).view(integer)
    # a negative float is its sign and a size: mirror the size
    keys = np.where(bits < 0, -(bits & integer(2**sign - 1)), bits)
    return keys.astype(np.int64, copy=False)


def from_order_key(keys: Int64s, dtype: npt.DTypeLike) -> Floats:
    """Turn keys of :func:`order_key` back into floats.

    >>> from_order_key(np.array([-1, 0]), np.float32).tolist()
    [-1.401298464324817e-45, 0.0]
    """
    integer, sign = BITS[np.dtype(dtype)]
    size = np.abs(keys).astype(integer)
    values: Floats = np.where(keys < 0, size | integer(-(2**sign)), size).view(dtype)
    return values


def coordinate_spans(side: str, group: Any, start: Any, end: Any) -> tuple[Any, Floats, Floats]:
    """Check the three columns of one side: group, and start and end of one float type.

    Raises
    ------
    ValueError
        For a wrong shape, a value that is no number, or a span that ends before it starts.
    """
    groups = column(f"{side}group", group, narrow=True)
    dtype = np.promote_types(np.asarray(start).dtype, np.asarray(end).dtype)
    ends = []
    for name, values in ((f"{side}start", start), (f"{side}end", end)):
        array = np.asarray(values, dtype=dtype)
        if array.ndim != 1:
            raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}")
        if array.size != groups.size:
            raise ValueError(
                f"{name} must have as many elements as {side}group ({groups.size}), got"
                f" {array.size}"
            )
        missing = np.isnan(array)
        if missing.any():
            row = int(missing.argmax())
            raise ValueError(f"{name} must be numbers, but at row {row} it is nan: leave it out")
        ends.append(array)
    bad = ends[0] > ends[1]
    if bad.any():
        raise inverted(Spans(side, groups, *ends), int(bad.argmax()))
    return groups, ends[0], ends[1]


def exact_spans(side: str, group: Any, start: Any, end: Any, dtype: npt.DTypeLike) -> Spans:
    """Spans of keys of one type: for closed tests, and for kernels that only cut and join."""
    groups, *given = coordinate_spans(side, group, start, end)
    starts, ends = (each.astype(dtype, copy=False) for each in given)
    return Spans(side, groups, frozen(order_key(starts)), frozen(order_key(ends)))


def strict_sides(left: tuple[Any, Any, Any], right: tuple[Any, Any, Any]) -> tuple[Spans, Spans]:
    """Spans whose overlap on ticks is ``a.start < b.end and b.start < a.end`` on coordinates.

    On ticks a span without extent is one tick long, here it meets only what it lies strictly
    inside. So coordinates are put 4 ticks apart: a span with extent loses the first two of its
    ticks, one without keeps one tick, on the right another one than on the left.
    """
    sides = coordinate_spans("left_", *left), coordinate_spans("right_", *right)
    keys = _small_keys(*(values for _, *ends in sides for values in ends))
    made = []
    for number, side in enumerate(("left_", "right_")):
        start, end = 4 * keys[2 * number], 4 * keys[2 * number + 1]
        point = start == end
        starts = start + np.where(point, number, 2)
        ends = end + np.where(point, number + 1, 0)
        made.append(Spans(side, sides[number][0], frozen(starts), frozen(ends)))
    return made[0], made[1]


def _small_keys(*columns: Floats) -> list[Int64s]:
    """Keys of several columns, far inside int64."""
    if all(values.dtype == np.float32 for values in columns):
        return [order_key(values) for values in columns]
    joined = np.concatenate(columns) + 0.0
    ranks = np.unique(joined, return_inverse=True)[1].astype(np.int64, copy=False)
    return np.split(ranks, np.cumsum([values.size for values in columns])[:-1])


def highest_within(base: Floats, limit: float, *, strict: bool = False) -> Int64s:
    """Keys of the highest coordinates ``x`` with ``x - base <= limit`` (``<`` where strict).

    The difference is the rounded one of the type of ``base``, as a query computes it; ``limit`` is
    rounded to that type first. Where no coordinate passes, the key is below all keys. A base that
    is no number gives garbage.

    >>> base = np.float32([0.1])
    >>> edge = from_order_key(highest_within(base, 0.1), np.float32)
    >>> (edge - base <= np.float32(0.1)).all(), (np.nextafter(edge, np.float32(2)) - base)
    (np.True_, array([0.10000002], dtype=float32))
    """
    dtype = base.dtype
    with np.errstate(over="ignore", invalid="ignore"):
        most = np.asarray(limit, np.float64).astype(dtype)[()]
        # the exact difference may exceed the limit by half the distance to the next number
        above = (float(np.nextafter(most, dtype.type(np.inf))) - float(most)) / 2
        guess = ((base.astype(np.float64) + float(most)) + above).astype(dtype)
    less = np.less if strict else np.less_equal

    def passes(keys: Int64s, rows: Any = slice(None)) -> npt.NDArray[np.bool_]:
        with np.errstate(over="ignore", invalid="ignore"):
            result: npt.NDArray[np.bool_] = less(from_order_key(keys, dtype) - base[rows], most)
        return result

    highest = int(order_key(np.array([np.inf], dtype))[0])
    keys = order_key(np.where(np.isnan(guess), dtype.type(0), guess))
    found = np.full(keys.shape, -highest - 1)
    for step in (-2, -1, 0, 1):
        near = np.clip(keys + step, -highest, highest)
        found = np.where(passes(near), near, found)
    missed = ~passes(found) | ((found < highest) & passes(np.minimum(found + 1, highest)))
    rows = np.flatnonzero(missed)
    if rows.size:
        low = _halved(lambda keys: passes(keys, rows), rows.size, highest)
        found[rows] = np.where(passes(low, rows), low, -highest - 1)
    return found


def _halved(passes: Callable[[Int64s], npt.NDArray[np.bool_]], rows: int, highest: int) -> Int64s:
    """Find the last keys that pass, by bisection over all of them."""
    low = np.full(rows, -highest, np.int64)
    high = np.full(rows, highest, np.int64)
    while (low < high).any():
        middle = high - (high // 2 - low // 2)  # rounded up, without overflow
        middle = np.maximum(middle, low + (low < high))
        fits = passes(middle)
        low = np.where(fits, middle, low)
        high = np.where(fits, high, middle - 1)
    return low
