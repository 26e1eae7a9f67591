"""The oracle for partitions: every row looks at every other row of its partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.reference.bounds import Row, usual
from vquery.expr import partition
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vquery.engine.reference.oracle import Reference
    from vquery.expr.relations import Relation

PLACE = object()
"""Key under which the scope of a value holds the row's partition and its place in it."""


def windows(reference: Reference, node: partition.Windows) -> list[Row]:
    """Add columns computed from each row and its partition."""
    from vquery.engine.reference.values import typed

    result = []
    for row, env in _placed(reference, node):
        made = {name: reference.value(each, env) for name, each in node.columns}
        result.append(row | typed(made, node.schema))
    return result


def filter_windows(reference: Reference, node: partition.WindowFilter) -> list[Row]:
    """Keep the rows for which the condition is true."""
    return [row for row, env in _placed(reference, node) if reference.value(node.condition, env)]


def _placed(reference: Reference, node: Any) -> list[tuple[Row, dict[Any, Any]]]:
    rows = reference.rows(node.input)
    members: dict[Any, list[Row]] = {}
    for row in _ordered(reference, node, rows):
        members.setdefault(tuple(row[name] for name in ("video", *node.by)), []).append(row)
    result = []
    for row in rows:
        mates = members[tuple(row[name] for name in ("video", *node.by))]
        place = next(number for number, each in enumerate(mates) if each is row)
        result.append((row, {None: row, PLACE: (mates, place)}))
    return result


def _ordered(reference: Reference, node: Any, rows: list[Row]) -> list[Row]:
    rows = sorted(rows, key=usual)
    for key in reversed(node.order):
        values = {id(row): reference.value(key.value, {None: row}) for row in rows}
        there = [row for row in rows if values[id(row)] is not None]
        missing = [row for row in rows if values[id(row)] is None]
        there.sort(key=lambda row: values[id(row)], reverse=key.descending)
        rows = there + missing
    return rows


def window(reference: Any, node: partition.Window, env: Mapping[Any, Any]) -> Any:
    """Value of a function of a row's neighbours."""
    mates, place = env[PLACE]
    if node.function == "row_number":
        return place + 1
    if node.function in ("lag", "lead"):
        other = place + node.offset * (1 if node.function == "lead" else -1)
        there = 0 <= other < len(mates)
        return reference.value(node.argument, {None: mates[other]}) if there else None
    if node.function in ("rolling", "cumulative"):
        return reference.aggregate(node.argument, _reach(reference, node, mates, place))
    mine = reference.value(node.argument, {None: mates[place]})
    if mine is None:
        return None
    values = [reference.value(node.argument, {None: row}) for row in mates]
    ahead = [
        value
        for value in values
        if value is not None and (value > mine if node.descending else value < mine)
    ]
    return 1 + len(set(ahead) if node.function == "dense_rank" else ahead)


def _reach(reference: Any, node: partition.Window, mates: list[Row], place: int) -> list[Row]:
    if node.seconds is not None:
        last = mates[place]["start_us"]
        first = last - round(reference.value(node.seconds, {None: mates[place]}) * US_PER_S)
        return [row for row in mates if first <= row["start_us"] <= last]
    start = 0 if node.rows is None else max(0, place + 1 - node.rows)
    return mates[start : place + 1]


STEPS: dict[type[Relation], Callable[..., list[Row]]] = {
    partition.Windows: windows,
    partition.WindowFilter: filter_windows,
}
