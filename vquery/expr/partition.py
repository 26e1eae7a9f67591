"""Partitions: functions of a row's neighbours among the rows of one video with equal columns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.aggregates import Aggregate
from vquery.expr.expression import Expression, Literal, Param, SortKey, lift
from vquery.expr.groups import require_group_columns
from vquery.expr.relations import (
    Columns,
    Relation,
    require_condition,
    require_seconds,
    scope_of,
    stored_field,
)
from vquery.expr.types import INTEGER, Scope, Type
from vquery.schema import BOX, KEYS

MOST_ROWS = 2**62
"""More rows than any partition has."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Window(Expression):
    """A value from the rows around a row in the order of its partition.

    ``offset`` is how far ``lag`` and ``lead`` look; ``rows`` or ``seconds`` how far back a rolling
    aggregate reaches.
    """

    function: str  # lag, lead, rank, dense_rank, row_number, cumulative, rolling
    argument: Expression | None = None
    offset: int = 1
    descending: bool = False
    rows: int | None = None
    seconds: Expression | None = None

    def type(self, scope: Scope) -> Type:  # noqa: D102
        if not scope.windowed:
            raise QueryError(
                f"{self!r} looks at other rows of a partition: it belongs into"
                " partition_by(...).mutate() or .filter(); inside another function of many rows,"
                " make it a column first"
            )
        if self.argument is None:
            return INTEGER
        if isinstance(self.argument, Aggregate):  # rolling and cumulative
            return self.argument.type(scope)
        given = self.argument.type(replace(scope, windowed=False))
        if self.function in ("lag", "lead"):
            return Type(given.dtype)
        if pa.types.is_nested(given.dtype):
            raise QueryError(f"{self!r} needs values with an order, got {given}")
        return INTEGER

    def __repr__(self) -> str:
        shown = [] if self.argument is None else [repr(self.argument)]
        if self.function in ("lag", "lead") and self.offset != 1:
            shown.append(repr(self.offset))
        if self.descending:
            shown.append("descending=True")
        if self.rows is not None:
            shown.append(f"rows={self.rows}")
        if self.seconds is not None:
            shown.append(f"seconds={self.seconds!r}")
        return f"{self.function}({', '.join(shown)})"


def lag(value: Any, offset: int = 1) -> Window:
    """Return the value of the row ``offset`` places earlier in the partition; null at its start.

    >>> from vquery.expr.placeholders import row
    >>> row.start - lag(row.end)
    row.start - lag(row.end)
    """
    return Window("lag", lift(value), _whole(offset, "lag(offset=)"))


def lead(value: Any, offset: int = 1) -> Window:
    """Return the value of the row ``offset`` places later in the partition; null at its end."""
    return Window("lead", lift(value), _whole(offset, "lead(offset=)"))


def row_number() -> Window:
    """Place of the row in its partition, counted from 1."""
    return Window("row_number")


def rank(value: Any, *, descending: bool = False, dense: bool = False) -> Window:
    """Rank the rows of the partition by a value, from 1; equal values have the same rank.

    After two rows of rank 1 comes rank 3, with ``dense`` rank 2. A null value has no rank.
    """
    return Window("dense_rank" if dense else "rank", lift(value), descending=bool(descending))


def rolling(
    aggregate: Any, *, rows: int | None = None, seconds: float | Param | None = None
) -> Window:
    """Compute an aggregate over the row and those before it in the partition.

    Parameters
    ----------
    aggregate
        Such as ``vq.mean(row.score)``.
    rows
        How many rows, this one included; there are fewer at the start of the partition.
    seconds
        Instead of ``rows``: all rows that start at most so many seconds before this one starts,
        and those that start together with it.

    >>> from vquery.expr.aggregates import mean
    >>> from vquery.expr.placeholders import row
    >>> rolling(mean(row.score), rows=1)
    rolling(mean(row.score), rows=1)
    """
    if not isinstance(aggregate, Aggregate):
        raise QueryError(
            f"rolling() takes an aggregate, such as vq.mean(row.score), got {aggregate!r}"
        )
    if (rows is None) is (seconds is None):
        raise QueryError("rolling() needs either rows= or seconds=")
    if rows is not None:
        return Window("rolling", aggregate, rows=_whole(rows, "rolling(rows=)"))
    reach = lift(seconds)
    require_seconds(reach, "rolling(seconds=)", lowest=0)
    if not isinstance(reach, (Literal, Param)):
        raise QueryError(
            f"rolling(seconds=) takes one number for all videos, but {reach!r} differs between"
            " videos: give seconds, or rows="
        )
    return Window("rolling", aggregate, seconds=reach)


def rolling_mean(
    value: Any, *, rows: int | None = None, seconds: float | Param | None = None
) -> Window:
    """Mean of a value over the row and those before it, see :func:`rolling`."""
    return rolling(Aggregate("mean", lift(value)), rows=rows, seconds=seconds)


def cumulative_sum(value: Any) -> Window:
    """Sum of a value from the first row of the partition to this one, nulls left out."""
    return Window("cumulative", Aggregate("sum", lift(value)))


def _whole(number: Any, what: str) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise QueryError(f"{what} must be a whole number of at least 1, got {number!r}")
    if number > MOST_ROWS:
        raise QueryError(f"{what} is a number of rows: {number} is more than there can be")
    return number


@dataclass(frozen=True, slots=True, eq=False)
class Windows(Relation):
    """The rows with columns computed from their neighbours in the partition."""

    input: Relation
    by: tuple[str, ...]
    order: tuple[SortKey, ...]
    columns: Columns
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_partition(self.input, self.by, self.order)
        scope = partition_scope(self.input)
        schema = self.input.schema
        for name, expression in self.columns:
            if name in (*KEYS, *BOX) or name in ("start", "end"):
                raise QueryError(
                    f"partition_by().mutate({name}=): call the column something else, such as"
                    f" new_{name}, and write .mutate({name}=row.new_{name}) after it"
                )
            require_order(expression, self.order)
            made = stored_field(name, expression, expression.type(scope), schema)
            place = schema.get_field_index(name)
            schema = schema.append(made) if place < 0 else schema.set(place, made)
        self._set_schema(schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


@dataclass(frozen=True, slots=True, eq=False)
class WindowFilter(Relation):
    """The rows for which a condition on them and their neighbours in the partition is true."""

    input: Relation
    by: tuple[str, ...]
    order: tuple[SortKey, ...]
    condition: Expression
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_partition(self.input, self.by, self.order)
        require_order(self.condition, self.order)
        require_condition(self.condition, self.condition.type(partition_scope(self.input)))
        self._set_schema(self.input.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


def partition_scope(relation: Relation) -> Scope:
    """Scope of an expression over the rows of partitions."""
    return replace(scope_of(relation), windowed=True)


def require_partition(relation: Relation, by: tuple[str, ...], order: tuple[SortKey, ...]) -> None:
    """Refuse columns that cannot divide rows, and values that cannot order them."""
    require_group_columns(relation, by)
    for key in order:
        if pa.types.is_nested(key.value.type(scope_of(relation)).dtype):
            raise QueryError(f"partition_by(order=): {key.value!r} holds lists: they have no order")


def require_order(expression: Expression, order: tuple[SortKey, ...]) -> None:
    """Refuse windows in seconds where rows are not in the order of time."""
    from vquery.expr.node import walk

    for node in walk(expression):
        if isinstance(node, Window) and node.seconds is not None and order:
            raise QueryError(f"{node!r} goes by time: leave out order= or give rows=")
