"""Functions of the rows of a group: what ``agg``, ``coalesce`` and group filters take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.expression import Expression, Literal, Param, lift
from vquery.expr.types import BOOLEAN, INTEGER, NUMBER, STRING, Kind, Scope, Type

NUMERIC = ("sum", "mean", "median", "std", "quantile")
CONDITIONS = ("any", "all", "share")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Aggregate(Expression):
    """One value from the rows of a group; null values are left out.

    ``second`` is what ``arg_max`` goes by, or the share of ``quantile``.
    """

    function: str
    argument: Expression | None = None
    second: Expression | None = None

    def type(self, scope: Scope) -> Type:  # noqa: D102
        if scope.keys is None and not scope.windowed:
            raise QueryError(
                f"{self!r} is about many rows: it belongs into agg(), coalesce(), a filter after"
                " per_frame() or group_by(), or partition_by().mutate()"
            )
        if self.argument is None:
            return INTEGER
        inner = replace(scope, keys=None, windowed=False)
        if self.second is not None:
            _require_order(self, self.second.type(inner))
            if self.function != "quantile" and isinstance(self.second, Literal):
                raise QueryError(f"{self!r}: by= must be something of a row, such as row.score")
            if self.function == "quantile":
                _require_share(self.second)  # a param has its value only now
        return _result(self, self.argument.type(inner))

    def __repr__(self) -> str:
        given = (each for each in (self.argument, self.second) if each is not None)
        return f"{self.function}({', '.join(map(repr, given))})"


def _result(aggregate: Aggregate, given: Type) -> Type:
    function = aggregate.function
    if function == "n_unique":
        return INTEGER
    if function in (*CONDITIONS, "count"):
        if given.kind not in (Kind.BOOLEAN, Kind.NULL):
            raise QueryError(f"{aggregate!r} needs a condition, got {given.kind.one}")
        return {"count": INTEGER, "share": NUMBER}.get(function, BOOLEAN)
    if function in NUMERIC:
        if given.kind not in (Kind.INTEGER, Kind.FLOAT):
            raise QueryError(f"{aggregate!r} needs numbers, got {given.kind.one}")
        whole = function == "sum" and given.kind is Kind.INTEGER
        return INTEGER if whole else NUMBER
    if function in ("min", "max"):
        _require_order(aggregate, given)
    if function == "list":
        return Type(pa.list_(STRING.dtype if given.kind is Kind.STRING else given.dtype))
    return Type(given.dtype)


def _require_order(aggregate: Aggregate, given: Type) -> None:
    if pa.types.is_nested(given.dtype):
        raise QueryError(f"{aggregate!r} needs values with an order, got {given}")


def count(condition: Any = None) -> Aggregate:
    """Count the rows, or those for which a condition is true.

    >>> count() == 3
    count() == 3
    """
    return Aggregate("count", None if condition is None else lift(condition))


def share(condition: Any) -> Aggregate:
    """Share of the rows for which a condition is true, of those for which it is not null."""
    return Aggregate("share", lift(condition))


def n_unique(value: Any) -> Aggregate:
    """Count the different values."""
    return Aggregate("n_unique", lift(value))


def sum(value: Any) -> Aggregate:  # noqa: A001
    """Add up; null for a group in which every value is null."""
    return Aggregate("sum", lift(value))


def mean(value: Any) -> Aggregate:
    """Arithmetic mean."""
    return Aggregate("mean", lift(value))


def median(value: Any) -> Aggregate:
    """Middle value; between two middle ones their mean."""
    return Aggregate("median", lift(value))


def std(value: Any) -> Aggregate:
    """Sample standard deviation, divided by n - 1; null for fewer than two values."""
    return Aggregate("std", lift(value))


def quantile(value: Any, share: float | Param) -> Aggregate:
    """Value below which a share of the values lies, interpolated linearly between two.

    >>> from vquery.expr.placeholders import row
    >>> quantile(row.score, 0.9)
    quantile(row.score, 0.9)
    """
    wanted = lift(share)
    _require_share(wanted)
    return Aggregate("quantile", lift(value), wanted)


def _require_share(given: Expression) -> None:
    shown = given.default if isinstance(given, Param) else getattr(given, "value", None)
    number = isinstance(shown, (int, float)) and not isinstance(shown, bool)
    if not isinstance(given, (Literal, Param)) or not number or not 0 <= float(shown or 0) <= 1:
        raise QueryError(f"quantile() takes a share from 0 to 1, got {given!r}")


def min(value: Any) -> Aggregate:  # noqa: A001
    """Smallest value."""
    return Aggregate("min", lift(value))


def max(value: Any) -> Aggregate:  # noqa: A001
    """Largest value."""
    return Aggregate("max", lift(value))


def arg_min(value: Any, by: Any) -> Aggregate:
    """Value of the row where ``by`` is smallest, the first of several; null is nowhere smallest."""
    return Aggregate("arg_min", lift(value), lift(by))


def arg_max(value: Any, by: Any) -> Aggregate:
    """Value of the row where ``by`` is largest, the first of several, even where it is null.

    >>> from vquery.expr.placeholders import row
    >>> arg_max(row.name, by=row.area)
    arg_max(row.name, row.area)
    """
    return Aggregate("arg_max", lift(value), lift(by))


def first(value: Any) -> Aggregate:
    """Value of the first row in time order, even where it is null."""
    return Aggregate("first", lift(value))


def last(value: Any) -> Aggregate:
    """Value of the last row in time order, even where it is null."""
    return Aggregate("last", lift(value))


def list(value: Any) -> Aggregate:  # noqa: A001
    """All values in time order as a list; null where there is none."""
    return Aggregate("list", lift(value))


def any(condition: Any) -> Aggregate:  # noqa: A001
    """Whether the condition holds in some row."""
    return Aggregate("any", lift(condition))


def all(condition: Any) -> Aggregate:  # noqa: A001
    """Whether the condition holds in every row where it is not null."""
    return Aggregate("all", lift(condition))
