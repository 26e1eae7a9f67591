"""Relations that give videos other names: concat of collections, rekey and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import QueryError
from vquery.expr.amounts import require_seconds
from vquery.expr.expression import Literal
from vquery.expr.node import children
from vquery.expr.origin import require_one_collection
from vquery.expr.relations import (
    Relation,
    refuse_clash,
    require_columns,
    scope_of,
    union_schema,
)
from vquery.expr.types import Kind, kind_of
from vquery.schema import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vquery.expr.expression import Expression

    Extents = Iterable[Callable[[], pa.Table]]

COLLECTION = "collection"
ORIGIN = ("from_video", "from_shift_us")
"""Columns in which a row keeps the video and the shift that it had before `rekey`."""


@dataclass(frozen=True, slots=True, eq=False)
class Concat(Relation):
    """All rows of relations of different collections; videos are called ``name/video``."""

    renames_videos: ClassVar[bool] = True
    local: ClassVar[bool] = False
    inputs: tuple[Relation, ...]
    names: tuple[str, ...]
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        if not self.inputs:
            raise QueryError("concat() needs relations, such as vq.concat(a.faces, b.faces)")
        _check_names(self.names, len(self.inputs))
        plain = [_with_video(each.schema, pa.string()) for each in self.inputs]
        known = union_schema(plain, [each.name for each in self.inputs], "concat()")
        fields = [known.field(key) for key in KEYS]
        fields.append(pa.field(COLLECTION, pa.string(), nullable=False))
        fields += [each for each in known if each.name not in KEYS]
        refuse_clash([each.name for each in fields], f"rename {COLLECTION!r} before the concat")
        self._set_schema(pa.schema(fields))

    @property
    def name(self) -> str:  # noqa: D102
        return f"concat of {', '.join(self.names)}"

    def extents_below(self, below: Callable[[Relation], Extents]) -> Iterator[Any]:
        """Give what is known of the videos of each input, under their new names."""
        for name, each in zip(self.names, self.inputs, strict=True):
            for known in below(each):
                yield lambda known=known, name=name: _renamed(known(), name)


def _check_names(names: tuple[str, ...], wanted: int) -> None:
    if len(names) != wanted:
        raise QueryError(f"concat(): names= must be one name for each of {wanted} relations")
    for name in names:
        if not isinstance(name, str) or not name or "/" in name:
            raise QueryError(
                f"concat(): names= must be texts without '/', which parts them from the names of"
                f" videos, got {name!r}"
            )
        if names.count(name) > 1:
            raise QueryError(
                f"concat(): two relations are called {name!r}: give names= that differ, such as"
                " names=['2023', '2024']"
            )


def _with_video(schema: pa.Schema, dtype: pa.DataType) -> pa.Schema:
    place = schema.get_field_index("video")
    return schema.set(place, pa.field("video", dtype, nullable=False))


def _renamed(extents: pa.Table, name: str) -> pa.Table:
    place = extents.schema.get_field_index("video")
    return extents.set_column(place, "video", renamed_videos(extents["video"], name))


def renamed_videos(videos: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Names of videos under the roof of several collections.

    >>> renamed_videos(pa.chunked_array([["a.mp4"]]), "news").to_pylist()
    ['news/a.mp4']
    """
    return pc.binary_join_element_wise(name, videos.cast(pa.string()), "/")


@dataclass(frozen=True, slots=True, eq=False)
class Rekey(Relation):
    """Rows on another clock: a key in the place of the video, times moved by ``shift`` seconds.

    The columns ``from_video`` and ``from_shift_us`` keep what `RekeyBack` needs. Rows without a key
    or a shift are left out and counted.
    """

    renames_videos: ClassVar[bool] = True
    local: ClassVar[bool] = False
    input: Relation
    key: Expression
    shift: Expression
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        scope = scope_of(self.input)
        key, shift = self.key.type(scope), self.shift.type(scope)
        if key.kind not in (Kind.STRING, Kind.INTEGER):
            raise QueryError(
                f"rekey(): the key takes the place of the video and must be text or a whole number,"
                f" but {self.key!r} is {key.kind.one}"
            )
        if not shift.numeric:
            raise QueryError(
                f"rekey(shift=) must be seconds, but {self.shift!r} is {shift.kind.one}"
            )
        if isinstance(self.shift, Literal) and self.shift.value is not None:
            require_seconds(self.shift, "rekey(shift=)", lowest=None)
        taken = [name for name in ORIGIN if name in self.input.schema.names]
        if taken:
            raise QueryError(
                f"rekey(): there is a column {taken[0]!r} already: take it back with rekey_back()"
                " first, or rename it"
            )
        dtype = pa.string() if key.kind is Kind.STRING else pa.int64()
        schema = _with_video(self.input.schema, dtype)
        schema = schema.append(self.input.schema.field("video").with_name(ORIGIN[0]))
        self._set_schema(schema.append(pa.field(ORIGIN[1], pa.int64())))

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name

    def extents_below(self, below: Callable[[Relation], Extents]) -> Extents:
        """Nothing is known of how long the new key lasts."""
        del below
        return ()


@dataclass(frozen=True, slots=True, eq=False)
class RekeyBack(Relation):
    """Rows back in the video and at the time that they had before `Rekey`."""

    local: ClassVar[bool] = False
    input: Relation
    original: tuple[Relation, ...] = field(init=False, default=())
    schema: pa.Schema = field(init=False, default=None)

    def __post_init__(self) -> None:
        known = self.input.schema
        missing = [name for name in ORIGIN if name not in known.names]
        if missing:
            raise QueryError(
                f"rekey_back() undoes rekey() by its columns {' and '.join(ORIGIN)}, and"
                f" {self.input.name} has no {missing[0]!r}"
            )
        require_columns(self.input, ORIGIN)
        video, shift = (known.field(name) for name in ORIGIN)
        if kind_of(video.type) not in (Kind.STRING, Kind.INTEGER) or shift.type != pa.int64():
            raise QueryError(
                f"rekey_back(): {ORIGIN[0]} must be text or a whole number and {ORIGIN[1]} int64,"
                f" got {video.type} and {shift.type}"
            )
        object.__setattr__(self, "original", tuple(_before_rekey(self.input)))
        require_one_collection(self.original, "rekey_back()")
        schema = _with_video(known, video.type)
        self._set_schema(pa.schema([each for each in schema if each.name not in ORIGIN]))

    @property
    def name(self) -> str:  # noqa: D102
        return self.input.name

    def extents_below(self, below: Callable[[Relation], Extents]) -> Iterator[Any]:
        """Give what is known of the videos as they were called before."""
        for each in self.original:
            yield from below(each)


def _before_rekey(relation: Relation) -> Iterator[Relation]:
    """Yield the inputs of the nearest `Rekey` nodes below."""
    seen: set[int] = set()
    pending: list[Any] = [relation]
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Rekey):
            yield node.input
        else:
            pending.extend(each for each in children(node) if isinstance(each, Relation))
