"""Steps over groups of rows: coalesce, aggregates, group filters."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.arrays import (
    floats,
    group_codes,
    ints,
    take,
    truths,
    usual_order,
)
from vquery.engine.rows import with_times
from vquery.engine.running.session import table_fetch
from vquery.expr.groups import Aggregated, Coalesce, GroupFilter, group_scope
from vquery.expr.types import Kind, has_box, kind_of
from vquery.schema import BOX
from vquery_kernels.groups import extents

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.engine.running.executor import Executor
    from vquery.expr.relations import Relation
    from vquery.plan.steps import Step

    Groups = npt.NDArray[np.int64]


def aggregate(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Make one row of each group of rows with equal keys."""
    node: Aggregated = step.node  # type: ignore[assignment]
    order = usual_order(given)
    given = given if order is None else take(given, order)
    groups = group_codes([given[name] for name in ("video", *node.by)])
    trace_members(run, step, groups, order)
    return one_row_each(run, step, given, groups)


def trace_members(run: Executor, step: Step, groups: Groups, order: Groups | None) -> None:
    """Every row of a group contributed to its row."""
    run.trace(step, 0, np.arange(groups.size) if order is None else order, groups)


def one_row_each(run: Executor, step: Step, given: pa.Table, groups: Groups) -> pa.Table:
    """First row of each group with the hull of the bounds, the highest score and aggregates."""
    node: Coalesce | Aggregated = step.node  # type: ignore[assignment]
    made = {name: each for name, each in node.aggregates if name in step.columns}
    scope = group_scope(node.input, node.by)
    columns = run.session.aggregate(made, scope, table_fetch(given), groups)
    hull = Hull(groups)
    rule = node.score if isinstance(node, Coalesce) else "max"
    if "score" in step.columns and "score" not in dict(node.aggregates) and rule is not None:
        columns["score"] = hull.score(given["score"], rule)
    if has_box(given.schema):
        for name in BOX:
            if name in step.columns and name not in columns:
                columns[name] = hull.edge(given[name], lowest=name in ("x1", "y1"))
    kept = [name for name in step.columns if name not in columns]
    table = take(given.select(kept), hull.first)
    start, end = ints(given["start_us"]), ints(given["end_us"])
    table = with_times(table, *hull.times(start, end))
    arrays = []
    for name in step.columns:
        column = columns[name] if name in columns else table[name]
        wanted = node.schema.field(name).type
        arrays.append(column if column.type == wanted else column.cast(wanted))
    schema = pa.schema([node.schema.field(name) for name in step.columns])
    return pa.table(arrays, schema=schema)


class Hull:
    """Smallest and largest values of each group; groups are numbered by their first rows."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        highest = np.maximum.accumulate(groups)
        self.first = np.flatnonzero(np.diff(highest, prepend=-1))

    @functools.cached_property
    def _sorted(self) -> tuple[Groups | slice, Groups]:
        """Order of the rows by group, and where each group starts in it."""
        if not (self._groups[1:] < self._groups[:-1]).any():
            return slice(None), self.first
        order = np.argsort(self._groups, kind="stable")
        return order, np.flatnonzero(np.diff(self._groups[order], prepend=-1))

    def times(self, start: Groups, end: Groups) -> tuple[Groups, Groups]:
        """Smallest start and largest end of each group."""
        return extents(self._groups, start, end)

    def least(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Smallest value of each group; NaN only where all are."""
        return self._reduced(np.fmin, values)

    def greatest(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Largest value of each group; NaN only where all are."""
        return self._reduced(np.fmax, values)

    def _reduced(self, function: np.ufunc, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if not self.first.size:
            return values[:0]
        order, starts = self._sorted
        reduced: npt.NDArray[Any] = function.reduceat(values[order], starts)
        return reduced

    def edge(self, column: pa.ChunkedArray, *, lowest: bool) -> pa.Array:
        """Hull of one edge of boxes; null where no row of the group has a box."""
        values = floats(column)
        return pa.array(self.least(values) if lowest else self.greatest(values), from_pandas=True)

    def score(self, column: pa.ChunkedArray, rule: str) -> pa.ChunkedArray | pa.Array:
        """Score of each group by a rule, nulls left out; the first row's where they are no numbers.

        ``"max"``, ``"min"``, ``"mean"``, ``"noisy_or"`` or ``"first"``.
        """
        kind = kind_of(column.type)
        if kind not in (Kind.FLOAT, Kind.INTEGER):
            return column.take(pa.array(self.first))
        if rule in ("max", "min") and kind is Kind.INTEGER and not column.null_count:
            best = self.greatest if rule == "max" else self.least
            return pa.array(best(ints(column))).cast(column.type)
        values = pc.cast(column, pa.float64()).combine_chunks().to_numpy(zero_copy_only=False)
        made = pa.array(self._score_of(values, rule), from_pandas=True)
        return made.cast(column.type) if rule in ("max", "min", "first") else made

    def _score_of(self, values: npt.NDArray[Any], rule: str) -> npt.NDArray[Any]:
        if rule == "max":
            return self.greatest(values)
        if rule == "min":
            return self.least(values)
        missing = np.isnan(values)
        number = self._reduced(np.add, (~missing).astype(np.int64))
        if rule == "mean":
            total = self._reduced(np.add, np.where(missing, 0.0, values))
            total[number == 0] = np.nan
            total /= np.maximum(number, 1)
            return total
        if rule == "noisy_or":
            wrong = self._reduced(np.multiply, np.where(missing, 1.0, 1.0 - values))
            wrong[number == 0] = np.nan
            return 1.0 - wrong
        place = np.where(missing, values.size, np.arange(values.size))  # "first" that there is
        found: npt.NDArray[Any] = np.append(values, np.nan)[self._reduced(np.minimum, place)]
        return found


def filter_groups(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Keep all rows of the groups for which the condition is true."""
    node: GroupFilter = step.node  # type: ignore[assignment]
    groups = group_codes([given[name] for name in ("video", *node.by)])
    scope = group_scope(node.input, node.by)
    order = in_usual_order_with(given, groups)
    computed = run.session.aggregate(
        {"keep": node.condition}, scope, table_fetch(order[0]), order[1]
    )
    kept = truths(computed["keep"])[groups]
    run.trace(step, 0, np.flatnonzero(kept))
    return take(given.select(list(step.columns)), np.flatnonzero(kept))


def in_usual_order_with(given: pa.Table, groups: Groups) -> tuple[pa.Table, Groups]:
    """Sort rows and their group numbers, for aggregates that look at the first and last row."""
    order = usual_order(given)
    return (given, groups) if order is None else (take(given, order), groups[order])


RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {
    Aggregated: aggregate,
    GroupFilter: filter_groups,
}
