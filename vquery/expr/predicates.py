"""Predicates: two rows to true or false, composed with ``&``, ``|`` and ``~``.

What a predicate means is written once, as differences between the ends of the two rows
(:class:`Difference`) or as an expression over both. The planner reads the differences to prune;
the engine evaluates :meth:`Predicate.lower`.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from vquery.errors import QueryError
from vquery.expr.expression import Column, Expression, call, lift
from vquery.expr.node import Node, transform, walk
from vquery.expr.placeholders import Placeholder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LEFT = "left"
RIGHT = "right"


class Predicate(Node):
    """A test on a pair of rows.

    It works bare (``time_overlaps``), called with settings (``before(max_gap=10)``), and called
    with names of variables inside a pattern (``left_of("a", "b")``).
    """

    __slots__ = ()

    def lower(self) -> Expression:
        """Return the test as an expression over the columns of the left and the right row."""
        raise NotImplementedError

    def on(self, axis: str) -> Predicate:
        """Return the same test on another axis: ``"x"``, ``"y"`` or ``"time"``.

        >>> from vquery.expr.time import time_overlaps
        >>> time_overlaps.on("x")
        time_overlaps.on('x')
        """
        raise QueryError(f"{self!r} is no test on time, so on({axis!r}) has no meaning for it")

    def settings(self, given: Mapping[str, Any]) -> Predicate:
        """Return the predicate with other settings."""
        raise QueryError(f"{self!r} takes no setting {next(iter(given))!r}")

    def __call__(self, *variables: Any, **settings: Any) -> Any:
        """Set what is given by name; bind to variables of a pattern what is given by position."""
        for name in variables:
            if isinstance(name, (Placeholder, Expression)):
                raise QueryError(
                    f"{self!r} is not called with rows: join it with & to a function of two rows,"
                    f" such as {self!r} & (lambda a, b: a.x1 < b.x1)"
                )
            if not isinstance(name, str):
                raise QueryError(
                    f"{self!r} takes names of pattern variables by position, got {name!r}:"
                    " give settings by name, such as max_gap=10 or at_least=0.5"
                )
        predicate = self.settings(settings) if settings else self
        return Bound(predicate, tuple(variables)) if variables else predicate

    def __and__(self, other: Any) -> Predicate:
        return Every((*_flat(Every, self), *_flat(Every, other)))

    def __rand__(self, other: Any) -> Predicate:
        return Every((*_flat(Every, other), *_flat(Every, self)))

    def __or__(self, other: Any) -> Predicate:
        return Some((*_flat(Some, self), *_flat(Some, other)))

    def __ror__(self, other: Any) -> Predicate:
        return Some((*_flat(Some, other), *_flat(Some, self)))

    def __invert__(self) -> Predicate:
        return Not(self)

    def __bool__(self) -> NoReturn:
        raise QueryError(
            f"{self!r} has no truth value before the query runs: join predicates with & instead of"
            " 'and', | instead of 'or', ~ instead of 'not'"
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Every(Predicate):
    """All parts hold."""

    parts: tuple[Predicate, ...]

    def lower(self) -> Expression:  # noqa: D102
        return _joined("and", [part.lower() for part in self.parts])

    def on(self, axis: str) -> Predicate:  # noqa: D102
        return Every(tuple(part.on(axis) for part in self.parts))

    def __repr__(self) -> str:
        return " & ".join(_bracketed(part) for part in self.parts)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Some(Predicate):
    """At least one part holds."""

    parts: tuple[Predicate, ...]

    def lower(self) -> Expression:  # noqa: D102
        return _joined("or", [part.lower() for part in self.parts])

    def on(self, axis: str) -> Predicate:  # noqa: D102
        return Some(tuple(part.on(axis) for part in self.parts))

    def __repr__(self) -> str:
        return " | ".join(_bracketed(part) for part in self.parts)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Not(Predicate):
    """The part does not hold."""

    part: Predicate

    def lower(self) -> Expression:  # noqa: D102
        return ~self.part.lower()

    def on(self, axis: str) -> Predicate:  # noqa: D102
        return Not(self.part.on(axis))

    def __repr__(self) -> str:
        return f"~{_bracketed(self.part)}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Same(Predicate):
    """Both rows have the same value; null is the same as nothing."""

    value: Expression

    def lower(self) -> Expression:  # noqa: D102
        return on_side(self.value, LEFT) == on_side(self.value, RIGHT)

    def __repr__(self) -> str:
        return f"same({self.value!r})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Traced(Predicate):
    """An expression over two rows, from a function such as ``lambda a, b: a.score > b.score``."""

    condition: Expression

    def lower(self) -> Expression:  # noqa: D102
        return self.condition

    def __repr__(self) -> str:
        return f"lambda left, right: {self.condition!r}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Udf(Predicate):
    """A Python function over batches of candidate pairs: opaque to the planner."""

    function: Callable[..., Any]
    reads: tuple[str, ...]

    def lower(self) -> Expression:  # noqa: D102
        return UdfResult(self)

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"udf({name}, reads={list(self.reads)})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UdfResult(Expression):
    """What a user's function returned for a pair of rows."""

    udf: Udf
    sides: tuple[str, str] = (LEFT, RIGHT)

    def type(self, scope: Any) -> Any:  # noqa: D102
        from vquery.expr.types import BOOLEAN

        for column in self.columns():
            column.type(scope)
        return BOOLEAN

    def columns(self) -> list[Column]:
        """Columns of both rows that the function reads."""
        return [Column(name, side) for side in self.sides for name in self.udf.reads]

    def __repr__(self) -> str:
        return repr(self.udf)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bound(Node):
    """A predicate between variables of a pattern; more than two form a chain of neighbours."""

    predicate: Predicate
    variables: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.variables) < 2:
            raise QueryError(f"{self!r}: a predicate needs at least two variables")

    def lower(self) -> Expression:
        """Return the test as an expression over the columns of the variables."""
        lowered = self.predicate.lower()
        pairs = zip(self.variables, self.variables[1:], strict=False)
        return _joined("and", [renamed(lowered, {LEFT: a, RIGHT: b}) for a, b in pairs])

    def __repr__(self) -> str:
        return f"{self.predicate!r}({', '.join(map(repr, self.variables))})"


