"""Steps over one relation, row by row: scan, filter, mutate, project, sort, limit and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.arrays import floats, ints, take, truths, usual_order
from vquery.engine.running.session import table_fetch
from vquery.engine.vectors import EVERY, Arrays, Evaluator, Unsupported
from vquery.errors import QueryError
from vquery.expr.derived import resolve
from vquery.expr.expression import Column, Literal
from vquery.expr.relations import (
    Distinct,
    Filter,
    Limit,
    Mutate,
    Project,
    Relation,
    Scan,
    Sort,
    Union,
    scope_of,
)
from vquery.expr.types import has_box
from vquery.plan.needs import bounds_made
from vquery.plan.sql import POSITION, quoted
from vquery.plan.steps import Step, keeps_own_order
from vquery.schema import BOX, KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vquery.engine.running.executor import Executor
    from vquery.expr.expression import Expression

INVERTED = "rows whose start would come after their end"
INVERTED_BOX = "rows whose box would have its edges exchanged"


def scan(run: Executor, step: Step) -> pa.Table:
    """Read a source."""
    return run.read(step)


def filter_rows(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Keep the rows for which the condition is true."""
    node: Filter = step.node  # type: ignore[assignment]
    keep = true_rows(run, node.input, node.condition, given)
    run.trace(step, 0, keep)
    return take(given.select(list(step.columns)), keep)


def true_rows(
    run: Executor, relation: Relation, condition: Expression, given: pa.Table
) -> np.ndarray[Any, Any]:
    """Numbers of the rows for which a condition is true."""
    scope = scope_of(relation)
    try:
        holds = Evaluator(Arrays(given), scope).holds(resolve(condition, scope), EVERY)
        return np.flatnonzero(np.broadcast_to(holds, given.num_rows))
    except Unsupported:
        pass  # only the database can tell
    computed = compute(run, relation, {"keep": condition}, given)
    return np.flatnonzero(truths(computed["keep"]))


def compute(
    run: Executor, relation: Relation, expressions: Mapping[str, Expression], given: pa.Table
) -> dict[str, pa.ChunkedArray]:
    """Compute expressions over the rows of a relation; plain columns are passed on as they are."""
    scope = scope_of(relation)
    resolved = {name: resolve(each, scope) for name, each in expressions.items()}
    plain = {name: each for name, each in resolved.items() if isinstance(each, Column)}
    made = {name: each for name, each in resolved.items() if name not in plain}
    result = {name: given[each.name] for name, each in plain.items()}
    if made:
        result |= run.session.compute(made, scope, table_fetch(given), given.num_rows)
    return result


