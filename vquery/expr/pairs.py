"""Relations over two inputs: joins, semi-joins, minus and intersect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.origin import require_one_collection
from vquery.expr.predicates import LEFT, RIGHT
from vquery.expr.relations import Relation, refuse_clash, require_columns, require_condition
from vquery.expr.time import AXES
from vquery.expr.types import Kind, has_box, kind_of, two_rows
from vquery.schema import BOX, BOX_FIELDS, KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vquery.expr.expression import Expression
    from vquery.expr.merge import MergeOp
    from vquery.expr.partners import Nearest
    from vquery.expr.predicates import Predicate
    from vquery.expr.relations import Columns
    from vquery.expr.types import Scope

MERGED = frozenset((*KEYS, *BOX))


class Output(NamedTuple):
    """One column of a join and where it comes from.

    The side is None for merged bounds and for columns that are computed from both rows.
    """

    field: pa.Field
    side: str | None
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Join(Relation):
    """Every pair of rows of one video for which the predicate holds, merged into one row.

    Without a predicate every pair of a video. ``score`` is an expression over both rows, or None
    where at most one side has scores; ``columns`` are further such expressions, one for each column
    that two of the same name become. With ``how`` ``"left"`` a left row that makes no pair is kept
    as it is, with nulls on the right.
    """

    left: Relation
    right: Relation
    predicate: Predicate | None
    merge: MergeOp
    suffix: str
    score: Expression | None
    how: str = "inner"
    columns: Columns = ()
    outputs: tuple[Output, ...] = field(init=False, default=())
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_pair(self.left, self.right, self.predicate, "join()")
        require_how(self.how, "join()")
        object.__setattr__(self, "outputs", tuple(pair_outputs(self)))
        names = [output.field.name for output in self.outputs]
        refuse_clash(names, f"give another suffix= than {self.suffix!r}, or rename before the join")
        self._set_schema(pa.schema([output.field for output in self.outputs]))

    @property
    def computed(self) -> dict[str, Expression]:
        """Columns that are computed from both rows."""
        return computed_columns(self.score, self.columns)

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
    """Left rows without what right rows cover on an axis; right rows without length cover none.

    With a predicate only those right rows cut a left row for which it holds, with ``by`` only those
    with equal columns. On x and y time plays no part unless the predicate speaks of it; rows
    without a box neither cut nor are cut.
    """

    left: Relation
    right: Relation
    predicate: Predicate | None
    axis: str = "time"
    by: tuple[str, ...] = ()
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_cover(self.left, self.right, self.predicate, self.axis, self.by, "minus()")
        self._set_schema(self.left.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.left.name


@dataclass(frozen=True, slots=True, eq=False)
class Intersect(Relation):
    """The parts of left rows that right rows cover on an axis: what minus leaves out."""

    left: Relation
    right: Relation
    predicate: Predicate | None
    axis: str = "time"
    by: tuple[str, ...] = ()
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_cover(self.left, self.right, self.predicate, self.axis, self.by, "intersect()")
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
            " rows could meet: give both the same type when they are made"
        )
    require_one_collection((left, right), what)
    if predicate is not None:
        condition = predicate.lower()
        require_condition(condition, condition.type(pair_scope(left, right)))


def require_how(how: str, what: str) -> None:
    """Refuse kinds of joins that there are none of.

    Raises
    ------
    QueryError
        Naming those that there are.
    """
    if how not in ("inner", "left"):
        raise QueryError(
            f"{what}: how= must be 'inner' (pairs alone) or 'left' (left rows without a partner"
            f" too), got {how!r}"
        )


def require_by(left: Relation, right: Relation, by: tuple[str, ...], what: str) -> None:
    """Refuse columns by which rows of two relations cannot be compared.

    Raises
    ------
    UnknownColumnError
        If a side does not have the column.
    QueryError
        If the types never compare, or have no equality.
    """
    for side in (left, right):
        require_columns(side, by)
    for name in by:
        types = [side.schema.field(name).type for side in (left, right)]
        kinds = [kind_of(each) for each in types]
        if any(pa.types.is_nested(each) for each in types):
            raise QueryError(f"{what}: by={name!r} holds lists or structs, which are never equal")
        if kinds[0] is not kinds[1] or (kinds[0] is Kind.OTHER and types[0] != types[1]):
            raise QueryError(
                f"{what}: by={name!r} is {types[0]} in {left.name} and {types[1]} in {right.name},"
                " so that no rows could meet"
            )


def check_cover(
    left: Relation,
    right: Relation,
    predicate: Predicate | None,
    axis: str,
    by: tuple[str, ...],
    what: str,
) -> None:
    """Refuse what one relation cannot be cut by another with.

    Raises
    ------
    QueryError
        For an unknown axis, sides without boxes where the axis needs them, or what
        :func:`check_pair` and :func:`require_by` refuse.
    """
    check_pair(left, right, predicate, what)
    require_by(left, right, by, what)
    if axis not in AXES:
        raise QueryError(f"{what}: axis= must be 'time', 'x' or 'y', got {axis!r}")
    for side in (left, right):
        if axis != "time" and not has_box(side.schema):
            raise QueryError(
                f"{what}: axis={axis!r} needs boxes (x1, y1, x2, y2), which {side.name} does not"
                f" have. Columns: {', '.join(side.schema.names)}"
            )


def computed_columns(score: Expression | None, columns: Columns) -> dict[str, Expression]:
    """Columns of a pair that are computed from both rows."""
    return dict(columns) if score is None else {"score": score, **dict(columns)}


def box_sides(left: Relation, right: Relation, merge: MergeOp) -> bool:
    """Whether a merge operation finds boxes: on each axis a side that it takes edges from."""
    sides = {LEFT: (left,), RIGHT: (right,)}
    taken = [sides.get(way, (left, right)) for way in (merge.x, merge.y)]
    return all(any(has_box(each.schema) for each in relations) for relations in taken)


def pair_outputs(node: Join | Nearest) -> list[Output]:
    """Columns of merged pairs: video, times, box, left columns, then right ones."""
    if not isinstance(node.suffix, str):
        raise QueryError(f"suffix= must be a text such as '_right', got {node.suffix!r}")
    left, right = node.left.schema, node.right.schema
    computed, scope = node.computed, pair_scope(node.left, node.right)
    outputs = [Output(left.field("video"), LEFT, "video")]
    outputs += [Output(pa.field(key, pa.int64(), nullable=False), None, key) for key in KEYS[1:]]
    if box_sides(node.left, node.right, node.merge):
        outputs += [Output(each, None, each.name) for each in BOX_FIELDS]
    for each in left:
        if each.name in computed:
            made = _computed_field(each.name, computed, scope)
            outputs.append(Output(made, None, each.name))
        elif each.name not in MERGED:
            outputs.append(Output(each, LEFT, each.name))
    taken = {output.field.name for output in outputs}
    for each in right:
        if each.name in MERGED or each.name in computed:
            continue
        name = each.name + node.suffix if each.name in taken else each.name
        nullable = each.nullable or node.how == LEFT
        outputs.append(Output(pa.field(name, each.type, nullable), RIGHT, each.name))
    return outputs


def _computed_field(name: str, computed: Mapping[str, Expression], scope: Scope) -> pa.Field:
    dtype = computed[name].type(scope).dtype
    return pa.field(name, pa.string() if kind_of(dtype) is Kind.STRING else dtype)
