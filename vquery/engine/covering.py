"""Steps about what right rows cover together: minus, intersect, coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from vquery.engine.arrays import floats, ints, join_codes, take
from vquery.engine.joins import matched_pairs
from vquery.expr.pairs import Intersect, Minus
from vquery.expr.partners import Coverage
from vquery.expr.time import AXES
from vquery_kernels.coverage import coverage as coverage_kernel
from vquery_kernels.intersect import intersect as intersect_kernel
from vquery_kernels.overlap_join import overlap_any, overlap_join
from vquery_kernels.subtract import subtract

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from vquery.engine.running.executor import Executor
    from vquery.expr.relations import Relation
    from vquery.plan.steps import Step
    from vquery_kernels.subtract import Pieces

    Numbers = npt.NDArray[Any]


class Spans(NamedTuple):
    """Spans of rows on an axis: group, start, end, and the numbers of the rows in their table."""

    group: Numbers
    start: Numbers
    end: Numbers
    rows: Numbers

    def chosen(self, keep: Numbers) -> Spans:
        """Spans of some of the rows."""
        return Spans(*(each[keep] for each in self))


def minus(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> pa.Table:
    """Cut what right rows cover out of left rows; rows without a box stay as they are."""
    node: Minus = step.node  # type: ignore[assignment]
    spans, cuts = _sides(run, step, left, right)
    pieces = subtract(*spans[:3], *cuts[:3])
    rows, start, end = spans.rows[pieces.left_row], pieces.start, pieces.end
    if spans.rows.size < left.num_rows:
        whole = np.ones(left.num_rows, dtype=np.bool_)
        whole[spans.rows] = False
        untouched = np.flatnonzero(whole)
        rows = np.concatenate([rows, untouched])
        order = np.argsort(rows, kind="stable")
        gaps = np.full(untouched.size, np.nan, start.dtype)
        start, end = (np.concatenate([each, gaps])[order] for each in (start, end))
        rows = rows[order]
    return _cut(run, step, left, rows, (start, end), node.axis, (spans, cuts))


def intersect(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> pa.Table:
    """Keep what right rows cover of left rows."""
    node: Intersect = step.node  # type: ignore[assignment]
    spans, cuts = _sides(run, step, left, right)
    pieces: Pieces = intersect_kernel(*spans[:3], *cuts[:3])
    rows = spans.rows[pieces.left_row]
    return _cut(run, step, left, rows, (pieces.start, pieces.end), node.axis, (spans, cuts))


def coverage(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> pa.Table:
    """Add the share of each left row's time that right rows cover; instants are covered or not."""
    node: Coverage = step.node  # type: ignore[assignment]
    spans, cuts = _sides(run, step, left, right)
    columns = {name: left[name] for name in step.columns if name != node.column}
    if run.traced:
        _trace_cutters(run, step, np.arange(left.num_rows), spans, cuts)
    if node.column in step.columns:
        length = spans.end - spans.start
        covered = coverage_kernel(*spans[:3], *cuts[:3])
        share = np.divide(covered, length, out=np.zeros(length.shape), where=length > 0)
        instants = np.flatnonzero(length == 0)
        if instants.size:
            some = cuts.chosen(cuts.start < cuts.end)
            share[instants] = overlap_any(*spans.chosen(instants)[:3], *some[:3])
        columns[node.column] = pa.array(share)
    schema = pa.schema([node.schema.field(name) for name in step.columns])
    return pa.table([columns[name] for name in step.columns], schema=schema)


def _sides(run: Executor, step: Step, left: pa.Table, right: pa.Table) -> tuple[Spans, Spans]:
    """Spans of both sides, in equal groups where a right row may cover part of a left one."""
    node: Minus | Intersect | Coverage = step.node  # type: ignore[assignment]
    axis = getattr(node, "axis", "time")
    start, end = _ends(left, axis)
    cut_start, cut_end = _ends(right, axis)
    if step.matching is None:
        names = ("video", *node.by)
        groups, cut_groups = join_codes(
            [left[name] for name in names], [right[name] for name in names]
        )
        rows, cut_rows = np.arange(left.num_rows), np.arange(right.num_rows)
    else:
        # each left row is a group of its own, with the right rows that match it
        groups = rows = np.arange(left.num_rows)
        cut_groups, cut_rows = matched_pairs(run, step, left, right)
        cut_start, cut_end = cut_start[cut_rows], cut_end[cut_rows]
    spans = Spans(groups, start, end, rows)
    cuts = Spans(cut_groups, cut_start, cut_end, cut_rows)
    if axis == "time":
        return spans, cuts
    return spans.chosen(~np.isnan(start)), cuts.chosen(~np.isnan(cut_start))


def _ends(table: pa.Table, axis: str) -> tuple[Numbers, Numbers]:
    values = ints if axis == "time" else floats
    start, end = AXES[axis]
    return values(table[start]), values(table[end])


def _cut(
    run: Executor,
    step: Step,
    left: pa.Table,
    rows: Numbers,
    ends: tuple[Numbers, Numbers],
    axis: str,
    sides: tuple[Spans, Spans],
) -> pa.Table:
    """Left rows by number with other ends on an axis."""
    run.trace(step, 0, rows)
    if run.traced:
        _trace_cutters(run, step, rows, *sides)
    table = take(left.select(list(step.columns)), rows)
    for name, values in zip(AXES[axis], ends, strict=True):
        if name in step.columns:
            place = table.schema.get_field_index(name)
            made = pa.array(values, from_pandas=True)
            table = table.set_column(place, table.schema.field(place), made)
    return table


def _trace_cutters(run: Executor, step: Step, rows: Numbers, spans: Spans, cuts: Spans) -> None:
    """Tell which right rows cover part of the left row that each output row comes from.

    ``rows`` are the left rows of the output, ascending; all cutters of a left row belong to each of
    its pieces. What has no length covers nothing.
    """
    some = cuts.chosen(cuts.start < cuts.end)
    found, cutters = overlap_join(*spans[:3], *some[:3])
    left_rows = spans.rows[found]
    first = np.searchsorted(rows, left_rows, side="left")
    times = np.searchsorted(rows, left_rows, side="right") - first
    place = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    run.trace(step, 1, some.rows[np.repeat(cutters, times)], np.repeat(first, times) + place)


RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {
    Minus: minus,
    Intersect: intersect,
    Coverage: coverage,
}
