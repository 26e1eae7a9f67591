"""Rules by which the values of two rows become one: scores, and columns of merge operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.errors import QueryError
from vquery.expr.expression import Column, Expression, call, lift
from vquery.expr.node import Node
from vquery.expr.pairs import MERGED, pair_scope
from vquery.expr.placeholders import when
from vquery.expr.predicates import LEFT, RIGHT
from vquery.expr.types import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.expr.merge import MergeOp, Rule
    from vquery.expr.relations import Columns, Relation

    Pair = Callable[[Expression, Expression], Any]

NUMBERS = (Kind.INTEGER, Kind.FLOAT, Kind.NULL)


def score_rule(left: Relation, right: Relation, rule: Any) -> Expression | None:
    """Expression for the score of a pair; a null score leaves the other one standing.

    ``rule`` is ``"min"``, ``"max"``, ``"mean"``, ``"product"`` (both have to be right),
    ``"noisy_or"`` (one of two independent ones has to be right), ``"left"``, ``"right"`` or a
    function of the two scores. The score is None where at most one side has scores.

    Raises
    ------
    QueryError
        For another rule, or scores that are not numbers.
    """
    named = isinstance(rule, str) or rule is min or rule is max
    function = SCORE_RULES.get(rule) if named else rule
    if not callable(function) or isinstance(function, Node):
        known = ", ".join(repr(name) for name in SCORE_RULES if isinstance(name, str))
        raise QueryError(f"score= must be {known} or a function of two scores, got {rule!r}")
    if not all("score" in side.schema.names for side in (left, right)):
        return None
    scores = Column("score", LEFT), Column("score", RIGHT)
    scope = pair_scope(left, right)
    if not all(score.type(scope).kind in NUMBERS[:2] for score in scores):
        if rule in ("min", "left"):  # the defaults: scores that are no numbers are plain columns
            return None
        raise QueryError(f"score={rule!r} needs numbers in the column score of both sides")
    first, second = scores
    result = lift(function(first, second))
    return when(first.is_null(), second).when(second.is_null(), first).otherwise(result)


SCORE_RULES: dict[Any, Pair] = {
    "min": lambda left, right: call("least", left, right),
    min: lambda left, right: call("least", left, right),  # Python's own cannot be traced
    max: lambda left, right: call("greatest", left, right),
    "max": lambda left, right: call("greatest", left, right),
    "mean": lambda left, right: (left + right) / 2,
    "product": lambda left, right: left * right,
    "noisy_or": lambda left, right: left + right - left * right,
    "left": lambda left, right: left,  # noqa: ARG005
    "right": lambda left, right: right,  # noqa: ARG005
}


def column_rules(left: Relation, right: Relation, merge: MergeOp) -> Columns:
    """Expressions for the columns that a merge operation makes of two of the same name.

    Raises
    ------
    QueryError
        For a column that is not on both sides, or that has a rule of its own, or a rule that does
        not fit the types.
    """
    scope = pair_scope(left, right)
    made = []
    for name, rule in merge.columns:
        _require_clash(left, right, name)
        first, second = Column(name, LEFT), Column(name, RIGHT)
        expression = lift(_function(rule)(first, second))
        kinds = [each.type(scope).kind for each in (first, second)]
        if rule in ("min", "max", "sum") and not all(kind in NUMBERS for kind in kinds):
            raise QueryError(
                f"merge(): the rule {rule!r} for {name!r} needs numbers on both sides, got a"
                f" {kinds[0]} and a {kinds[1]}"
            )
        expression.type(scope)
        made.append((name, expression))
    return tuple(made)


def _require_clash(left: Relation, right: Relation, name: str) -> None:
    if name == "score":
        raise QueryError("merge(): the rule for the score is given by score=, not in columns=")
    if name in MERGED:
        raise QueryError(
            f"merge(): {name!r} is merged by time=, x= and y=, it takes no rule in columns="
        )
    for side in (left, right):
        if name not in side.schema.names:
            raise QueryError(
                f"merge(): columns= says how two columns {name!r} become one, but {side.name} has"
                f" no such column. Columns: {', '.join(side.schema.names)}"
            )


def _function(rule: Rule) -> Pair:
    return COLUMN_RULES[rule] if isinstance(rule, str) else rule


def _sum(left: Expression, right: Expression) -> Expression:
    return when(left.is_null(), right).when(right.is_null(), left).otherwise(left + right)


COLUMN_RULES: dict[str, Pair] = {
    "left": lambda left, right: left,  # noqa: ARG005
    "right": lambda left, right: right,  # noqa: ARG005
    "coalesce": lambda left, right: call("fill_null", left, right),
    "min": lambda left, right: call("least", left, right),
    "max": lambda left, right: call("greatest", left, right),
    "sum": _sum,
}
