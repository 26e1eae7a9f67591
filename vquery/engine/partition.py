"""Steps over partitions: columns and conditions computed from a row's neighbours, by DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vquery.engine.arrays import group_codes, take, truths, usual_order
from vquery.engine.rows import compute
from vquery.engine.running.session import table_fetch
from vquery.expr.partition import WindowFilter, Windows, partition_scope
from vquery.plan.sql import POSITION, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vquery.engine.running.executor import Executor
    from vquery.expr.expression import Expression
    from vquery.expr.relations import Relation
    from vquery.plan.steps import Step

    Ints = npt.NDArray[np.int64]


def windows(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Add computed columns; rows stay where they are."""
    node: Windows = step.node  # type: ignore[assignment]
    wanted = {name: each for name, each in node.columns if name in step.columns}
    made = window_values(run, node, wanted, given)
    columns = []
    for name in step.columns:
        column = made[name] if name in made else given[name]
        dtype = node.schema.field(name).type
        columns.append(column if column.type == dtype else column.cast(dtype))
    run.trace(step, 0, np.arange(given.num_rows))
    return pa.table(columns, schema=pa.schema([node.schema.field(name) for name in step.columns]))


def filter_windows(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Keep the rows for which the condition is true."""
    node: WindowFilter = step.node  # type: ignore[assignment]
    computed = window_values(run, node, {"keep": node.condition}, given)
    kept = np.flatnonzero(truths(computed["keep"]))
    run.trace(step, 0, kept)
    return take(given.select(list(step.columns)), kept)


def window_values(
    run: Executor,
    node: Windows | WindowFilter,
    expressions: Mapping[str, Expression],
    given: pa.Table,
) -> dict[str, pa.ChunkedArray]:
    """Compute expressions over partitions; results stand in the order of the rows given."""
    if not expressions:
        return {}
    order = _order(run, node, given)
    ordered = given if order is None else take(given, order)
    groups = group_codes([ordered[name] for name in ("video", *node.by)])
    made = run.session.compute(
        expressions, partition_scope(node.input), table_fetch(ordered), given.num_rows, groups
    )
    if order is None:
        return made
    back = np.empty_like(order)
    back[order] = np.arange(order.size)
    return {name: column.take(pa.array(back)) for name, column in made.items()}


def _order(run: Executor, node: Windows | WindowFilter, given: pa.Table) -> Ints | None:
    """Row numbers in the order of the partitions, a total one; None where rows are in it."""
    order = usual_order(given)
    if not node.order:
        return order
    ordered = given if order is None else take(given, order)
    keys = {str(number): key.value for number, key in enumerate(node.order)}
    table = pa.table(compute(run, node.input, keys, ordered))
    table = table.append_column(POSITION, pa.array(np.arange(given.num_rows)))
    listed = ", ".join(
        f"{quoted(str(number))} {'DESC' if key.descending else 'ASC'} NULLS LAST"
        for number, key in enumerate(node.order)
    )
    place = quoted(POSITION)
    chosen = run.session.positions(f"SELECT {place} FROM input ORDER BY {listed}, {place}", table)
    sorted_rows: Ints = chosen if order is None else order[chosen]
    return sorted_rows


RUNNERS: dict[type[Relation], Callable[..., Any]] = {
    Windows: windows,
    WindowFilter: filter_windows,
}
