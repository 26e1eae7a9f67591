"""Steps that move, cut and make spans: dilate, shift, clip, split, windows, complement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vquery.engine.amounts import amount_on
from vquery.engine.arrays import floats, ints, join_codes, take
from vquery.engine.extents import extents_at
from vquery.engine.rows import INVERTED, INVERTED_BOX, with_times
from vquery.errors import QueryError
from vquery.expr.relations import Dilate, Relation
from vquery.expr.spans import Clip, Complement, Shift, SlidingWindows, Split, SplitAt
from vquery.expr.time import AXES
from vquery.schema import BOX_FIELDS
from vquery_kernels.subtract import subtract

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.engine.running.executor import Executor
    from vquery.plan.steps import Step

    Ends = npt.NDArray[Any]
    Rows = npt.NDArray[np.int64]

MOST = 2**32
"""Rows that pieces may be."""
OUTSIDE = "rows that lie outside of what they are clipped to"
PICTURE = np.float32(0), np.float32(1)


def dilate(run: Executor, step: Step, given: pa.Table, *extents: pa.Table) -> pa.Table:
    """Move starts and ends; rows that shrink below nothing are left out and counted."""
    node: Dilate = step.node  # type: ignore[assignment]
    by = amount_on(run, node.axis, node.input, node.seconds, given)
    start, end = ends_of(given, node.axis)
    start = start - by if "start" in node.sides else start
    end = end + by if "end" in node.sides else end
    keep = ~(start > end)  # a row without a box stays
    run.drop(step, INVERTED if node.axis == "time" else INVERTED_BOX, int((~keep).sum()))
    if node.clip:
        low, high = _limits(given, extents, "dilate(clip=True)")
        inside = _shares(node.axis, start, end, low, high)
        run.drop(step, OUTSIDE, int((keep & ~inside).sum()))
        keep &= inside
        start, end = np.maximum(start, low), np.minimum(end, high)
    return _moved(run, step, given, start, end, keep)


def shift(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Move both ends."""
    node: Shift = step.node  # type: ignore[assignment]
    by = amount_on(run, node.axis, node.input, node.amount, given)
    start, end = ends_of(given, node.axis)
    return _moved(run, step, given, start + by, end + by, None)


def clip(run: Executor, step: Step, given: pa.Table, *extents: pa.Table) -> pa.Table:
    """Cut rows to two limits, or to their video; what lies outside is left out and counted."""
    node: Clip = step.node  # type: ignore[assignment]
    start, end = ends_of(given, node.axis)
    low, high = _limits(given, extents, "clip()")
    if not extents:
        nowhere = (-np.inf, np.inf) if node.axis != "time" else (-(2**62), 2**62)
        low, high = (
            none if bound is None else amount_on(run, node.axis, node.input, bound, given)
            for bound, none in zip((node.start, node.end), nowhere, strict=True)
        )
    keep = _shares(node.axis, start, end, low, high)
    run.drop(step, OUTSIDE, int((~keep).sum()))
    return _moved(run, step, given, np.maximum(start, low), np.minimum(end, high), keep)


def _limits(given: pa.Table, extents: tuple[pa.Table, ...], what: str) -> tuple[Any, Any]:
    """Extents of the videos of rows, or the edges of the picture."""
    if not extents:
        return PICTURE
    at = extents_at(extents[0], given["video"], what)
    return ints(extents[0]["start_us"])[at], ints(extents[0]["end_us"])[at]


def _shares(axis: str, start: Ends, end: Ends, low: Any, high: Any) -> npt.NDArray[np.bool_]:
    """Whether rows share anything with what lies between limits."""
    if axis == "time":  # an instant is one microsecond long
        last, latest = np.maximum(end, start + 1), np.maximum(high, low + 1)
        inside = (start < latest) & (low < last)
    else:
        point = (start == end) & (low <= start) & (end <= high)
        inside = (start < high) & (low < end) | point | np.isnan(start)
    found: npt.NDArray[np.bool_] = inside
    return found


def ends_of(given: pa.Table, axis: str) -> tuple[Ends, Ends]:
    """Both ends of each row on an axis; NaN where a row has no box."""
    start, end = AXES[axis]
    if axis == "time":
        return ints(given[start]), ints(given[end])
    return floats(given[start]), floats(given[end])


def _moved(
    run: Executor,
    step: Step,
    given: pa.Table,
    start: Ends,
    end: Ends,
    keep: npt.NDArray[np.bool_] | None,
) -> pa.Table:
    """Rows with other ends, without those that are not to be kept."""
    axis = step.node.axis  # type: ignore[attr-defined]
    if axis == "time":
        table = with_times(given, start, end)
    else:
        table = given
        for name, values in zip(AXES[axis], (start, end), strict=True):
            made = pa.array(values.astype(np.float32, copy=False), from_pandas=True)
            place = table.schema.get_field_index(name)
            table = table.set_column(place, BOX_FIELDS[0].with_name(name), made)
    table = table.select(list(step.columns))
    if keep is None:
        return table
    rows = np.flatnonzero(keep)
    run.trace(step, 0, rows)
    return table if rows.size == table.num_rows else take(table, rows)


