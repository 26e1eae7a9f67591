"""Which tables a collection has, what they are called, and how their rows are ordered."""

from __future__ import annotations

import difflib
import keyword
import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import SchemaError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

BUILT_IN: dict[str, pa.Schema] = {
    "frames": schema.FRAME,
    "shots": schema.SHOT,
    "transitions": schema.TRANSITION,
    "detections": schema.DETECTION,
    "drawn": schema.DRAWN,
    "cues": schema.CUE,
    "words": schema.WORD,
    "soft_labels": schema.SOFT_LABEL,
    "soft_labels_before": schema.LABEL_BEFORE,
    "soft_intervals": schema.SOFT_INTERVAL,
    "soft_intervals_before": schema.INTERVAL_BEFORE,
    "corrections": schema.CORRECTION,
}
"""Tables that every collection has and that are stored in parts."""

CATALOG: dict[str, pa.Schema] = {"videos": schema.VIDEO, "runs": schema.RUN}
"""Tables that every collection has and that live in the catalog."""

RESERVED = frozenset({*BUILT_IN, *CATALOG, "faces", "captions", "labels", "events", "aliases"})
"""Names that a saved relation may not take (compared without regard to case)."""

_IDS = {
    "frames": ("frame",),
    "shots": ("shot_id",),
    "transitions": ("first_frame", "last_frame"),
    "detections": ("detection_id",),
    "drawn": ("detection_id",),
    "cues": ("cue_id",),
    "words": ("word_id",),
    "soft_labels": ("detection_id", "concept"),
    "soft_labels_before": ("replaced_by", "detection_id", "concept"),
    "soft_intervals": ("concept", "item"),
    "soft_intervals_before": ("replaced_by", "concept", "item"),
    "corrections": ("run_id", "correction"),
}
UNDONE = "undone/"
"""With the number of a run: the unit of work that took the run back, in one transaction with it."""
_BLOB = re.compile(r"(embedding|picture)\.[a-z][a-z0-9_]{0,62}")
_SAVED = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def is_blob(table: str) -> bool:
    """Whether the table holds vectors or pictures and so is stored memory-mappable.

    >>> is_blob("embedding.face"), is_blob("embedding.."), is_blob("words")
    (True, False, False)
    """
    return _BLOB.fullmatch(table) is not None


def is_saved(table: str) -> bool:
    """Whether the name is that of a saved relation: neither built in nor vectors or pictures."""
    return table not in RESERVED and not is_blob(table)


def check_stored(table: str) -> None:
    """Refuse a name that cannot be a table stored in parts.

    Raises
    ------
    StoreError
        Saying which rule the name breaks.

    >>> check_stored("embedding.face"), check_stored("interviews")
    (None, None)
    >>> check_stored("../evil")
    Traceback (most recent call last):
    vquery.errors.StoreError: '../evil' cannot name a saved relation: ...
    """
    if table not in BUILT_IN and not is_blob(table):
        check_saved(table)


def check_saved(table: str, existing: Iterable[str] = ()) -> None:
    """Refuse a name that a saved relation may not have.

    Raises
    ------
    StoreError
        If the name is no identifier, is a table that every collection has, or differs from
        one in ``existing`` by case alone.

    >>> check_saved("Faces")
    Traceback (most recent call last):
    vquery.errors.StoreError: 'Faces' cannot name a saved relation: every collection has a table
    of that name. Choose another name, such as 'my_faces'
    """
    if not _SAVED.fullmatch(table) or keyword.iskeyword(table):
        raise StoreError(
            f"{table!r} cannot name a saved relation: use letters, digits and '_' (at most 63), "
            "not starting with a digit and not a Python keyword"
        )
    if table.lower() in RESERVED:
        raise StoreError(
            f"{table!r} cannot name a saved relation: every collection has a table of that name. "
            f"Choose another name, such as 'my_{table.lower()}'"
        )
    for other in existing:
        if other != table and other.lower() == table.lower():
            raise StoreError(
                f"{table!r} cannot name a saved relation: {other!r} exists, and names that differ "
                "by case alone are one in SQL. Choose another name"
            )


def unknown_table(table: str, tables: Iterable[str]) -> StoreError:
    """Return the error for a table that is not there, naming those that are."""
    known = list(tables)
    near = difflib.get_close_matches(table, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return StoreError(f"no table {table!r} in the collection. Tables: {', '.join(known)}.{hint}")


def check_schema(table: str, given: pa.Schema) -> pa.Schema:
    """Return the schema that parts of the table are written with.

    Dictionary columns become plain and metadata is dropped. A built-in table must have at least
    the columns of its named schema; more are welcome.

    Raises
    ------
    SchemaError
        Naming the column that is missing or has another type.
    """
    check_stored(table)
    fields = [_plain(field) for field in given]
    names = [field.name for field in fields]
    if len(set(map(str.lower, names))) != len(names):
        raise SchemaError(f"{table}: two columns have the same name (case does not count): {names}")
    for wanted in _required(table, given):
        if wanted.name not in names:
            raise SchemaError(f"{table}: column {wanted.name!r} ({wanted.type}) is missing")
        position = names.index(wanted.name)
        if fields[position].type != wanted.type:
            raise SchemaError(
                f"{table}: column {wanted.name!r} must be {wanted.type}, "
                f"got {fields[position].type}"
            )
        fields[position] = wanted
    return pa.schema(fields)


def _plain(field: pa.Field) -> pa.Field:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return pa.field(field.name, kind, nullable=field.nullable)


def _required(table: str, given: pa.Schema) -> pa.Schema:
    if table in BUILT_IN:
        return BUILT_IN[table]
    if table.startswith("picture."):
        return schema.PICTURE
    if table.startswith("embedding."):
        position = given.get_field_index("vector")
        kind = given.field(position).type if position >= 0 else None
        if kind is None or not pa.types.is_fixed_size_list(kind):
            raise SchemaError(
                f"{table}: column 'vector' must be a fixed-size list of float32, got {kind}"
            )
        return schema.embedding(kind.list_size)
    return pa.schema([])


def sort_keys(table: str, columns: Iterable[str]) -> list[str]:
    """Columns that rows of the table are ordered by.

    >>> sort_keys("words", schema.WORD.names)
    ['video', 'start_us', 'end_us', 'word_id']
    >>> sort_keys("embedding.face", ["item_id", "video", "vector"])
    ['item_id']
    """
    there = set(columns)
    if is_blob(table):
        return ["item_id"]
    keys = [*schema.KEYS] if "start_us" in there else []
    return [name for name in (*keys, *_IDS.get(table, ())) if name in there]


def sort_rows(rows: pa.Table, keys: list[str]) -> pa.Table:
    """Sort by ``keys``, ties in the order given; rows that are in order come back as they are.

    O(n) when in order, else O(n log n).
    """
    if not keys or rows.num_rows < 2 or _in_order(rows, keys):
        return rows
    return rows.sort_by([(name, "ascending") for name in keys])


def _in_order(rows: pa.Table, keys: list[str]) -> bool:
    """Whether no row sorts before the one above it."""
    tied: pa.ChunkedArray | None = None
    for name in keys:
        column = rows[name]
        if column.null_count:
            return False
        above, below = column.slice(0, len(column) - 1), column.slice(1)
        falls = pc.less(below, above)
        if tied is not None:
            falls = pc.and_(falls, tied)
        if pc.any(falls).as_py():
            return False
        same = pc.equal(below, above)
        tied = same if tied is None else pc.and_(tied, same)
        if not pc.any(tied).as_py():
            return True
    return True
