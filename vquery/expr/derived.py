"""Columns that follow from others: seconds from microseconds, sizes and centres of boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.errors import UnknownColumnError
from vquery.expr.expression import Column, Expression, Sides
from vquery.expr.node import transform
from vquery.expr.types import has_box
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from vquery.expr.node import Node
    from vquery.expr.types import Scope

# A double divided by US_PER_S is the double nearest to the decimal fraction, so
# ``row.start == 0.1`` means what it says.


def _start(side: Sides) -> Expression:
    return Column("start_us", side) / US_PER_S


def _end(side: Sides) -> Expression:
    return Column("end_us", side) / US_PER_S


def _duration(side: Sides) -> Expression:
    return (Column("end_us", side) - Column("start_us", side)) / US_PER_S


def _width(side: Sides) -> Expression:
    return Column("x2", side) - Column("x1", side)


def _height(side: Sides) -> Expression:
    return Column("y2", side) - Column("y1", side)


def _area(side: Sides) -> Expression:
    return _width(side) * _height(side)


def _center_x(side: Sides) -> Expression:
    return (Column("x1", side) + Column("x2", side)) / 2


def _center_y(side: Sides) -> Expression:
    return (Column("y1", side) + Column("y2", side)) / 2


def _aspect(side: Sides) -> Expression:
    return _width(side) / _height(side)


OF_TIME: dict[str, Callable[[Sides], Expression]] = {
    "start": _start,
    "end": _end,
    "duration": _duration,
}
OF_BOX: dict[str, Callable[[Sides], Expression]] = {
    "width": _width,
    "height": _height,
    "area": _area,
    "aspect": _aspect,
    "center_x": _center_x,
    "center_y": _center_y,
}


def derived_names(schema: pa.Schema) -> list[str]:
    """Names that may be used although the relation has no such column."""
    names = [*OF_TIME, *(OF_BOX if has_box(schema) else ())]
    return [name for name in names if name not in schema.names]


def resolve_column(column: Column, scope: Scope) -> Expression:
    """Return the column itself, or what it is derived from; a real column comes first.

    Raises
    ------
    UnknownColumnError
        Naming the columns that exist and the nearest spelling.
    """
    schema = scope.schema(column)
    if column.name in schema.names:
        return column
    if column.name in OF_TIME:
        return OF_TIME[column.name](column.side)
    if column.name == "frame":
        from vquery.expr.framing import FrameNumber

        return FrameNumber(Column("video", column.side), Column("start_us", column.side))
    if column.name in OF_BOX:
        if has_box(schema):
            return OF_BOX[column.name](column.side)
        where = scope.names.get(column.side, "the relation")
        raise UnknownColumnError(
            f"{where} has no boxes (x1, y1, x2, y2), so {column!r} cannot be computed."
            f" Columns: {', '.join(schema.names)}."
        )
    raise scope.unknown(column, derived_names(schema))


def resolve(expression: Expression, scope: Scope) -> Expression:
    """Replace derived columns by what they are derived from."""

    def change(node: Node) -> Node:
        return resolve_column(node, scope) if isinstance(node, Column) else node

    return transform(expression, change)


def columns_of(expression: Expression, scope: Scope) -> Iterator[Column]:
    """Yield the stored columns that an expression reads."""
    from vquery.expr.node import walk

    for node in walk(resolve(expression, scope)):
        if isinstance(node, Column):
            yield node
