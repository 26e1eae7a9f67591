"""Relations over groups of rows of one video: coalesce, aggregates, group filters, matches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.amounts import require_amount, require_axis
from vquery.expr.node import walk
from vquery.expr.predicates import UdfResult
from vquery.expr.relations import (
    Columns,
    Relation,
    box_fields,
    refuse_clash,
    require_columns,
    require_condition,
    scope_of,
    stored_field,
)
from vquery.expr.types import Kind, Scope, kind_of, two_rows
from vquery.schema import KEYS

if TYPE_CHECKING:
    from vquery.expr.expression import Expression
    from vquery.expr.pattern import Pattern
    from vquery.expr.predicates import Predicate


@dataclass(frozen=True, slots=True, eq=False)
class Coalesce(Relation):
    """Runs of rows that overlap, touch or lie at most ``gap`` apart, each made one row.

    Rows meet where video and the columns ``by`` are equal, ``where`` holds between the run so far
    and the new row, and the result is at most ``max_length`` long. The row keeps the columns of the
    first row of the run, the hull of the boxes and a score by the rule ``score`` (None: that of the
    first row), unless an aggregate says otherwise.
    """

    input: Relation
    gap: Expression
    by: tuple[str, ...]
    aggregates: Columns
    where: Predicate | None = None
    axis: str = "time"
    max_length: Expression | None = None
    score: str | None = "max"
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_axis(self.input, self.axis, "coalesce()")
        require_amount(self.gap, self.axis, "coalesce(gap=)", lowest=0)
        if self.max_length is not None:
            require_amount(self.max_length, self.axis, "coalesce(max_length=)", lowest=0)
        require_group_columns(self.input, self.by)
        if self.where is not None:
            require_run_test(self.input, self.where)
        schema = self.input.schema
        object.__setattr__(self, "score", run_score(schema, self.score))
        if self.score in ("mean", "noisy_or") and schema.field("score").type != pa.float32():
            place = schema.get_field_index("score")
            schema = schema.set(place, pa.field("score", pa.float64()))
        for made in aggregate_fields(self.input, self.by, self.aggregates):
            place = schema.get_field_index(made.name)
            schema = schema.append(made) if place < 0 else schema.set(place, made)
        self._set_schema(schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


def run_score(schema: pa.Schema, rule: str | None) -> str | None:
    """Check how the scores of a run become one; None where the first row's stays.

    Raises
    ------
    QueryError
        For another rule, or scores that are not numbers.
    """
    if rule is None or "score" not in schema.names:
        return None
    if rule not in RUN_SCORES:
        raise QueryError(
            f"coalesce(score=) must be {', '.join(map(repr, RUN_SCORES))}, got {rule!r}"
        )
    kind = kind_of(schema.field("score").type)
    if kind in (Kind.INTEGER, Kind.FLOAT):
        return rule
    if rule not in ("max", "first"):  # the default: scores that are no numbers are plain columns
        raise QueryError(f"coalesce(score={rule!r}) needs numbers in the column score, got {kind}")
    return None


RUN_SCORES = ("max", "min", "mean", "noisy_or", "first")


def run_scope(relation: Relation) -> Scope:
    """Scope of a predicate between a run so far (left) and a new row (right)."""
    return two_rows(
        relation.schema,
        relation.schema,
        (f"a run of {relation.name}", f"a row of {relation.name}"),
    )


def require_run_test(relation: Relation, where: Predicate) -> None:
    """Refuse a predicate that cannot stand between a run and a new row.

    Raises
    ------
    QueryError
        If it is no condition, or calls a Python function.
    """
    condition = where.lower()
    require_condition(condition, condition.type(run_scope(relation)))
    if any(isinstance(each, UdfResult) for each in walk(condition)):
        raise QueryError(
            f"coalesce(where=): {where!r} is a Python function over many pairs, but runs grow row"
            " by row: write an expression of the run and the new row, such as"
            " lambda run, new: run.x2 > new.x1"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Aggregated(Relation):
    """One row for each group of rows of a video with equal columns ``by``: hull and aggregates."""

    input: Relation
    by: tuple[str, ...]
    aggregates: Columns
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_group_columns(self.input, self.by)
        known = self.input.schema
        fields = [known.field(key) for key in KEYS] + box_fields(known)
        taken = {each.name for each in fields}
        fields += [known.field(name) for name in self.by if name not in taken]
        fields += aggregate_fields(self.input, self.by, self.aggregates)
        refuse_clash([each.name for each in fields], "call the aggregate something else")
        self._set_schema(pa.schema(fields))

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


@dataclass(frozen=True, slots=True, eq=False)
class GroupFilter(Relation):
    """All rows of the groups for which a condition on the group is true."""

    input: Relation
    by: tuple[str, ...]
    condition: Expression
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_group_columns(self.input, self.by)
        given = self.condition.type(group_scope(self.input, self.by))
        require_condition(self.condition, given)
        self._set_schema(self.input.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


@dataclass(frozen=True, slots=True, eq=False)
class Match(Relation):
    """Every way in which rows of one group can stand for the variables of a pattern.

    One row a solution: hull of times and boxes, lowest score, and for each variable ``a`` the
    columns of its row as ``a_start_us``, ``a_name`` and so on. With ``exact`` a group has to have
    as many rows as the pattern has variables.
    """

    input: Relation
    by: tuple[str, ...]
    pattern: Pattern
    exact: bool
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_group_columns(self.input, self.by)
        known = self.input.schema
        variables = self.pattern.variables
        scope = Scope(
            dict.fromkeys(variables, known),
            {name: f"variable {name!r} ({self.input.name})" for name in variables},
        )
        for condition in self.pattern.conditions:
            require_condition(condition, condition.type(scope))
        fields = [known.field(key) for key in KEYS] + box_fields(known)
        if "score" in known.names:
            fields.append(known.field("score"))
        for variable in variables:
            fields += [
                each.with_name(f"{variable}_{each.name}") for each in known if each.name != "video"
            ]
        refuse_clash([each.name for each in fields], "call the variable of the pattern otherwise")
        self._set_schema(pa.schema(fields))

    @property
    def name(self) -> str:  # noqa: D102
        return f"match in {self.input.name}"


def group_scope(relation: Relation, by: tuple[str, ...]) -> Scope:
    """Scope of an expression over groups of rows."""
    return scope_of(relation, ("video", *by))


def aggregate_fields(
    relation: Relation, by: tuple[str, ...], aggregates: Columns
) -> list[pa.Field]:
    """Fields that aggregates become."""
    scope = group_scope(relation, by)
    for name, _ in aggregates:
        if name in KEYS:
            raise QueryError(
                f"{name!r} of a group is that of its hull: use dilate() or mutate() afterwards"
            )
    return [
        stored_field(name, expression, expression.type(scope), relation.schema)
        for name, expression in aggregates
    ]


def require_group_columns(relation: Relation, by: tuple[str, ...]) -> None:
    """Refuse columns that do not exist or have no equality.

    Raises
    ------
    UnknownColumnError
        Naming the columns that exist.
    QueryError
        For a column of lists or structs.
    """
    require_columns(relation, by)
    for name in by:
        if pa.types.is_nested(relation.schema.field(name).type):
            raise QueryError(
                f"rows cannot be grouped by {name!r}: it holds lists or structs; group by a number,"
                " a text or a truth value"
            )
