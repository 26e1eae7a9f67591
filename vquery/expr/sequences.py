"""Sequences: rows of a partition that follow each other as a pattern says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.amounts import require_seconds, shown_number
from vquery.expr.expression import Column, Expression, lift, literal
from vquery.expr.groups import require_group_columns
from vquery.expr.relations import (
    Relation,
    refuse_clash,
    require_columns,
    require_condition,
    scope_of,
)
from vquery.expr.symbols import ANY, SequencePattern
from vquery.expr.types import Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

PART = pa.struct([("symbol", pa.string()), ("start_us", pa.int64()), ("end_us", pa.int64())])
"""One row that takes part in a sequence."""
ADDED = (pa.field("n_parts", pa.int64()), pa.field("parts", pa.list_(PART)))
"""Columns that a sequence adds to those of its first row."""
MODES = ("greedy", "all")
OVERLAPS = ("forbid", "allow")


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(Relation):
    """Matches of a sequence of symbols in each partition, one row each.

    A row keeps the columns of the first row of the match, with the hull of times and boxes, the
    lowest score, and the parts. ``symbols`` says which rows carry a symbol; the settings are
    described at ``Intervals.sequence``.
    """

    input: Relation
    by: tuple[str, ...]
    pattern: SequencePattern
    symbols: tuple[tuple[str, Expression], ...]
    min_gap: Expression
    max_gap: Expression | None
    within: Expression | None
    min_duration: tuple[tuple[str, Expression], ...]
    mode: str
    overlap: str
    skip: bool
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_group_columns(self.input, self.by)
        for _, condition in self.symbols:
            require_condition(condition, condition.type(scope_of(self.input)))
        require_seconds(self.min_gap, "sequence(min_gap=)", lowest=0)
        for name in ("max_gap", "within"):
            value = getattr(self, name)
            if value is not None:
                require_seconds(value, f"sequence({name}=)", lowest=0)
        if self.max_gap is not None and shown_number(self.min_gap) > shown_number(self.max_gap):
            raise QueryError(
                f"sequence(): min_gap={self.min_gap!r} is greater than max_gap={self.max_gap!r}"
            )
        for name, value in self.min_duration:
            require_seconds(value, f"sequence(min_duration=) of {name!r}", lowest=0)
        _one_of("mode", self.mode, MODES)
        _one_of("overlap", self.overlap, OVERLAPS)
        if not isinstance(self.skip, bool):
            raise QueryError(f"sequence(skip=) must be True or False, got {self.skip!r}")
        fields = [*self.input.schema, *ADDED]
        refuse_clash([each.name for each in fields], "rename the column before the sequence")
        self._set_schema(pa.schema(fields))

    @property
    def name(self) -> str:  # noqa: D102
        return f"sequence in {self.input.name}"


def _one_of(name: str, given: Any, known: tuple[str, ...]) -> None:
    if given not in known:
        raise QueryError(
            f"sequence({name}=) must be {' or '.join(map(repr, known))}, got {given!r}"
        )


def symbols_of(
    relation: Relation, pattern: SequencePattern, by: Any, symbols: Mapping[str, Any] | None
) -> tuple[tuple[str, Expression], ...]:
    """Conditions that say which rows carry the symbols of a pattern.

    Raises
    ------
    QueryError
        If neither or both of ``by`` and ``symbols`` are given, or a symbol is not known.
    """
    if (by is None) is (symbols is None):
        raise QueryError(
            "sequence() needs either by=, the column whose values are the symbols, or symbols=,"
            ' such as symbols={"serve": row.event == "serve"}'
        )
    if symbols is None:
        return _by_values(relation, pattern, by)
    if not hasattr(symbols, "items"):
        raise QueryError(
            f'sequence(symbols=) takes conditions by name, such as {{"serve": row.event =='
            f' "serve"}}, got {symbols!r}'
        )
    for name, place in pattern.columns().items():
        if name != ANY and name not in symbols:
            raise QueryError(
                f"sequence: unknown symbol {name!r} at column {place} of {pattern.text!r};"
                f" symbols= has {', '.join(map(repr, symbols)) or 'none'}"
            )
    return tuple((name, lift(symbols[name])) for name in pattern.symbols if name != ANY)


def _by_values(
    relation: Relation, pattern: SequencePattern, by: Any
) -> tuple[tuple[str, Expression], ...]:
    """Take a symbol for a value of a column."""
    column = Column(by) if isinstance(by, str) else by
    if not isinstance(column, Column) or column.side is not None:
        raise QueryError(f"sequence(by=) takes a column, such as row.colour, got {by!r}")
    require_columns(relation, [column.name])
    given = relation.schema.field(column.name).type
    kind = kind_of(given)
    if kind not in (Kind.STRING, Kind.INTEGER, Kind.BOOLEAN):
        raise QueryError(
            f"sequence(by=): the values of {column.name!r} are {given} and cannot be symbols:"
            " give symbols= with a condition for each"
        )
    found = []
    for name, place in pattern.columns().items():
        if name != ANY:
            value = _value(name, kind, f"{name!r} at column {place} of {pattern.text!r}")
            found.append((name, column == literal(value)))
    return tuple(found)


def _value(name: str, kind: Kind, where: str) -> Any:
    if kind is Kind.STRING:
        return name
    if kind is Kind.BOOLEAN:
        values = {"true": True, "false": False}
        if name.lower() not in values:
            raise QueryError(f"sequence: {where} must be true or false, as the column of by= is")
        return values[name.lower()]
    try:
        return int(name)
    except ValueError as error:
        raise QueryError(
            f"sequence: {where} must be a whole number, as the column of by= has them"
        ) from error


def durations_of(pattern: SequencePattern, given: Any) -> tuple[tuple[str, Expression], ...]:
    """Shortest duration of the rows of each symbol, in seconds.

    Raises
    ------
    QueryError
        If a symbol is not one of the pattern's.
    """
    if given is None:
        return ()
    if not hasattr(given, "items"):
        return tuple((name, lift(given)) for name in pattern.symbols)
    unknown = [name for name in given if name not in pattern.symbols]
    if unknown:
        raise QueryError(
            f"sequence(min_duration=): {unknown[0]!r} is no symbol of {pattern.text!r};"
            f" symbols: {', '.join(map(repr, pattern.symbols))}"
        )
    return tuple((name, lift(value)) for name, value in given.items())
