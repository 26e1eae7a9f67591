"""Why a step gave nothing at an interval although its inputs have rows there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.arrays import usual_order
from vquery.engine.rows import compute
from vquery.engine.trust.drop import Drop, drop, missed
from vquery.engine.trust.failing import failures, plain, tests
from vquery.engine.trust.group_drops import GROUP_REASONS
from vquery.engine.trust.partners import Partners
from vquery.engine.trust.texts import row_text, rows_at, rows_text, seconds, span_text
from vquery.expr.pairs import Intersect, Join, Minus, SemiJoin
from vquery.expr.partners import CollectBy, Nearest
from vquery.expr.relations import Dilate, Distinct, Filter, Limit, Mutate, Relation, Sample
from vquery.expr.spans import Complement
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from vquery.engine.trust.asked import Asked
    from vquery.engine.trust.trail import Trail
    from vquery.plan.steps import Step

    Rows = npt.NDArray[np.int64]

FAR_US = 86_400 * US_PER_S
"""Beyond this distance from every row an interval may have been given in microseconds."""


def reason(trail: Trail, step: Step, asked: Asked) -> Drop:
    """Say why a step gave nothing at the interval; some input has rows there."""
    return REASONS.get(type(step.node), _other)(trail, step, asked)


def nothing_there(trail: Trail, step: Step, asked: Asked) -> Drop:
    """Say that a source has nothing at the interval, and what is nearest."""
    table = trail.table(step)
    nearest = asked.nearest(table, 1)
    if not nearest.size:
        return drop(step, f"{step.node.name} has no row of video {asked.video!r}")
    row = rows_at(table, nearest)[0]
    away = seconds(asked.gap(row))
    text = f"{step.node.name} has nothing there; its nearest row is {away} away"
    if asked.gap(row) > FAR_US:
        text += " (why_not() takes start and end in seconds)"
    return drop(step, text, {"gap": asked.gap(row) / 1e6}, (row_text(row),))


def _filter(trail: Trail, step: Step, asked: Asked) -> Drop:
    node: Filter = step.node  # type: ignore[assignment]
    table = trail.table(step.inputs[0])
    rows = asked.overlapping(table)
    there = table.take(pa.array(rows))
    checked = tests(node.condition, lambda each: compute(trail.run, node.input, each, there))
    return missed(step, [failures(checked, row) for row in range(rows.size)], there)


def _pair(trail: Trail, step: Step, asked: Asked) -> Drop:
    """Join, or semi-join: the nearest partner of a row that lies there."""
    node: Join | SemiJoin = step.node  # type: ignore[assignment]
    tables = [trail.table(each) for each in step.inputs]
    rows = [asked.overlapping(table) for table in tables]
    every = [asked.nearest(table, table.num_rows) for table in tables]
    alive = 0 if rows[0].size else 1
    other = (node.left, node.right)[1 - alive].name
    if not every[1 - alive].size:
        return drop(step, f"{other} has no row in video {asked.video!r} to pair with")
    sides = (rows[0], every[1]) if alive == 0 else (every[0], rows[1])
    partners = Partners(trail, step, *sides)
    pair = partners.nearest()
    shown = row_text(rows_at(tables[1 - alive], np.array([(pair.left, pair.right)[1 - alive]]))[0])
    if pair.reasons:
        text = f"no partner in {other}: for the nearest one {'; '.join(pair.reasons)}"
        return drop(step, text, pair.values, (f"nearest: {shown}",), near=pair.gap > 0)
    return _moved(trail, step, alive, rows[alive]) or drop(
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
        return moved or drop(step, text)
    row = rows_at(right, nearest)[0]
    limit, asks = None, "that covers it"
    if isinstance(node, Nearest):
        limit = node.max_gap
        asks = {"either": "near it"}.get(node.direction, f"{node.direction} it")
    asks += f" within {plain(limit)} s" if limit is not None else ""
    asks += f" with equal {', '.join(node.by)}" if node.by else ""
    text = f"{node.right.name} has no row {asks}; its nearest row is {seconds(asked.gap(row))} away"
    values = {"gap": asked.gap(row) / 1e6}
    return drop(step, text, values, (f"nearest: {row_text(row)}",), near=limit is not None)


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
    return drop(step, f"{word} {node.right.name}", gap, tuple(rows_text(right, guilty)))


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
    return drop(step, text, {"place": place, "limit": getattr(node.count, "value", None)})


def _sample(trail: Trail, step: Step, asked: Asked) -> Drop:
    node: Sample = step.node  # type: ignore[assignment]
    table = trail.table(step.inputs[0])
    rows = asked.overlapping(table)
    kept = trail.table(step).num_rows
    text = f"left out by chance: sample(seed={node.seed}) kept {kept:,} of {table.num_rows:,} rows"
    return drop(step, text, {"kept": kept, "of": table.num_rows}, tuple(rows_text(table, rows)))


def _complement(trail: Trail, step: Step, asked: Asked) -> Drop:
    node: Complement = step.node  # type: ignore[assignment]
    table = trail.table(step.inputs[1])
    rows = asked.overlapping(table)
    return drop(step, f"covered by {node.input.name}", {}, tuple(rows_text(table, rows)))


def _distinct(trail: Trail, step: Step, asked: Asked) -> Drop:
    node: Distinct = step.node  # type: ignore[assignment]
    table = trail.table(step.inputs[0])
    row = rows_at(table, asked.overlapping(table)[:1])[0]
    on = [name for name in node.on or node.schema.names if name in table.column_names]
    kept = [each for each in trail.table(step).to_pylist() if _equal(each, row, on)]
    values = {name: row[name] for name in on}
    text = f"an equal row was kept in its place (equal in {', '.join(on)})"
    return drop(step, text, values, tuple(row_text(each) for each in kept[:1]))


def _equal(one: dict[str, Any], other: dict[str, Any], on: list[str]) -> bool:
    return all(one.get(name, other[name]) == other[name] for name in on)


def _moves(trail: Trail, step: Step, asked: Asked) -> Drop:
    rows = asked.overlapping(trail.table(step.inputs[0]))
    return _moved(trail, step, 0, rows) or drop(
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
    return drop(step, text, {"start_us": after["start_us"], "end_us": after["end_us"]})


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
    return drop(step, text, {"rows": number}, tuple(shown))


REASONS: Mapping[type[Relation], Callable[[Trail, Step, Asked], Drop]] = {
    Filter: _filter,
    Join: _pair,
    SemiJoin: _semi_join,
    CollectBy: _pair,
    Minus: _removed,
    Intersect: _apart,
    Nearest: _apart,
    Limit: _limit,
    Distinct: _distinct,
    Sample: _sample,
    Complement: _complement,
    **GROUP_REASONS,
    Dilate: _moves,
    Mutate: _moves,
}
