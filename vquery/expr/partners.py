"""Relations that tell each left row of its partners: nearest, how many, how much, which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.expression import Expression, Literal
from vquery.expr.pairs import (
    Output,
    check_pair,
    computed_columns,
    pair_outputs,
    require_by,
    require_how,
)
from vquery.expr.relations import Relation, refuse_clash, require_columns, require_seconds
from vquery.schema import KEYS

if TYPE_CHECKING:
    from vquery.expr.merge import MergeOp
    from vquery.expr.predicates import Predicate
    from vquery.expr.relations import Columns
    from vquery.expr.types import Scope, Type

DIRECTIONS = ("either", "before", "after")


@dataclass(frozen=True, slots=True, eq=False)
class Nearest(Relation):
    """For each left row its ``k`` nearest right rows of the video in time, merged with it.

    Ties go by the usual order of the right rows. ``direction`` ``"after"`` asks for right rows that
    start at or after the end of the left row, ``"before"`` for those that end at or before its
    start. Without ``overlap`` right rows that share time with the left row do not count. The column
    called ``gap`` holds the seconds between both.
    """

    predicate: ClassVar[None] = None
    left: Relation
    right: Relation
    direction: str
    k: Expression
    max_gap: Expression | None
    by: tuple[str, ...]
    overlap: bool
    gap: str
    merge: MergeOp
    suffix: str
    score: Expression | None
    how: str = "inner"
    columns: Columns = ()
    outputs: tuple[Output, ...] = field(init=False, default=())
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        what = "nearest()"
        check_pair(self.left, self.right, None, what)
        if self.direction not in DIRECTIONS:
            raise QueryError(
                f"{what}: direction= must be 'either', 'before' (right rows that end at or before"
                f" the left one starts) or 'after', got {self.direction!r}"
            )
        if not isinstance(self.overlap, bool):
            raise QueryError(f"{what}: overlap= must be True or False, got {self.overlap!r}")
        require_rows(self.k, f"{what}: k=")
        if self.max_gap is not None:
            require_seconds(self.max_gap, f"{what}: max_gap=", lowest=0)
        require_by(self.left, self.right, self.by, what)
        require_how(self.how, what)
        outputs = pair_outputs(self)
        names = [output.field.name for output in outputs]
        refuse_clash(names, f"give another suffix= than {self.suffix!r}, or rename before nearest")
        require_new(names, self.gap, f"{what}: name=")
        outputs.append(Output(pa.field(self.gap, pa.float64(), self.how == "left"), None, ""))
        object.__setattr__(self, "outputs", tuple(outputs))
        self._set_schema(pa.schema([output.field for output in outputs]))

    @property
    def computed(self) -> dict[str, Expression]:
        """Columns that are computed from both rows."""
        return computed_columns(self.score, self.columns)

    @property
    def name(self) -> str:  # noqa: D102
        return f"nearest of {self.right.name} to {self.left.name}"


@dataclass(frozen=True, slots=True, eq=False)
class CountOverlaps(Relation):
    """The left rows with the number of right rows for which the predicate holds."""

    left: Relation
    right: Relation
    predicate: Predicate
    column: str
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_pair(self.left, self.right, self.predicate, "count_overlaps()")
        require_new(self.left.schema.names, self.column, "count_overlaps(): name=")
        made = pa.field(self.column, pa.int64(), nullable=False)
        self._set_schema(self.left.schema.append(made))

    @property
    def name(self) -> str:  # noqa: D102
        return self.left.name


@dataclass(frozen=True, slots=True, eq=False)
class Coverage(Relation):
    """The left rows with the share of their time that right rows cover together, 0 to 1."""

    left: Relation
    right: Relation
    column: str
    by: tuple[str, ...] = ()
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_pair(self.left, self.right, None, "coverage()")
        require_by(self.left, self.right, self.by, "coverage()")
        require_new(self.left.schema.names, self.column, "coverage(): name=")
        made = pa.field(self.column, pa.float64(), nullable=False)
        self._set_schema(self.left.schema.append(made))

    @property
    def name(self) -> str:  # noqa: D102
        return self.left.name


@dataclass(frozen=True, slots=True, eq=False)
class CollectBy(Relation):
    """The left rows with a list of the right rows for which the predicate holds.

    The list holds structs of ``start_us``, ``end_us`` and ``columns`` in the usual order. Rows
    without a partner are left out unless ``keep_empty``.
    """

    left: Relation
    right: Relation
    predicate: Predicate
    column: str
    columns: tuple[str, ...]
    keep_empty: bool
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_pair(self.left, self.right, self.predicate, "collect_by()")
        require_columns(self.right, self.columns)
        require_new(self.left.schema.names, self.column, "collect_by(): name=")
        made = pa.field(self.column, pa.list_(pa.struct(self.fields)), nullable=False)
        self._set_schema(self.left.schema.append(made))

    @property
    def fields(self) -> list[pa.Field]:
        """Fields of a partner in the list."""
        names = [*KEYS[1:], *dict.fromkeys(name for name in self.columns if name not in KEYS[1:])]
        return [self.right.schema.field(name) for name in names]

    @property
    def name(self) -> str:  # noqa: D102
        return self.left.name


class Lookup(Expression):
    """A value that rows of another relation decide; ``mutate`` and ``filter`` make a step of it."""

    __slots__ = ()

    def type(self, scope: Scope) -> Type:  # noqa: ARG002
        """Refuse: whoever asks for the type has not made a step of it.

        Raises
        ------
        QueryError
            Always.
        """
        raise QueryError(
            f"{self!r} looks at the rows of another relation: it belongs into mutate() or filter()"
            " of a relation, such as rows.mutate(share=vq.coverage(other))"
        )

    def step(self, left: Relation, column: str) -> Relation:
        """Return ``left`` with the value as a column."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CoverageOf(Lookup):
    """Share of a row's time that another relation covers."""

    relation: Relation
    by: tuple[str, ...] = ()

    def step(self, left: Relation, column: str) -> Relation:  # noqa: D102
        return Coverage(left, self.relation, column, self.by)

    def __repr__(self) -> str:
        return f"coverage({self.relation.name})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CountOf(Lookup):
    """Number of a row's partners in another relation."""

    relation: Relation
    predicate: Predicate

    def step(self, left: Relation, column: str) -> Relation:  # noqa: D102
        return CountOverlaps(left, self.relation, self.predicate, column)

    def __repr__(self) -> str:
        return f"count_overlaps({self.relation.name}, {self.predicate!r})"


def require_rows(value: Expression, what: str) -> None:
    """Refuse a number of rows below 1; a param is checked by its default.

    Raises
    ------
    QueryError
        Naming the argument.
    """
    given = value.value if isinstance(value, Literal) else getattr(value, "default", None)
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise QueryError(f"{what} must be a whole number of at least 1, got {value!r}")


def require_new(names: list[str], column: str, what: str) -> None:
    """Refuse a name for a new column that is none, or that is taken.

    Raises
    ------
    QueryError
        Naming the argument that takes another name.
    """
    if not isinstance(column, str) or not column:
        raise QueryError(f"{what} must be the name of the new column, got {column!r}")
    if column in names:
        raise QueryError(f"a column {column!r} is there already: {what} takes another name")
