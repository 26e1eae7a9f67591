"""Relations over two inputs: joins, semi-joins and minus."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.expression import Column, Expression, call, lift
from vquery.expr.origin import require_one_collection
from vquery.expr.placeholders import when
from vquery.expr.predicates import LEFT, RIGHT, Predicate
from vquery.expr.relations import Relation, refuse_clash, require_condition
from vquery.expr.types import Kind, has_box, kind_of, two_rows
from vquery.schema import BOX, BOX_FIELDS, KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.expr.merge import MergeOp
    from vquery.expr.types import Scope

MERGED = frozenset((*KEYS, *BOX))


class Output(NamedTuple):
    """One column of a join and where it comes from; the side is None for merged bounds."""

    field: pa.Field
    side: str | None
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Join(Relation):
    """Every pair of rows of one video for which the predicate holds, merged into one row.

    Without a predicate every pair of a video. ``score`` is an expression over both rows, or None
    where at most one side has scores.
    """

    left: Relation
    right: Relation
    predicate: Predicate | None
    merge: MergeOp
    suffix: str
    score: Expression | None
    outputs: tuple[Output, ...] = field(init=False, default=())
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_pair(self.left, self.right, self.predicate, "join()")
        object.__setattr__(self, "outputs", tuple(self._outputs()))
        names = [output.field.name for output in self.outputs]
        refuse_clash(names, f"give another suffix= than {self.suffix!r}, or rename before the join")
        self._set_schema(pa.schema([output.field for output in self.outputs]))

    def _outputs(self) -> list[Output]:
        left, right = self.left.schema, self.right.schema
        outputs = [Output(left.field("video"), LEFT, "video")]
        outputs += [
            Output(pa.field(key, pa.int64(), nullable=False), None, key) for key in KEYS[1:]
        ]
        if any(has_box(schema) for schema in self.box_sides()):
            outputs += [Output(each, None, each.name) for each in BOX_FIELDS]
        outputs += [self._output(each, LEFT, each.name) for each in left if each.name not in MERGED]
        taken = {output.field.name for output in outputs}
        for each in right:
            if each.name in MERGED or (each.name == "score" and self.score is not None):
                continue
            name = each.name + self.suffix if each.name in taken else each.name
            outputs.append(self._output(each, RIGHT, name))
        return outputs

    def _output(self, given: pa.Field, side: str, name: str) -> Output:
        if given.name == "score" and self.score is not None:
            dtype = self.score.type(pair_scope(self.left, self.right)).dtype
            return Output(pa.field("score", dtype), None, "score")
        return Output(given.with_name(name), side, given.name)

    def box_sides(self) -> list[pa.Schema]:
        """Schemas of the sides from which the merge operation takes boxes."""
        only = {LEFT: [self.left.schema], RIGHT: [self.right.schema]}
        return only.get(self.merge.box, [self.left.schema, self.right.schema])

    @property
    def name(self) -> str:  # noqa: D102
        return f"join of {self.left.name} and {self.right.name}"


@dataclass(frozen=True, slots=True, eq=False)
class SemiJoin(Relation):
    """The left rows that have a partner on the right, or with ``negated`` those that have none."""

    left: Relation
    right: Relation
    predicate: Predicate
    negated: bool
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_pair(self.left, self.right, self.predicate, "semi_join()")
        self._set_schema(self.left.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.left.name


@dataclass(frozen=True, slots=True, eq=False)
class Minus(Relation):
    """Left rows without the time that right rows cover; instants on the right cover none.

    With a predicate only those right rows cut a left row for which it holds.
    """

    left: Relation
    right: Relation
    predicate: Predicate | None
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_pair(self.left, self.right, self.predicate, "minus()")
        self._set_schema(self.left.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.left.name


def pair_scope(left: Relation, right: Relation) -> Scope:
    """Scope of a predicate between two relations."""
    return two_rows(left.schema, right.schema, (left.name, right.name))


def check_pair(left: Relation, right: Relation, predicate: Predicate | None, what: str) -> None:
    """Refuse sides whose videos cannot be compared, and predicates that do not fit them.

    Raises
    ------
    UnknownColumnError
        If the predicate reads a column that its side does not have.
    QueryError
        If the types do not fit.
    """
    kinds = [kind_of(side.schema.field("video").type) for side in (left, right)]
    if kinds[0] is not kinds[1]:
        raise QueryError(
            f"{what}: video is {kinds[0]} in {left.name} and {kinds[1]} in {right.name}, so that no"
            " rows could meet"
        )
    require_one_collection((left, right), what)
    if predicate is not None:
        condition = predicate.lower()
        require_condition(condition, condition.type(pair_scope(left, right)))


def score_rule(left: Relation, right: Relation, rule: Any) -> Expression | None:
    """Expression for the score of a pair; a null score leaves the other one standing.

    ``rule`` is ``"min"``, ``"product"``, ``"left"``, ``"right"`` or a function of the two scores.

    Raises
    ------
    QueryError
        For another rule, or scores that are not numbers.
    """
    function = SCORE_RULES.get(rule) if isinstance(rule, str) or rule in (min, max) else rule
    if not callable(function):
        known = ", ".join(repr(name) for name in SCORE_RULES if isinstance(name, str))
        raise QueryError(f"score= must be {known} or a function of two scores, got {rule!r}")
    if not all("score" in side.schema.names for side in (left, right)):
        return None
    scores = Column("score", LEFT), Column("score", RIGHT)
    scope = pair_scope(left, right)
    if not all(score.type(scope).kind in (Kind.INTEGER, Kind.FLOAT) for score in scores):
        if rule == "min":  # the default: scores that are not numbers are ordinary columns
            return None
        raise QueryError(f"score={rule!r} needs numbers in the column score of both sides")
    first, second = scores
    result = lift(function(first, second))
    return when(first.is_null(), second).when(second.is_null(), first).otherwise(result)


SCORE_RULES: dict[Any, Callable[[Expression, Expression], Expression]] = {
    "min": lambda left, right: call("least", left, right),
    min: lambda left, right: call("least", left, right),  # Python's own cannot be traced
    max: lambda left, right: call("greatest", left, right),
    "product": lambda left, right: left * right,
    "left": lambda left, right: left,  # noqa: ARG005
    "right": lambda left, right: right,  # noqa: ARG005
}
