"""Why a step gave nothing at an interval although its inputs have rows there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.arrays import by_first_row, group_codes, usual_order
from vquery.engine.rows import compute
from vquery.engine.session import table_fetch
from vquery.engine.trust.failing import failures, nearest_miss, plain, tests
from vquery.engine.trust.partners import Partners
from vquery.engine.trust.texts import row_text, rows_at, rows_text, seconds, span_text
from vquery.expr.groups import GroupFilter, Match, group_scope
from vquery.expr.pairs import Intersect, Join, Minus, SemiJoin
from vquery.expr.partners import CollectBy, Nearest
from vquery.expr.predicates import sides_of
from vquery.expr.relations import Dilate, Distinct, Filter, Limit, Mutate, Relation
from vquery.expr.types import Scope
from vquery.plan.explain import described, title

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from vquery.engine.trust.asked import Asked
    from vquery.engine.trust.failing import Failure
    from vquery.engine.trust.trail import Trail
    from vquery.expr.expression import Column, Expression
    from vquery.plan.steps import Step

    Rows = npt.NDArray[np.int64]

MOST_BOUND = 40
"""Rows of a group that are tried for the conditions of a pattern."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A step that gave nothing at the interval.

    ``near`` tells that another threshold would have kept a row; ``rows`` are written out below the
    reason.
    """

    step: str
    details: str
    reason: str
    values: dict[str, Any] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    near: bool = False


def reason(trail: Trail, step: Step, asked: Asked) -> Drop:
    """Say why a step gave nothing at the interval; some input has rows there."""
    return REASONS.get(type(step.node), _other)(trail, step, asked)


def nothing_there(trail: Trail, step: Step, asked: Asked) -> Drop:
    """Say that a source has nothing at the interval, and what is nearest."""
    table = trail.table(step)
    nearest = asked.nearest(table, 1)
    if not nearest.size:
        return _drop(step, f"{step.node.name} has no row of video {asked.video!r}")
    row = rows_at(table, nearest)[0]
    away = seconds(asked.gap(row))
    text = f"{step.node.name} has nothing there; its nearest row is {away} away"
    return _drop(step, text, {"gap": asked.gap(row) / 1e6}, (row_text(row),))


def _drop(
    step: Step,
    text: str,
    values: dict[str, Any] | None = None,
    rows: tuple[str, ...] = (),
    *,
    near: bool = False,
) -> Drop:
    return Drop(title(step.node), described(step), text, values or {}, rows, near)


def _filter(trail: Trail, step: Step, asked: Asked) -> Drop:
    node: Filter = step.node  # type: ignore[assignment]
    table = trail.table(step.inputs[0])
    rows = asked.overlapping(table)
    there = table.take(pa.array(rows))
    checked = tests(node.condition, lambda each: compute(trail.run, node.input, each, there))
    return _missed(step, [failures(checked, row) for row in range(rows.size)], there)


def _missed(step: Step, failed: list[list[Failure]], there: pa.Table) -> Drop:
    best = nearest_miss(failed)
    values = {name: value for each in failed[best] for name, value in each.values.items()}
    text = "; ".join(each.text for each in failed[best])
    near = all(each.near for each in failed[best])
    others = len(failed) - 1
    if others:
        text += f" (and {others:,} other row{'s' if others > 1 else ''} further off)"
    return _drop(step, text, values, (row_text(rows_at(there, np.array([best]))[0]),), near=near)


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
    return _drop(step, f"its group had {text}", values, tuple(rows), near=near)


def _pair(trail: Trail, step: Step, asked: Asked) -> Drop:
    """Join, or semi-join: the nearest partner of a row that lies there."""
    node: Join | SemiJoin = step.node  # type: ignore[assignment]
    tables = [trail.table(each) for each in step.inputs]
    rows = [asked.overlapping(table) for table in tables]
    every = [asked.nearest(table, table.num_rows) for table in tables]
    alive = 0 if rows[0].size else 1
    other = (node.left, node.right)[1 - alive].name
    if not every[1 - alive].size:
        return _drop(step, f"{other} has no row in video {asked.video!r} to pair with")
    sides = (rows[0], every[1]) if alive == 0 else (every[0], rows[1])
    partners = Partners(trail, step, *sides)
    pair = partners.nearest()
    shown = row_text(rows_at(tables[1 - alive], np.array([(pair.left, pair.right)[1 - alive]]))[0])
    if pair.reasons:
        text = f"no partner in {other}: for the nearest one {'; '.join(pair.reasons)}"
        return _drop(step, text, pair.values, (f"nearest: {shown}",), near=pair.gap > 0)
    return _moved(trail, step, alive, rows[alive]) or _drop(
        step, "the merge of the pair leaves nothing: the two share no time or no area",
        pair.values, (f"partner: {shown}",),
    )  # fmt: skip


def _semi_join(trail: Trail, step: Step, asked: Asked) -> Drop:
    node: SemiJoin = step.node  # type: ignore[assignment]
    return _removed(trail, step, asked) if node.negated else _pair(trail, step, asked)


def _apart(trail: Trail, step: Step, asked: Asked) -> Drop:
    """Intersect, or nearest: how far away the right rows are."""
    node: Intersect | Nearest = step.node  # type: ignore[assignment]
    moved = _moved(trail, step, 0, asked.overlapping(trail.table(step.inputs[0])))
    right = trail.table(step.inputs[1])
    nearest = asked.nearest(right, 1)
    if moved is not None or not nearest.size:
        text = f"{node.right.name} has no row in video {asked.video!r}"
        return moved or _drop(step, text)
    row = rows_at(right, nearest)[0]
    limit, asks = None, "that covers it"
    if isinstance(node, Nearest):
        limit = node.max_gap
        asks = {"either": "near it"}.get(node.direction, f"{node.direction} it")
    asks += f" within {plain(limit)} s" if limit is not None else ""
    asks += f" with equal {', '.join(node.by)}" if node.by else ""
    text = f"{node.right.name} has no row {asks}; its nearest row is {seconds(asked.gap(row))} away"
    values = {"gap": asked.gap(row) / 1e6}
    return _drop(step, text, values, (f"nearest: {row_text(row)}",), near=limit is not None)


def _removed(trail: Trail, step: Step, asked: Asked) -> Drop:
    """Anti-join, or minus: the right rows that took the left rows away."""
    node: SemiJoin | Minus = step.node  # type: ignore[assignment]
    left, right = (trail.table(each) for each in step.inputs)
    rows = asked.overlapping(left)
    if isinstance(node, Minus):
        near = asked.overlapping(right)
        word = "covered by"
    else:
        near = asked.nearest(right, right.num_rows)
        word = "it has a partner in"
    partners = Partners(trail, step, rows, near)
    found = partners.matches()
    guilty = np.unique(partners.right[found])
    gap = {"rows": int(guilty.size)}
    return _drop(step, f"{word} {node.right.name}", gap, tuple(rows_text(right, guilty)))


def _limit(trail: Trail, step: Step, asked: Asked) -> Drop:
    node: Limit = step.node  # type: ignore[assignment]
    table = trail.table(step.inputs[0])
    from vquery.plan.steps import keeps_own_order

    order = None if keeps_own_order(node.input) else usual_order(table)
    places = np.arange(table.num_rows)
    if order is not None:
        places[order] = np.arange(order.size)
    place = int(places[asked.overlapping(table)].min())
    after = f" after {node.offset:,}" if node.offset else ""
    kept = f"limit keeps {plain(node.count)} rows{after}"
    text = f"it is row {place + 1:,} of {table.num_rows:,}; {kept}"
    return _drop(step, text, {"place": place, "limit": getattr(node.count, "value", None)})


def _distinct(trail: Trail, step: Step, asked: Asked) -> Drop:
    node: Distinct = step.node  # type: ignore[assignment]
    table = trail.table(step.inputs[0])
    row = rows_at(table, asked.overlapping(table)[:1])[0]
    on = [name for name in node.on or node.schema.names if name in table.column_names]
    kept = [each for each in trail.table(step).to_pylist() if _equal(each, row, on)]
    values = {name: row[name] for name in on}
    text = f"an equal row was kept in its place (equal in {', '.join(on)})"
    return _drop(step, text, values, tuple(row_text(each) for each in kept[:1]))


def _equal(one: dict[str, Any], other: dict[str, Any], on: list[str]) -> bool:
    return all(one.get(name, other[name]) == other[name] for name in on)


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
        return _drop(step, text, {"rows": had}, tuple(largest))
    group = mine[fits][0]
    members = np.flatnonzero(groups == group)[:MOST_BOUND]
    for condition in node.pattern.conditions:
        if not _possible(trail, node, table, members, condition):
            text = f"no rows of its group meet {condition!r}"
            return _drop(step, text, {"rows": int(members.size)}, tuple(rows_text(table, members)))
    text = "rows of its group meet each condition, but no choice of rows meets all of them"
    return _drop(step, text, {"rows": int(members.size)}, tuple(rows_text(table, members)))


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


def _moves(trail: Trail, step: Step, asked: Asked) -> Drop:
    rows = asked.overlapping(trail.table(step.inputs[0]))
    return _moved(trail, step, 0, rows) or _drop(
        step, "its start would come after its end, or the edges of its box be exchanged", {},
        tuple(rows_text(trail.table(step.inputs[0]), rows)),
    )  # fmt: skip


def _moved(trail: Trail, step: Step, place: int, rows: Rows) -> Drop | None:
    """Say where rows went, None where they did not become any row."""
    _, outputs = trail.outcomes(step, place, rows)
    if not outputs.size:
        return None
    table = trail.table(step)
    after = rows_at(table, np.unique(outputs)[:1])[0]
    before = rows_at(trail.table(step.inputs[place]), rows[:1])[0]
    text = f"{span_text(before)} became {span_text(after)}, which does not reach there"
    return _drop(step, text, {"start_us": after["start_us"], "end_us": after["end_us"]})


def _other(trail: Trail, step: Step, asked: Asked) -> Drop:
    """Describe a step that has no reasons of its own: what it was given there and what it gave."""
    for place, each in enumerate(step.inputs):
        rows = asked.overlapping(trail.table(each))
        if rows.size and (id(step), place) in trail.run.origins:
            moved = _moved(trail, step, place, rows)
            if moved is not None:
                return moved
    given = [asked.overlapping(trail.table(each)) for each in step.inputs]
    shown = [line for each, rows in zip(step.inputs, given, strict=True)
             for line in rows_text(trail.table(each), rows)]  # fmt: skip
    number = sum(rows.size for rows in given)
    text = f"it gave no row there; it was given {number:,} row{'s' if number != 1 else ''}"
    return _drop(step, text, {"rows": number}, tuple(shown))


REASONS: Mapping[type[Relation], Callable[[Trail, Step, Asked], Drop]] = {
    Filter: _filter,
    GroupFilter: _group_filter,
    Join: _pair,
    SemiJoin: _semi_join,
    CollectBy: _pair,
    Minus: _removed,
    Intersect: _apart,
    Nearest: _apart,
    Limit: _limit,
    Distinct: _distinct,
    Match: _match,
    Dilate: _moves,
    Mutate: _moves,
}
