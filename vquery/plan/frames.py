"""What speaks of frames gets to know the frames of the videos that it is about."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from vquery.expr.expression import Column, Expression
from vquery.expr.framing import Clock, FrameNumber
from vquery.expr.node import Node, children, transform, walk
from vquery.expr.predicates import LEFT, RIGHT, Same
from vquery.expr.rekeying import Rekey
from vquery.expr.relations import Relation, Scan
from vquery.expr.units import Frames, Rates
from vquery.plan.extents import extents_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from vquery.expr.expression import Sides


def with_frame_rates(relation: Relation) -> Relation:
    """Give lengths in frames, and frame numbers, what is known of the videos they are about."""
    if not any(_asks(node) for node in walk(relation)):
        return relation

    def change(node: Node) -> Node:
        return _with_rates(node) if isinstance(node, Relation) else node

    return transform(relation, change)


def _asks(node: Node) -> bool:
    """Whether a node may depend on the frames of a video."""
    unset = isinstance(node, Frames) and node.rates is None
    return unset or (isinstance(node, Column) and node.name == "frame")


def _with_rates(node: Relation) -> Relation:
    schemas = schemas_of(node)
    stored = any("frame" in schema.names for schema in schemas.values())
    asks = [each for each in _expressions(node) if _asks(each)]
    if not asks or (stored and not any(isinstance(each, Frames) for each in asks)):
        return node
    # what gives videos other names speaks of them by the names that they had
    about: Relation = node.input if isinstance(node, Rekey) else node
    known = Known(rates_of(about), clock_of(about), side_of(node), schemas)
    changes = {}
    for field in dataclasses.fields(node):  # type: ignore[arg-type]
        value = getattr(node, field.name)
        if field.init and not isinstance(value, Relation):
            changes[field.name] = _resolved(value, known)
    return dataclasses.replace(node, **changes)  # type: ignore[type-var]


def _expressions(node: Relation) -> Iterator[Node]:
    for child in children(node):
        if not isinstance(child, Relation):
            yield from walk(child)


class Known(NamedTuple):
    """What the expressions of a step get."""

    rates: Rates
    clock: Clock
    side: Sides
    schemas: Mapping[Sides, pa.Schema]


def schemas_of(node: Relation) -> dict[Sides, pa.Schema]:
    """Schemas of the rows that the expressions of a step speak of, by side."""
    if hasattr(node, "left"):
        return {LEFT: node.left.schema, RIGHT: node.right.schema}  # type: ignore[attr-defined]
    variables = getattr(getattr(node, "pattern", None), "variables", ())
    below = [each.schema for each in children(node) if isinstance(each, Relation)]
    return dict.fromkeys((None, *variables), below[0]) if below else {}


def clock_of(relation: Relation) -> Clock:
    """Collect what is known of the frames of the videos of a relation."""
    sources: list[Any] = [node.source for node in walk(relation) if isinstance(node, Scan)]
    tables = [getattr(source, "frame_times", None) for source in sources]
    found = next((table for table in tables if table is not None), None)
    return Clock(relation.name, extents_of(relation), found)


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


def _resolved(value: Any, known: Known) -> Any:
    if isinstance(value, Relation):
        return value
    if isinstance(value, tuple):
        items = [_resolved(item, known) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if not isinstance(value, Node):
        return value

    def change(node: Node) -> Node:
        if isinstance(node, Frames) and node.rates is None:
            return dataclasses.replace(node, rates=known.rates, video=Column("video", known.side))
        if isinstance(node, Same):  # says itself which side it means
            return dataclasses.replace(node, value=transform(node.value, one_row))
        return _numbered(node, known, node.side) if isinstance(node, Column) else node

    def one_row(node: Node) -> Node:
        if isinstance(node, Frames):
            return dataclasses.replace(node, video=Column("video"))
        return _numbered(node, known, known.side) if isinstance(node, Column) else node

    return transform(value, change)


def _numbered(column: Column, known: Known, side: Sides) -> Expression:
    schema = known.schemas.get(side)
    if column.name != "frame" or schema is None or "frame" in schema.names:
        return column
    start, video = Column("start_us", column.side), Column("video", column.side)
    return FrameNumber(video, start, known.clock)
