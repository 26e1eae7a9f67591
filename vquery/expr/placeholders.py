"""Names for the row at hand, and the functions that build expressions without a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from vquery.errors import QueryError
from vquery.expr.expression import Column, Expression, Param, Sides, call, lift, literal
from vquery.expr.types import Kind, Scope, Type, common_of


class Placeholder:
    """A row that is not known yet: ``row.score`` is the column ``score`` of whatever row comes.

    ``row["class"]`` reaches names that Python cannot write after a dot.

    >>> row.score > 0.5
    row.score > 0.5
    >>> row["class"]
    row['class']
    """

    __slots__ = ("_name", "_side")

    def __init__(self, name: str, side: Sides = None) -> None:
        self._name = name
        self._side = side

    def __getattr__(self, name: str) -> Column:
        if name.startswith("_"):
            raise AttributeError(f"{name!r}: write {self._name}[{name!r}] for such a column")
        return Column(name, self._side)

    def __getitem__(self, name: str) -> Column:
        if not isinstance(name, str):
            raise QueryError(f"{self._name}[...] takes the name of a column, got {name!r}")
        return Column(name, self._side)

    def __iter__(self) -> NoReturn:
        raise QueryError(f"{self._name} stands for one row and cannot be looped over")

    def __bool__(self) -> NoReturn:
        raise QueryError(f"{self._name} stands for a row that is not known yet: no truth value")

    def __contains__(self, item: object) -> NoReturn:
        raise QueryError(f"'in' does not work on {self._name}: name a column, {self._name}.text")

    def __reduce__(self) -> tuple[type[Placeholder], tuple[str, Sides]]:
        return Placeholder, (self._name, self._side)

    def __repr__(self) -> str:
        return self._name


row = Placeholder("row")
face = Placeholder("face")
caption = Placeholder("caption")
shot = Placeholder("shot")


def param(name: str, default: Any, *, range: tuple[Any, Any] | None = None) -> Param:  # noqa: A002
    """Return a literal with a name, which ``collect(params={name: value})`` can set.

    Parameters
    ----------
    name
        Name, the same wherever it is the same parameter.
    default
        Value when none is given.
    range
        Lowest and highest value to try when tuning.

    >>> param("bridge", 20, range=(2, 120))
    param('bridge', 20)
    """
    return Param(name, default, None if range is None else tuple(range))


def lit(value: Any) -> Expression:
    """Return an expression that is the same value in every row.

    >>> lit("host")
    'host'
    """
    return literal(value)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class When(Expression):
    """A choice: the value of the first condition that holds."""

    cases: tuple[tuple[Expression, Expression], ...]
    default: Expression

    def type(self, scope: Scope) -> Type:  # noqa: D102
        for condition, _ in self.cases:
            if condition.type(scope).kind not in (Kind.BOOLEAN, Kind.NULL):
                raise QueryError(f"when() needs a condition, got {condition!r}")
        values = [value for _, value in self.cases]
        return common_of([each.type(scope) for each in (*values, self.default)], "when()")

    def when(self, condition: Any, value: Any) -> When:
        """Add a case, tried after those before it."""
        return When((*self.cases, (lift(condition), lift(value))), self.default)

    def otherwise(self, value: Any) -> When:
        """Set the value where no condition holds (null unless set)."""
        return When(self.cases, lift(value))

    def __repr__(self) -> str:
        cases = ".".join(f"when({condition!r}, {value!r})" for condition, value in self.cases)
        return f"{cases}.otherwise({self.default!r})"


def when(condition: Any, value: Any) -> When:
    """Choose a value by conditions, in place of ``if``.

    A condition that is null does not hold.

    >>> when(row.height > 0.3, "close").when(row.height > 0.1, "medium").otherwise("far")
    when(row.height > 0.3, 'close').when(row.height > 0.1, 'medium').otherwise('far')
    """
    return When(((lift(condition), lift(value)),), literal(None))


def greatest(*values: Any) -> Expression:
    """Largest of several values in a row, nulls left out."""
    _require_some("greatest", values)
    return call("greatest", *values)


def least(*values: Any) -> Expression:
    """Smallest of several values in a row, nulls left out."""
    _require_some("least", values)
    return call("least", *values)


def coalesce(*values: Any) -> Expression:
    """First of several values in a row that is not null; runs of rows: ``relation.coalesce()``.

    >>> coalesce(row.name, "nobody")
    coalesce(row.name, 'nobody')
    """
    _require_some("coalesce", values)
    return call("coalesce", *values)


def _require_some(what: str, values: tuple[Any, ...]) -> None:
    if not values:
        raise QueryError(f"{what}() takes at least one value")
