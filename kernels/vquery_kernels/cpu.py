"""The door to numba, and what compiled kernels share: searches, order checks, runs of groups."""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from vquery_kernels import threads
from vquery_kernels.arrays import Int64s, Ints, Spans, empty, frozen, refuse_inverted, sort_order

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

F = TypeVar("F", bound="Callable[..., Any]")

HIGHEST = 2**63 - 1
BYTE, WORD = ir.IntType(8), ir.IntType(64)
INVERTED, UNSORTED, ENDS_DESCEND, INSTANTS = 1, 2, 4, 8
"""What a row may be, alone or after the row before it."""


def compiled(function: F) -> F:
    """Compile at the first call, keep the machine code on disk, let other threads run."""
    try:
        return cast("F", numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # no folder to keep machine code in: compile in every process
        return cast("F", numba.njit(nogil=True)(function))


def summed(function: F) -> F:
    """Compile like :func:`compiled`, for code whose sums may be taken in any order.

    The order is the same at every call, and NaN and infinity stay what they are.
    """
    ways = {"reassoc", "contract", "nsz"}
    try:
        return cast("F", numba.njit(nogil=True, cache=True, fastmath=ways)(function))
    except RuntimeError:  # as above
        return cast("F", numba.njit(nogil=True, fastmath=ways)(function))


def written(write: Callable[..., None]) -> Any:
    """Make a function of compiled code of what writes its instructions.

    ``write(builder, width, *numbers)`` is what compiled code calls with a tuple of ``width`` zeros
    and one of numbers; there it returns 0. The width is part of the types, so that the machine
    code of each is kept on disk.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def code(typing_context: Any, lanes: Any, numbers: Any) -> Any:
        del typing_context

        def generate(_: Any, builder: Any, __: Any, given: Any) -> Any:
            places = range(len(numbers))
            values = (builder.extract_value(given[1], place) for place in places)
            write(builder, len(lanes), *values)
            return ir.Constant(WORD, 0)

        return types.int64(lanes, numbers), generate

    return code


def _loader(loaded: Any, stored: Any) -> Any:
    """Make a function of compiled code that reads element ``row`` of the array at an address."""

    @intrinsic  # type: ignore[untyped-decorator]
    def load(typing_context: Any, address: Any, row: Any) -> Any:
        del typing_context, address, row

        def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
            start = builder.inttoptr(arguments[0], stored.as_pointer())
            value = builder.load(builder.gep(start, [arguments[1]]))
            return builder.zext(value, WORD) if stored == BYTE else value

        return loaded(types.int64, types.int64), generate

    return load


load_byte = _loader(types.int64, BYTE)
load_whole = _loader(types.int64, WORD)
load_float = _loader(types.float32, ir.FloatType())
load_double = _loader(types.float64, ir.DoubleType())


class Sorted(NamedTuple):
    """One side in the order of ``(group, start)``; ``order`` is empty where it was so already."""

    group: Ints
    start: Int64s
    end: Int64s
    order: Int64s
    flaws: int

    def ends_ascend(self, *, touching: bool) -> bool:
        """Tell whether last ticks ascend in each group, and can be told from the ends alone."""
        return not self.flaws & ENDS_DESCEND and (touching or not self.flaws & INSTANTS)

    def given_order(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Bring values of the sorted rows into the order of the given rows."""
        if not self.order.size:
            return values
        given = empty(values.size, values.dtype)
        given[self.order] = values
        return given


def check(given: Spans) -> int:
    """Return the flaws of the rows; raise for a span that ends before it starts."""
    cuts = threads.cuts(given.start.size)

    def look(k: int) -> int:
        rows = slice(max(cuts[k] - 1, 0), cuts[k + 1])  # with the row before
        return _flaws(given.group[rows], given.start[rows], given.end[rows])

    flaws = functools.reduce(operator.or_, threads.run(look, len(cuts) - 1))
    if flaws & INVERTED:
        refuse_inverted(given)
    return flaws


def arrange(given: Spans, flaws: int) -> Sorted:
    """Sort checked rows by group and start, unless they are."""
    if not flaws & UNSORTED:
        return Sorted(given.group, given.start, given.end, np.empty(0, np.int64), flaws)
    order = _order(given.group, given.start)
    group, start, end = (frozen(array[order]) for array in (given.group, given.start, given.end))
    return Sorted(group, start, end, order, check(Spans(given.side, group, start, end)))


def _order(group: Ints, start: Int64s) -> Int64s:
    """Return the stable order by group and start, without a sort where starts ascend by group."""
    first, last = int(group.min()), int(group.max())
    if last - first <= 2 * group.size + 1024:
        order = empty(group.size, np.int64)
        if _deal(group, start, first, np.zeros(last - first + 2, np.int64), order):
            return order
    return sort_order(group, start)


def sort(given: Spans) -> Sorted:
    """Check rows, and sort them by group and start unless they are."""
    return arrange(given, check(given))


def sort_points(group: Ints, key: Int64s) -> tuple[Ints, Int64s, Int64s]:
    """Sort points by group and key unless they are: group, key, order (empty where they were)."""
    points = sort(Spans("right_", group, key, key))
    return points.group, points.start, points.order


def group_runs(group: Ints) -> Int64s:
    """Bounds of the runs of equal groups in sorted rows: run ``r`` is ``[r] .. [r + 1]``."""
    bounds = empty(1025, np.int64)
    runs = _runs(group, bounds)
    if runs >= bounds.size:
        bounds = empty(runs + 1, np.int64)
        _runs(group, bounds)
    return bounds[: runs + 1]


def matched(left_group: Ints, right_group: Ints) -> Int64s:
    """Bounds of the groups that both sorted sides have: left low and high, right low and high."""
    left, right = group_runs(left_group), group_runs(right_group)
    both = empty(4 * min(left.size, right.size), np.int64).reshape(-1, 4)
    return both[: _match(left_group, left, right_group, right, both)]


def even_cuts(count: Int64s, low: int, high: int) -> list[int]:
    """Cut the rows ``low .. high`` into chunks of about as many rows and pairs each.

    One long row does not keep the others waiting, and rows without pairs cost something too.
    """
    if high <= low:
        return [low, low]
    total = np.cumsum(count[low:high])
    parts = threads.chunks(int(total[-1]) + high - low)
    if parts == 1:
        return [low, high]
    total += np.arange(1, high - low + 1)
    inner = low + np.searchsorted(total, total[-1] * np.arange(1, parts) // parts)
    return [int(cut) for cut in np.unique([low, high, *inner])]


@compiled
def _flaws(group: Ints, start: Int64s, end: Int64s) -> int:
    """Collect the flaws of rows."""
    inverted = unsorted = descend = instants = False
    for row in range(start.size):
        inverted |= start[row] > end[row]
        instants |= start[row] == end[row]
    for row in range(1, start.size):
        same = group[row] == group[row - 1]
        unsorted |= (group[row] < group[row - 1]) | (same & (start[row] < start[row - 1]))
        descend |= same & (end[row] < end[row - 1])
    flaws = INVERTED if inverted else 0
    flaws |= UNSORTED if unsorted else 0
    flaws |= ENDS_DESCEND if descend else 0
    return flaws | (INSTANTS if instants else 0)


@compiled
def _deal(group: Ints, start: Int64s, first: int, places: Int64s, order: Int64s) -> bool:
    """Deal the rows out to their groups; give up (False) where starts do not ascend in each."""
    latest = np.empty(places.size, np.int64)
    for row in range(start.size):
        own = group[row] - first
        if places[own + 1] and start[row] < latest[own]:
            return False
        latest[own] = start[row]
        places[own + 1] += 1
    for own in range(1, places.size):
        places[own] += places[own - 1]
    for row in range(start.size):
        own = group[row] - first
        order[places[own]] = row
        places[own] += 1
    return True


@compiled
def _runs(group: Ints, bounds: Int64s) -> int:
    """Write where runs of equal groups begin, as far as there is room, and count them."""
    runs, row = 0, 0
    while row < group.size:
        if runs < bounds.size:
            bounds[runs] = row
        runs += 1
        step, inside = 1, row
        while inside + step < group.size and group[inside + step] == group[row]:
            inside += step
            step *= 2
        low, high = inside + 1, min(inside + step, group.size)
        while low < high:
            middle = (low + high) // 2
            if group[middle] == group[row]:
                low = middle + 1
            else:
                high = middle
        row = low
    if runs < bounds.size:
        bounds[runs] = group.size
    return runs


@compiled
def _match(left_group: Ints, left: Int64s, right_group: Ints, right: Int64s, both: Int64s) -> int:
    """Merge two lists of runs into the groups that both have."""
    found, a, b = 0, 0, 0
    while a < left.size - 1 and b < right.size - 1:
        if left_group[left[a]] < right_group[right[b]]:
            a += 1
        elif left_group[left[a]] > right_group[right[b]]:
            b += 1
        else:
            both[found, 0] = left[a]
            both[found, 1] = left[a + 1]
            both[found, 2] = right[b]
            both[found, 3] = right[b + 1]
            found, a, b = found + 1, a + 1, b + 1
    return found


@compiled
def lower(values: Int64s, wanted: int, low: int, high: int) -> int:
    """Find the first of the sorted ``values[low:high]`` that is at least ``wanted``."""
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def seek_lower(values: Int64s, wanted: int, low: int, high: int, near: int) -> int:
    """Like :func:`lower`, in steps that double from ``near``, which is in ``low .. high``."""
    step = 1
    if near < high and values[near] < wanted:
        low = near + 1
        while near + step < high and values[near + step] < wanted:
            low = near + step + 1
            step *= 2
        high = min(near + step, high)
    else:
        high = near
        while near - step >= low and values[near - step] >= wanted:
            high = near - step
            step *= 2
        low = max(near - step + 1, low)
    return lower(values, wanted, low, high)


@compiled
def seek_upper(values: Int64s, wanted: int, low: int, high: int, near: int) -> int:
    """Find the first of ``values[low:high]`` that is more than ``wanted``, from ``near``."""
    step = 1
    if near < high and values[near] <= wanted:
        low = near + 1
        while near + step < high and values[near + step] <= wanted:
            low = near + step + 1
            step *= 2
        high = min(near + step, high)
    else:
        high = near
        while near - step >= low and values[near - step] > wanted:
            high = near - step
            step *= 2
        low = max(near - step + 1, low)
    while low < high:
        middle = (low + high) // 2
        if values[middle] <= wanted:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def seek_run(group: Ints, runs: Int64s, wanted: int, near: int) -> int:
    """Find the first run whose group is at least ``wanted``, trying ``near`` and its neighbour."""
    for run in (near, near + 1):
        if run < runs.size - 1 and group[runs[run]] == wanted:
            return run
    low, high = 0, runs.size - 1
    while low < high:
        middle = (low + high) // 2
        if group[runs[middle]] < wanted:
            low = middle + 1
        else:
            high = middle
    return low
