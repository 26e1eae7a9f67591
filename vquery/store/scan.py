"""Read the rows of parts, aligned by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import SchemaError, StoreError
from vquery.schema import conform
from vquery.store import disk, names, parts

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vquery.store.parts import Serialised

_WIDEN = (
    pa.types.is_signed_integer,
    pa.types.is_unsigned_integer,
    pa.types.is_floating,
    lambda kind: kind in (pa.string(), pa.large_string()),
)


class Live(NamedTuple):
    """One live part, as the catalog lists it; ``schema`` is serialised."""

    part_id: int
    table: str
    path: str
    rows: int
    bytes: int
    videos_json: str
    schema: Serialised

    @property
    def videos(self) -> list[str]:
        """The videos that have rows in it, sorted."""
        return list(json.loads(self.videos_json))


def live_parts(db: sqlite3.Connection, table: str | None = None) -> list[Live]:
    """Return the live parts of one table or of all, in the order they were committed."""
    which = "" if table is None else "AND of_table = :table"
    found = db.execute(
        "SELECT part_id, of_table, path, n_rows, n_bytes, videos, arrow "
        f"FROM parts JOIN schemas USING (schema_id) WHERE dropped IS NULL {which} ORDER BY part_id",
        {"table": table},
    )
    return [Live(*row) for row in found]


def table_schema(table: str, schemas: Iterable[bytes]) -> pa.Schema:
    """Return the columns of a table whose parts have the given (serialised) schemas.

    Integers widen, floating-point numbers widen, and a column of nulls takes any type.

    Raises
    ------
    SchemaError
        If a column has types in two parts that cannot be brought together without loss.
    """
    each = [pa.ipc.read_schema(pa.py_buffer(one)) for one in dict.fromkeys(schemas)]
    if table in names.BUILT_IN:
        each.insert(0, names.BUILT_IN[table])
    for name in {field.name for one in each for field in one}:
        kinds = {one.field(name).type for one in each if name in one.names} - {pa.null()}
        if len(kinds) > 1 and not any(all(map(fit, kinds)) for fit in _WIDEN):
            raise SchemaError(
                f"{table}: the new rows do not fit those stored: column {name!r} has the types "
                f"{', '.join(sorted(map(str, kinds)))}. Give the table another name, or replace "
                "it as a whole"
            )
    return pa.unify_schemas(each, promote_options="permissive")


def file_of(root: Path, live: Live) -> Path:
    """Return the file of a part.

    Raises
    ------
    StoreError
        If it is gone.
    """
    file = parts.locate(root, live.path)
    if not file.is_file():
        raise StoreError(
            f"{file}: the part is gone: another process replaced it after this snapshot was "
            "taken, or it was removed by hand. Open the collection again"
        )
    return file


def scan(
    root: Path, chosen: Sequence[Live], target: pa.Schema, videos: Sequence[str] | None
) -> pa.Table:
    """Return rows of parts of one table with the columns of ``target``, sorted.

    Vectors and pictures are memory-mapped, and only copied where parts interleave.

    Raises
    ------
    StoreError
        If a part is gone or damaged.
    """
    if videos is not None:
        chosen = [live for live in chosen if not set(videos).isdisjoint(live.videos)]
    if not chosen:
        return target.empty_table()
    table = chosen[0].table
    read = _mapped if names.is_blob(table) else _parquet
    try:
        with disk.guarded(root, f"reading {table}"):
            rows = read(root, chosen, target, videos)
    except pa.ArrowInvalid as error:
        raise StoreError(f"{root}: a part of {table} is damaged: {error}") from error
    return names.sort_rows(rows, names.sort_keys(table, target.names))


def _parquet(
    root: Path, chosen: Sequence[Live], target: pa.Schema, videos: Sequence[str] | None
) -> pa.Table:
    import pyarrow.dataset as ds  # 50 ms that most commands do not need

    ordered = sorted(chosen, key=lambda live: (live.videos[:1], live.part_id))
    files = [str(file_of(root, live)) for live in ordered]
    where = None if videos is None else ds.field("video").isin(list(videos))
    return ds.dataset(files, schema=target, format="parquet").to_table(filter=where)


def _mapped(
    root: Path, chosen: Sequence[Live], target: pa.Schema, videos: Sequence[str] | None
) -> pa.Table:
    pieces = []
    for live in chosen:
        piece = parts.read_mapped(file_of(root, live))
        if videos is not None and not set(live.videos) <= set(videos):
            piece = piece.filter(pc.is_in(piece["video"], value_set=pa.array(videos, pa.string())))
        if piece.num_rows:
            piece = piece.select([name for name in target.names if name in piece.column_names])
            pieces.append(conform(piece, target, what=live.path))
    if not pieces:
        return target.empty_table()
    pieces.sort(key=lambda piece: piece["item_id"][0].as_py())
    return pa.concat_tables(pieces)
