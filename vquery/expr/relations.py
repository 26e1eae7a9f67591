"""Relations over one input: immutable nodes, checked and given a schema when they are built."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from vquery.errors import QueryError, SchemaError, UnknownColumnError
from vquery.expr.amounts import require_amount, require_axis, shown_number
from vquery.expr.amounts import require_seconds as require_seconds
from vquery.expr.expression import Expression, Literal, Param, SortKey
from vquery.expr.node import Node
from vquery.expr.types import Kind, Scope, Type, has_box, kind_of, one_row
from vquery.schema import BOX, BOX_FIELDS, KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vquery.expr.source import TableSource

Columns = tuple[tuple[str, Expression], ...]

STORED = [(key, pa.int64()) for key in KEYS[1:]] + [(name, pa.float32()) for name in BOX]
"""Types that the engine relies on."""


class Relation(Node):
    """A bag of intervals in a defined order: video, start, end, box, then as they came in.

    ``local`` tells that the rows of a video depend on the input rows of that video alone, so that
    a query may run video by video.
    """

    __slots__ = ()
    schema: pa.Schema
    local: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """What messages call the relation."""
        raise NotImplementedError

    def _set_schema(self, schema: pa.Schema) -> None:
        object.__setattr__(self, "schema", schema)


@dataclass(frozen=True, slots=True, eq=False)
class Scan(Relation):
    """The rows of a source."""

    source: TableSource
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        schema = self.source.schema
        missing = [name for name in KEYS if name not in schema.names]
        if missing:
            raise SchemaError(
                f"{self.source.name} has no column {', '.join(missing)}: an interval needs video,"
                f" start_us and end_us. Columns: {', '.join(schema.names)}"
            )
        for name, wanted in STORED:
            given = schema.field(name).type if name in schema.names else wanted
            if given != wanted:
                raise SchemaError(f"{self.source.name}: {name} must be {wanted}, got {given}")
        self._set_schema(schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.source.name


@dataclass(frozen=True, slots=True, eq=False)
class Filter(Relation):
    """The rows for which a condition is true."""

    input: Relation
    condition: Expression
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_condition(self.condition, self.condition.type(scope_of(self.input)))
        self._set_schema(self.input.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


@dataclass(frozen=True, slots=True, eq=False)
class Mutate(Relation):
    """The rows with columns added or replaced, all computed from the rows as they came in."""

    input: Relation
    columns: Columns
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        schema = self.input.schema
        scope = scope_of(self.input)
        for name, expression in self.columns:
            made = stored_field(name, expression, expression.type(scope), schema)
            place = schema.get_field_index(name)
            schema = schema.append(made) if place < 0 else schema.set(place, made)
        self._set_schema(schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


@dataclass(frozen=True, slots=True, eq=False)
class Project(Relation):
    """Columns chosen and renamed: pairs of (new name, name in the input)."""

    input: Relation
    columns: tuple[tuple[str, str], ...]
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        known = self.input.schema
        require_columns(self.input, [old for _, old in self.columns])
        refuse_clash([new for new, _ in self.columns], "rename one of them")
        fields = [known.field(old).with_name(new) for new, old in self.columns]
        for key in KEYS:
            if (key, key) not in self.columns:
                raise QueryError(f"{key!r} is what makes a row an interval: it stays as it is")
        self._set_schema(pa.schema(fields))

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


@dataclass(frozen=True, slots=True, eq=False)
class Sort(Relation):
    """The rows in an order of their own; ties stay in the usual order."""

    local: ClassVar[bool] = False
    input: Relation
    keys: tuple[SortKey, ...]
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        if not self.keys:
            raise QueryError("sort() needs at least one column, such as sort(row.score.desc())")
        for key in self.keys:
            if pa.types.is_nested(key.value.type(scope_of(self.input)).dtype):
                raise QueryError(
                    f"sort(): {key.value!r} holds lists, which have no order: sort by a number or a"
                    " text"
                )
        self._set_schema(self.input.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


@dataclass(frozen=True, slots=True, eq=False)
class Limit(Relation):
    """The first rows in the relation's order."""

    local: ClassVar[bool] = False
    input: Relation
    count: Expression
    offset: int = 0
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        whole = isinstance(self.offset, int) and self.offset >= 0
        whole = whole and isinstance(self.count, (Literal, Param))
        if isinstance(self.count, Literal):
            number = self.count.value
            whole = whole and isinstance(number, int) and number >= 0
        if not whole or isinstance(self.offset, bool):
            raise QueryError(
                f"limit() takes whole numbers of at least 0, got {self.count!r} and {self.offset!r}"
            )
        self._set_schema(self.input.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


@dataclass(frozen=True, slots=True, eq=False)
class Distinct(Relation):
    """The first row of those that are equal in the columns ``on`` (all columns when empty)."""

    local: ClassVar[bool] = False
    input: Relation
    on: tuple[str, ...] = ()
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_columns(self.input, self.on)
        self._set_schema(self.input.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


@dataclass(frozen=True, slots=True, eq=False)
class Sample(Relation):
    """Some rows, chosen at random by ``seed``: ``count`` of them, or the share ``fraction``.

    With ``by`` so many of each group of rows that are equal in these columns.
    """

    local: ClassVar[bool] = False
    input: Relation
    count: Expression | None
    fraction: Expression | None
    by: tuple[str, ...]
    seed: int
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        if (self.count is None) is (self.fraction is None):
            raise QueryError("sample() takes a number of rows or fraction=, one of the two")
        number = shown_number(self.count)
        plain = isinstance(self.count, (Literal, Param))
        if self.count is not None and not (plain and number >= 0 and number == number // 1):
            raise QueryError(f"sample() takes a whole number of at least 0, got {self.count!r}")
        if self.fraction is not None and not 0 <= shown_number(self.fraction) <= 1:
            raise QueryError(f"sample(fraction=) must be from 0 to 1, got {self.fraction!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise QueryError(f"sample(seed=) must be a whole number from 0, got {self.seed!r}")
        require_columns(self.input, self.by)
        for name in self.by:
            if pa.types.is_nested(self.input.schema.field(name).type):
                raise QueryError(
                    f"sample(by=): {name!r} holds lists or structs, which have no keys"
                )
        self._set_schema(self.input.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


@dataclass(frozen=True, slots=True, eq=False)
class Union(Relation):
    """All rows of several relations, columns aligned by name, missing ones null."""

    inputs: tuple[Relation, ...]
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        from vquery.expr.origin import require_one_collection

        require_one_collection(self.inputs, "union()")
        names = [each.name for each in self.inputs]
        self._set_schema(union_schema([each.schema for each in self.inputs], names, "union()"))

    @property
    def name(self) -> str:  # noqa: D102
        return self.inputs[0].name


def union_schema(schemas: list[pa.Schema], names: list[str], what: str) -> pa.Schema:
    """Columns of all schemas aligned by name; those that one of them lacks are null there.

    Raises
    ------
    QueryError
        If a column has different types.
    """
    schema, *others = schemas
    for other, name in zip(others, names[1:], strict=True):
        for each in other:
            schema = _aligned(schema, each, name, what)
    full = {each.name for each in schema}
    for given in schemas:
        full &= {each.name for each in given if not each.nullable}
    return pa.schema([each.with_nullable(each.name not in full) for each in schema])


def _aligned(schema: pa.Schema, given: pa.Field, source: str, what: str) -> pa.Schema:
    place = schema.get_field_index(given.name)
    if place < 0:
        return schema.append(given)
    known = schema.field(place).type
    if known == given.type or pa.types.is_null(given.type):
        return schema
    kinds = {kind_of(known), kind_of(given.type)}
    if kinds == {Kind.STRING}:  # plain, large and encoded texts are texts
        return schema.set(place, pa.field(given.name, pa.string()))
    if kinds == {Kind.INTEGER} and given.name == "video":  # no cast could bring it to one type
        return schema.set(place, pa.field(given.name, pa.int64()))
    if pa.types.is_null(known):
        return schema.set(place, given)
    raise QueryError(
        f"{what}: column {given.name!r} is {known} on one side and {given.type} in {source}:"
        " bring them to one type first, or rename one"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Dilate(Relation):
    """Spans made longer by ``seconds`` at ``sides``, or shorter by a negative number.

    On the axes of boxes the amount is widths or heights of the picture. With ``clip`` rows are cut
    at the edges of the picture, or at the ends of the video, which ``extents`` tells.
    """

    input: Relation
    seconds: Expression
    sides: tuple[str, ...] = ("start", "end")
    axis: str = "time"
    clip: bool = False
    extents: Relation | None = None
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        require_axis(self.input, self.axis, "dilate()")
        require_amount(self.seconds, self.axis, "dilate()", lowest=None)
        self._set_schema(self.input.schema)

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name


def scope_of(relation: Relation, keys: Iterable[str] | None = None) -> Scope:
    """Scope of an expression over the rows of ``relation``."""
    return one_row(relation.schema, relation.name, None if keys is None else frozenset(keys))


def require_condition(expression: Expression, given: Type) -> None:
    """Refuse an expression that is not true or false.

    Raises
    ------
    QueryError
        Naming the expression and its type.
    """
    if given.kind not in (Kind.BOOLEAN, Kind.NULL):
        raise QueryError(
            f"a condition is needed, such as row.score > 0.5, but {expression!r} is"
            f" {given.kind.one} ({given})"
        )


def require_columns(relation: Relation, names: Iterable[str]) -> None:
    """Refuse names that the relation does not have.

    Raises
    ------
    UnknownColumnError
        Naming the columns that exist.
    """
    for name in names:
        if name not in relation.schema.names:
            raise UnknownColumnError.of(name, relation.schema.names, where=relation.name)


def refuse_clash(names: list[str], cure: str) -> None:
    """Refuse names that occur twice.

    Raises
    ------
    QueryError
        Naming them and the cure.
    """
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise QueryError(f"two columns would be called {', '.join(map(repr, twice))}: {cure}")


def stored_field(name: str, expression: Expression, given: Type, schema: pa.Schema) -> pa.Field:
    """Field that a computed column becomes, checking the columns that the engine relies on."""
    if name == "video":
        raise QueryError("video says which rows can meet and cannot be computed")
    if name in KEYS:
        if given.kind is not Kind.INTEGER:
            raise QueryError(
                f"{name} must be whole microseconds, but {expression!r} is {given.kind.one}: set"
                f" {name.removesuffix('_us')} to give seconds"
            )
        return schema.field(name)
    if name in BOX:
        if not given.numeric:
            raise QueryError(f"{name} must be a number, but {expression!r} is {given.kind.one}")
        return BOX_FIELDS[BOX.index(name)]
    dtype = pa.string() if kind_of(given.dtype) is Kind.STRING else given.dtype
    return pa.field(name, dtype)


def box_fields(schema: pa.Schema) -> list[pa.Field]:
    """Box columns of a relation: four or none."""
    return list(BOX_FIELDS) if has_box(schema) else []
