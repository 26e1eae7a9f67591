"""Expressions over the columns of a row: what placeholders, operators and functions build."""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr import habits
from vquery.expr.node import Node
from vquery.expr.operations import OPERATIONS, UNITS, type_of_call, unit_of_call
from vquery.expr.types import Kind, Scope, Type, common, type_of_value, written_value
from vquery.expr.values import Lists, Moments, Numbers, Texts

if TYPE_CHECKING:
    from collections.abc import Iterable

Sides = str | None


class Expression(Texts, Lists, Numbers, Moments, Node):
    """A value computed from a row. Comparisons and arithmetic build further expressions.

    ``and``, ``or``, ``not``, ``if`` and ``in`` cannot be taken over by a Python object; they raise
    at the line where they stand and name what to write instead.
    """

    __slots__ = ()

    def type(self, scope: Scope) -> Type:
        """Type of the value, checking every part of the expression.

        Raises
        ------
        UnknownColumnError
            If a column does not exist.
        QueryError
            If an operation does not fit the types.
        """
        raise NotImplementedError

    @property
    def unit(self) -> str | None:
        """What a number counts where that is known: seconds, microseconds, frames, the picture."""
        return None

    def _call(self, operation: str, *arguments: Any) -> Expression:
        return call(operation, self, *arguments)

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return _compare("==", self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return _compare("!=", self, other)

    def __lt__(self, other: Any) -> Expression:
        return _compare("<", self, other)

    def __le__(self, other: Any) -> Expression:
        return _compare("<=", self, other)

    def __gt__(self, other: Any) -> Expression:
        return _compare(">", self, other)

    def __ge__(self, other: Any) -> Expression:
        return _compare(">=", self, other)

    __hash__ = object.__hash__

    def __add__(self, other: Any) -> Expression:
        return call("+", self, other)

    def __radd__(self, other: Any) -> Expression:
        return call("+", other, self)

    def __sub__(self, other: Any) -> Expression:
        return call("-", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return call("-", other, self)

    def __mul__(self, other: Any) -> Expression:
        return call("*", self, other)

    def __rmul__(self, other: Any) -> Expression:
        return call("*", other, self)

    def __truediv__(self, other: Any) -> Expression:
        return call("/", self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return call("/", other, self)

    def __floordiv__(self, other: Any) -> Expression:
        return call("//", self, other)

    def __mod__(self, other: Any) -> Expression:
        return call("%", self, other)

    def __neg__(self) -> Expression:
        return call("negate", self)

    def __abs__(self) -> Expression:
        return call("abs", self)

    def __and__(self, other: Any) -> Expression:
        return _logic("and", self, other)

    def __rand__(self, other: Any) -> Expression:
        return _logic("and", other, self)

    def __or__(self, other: Any) -> Expression:
        return _logic("or", self, other)

    def __ror__(self, other: Any) -> Expression:
        return _logic("or", other, self)

    def __invert__(self) -> Expression:
        return call("not", self)

    def __bool__(self) -> NoReturn:
        raise QueryError(
            f"{self!r} has no truth value before the query runs: use & instead of 'and',"
            " | instead of 'or', ~ instead of 'not', .isin([...]) instead of 'in [...]',"
            " .between(low, high) instead of 'low < x < high', vq.when(...) instead of 'if'"
        )

    def __contains__(self, item: object) -> NoReturn:
        raise QueryError(
            f"'in' does not work on {self!r} before the query runs: use .contains({item!r}) for a"
            " part of a text, .isin([...]) for membership in a list"
        )

    def __iter__(self) -> NoReturn:
        raise QueryError(
            f"{self!r} is one value a row and cannot be looped over: .collect() gives the rows"
        )

    if not TYPE_CHECKING:  # else type checkers would take every name for granted

        def __getattr__(self, name: str) -> Any:
            if habits.is_private(name):
                raise habits.plainly(self, name)
            raise habits.unknown(repr(self), name, dir(type(self)), habits.VALUE)

    def isin(self, values: Iterable[Any]) -> Expression:
        """Whether the value is one of ``values``; null is none of them.

        >>> from vquery.expr.placeholders import row
        >>> row.name.isin(["Bernie", "Jake"])
        row.name.isin(['Bernie', 'Jake'])
        """
        if isinstance(values, str):
            raise QueryError(
                f"isin() takes a list of values, got the text {values!r}: use .isin([{values!r}])"
                f" or .contains({values!r})"
            )
        return IsIn(self, tuple(literal(value).value for value in values))

    def between(self, low: Any, high: Any) -> Expression:
        """Whether ``low <= value <= high``, both inclusive."""
        return call(">=", self, low) & call("<=", self, high)

    def is_null(self) -> Expression:
        """Whether there is no value."""
        return call("is_null", self)

    def not_null(self) -> Expression:
        """Whether there is a value."""
        return ~self.is_null()

    def fill_null(self, value: Any) -> Expression:
        """Return the value, or ``value`` where there is none."""
        return call("fill_null", self, value)

    def clip(self, low: Any = None, high: Any = None) -> Expression:
        """Return the number, or the limit beyond which it lies; None is no limit."""
        from vquery.expr.placeholders import When

        cases = [(call("<", self, low), lift(low))] if low is not None else []
        cases += [(call(">", self, high), lift(high))] if high is not None else []
        if not cases:
            raise QueryError("clip() needs a lowest value, a highest one, or both")
        return When(tuple(cases), self)

    def asc(self) -> SortKey:
        """Sort by this value, smallest first."""
        return SortKey(self, descending=False)

    def desc(self) -> SortKey:
        """Sort by this value, largest first."""
        return SortKey(self, descending=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Column(Expression):
    """A column of a row; ``side`` tells which row where there are several."""

    name: str
    side: Sides = None

    def type(self, scope: Scope) -> Type:  # noqa: D102
        from vquery.expr.derived import resolve_column

        meant = resolve_column(self, scope)
        if isinstance(meant, Column):
            if scope.keys is not None and self.name not in scope.keys:
                raise QueryError(
                    f"{self!r} differs between the rows of a group: put it into an aggregate,"
                    f" such as vq.max({self!r}), or group by it"
                )
            return Type(scope.schema(self).field(self.name).type)
        return meant.type(scope)

    @property
    def unit(self) -> str | None:  # noqa: D102
        return UNITS.get(self.name)

    def __repr__(self) -> str:
        row = self.side or "row"
        plain = self.name.isidentifier() and not keyword.iskeyword(self.name)
        return f"{row}.{self.name}" if plain else f"{row}[{self.name!r}]"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Literal(Expression):
    """A value written in the query."""

    value: Any

    def type(self, scope: Scope) -> Type:  # noqa: ARG002, D102
        return type_of_value(self.value)

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Param(Expression):
    """A literal with a name: ``collect(params={name: value})`` gives it another value.

    ``range`` is where tuning searches; it does not limit what a caller may set.
    """

    name: str
    default: Any
    range: tuple[Any, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise QueryError(f"param() needs a name first, got {self.name!r}")
        kind = literal(self.default).type(NOTHING).kind
        if self.range is None:
            return
        if kind not in (Kind.INTEGER, Kind.FLOAT) or len(self.range) != 2:
            raise QueryError(
                f"param {self.name!r}: range= must be two numbers (low, high), got {self.range!r}"
            )
        low, high = self.range
        if not low <= self.default <= high:
            raise QueryError(
                f"param {self.name!r}: the default {self.default!r} lies outside {self.range!r}"
            )

    def bound(self, value: Any) -> Literal:
        """Literal that stands for the parameter, checking that the kind of value is the same."""
        given = literal(value)
        wanted = literal(self.default).type(NOTHING)
        if common(wanted, given.type(NOTHING)) is None or given.value is None:
            raise QueryError(f"param {self.name!r} must be {wanted.kind.one}, got {value!r}")
        return given

    def type(self, scope: Scope) -> Type:  # noqa: D102
        return literal(self.default).type(scope)

    def __repr__(self) -> str:
        return f"param({self.name!r}, {self.default!r})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Call(Expression):
    """An operation on other expressions; what there is stands in ``expr/operations.py``."""

    operation: str
    arguments: tuple[Expression, ...]

    def type(self, scope: Scope) -> Type:  # noqa: D102
        types = [argument.type(scope) for argument in self.arguments]
        return type_of_call(self.operation, self.arguments, types)

    @property
    def unit(self) -> str | None:  # noqa: D102
        return unit_of_call(self.operation, [each.unit for each in self.arguments])

    def __repr__(self) -> str:
        return OPERATIONS[self.operation].text(*(_bracketed(each) for each in self.arguments))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class IsIn(Expression):
    """Membership in a list of values."""

    argument: Expression
    values: tuple[Any, ...]

    def type(self, scope: Scope) -> Type:  # noqa: D102
        wanted = self.argument.type(scope)
        for value in self.examples():
            given = Literal(value).type(scope)
            if common(wanted, given) is None:
                raise QueryError(
                    f"{self.argument!r} is {wanted.kind.one} and can never be {value!r}"
                    f" ({given.kind.one}): give values of one kind with the column"
                )
        return Type(pa.bool_())

    def examples(self) -> list[Any]:
        """One value of each Python type: lists may be long, their types are few."""
        return list({type(value): value for value in self.values}.values())

    def __repr__(self) -> str:
        shown = ", ".join(repr(value) for value in self.values[:6])
        more = ", …" if len(self.values) > 6 else ""
        return f"{_bracketed(self.argument)}.isin([{shown}{more}])"


@dataclass(frozen=True, slots=True, eq=False)
class SortKey(Node):
    """One key of a sort; rows without a value come last in either direction."""

    value: Expression
    descending: bool


NOTHING = Scope({}, {})


def literal(value: Any) -> Literal:
    """Make a literal of a written value, see :func:`vquery.expr.types.written_value`."""
    return Literal(written_value(value))


def lift(value: Any) -> Expression:
    """Turn whatever stands beside an operator into an expression."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, Node) or callable(value):
        raise QueryError(f"{value!r} is not a value of a row and cannot stand in an expression")
    return literal(value)


def call(operation: str, *arguments: Any) -> Expression:
    """Build an operation on expressions or written values."""
    return Call(operation, tuple(lift(argument) for argument in arguments))


def _compare(operation: str, left: Expression, right: Any) -> Expression:
    if right is None:
        cure = ".not_null()" if operation == "!=" else ".is_null()"
        raise QueryError(f"{left!r} {operation} None is never true: use {left!r}{cure}")
    return call(operation, left, right)


def _logic(operation: str, left: Any, right: Any) -> Expression:
    for side in (left, right):
        if isinstance(side, Literal) or not isinstance(side, (Node, bool)):
            sign = "&" if operation == "and" else "|"
            raise QueryError(
                f"{sign} joins conditions, got {side!r}: put each comparison in brackets,"
                f' as in (row.name == "Bernie") {sign} (row.score > 0.5)'
            )
    # one flat list however many conditions, so that a long chain is not a deep tree
    return call(operation, *_parts(operation, left), *_parts(operation, right))


def _parts(operation: str, side: Any) -> tuple[Any, ...]:
    flat = isinstance(side, Call) and side.operation == operation
    return side.arguments if flat else (side,)


def _bracketed(each: Expression) -> str:
    infix = isinstance(each, Call) and OPERATIONS[each.operation].infix
    return f"({each!r})" if infix else repr(each)