def split(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Cut rows into pieces of one length."""
    node: Split = step.node  # type: ignore[assignment]
    every = amount_on(run, "time", node.input, node.every, given)
    start, end = ends_of(given, "time")
    zero = start if node.anchor == "row" else np.zeros_like(start)
    first = (start - zero) // every
    rows, number = _cut(step, 1 + np.maximum((end - zero - 1) // every - first, 0))
    if np.ndim(every):
        every = every[rows]
    cut = zero[rows] + (first[rows] + number) * every
    low = np.where(number == 0, start[rows], cut)
    high = np.minimum(cut + every, end[rows])
    return _pieces(run, step, given, rows, low, high)


def split_at(run: Executor, step: Step, given: pa.Table, others: pa.Table) -> pa.Table:
    """Cut rows where rows of the other relation start."""
    start, end = ends_of(given, "time")
    own, other = join_codes([given["video"]], [others["video"]])
    cuts = Places(other, ints(others["start_us"]))
    first = cuts.before(own, start, inclusive=True)
    last = np.maximum(cuts.before(own, end, inclusive=False), first)
    rows, number = counted(1 + last - first)
    at = first[rows] + number
    known = np.append(cuts.times, 0)
    low = np.where(number == 0, start[rows], known[at - 1])
    high = np.where(at == last[rows], end[rows], known[np.minimum(at, cuts.times.size)])
    if run.traced:
        run.trace(step, 1, *cuts.rows_at(own[rows], low, np.flatnonzero(number)))
    return _pieces(run, step, given, rows, low, high)


def windows(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Slide windows through rows."""
    node: SlidingWindows = step.node  # type: ignore[assignment]
    length = amount_on(run, "time", node.input, node.length, given)
    every = amount_on(run, "time", node.input, node.step, given)
    start, end = ends_of(given, "time")
    lasts = end - start
    more = np.minimum(-((length - lasts) // every), -(-lasts // every) - 1)
    rows, number = _cut(step, 1 + np.maximum(more, 0))
    if np.ndim(every):
        every = every[rows]
    if np.ndim(length):
        length = length[rows]
    low = start[rows] + number * every
    high = np.minimum(low + length, end[rows])
    if not node.partial:
        whole = high - low == length
        rows, low, high = rows[whole], low[whole], high[whole]
    return _pieces(run, step, given, rows, low, high)


def complement(run: Executor, step: Step, within: pa.Table, given: pa.Table) -> pa.Table:
    """Cut all rows out of what there is."""
    node: Complement = step.node  # type: ignore[assignment]
    if node.whole:
        extents_at(within, given["video"], "complement()")
    own, other = join_codes([within["video"]], [given["video"]])
    start, end = ends_of(given, "time")
    pieces = subtract(own, *ends_of(within, "time"), other, start, end)
    rows = pieces.left_row.astype(np.int64, copy=False)
    if run.traced:  # the rows that a piece lies between
        ended = Places(other, end).rows_at(own[rows], pieces.start, np.arange(rows.size))
        begun = Places(other, start).rows_at(own[rows], pieces.end, np.arange(rows.size))
        run.trace(step, 1, *map(np.concatenate, zip(ended, begun, strict=True)))
    return _pieces(run, step, within, rows, pieces.start, pieces.end)


def counted(numbers: Rows) -> tuple[Rows, Rows]:
    """Repeat each row as often as ``numbers`` says, and count its repetitions from 0.

    >>> rows, number = counted(np.array([2, 0, 1]))
    >>> rows.tolist(), number.tolist()
    ([0, 0, 2], [0, 1, 0])
    """
    rows = np.repeat(np.arange(numbers.size), numbers)
    first = np.cumsum(numbers) - numbers
    return rows, np.arange(rows.size) - first[rows]


def _cut(step: Step, numbers: Rows) -> tuple[Rows, Rows]:
    """Repeat rows into pieces, unless so many that a unit must have been mistaken."""
    total = numbers.sum(dtype=np.float64)
    if total > MOST:
        raise QueryError(
            f"{step.node.name}: the step would make {total:,.0f} rows of {numbers.size:,}: are its"
            " lengths in seconds?"
        )
    return counted(numbers)


def _pieces(
    run: Executor, step: Step, given: pa.Table, rows: Rows, low: Ends, high: Ends
) -> pa.Table:
    """Pieces of rows: columns of the row, times of their own."""
    run.trace(step, 0, rows)
    return with_times(take(given.select(list(step.columns)), rows), low, high)


class Places:
    """Moments in groups, sorted, each once, to be searched for many rows at a time."""

    def __init__(self, groups: Rows, times: Rows) -> None:
        self._values = np.unique(times)
        self._size = self._values.size + 1
        keys = groups * self._size + np.searchsorted(self._values, times)
        self._keys, self._own = np.unique(keys, return_inverse=True)
        self.times = self._values[self._keys % self._size] if times.size else times

    def before(self, groups: Rows, times: Rows, *, inclusive: bool) -> Rows:
        """Count the moments before ``times`` (or at them), with all those of earlier groups."""
        rank = np.searchsorted(self._values, times, side="right" if inclusive else "left")
        return np.searchsorted(self._keys, groups * self._size + rank)

    def rows_at(self, groups: Rows, times: Rows, outputs: Rows) -> tuple[Rows, Rows]:
        """Rows that were given with these moments, and the outputs that asked for them."""
        groups, times = groups[outputs], times[outputs]
        first = self.before(groups, times, inclusive=False)
        found = self.before(groups, times, inclusive=True) > first
        order = np.argsort(self._own, kind="stable")
        begins = np.searchsorted(self._own[order], np.arange(self._keys.size + 1))
        place = first[found]
        which, number = counted(begins[place + 1] - begins[place])
        return order[begins[place[which]] + number], outputs[found][which]


RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {
    Dilate: dilate,
    Shift: shift,
    Clip: clip,
    Split: split,
    SplitAt: split_at,
    SlidingWindows: windows,
    Complement: complement,
}