def mutate(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Add or replace computed columns."""
    node: Mutate = step.node  # type: ignore[assignment]
    bounds = bounds_made(node)
    needed = [name for name in node.schema.names if name in bounds or name in step.columns]
    wanted = {name: each for name, each in node.columns if name in needed}
    made = compute(run, node.input, wanted, given)
    columns = {}
    for name in needed:
        column = made.get(name)
        if column is None:
            column = given[name]
        dtype = node.schema.field(name).type
        columns[name] = column if column.type == dtype else column.cast(dtype)
    table = pa.table(columns, schema=pa.schema([node.schema.field(name) for name in needed]))
    if bounds:
        table = _checked_bounds(run, step, table)
    return table.select(list(step.columns))


def _checked_bounds(run: Executor, step: Step, table: pa.Table) -> pa.Table:
    """Refuse missing times, leave out rows that a computation turned inside out."""
    for key in KEYS[1:]:
        if table[key].null_count:
            raise QueryError(
                f"mutate({key}=): {table[key].null_count} rows would have no time: fill_null() it"
            )
    keep = ints(table["start_us"]) <= ints(table["end_us"])
    run.drop(step, INVERTED, int((~keep).sum()))
    if has_box(table.schema):
        x1, y1, x2, y2 = (floats(table[name]) for name in BOX)
        box = ~((x1 > x2) | (y1 > y2))
        run.drop(step, INVERTED_BOX, int((keep & ~box).sum()))
        keep &= box
    run.trace(step, 0, np.flatnonzero(keep))
    return table if keep.all() else take(table, np.flatnonzero(keep))


def project(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Choose and rename columns."""
    del run
    node: Project = step.node  # type: ignore[assignment]
    old = dict(node.columns)
    chosen = given.select([old[new] for new in step.columns])
    return chosen.rename_columns(list(step.columns))


def sort(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """Sort by the keys, ties in the usual order, null last."""
    node: Sort = step.node  # type: ignore[assignment]
    usual = usual_order(given)
    given = given if usual is None else take(given, usual)
    keys = {str(number): key.value for number, key in enumerate(node.keys)}
    table = pa.table(compute(run, node.input, keys, given))
    table = table.append_column(POSITION, pa.array(np.arange(given.num_rows)))
    order = ", ".join(
        f"{quoted(str(number))} {'DESC' if key.descending else 'ASC'} NULLS LAST"
        for number, key in enumerate(node.keys)
    )
    place = quoted(POSITION)
    text = f"SELECT {place} FROM input ORDER BY {order}, {place}"
    chosen = run.session.positions(text, table)
    run.trace(step, 0, chosen if usual is None else usual[chosen])
    return take(given.select(list(step.columns)), chosen)


def limit(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """First rows of the relation's order."""
    node: Limit = step.node  # type: ignore[assignment]
    assert isinstance(node.count, Literal)
    order = None if keeps_own_order(node.input) else usual_order(given)
    rows = np.arange(given.num_rows) if order is None else order
    run.trace(step, 0, rows[node.offset : node.offset + node.count.value])
    if order is not None:
        given = take(given, order)
    return given.slice(node.offset, node.count.value).select(list(step.columns))


def distinct(run: Executor, step: Step, given: pa.Table) -> pa.Table:
    """First row, in the usual order, of those that are equal."""
    node: Distinct = step.node  # type: ignore[assignment]
    on = list(node.on or node.input.schema.names)
    order = None if keeps_own_order(node.input) else usual_order(given)
    place = np.arange(given.num_rows)
    if order is not None:
        place[order] = np.arange(order.size)
    numbers = [str(number) for number in range(len(on))]
    table = given.select(on).rename_columns(numbers)
    table = table.append_column(POSITION, pa.array(place))
    names = ", ".join(map(quoted, numbers))
    chosen = f"min({quoted(POSITION)})"
    text = f"SELECT {chosen} AS first FROM input GROUP BY {names} ORDER BY first"
    first = run.session.positions(text, table)
    rows = np.sort(first if order is None else order[first])
    run.trace(step, 0, rows)
    return take(given.select(list(step.columns)), rows)


def union(run: Executor, step: Step, *given: pa.Table) -> pa.Table:
    """All rows, one relation after the other, columns aligned by name."""
    node: Union = step.node  # type: ignore[assignment]
    schema = pa.schema([node.schema.field(name) for name in step.columns])
    parts: list[pa.Table] = []
    for place, table in enumerate(given):
        before = sum(each.num_rows for each in parts)
        run.trace(step, place, np.arange(table.num_rows), before + np.arange(table.num_rows))
        columns = [
            table[field.name].cast(field.type)
            if field.name in table.column_names
            else pa.chunked_array([pa.nulls(table.num_rows, field.type)])
            for field in schema
        ]
        parts.append(pa.table(columns, schema=schema))
    return pa.concat_tables(parts)


def with_times(table: pa.Table, start: np.ndarray[Any, Any], end: np.ndarray[Any, Any]) -> pa.Table:
    """Table with other times."""
    for name, values in (("start_us", start), ("end_us", end)):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), pa.array(values, pa.int64()))
    return table


RUNNERS: dict[type[Relation], Callable[..., pa.Table]] = {
    Scan: scan,
    Filter: filter_rows,
    Mutate: mutate,
    Project: project,
    Sort: sort,
    Limit: limit,
    Distinct: distinct,
    Union: union,
}
