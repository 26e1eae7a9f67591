"""Functions of the rows of a group: what ``agg``, ``coalesce`` and group filters take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.expression import Expression, lift
from vquery.expr.types import BOOLEAN, INTEGER, NUMBER, Kind, Scope, Type


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Aggregate(Expression):
    """One value from the rows of a group; null values are left out."""

    function: str
    argument: Expression | None = None

    def type(self, scope: Scope) -> Type:  # noqa: D102
        if scope.keys is None:
            raise QueryError(
                f"{self!r} is about many rows: it belongs into agg(), coalesce() or a filter"
                " after per_frame() or group_by()"
            )
        if self.argument is None:
            return INTEGER
        given = self.argument.type(replace(scope, keys=None))
        return _result(self, given)

    def __repr__(self) -> str:
        return f"{self.function}({'' if self.argument is None else repr(self.argument)})"


def _result(aggregate: Aggregate, given: Type) -> Type:
    function = aggregate.function
    if function == "n_unique":
        return INTEGER
    if function in ("any", "all"):
        if given.kind is not Kind.BOOLEAN:
            raise QueryError(f"{aggregate!r} needs a condition, got a {given.kind}")
        return BOOLEAN
    if function in ("sum", "mean"):
        if given.kind not in (Kind.INTEGER, Kind.FLOAT):
            raise QueryError(f"{aggregate!r} needs numbers, got a {given.kind}")
        whole = function == "sum" and given.kind is Kind.INTEGER
        return INTEGER if whole else NUMBER
    if function in ("min", "max") and given.kind is Kind.OTHER and pa.types.is_nested(given.dtype):
        raise QueryError(f"{aggregate!r} needs values with an order, got {given}")
    return Type(given.dtype)


def count() -> Aggregate:
    """Count the rows.

    >>> count() == 3
    count() == 3
    """
    return Aggregate("count")


def n_unique(value: Any) -> Aggregate:
    """Count the different values."""
    return Aggregate("n_unique", lift(value))


def sum(value: Any) -> Aggregate:  # noqa: A001
    """Add up; null for a group in which every value is null."""
    return Aggregate("sum", lift(value))


def mean(value: Any) -> Aggregate:
    """Arithmetic mean."""
    return Aggregate("mean", lift(value))


def min(value: Any) -> Aggregate:  # noqa: A001
    """Smallest value."""
    return Aggregate("min", lift(value))


def max(value: Any) -> Aggregate:  # noqa: A001
    """Largest value."""
    return Aggregate("max", lift(value))


def first(value: Any) -> Aggregate:
    """Value of the first row in time order, even where it is null."""
    return Aggregate("first", lift(value))


def last(value: Any) -> Aggregate:
    """Value of the last row in time order, even where it is null."""
    return Aggregate("last", lift(value))


def any(condition: Any) -> Aggregate:  # noqa: A001
    """Whether the condition holds in some row."""
    return Aggregate("any", lift(condition))


def all(condition: Any) -> Aggregate:  # noqa: A001
    """Whether the condition holds in every row where it is not null."""
    return Aggregate("all", lift(condition))