def same(value: Any) -> Predicate:
    """Both rows have the same value of a column or expression.

    >>> same("track")
    same(row.track)
    """
    expression = Column(value) if isinstance(value, str) else value
    if not isinstance(expression, Expression):
        raise QueryError(f"same() takes a column, such as same(row.track), got {value!r}")
    return Same(expression)


def udf(function: Callable[..., Any], *, reads: Sequence[str]) -> Predicate:
    """Return a predicate computed by a Python function.

    Parameters
    ----------
    function
        Called as ``function(left, right)`` with two ``pyarrow.RecordBatch`` of equally many rows,
        one row a candidate pair; returns as many booleans.
    reads
        Columns that the function needs from both sides.

    Notes
    -----
    Nothing is known about what it implies: without another condition every pair of a video is
    tried.
    """
    if not callable(function):
        raise QueryError(f"udf() takes a function of two batches of rows, got {function!r}")
    if isinstance(reads, str):
        raise QueryError(f"udf(): reads= must be a list of columns, such as reads=[{reads!r}]")
    return Udf(function, tuple(reads))


def as_predicate(given: Any) -> Predicate:
    """Accept a predicate or a function of two rows.

    Raises
    ------
    QueryError
        For anything else, or a function that cannot be traced.
    """
    if isinstance(given, Predicate):
        return given
    if isinstance(given, Expression):
        raise QueryError(
            f"{given!r} is about one row and a predicate is about two: write"
            " lambda a, b: ..., or filter one side before the join"
        )
    if isinstance(given, Bound):
        raise QueryError(
            f"{given!r} names variables, which exist only in a pattern: here"
            f" write {given.predicate!r}"
        )
    if not callable(given):
        raise QueryError(f"a predicate such as time_overlaps is needed, got {given!r}")
    return Traced(trace(given, (LEFT, RIGHT)))


