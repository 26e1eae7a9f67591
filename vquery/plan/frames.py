"""Lengths in frames get the frame rates of the videos that they are about."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from vquery.expr.expression import Column
from vquery.expr.node import Node, children, transform, walk
from vquery.expr.predicates import LEFT, Same
from vquery.expr.relations import Relation
from vquery.expr.units import Frames, Rates
from vquery.plan.extents import extents_of

if TYPE_CHECKING:
    from vquery.expr.expression import Sides


def with_frame_rates(relation: Relation) -> Relation:
    """Give every length in frames the rates of the videos below the relation that it stands in."""
    if not any(isinstance(node, Frames) for node in walk(relation)):
        return relation

    def change(node: Node) -> Node:
        return _with_rates(node) if isinstance(node, Relation) else node

    return transform(relation, change)


def _with_rates(node: Relation) -> Relation:
    unset = [
        each
        for child in children(node)
        if not isinstance(child, Relation)
        for each in walk(child)
        if isinstance(each, Frames) and each.rates is None
    ]
    if not unset:
        return node
    rates = rates_of(node)
    changes = {}
    for field in dataclasses.fields(node):  # type: ignore[arg-type]
        value = getattr(node, field.name)
        if field.init and not isinstance(value, Relation):
            changes[field.name] = _resolved(value, rates, side_of(node))
    return dataclasses.replace(node, **changes)  # type: ignore[type-var]


def rates_of(relation: Relation) -> Rates:
    """Frame rates of the videos of a relation."""
    known = extents_of(relation)
    videos, times = known["video"].to_pylist(), known["frame_us"].to_pylist()
    return Rates(relation.name, tuple(videos), tuple(times))


def side_of(node: Relation) -> Sides:
    """Side whose video says how fast frames are; all rows of a step are of one video."""
    if hasattr(node, "left"):
        return LEFT
    pattern = getattr(node, "pattern", None)
    variables = getattr(pattern, "variables", ())
    return variables[0] if variables else None


def _resolved(value: Any, rates: Rates, side: Sides) -> Any:
    if isinstance(value, Relation):
        return value
    if isinstance(value, tuple):
        items = [_resolved(item, rates, side) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if not isinstance(value, Node):
        return value

    def change(node: Node) -> Node:
        if isinstance(node, Frames) and node.rates is None:
            return dataclasses.replace(node, rates=rates, video=Column("video", side))
        if isinstance(node, Same):  # says itself which side it means
            return dataclasses.replace(node, value=transform(node.value, _one_row))
        return node

    return transform(value, change)


def _one_row(node: Node) -> Node:
    if isinstance(node, Frames):
        return dataclasses.replace(node, video=Column("video"))
    return node
