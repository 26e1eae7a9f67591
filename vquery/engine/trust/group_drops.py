"""Why groups, partitions and patterns gave nothing at an interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.arrays import by_first_row, group_codes, usual_order
from vquery.engine.partition import window_values
from vquery.engine.running.session import table_fetch
from vquery.engine.trust.drop import Drop, drop, missed
from vquery.engine.trust.failing import failures, nearest_miss, tests
from vquery.engine.trust.texts import rows_text
from vquery.expr.groups import GroupFilter, Match, group_scope
from vquery.expr.partition import WindowFilter
from vquery.expr.predicates import sides_of
from vquery.expr.types import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from vquery.engine.trust.asked import Asked
    from vquery.engine.trust.trail import Trail
    from vquery.expr.expression import Column, Expression
    from vquery.expr.relations import Relation
    from vquery.plan.steps import Step

    Rows = npt.NDArray[np.int64]

MOST_BOUND = 40
"""Rows of a group that are tried for the conditions of a pattern."""


def _group_filter(trail: Trail, step: Step, asked: Asked) -> Drop:
    node: GroupFilter = step.node  # type: ignore[assignment]
    table = trail.table(step.inputs[0])
    order = usual_order(table)
    table = table if order is None else table.take(pa.array(order))
    groups = group_codes([table[name] for name in ("video", *node.by)])
    wanted = np.unique(groups[asked.overlapping(table)])
    members = np.flatnonzero(np.isin(groups, wanted))
    there, numbers = table.take(pa.array(members)), by_first_row(groups[members])
    scope = group_scope(node.input, node.by)

    def aggregated(each: Mapping[str, Expression]) -> Mapping[str, Any]:
        return trail.run.session.aggregate(each, scope, table_fetch(there), numbers)

    checked = tests(node.condition, aggregated)
    failed = [failures(checked, group) for group in range(int(numbers.max()) + 1)]
    best = nearest_miss(failed)
    text = "; ".join(each.text for each in failed[best])
    values = {name: value for each in failed[best] for name, value in each.values.items()}
    rows = rows_text(there, np.flatnonzero(numbers == best))
    near = all(each.near for each in failed[best])
    return drop(step, f"its group had {text}", values, tuple(rows), near=near)


def _match(trail: Trail, step: Step, asked: Asked) -> Drop:
    node: Match = step.node  # type: ignore[assignment]
    table = trail.table(step.inputs[0])
    groups = group_codes([table[name] for name in ("video", *node.by)])
    mine = groups[asked.overlapping(table)]
    sizes = np.bincount(groups)
    wanted = len(node.pattern.variables)
    fits = sizes[mine] == wanted if node.exact else sizes[mine] >= wanted
    if not fits.any():
        had = int(sizes[mine].max())
        need = f"{'exactly' if node.exact else 'at least'} {wanted}"
        largest = rows_text(table, np.flatnonzero(groups == mine[np.argmax(sizes[mine])]))
        text = f"its group has {had} rows, needed {need}"
        return drop(step, text, {"rows": had}, tuple(largest))
    group = mine[fits][0]
    members = np.flatnonzero(groups == group)[:MOST_BOUND]
    for condition in node.pattern.conditions:
        if not _possible(trail, node, table, members, condition):
            text = f"no rows of its group meet {condition!r}"
            return drop(step, text, {"rows": int(members.size)}, tuple(rows_text(table, members)))
    text = "rows of its group meet each condition, but no choice of rows meets all of them"
    return drop(step, text, {"rows": int(members.size)}, tuple(rows_text(table, members)))


def _possible(
    trail: Trail, node: Match, table: pa.Table, members: Rows, condition: Expression
) -> bool:
    """Whether some choice of different rows meets one condition."""
    names = sorted(str(side) for side in sides_of(condition))
    grids = np.meshgrid(*[members] * len(names), indexing="ij")
    bound = [grid.ravel() for grid in grids]
    free = np.ones(bound[0].size if bound else 1, dtype=np.bool_)
    for place, one in enumerate(bound):
        for other in bound[:place]:
            free &= one != other
    rows = {name: each[free] for name, each in zip(names, bound, strict=True)}

    def fetch(column: Column) -> pa.ChunkedArray:
        return table[column.name].take(pa.array(rows[str(column.side)]))

    scope = Scope(dict.fromkeys(node.pattern.variables, node.input.schema), {})
    found = trail.run.session.compute({"true": condition}, scope, fetch, int(free.sum()))
    return True in found["true"].to_pylist()


def _window_filter(trail: Trail, step: Step, asked: Asked) -> Drop:
    node: WindowFilter = step.node  # type: ignore[assignment]
    table = trail.table(step.inputs[0])
    rows = asked.overlapping(table)

    def windowed(each: Mapping[str, Expression]) -> Mapping[str, Any]:
        made = window_values(trail.run, node, each, table)
        return {name: column.take(pa.array(rows)) for name, column in made.items()}

    checked = tests(node.condition, windowed)
    failed = [failures(checked, row) for row in range(rows.size)]
    return missed(step, failed, table.take(pa.array(rows)))


GROUP_REASONS: Mapping[type[Relation], Callable[[Trail, Step, Asked], Drop]] = {
    GroupFilter: _group_filter,
    Match: _match,
    WindowFilter: _window_filter,
}