def trace(function: Callable[..., Any], sides: Sequence[str | None]) -> Expression:
    """Call ``function`` once with placeholders for the rows and return what it builds.

    Raises
    ------
    QueryError
        If the function fails or does not return an expression.
    """
    rows = [Placeholder(side or "row", side) for side in sides]
    name = getattr(function, "__name__", repr(function))
    cure = 'if it needs real values, use vq.udf(f, reads=["score"])'
    _require_rows(function, name, sides)
    try:
        result = function(*rows)
    except Exception as error:
        raise QueryError(f"{name} cannot be traced into a query: {error}; {cure}") from error
    if isinstance(result, (bool, Expression)):
        return lift(result)
    raise QueryError(f"{name} must return a condition on its rows, got {result!r}; {cure}")


def _require_rows(function: Callable[..., Any], name: str, sides: Sequence[str | None]) -> None:
    """Refuse a function that cannot be called with so many rows."""
    try:
        inspect.signature(function).bind(*sides)
    except TypeError as error:
        shape = "lambda a: ..." if len(sides) == 1 else "lambda a, b: ..."
        raise QueryError(
            f"{name} must take {len(sides)} row{'s' * (len(sides) > 1)}, as {shape} does, but it"
            f" takes ({', '.join(inspect.signature(function).parameters)})"
        ) from error
    except ValueError:
        return  # a builtin that does not tell what it takes


def parameters_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the positional parameters of a function."""
    return tuple(inspect.signature(function).parameters)


def on_side(expression: Expression, side: str) -> Expression:
    """Turn an expression about one row into one about a side of a pair."""

    def change(node: Node) -> Node:
        if isinstance(node, Column):
            if node.side is not None:
                raise QueryError(f"{node!r}: an expression of one row is needed here")
            return Column(node.name, side)
        return node

    return transform(expression, change)


def renamed(expression: Expression, sides: Mapping[str, str]) -> Expression:
    """Rename the sides of an expression over pairs."""

    def change(node: Node) -> Node:
        if isinstance(node, Column) and node.side is not None:
            return Column(node.name, sides.get(node.side, node.side))
        if isinstance(node, UdfResult):
            first, second = node.sides
            return replace(node, sides=(sides[first], sides[second]))
        return node

    return transform(expression, change)


def sides_of(expression: Expression) -> set[str | None]:
    """Return the sides that an expression reads."""
    found: set[str | None] = set()
    for node in walk(expression):
        if isinstance(node, Column):
            found.add(node.side)
        elif isinstance(node, UdfResult):
            found.update(node.sides)
    return found


def number_setting(predicate: str, name: str, value: Any) -> Expression:
    """Check a distance given to a predicate: a number of at least 0, or a param."""
    expression = lift(value)
    shown = getattr(expression, "default", getattr(expression, "value", None))
    if isinstance(shown, bool) or not isinstance(shown, (int, float)) or not shown >= 0:
        raise QueryError(f"{predicate}: {name}= must be a number of at least 0, got {value!r}")
    return expression


def _joined(operation: str, parts: Sequence[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else call(operation, *parts)


def _flat(kind: type[Every | Some], given: Any) -> tuple[Predicate, ...]:
    """Parts of a predicate of this kind, so that a long chain is not a deep tree."""
    predicate = as_predicate(given)
    return predicate.parts if isinstance(predicate, kind) else (predicate,)


def _bracketed(part: Predicate) -> str:
    return f"({part!r})" if isinstance(part, (Every, Some)) else repr(part)
