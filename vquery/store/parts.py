"""Immutable part files: how rows get to disk, in any process and without a lock.

Ordinary tables are Parquet (zstd); vectors and pictures are uncompressed Arrow IPC files, which
are memory-mapped when read. A part counts only once a writer has committed it to the catalog;
files that never were are swept.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vquery.errors import SchemaError, StoreError
from vquery.schema import KEYS, check_intervals, conform
from vquery.store import disk, names

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

FOLDER = "parts"
ROW_GROUP = 122_880  # rows; what DuckDB hands to one thread
_BATCH_BYTES = {"embedding": 256 << 20, "picture": 8 << 20}
Serialised: TypeAlias = bytes
"""An Arrow schema as bytes; a name of its own, since parts have a field ``bytes``."""
_PATH = re.compile(r"parts/([A-Za-z_][A-Za-z0-9_.]*)/[0-9a-f]+-[0-9a-f]+\.(parquet|arrow)")


@dataclass(frozen=True, slots=True)
class Part:
    """One finished part file, not yet (or already) in the catalog; can be sent between processes.

    Attributes
    ----------
    table : str
        The table that the rows belong to.
    path : str
        Relative to the collection, with ``/``.
    rows, bytes : int
        Rows in it and size of the file.
    videos : tuple of str
        The videos that have rows in it, sorted.
    schema : bytes
        The Arrow schema, serialised.
    """

    table: str
    path: str
    rows: int
    bytes: int
    videos: tuple[str, ...]
    schema: Serialised


class PartWriter:
    """Write one part file of one table.

    Needs no lock and may run in any process on the same file system, once the writer that will
    commit the part has been opened (older files are taken for orphans). Rows are sorted as far
    as they are buffered: give them in order of (video, start) for the best files.

    Parameters
    ----------
    root : Path
        The collection.
    table : str
        Built-in table, ``embedding.*``, ``picture.*`` or the name of a saved relation.
    schema : pyarrow.Schema, optional
        Columns of the part; by default those of the built-in table.

    Raises
    ------
    StoreError
        If the name cannot be a table, or the disk is full or read-only.
    SchemaError
        If the schema lacks a column that the table must have.
    """

    def __init__(self, root: Path, table: str, schema: pa.Schema | None = None) -> None:
        if schema is None:
            schema = names.BUILT_IN.get(table)
        if schema is None:
            raise SchemaError(f"{table}: give the schema; only built-in tables have one")
        self.table = table
        self.schema = names.check_schema(table, schema)
        self.rows = 0
        self._root = root
        self._keys = names.sort_keys(table, self.schema.names)
        self._by_video = has_video(self.schema)
        self._videos: set[str] = set()
        self._waiting: list[pa.Table] = []
        self._part: Part | None = None
        blob = names.is_blob(table)
        self._path = f"{FOLDER}/{table}/{time.time_ns():016x}-{secrets.token_hex(8)}"
        self._path += ".arrow" if blob else ".parquet"
        self.file = root / self._path
        self._sink: Any = None
        self._writer: Any = None
        with disk.guarded(self.file, "starting a part"):
            disk.make_folder(self.file.parent)
            self._sink = pa.OSFile(str(self.file), "w")
        self._guard(self._open)

    def _open(self) -> None:
        if self.file.suffix == ".arrow":
            self._writer = pa.ipc.new_file(self._sink, self.schema)
        else:
            self._writer = pq.ParquetWriter(self._sink, self.schema, compression="zstd")

    def write(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Add rows; columns may be in any order, and those missing become null.

        Raises
        ------
        SchemaError
            If a column is unknown, of a wrong type, or breaks the rules of intervals.
        StoreError
            If the disk is full; the file is removed.
        """
        table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
        extra = [name for name in table.column_names if name not in self.schema.names]
        if extra:
            raise SchemaError(
                f"{self.table}: columns {extra} are not in the schema of this part "
                f"({', '.join(self.schema.names)}). Give a schema with them, or drop them"
            )
        table = conform(table, self.schema, what=self.table)
        self._check(table)
        if self._by_video:
            self._videos.update(v for v in pc.unique(table["video"]).to_pylist() if v is not None)
        self.rows += table.num_rows
        self._waiting.append(table)
        if self._due():
            self._guard(self._flush)

    def _check(self, table: pa.Table) -> None:
        if not names.is_saved(self.table):
            required = ["video", "item_id"] if names.is_blob(self.table) else ["video"]
            required += ["vector"] if self.table.startswith("embedding.") else []
            for name in required:
                if name in table.column_names and table[name].null_count:
                    raise SchemaError(f"{self.table}: column {name!r} must be given for every row")
        if all(name in table.column_names for name in KEYS):
            times = names.is_saved(self.table)  # boxes of derived relations may be anything
            check_intervals(table.select(KEYS) if times else table, what=self.table)

    def _due(self) -> bool:
        limit = _BATCH_BYTES.get(self.table.split(".")[0])
        if limit is None:
            return sum(int(table.num_rows) for table in self._waiting) >= ROW_GROUP
        return sum(int(table.nbytes) for table in self._waiting) >= limit

    def _flush(self) -> None:
        if not self._waiting:
            return
        rows = names.sort_rows(pa.concat_tables(self._waiting), self._keys)
        self._waiting = []
        if self.file.suffix == ".arrow":
            # One batch: vectors of a part are then one array, read without a copy.
            self._writer.write_table(rows.combine_chunks())
        else:
            self._writer.write_table(rows, row_group_size=ROW_GROUP)

    def close(self) -> Part:
        """Finish the file, write it through to the disk, and say what is in it.

        Raises
        ------
        StoreError
            If the disk is full; the file is removed.
        """
        if self._part is None:
            self._guard(self._finish)
            self._part = Part(
                self.table,
                self._path,
                self.rows,
                self.file.stat().st_size,
                tuple(sorted(self._videos)),
                self.schema.serialize().to_pybytes(),
            )
        return self._part

    def _finish(self) -> None:
        if self._writer is None:
            raise StoreError(f"{self.file}: this part was given up and cannot be finished")
        self._flush()
        self._writer.close()
        self._sink.close()
        disk.sync(self.file)  # the commit does so for the folder, once for all its parts

    def abort(self) -> None:
        """Give the part up and remove its file."""
        self._waiting = []
        self._writer = None
        if self._sink is not None:
            try:
                self._sink.close()
            finally:
                self._sink = None
                self.file.unlink(missing_ok=True)

    def _guard(self, step: Any) -> None:
        """Run a step; when it fails remove the file and say what to do."""
        try:
            with disk.guarded(self.file, "writing a part"):
                step()
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
            self.abort()
            raise SchemaError(f"{self.table}: a column cannot be stored: {error}") from error
        except BaseException:
            self.abort()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.abort()
        else:
            self.close()


def has_video(schema: pa.Schema) -> bool:
    """Whether rows of the schema belong to videos by name."""
    position = schema.get_field_index("video")
    return position >= 0 and schema.field(position).type in (pa.string(), pa.large_string())


def locate(root: Path, relative: str) -> Path:
    """Return the file of a part, refusing what is not the path of a part inside the collection.

    Raises
    ------
    StoreError
        If the path has another form or leads out of the collection.

    >>> from pathlib import Path
    >>> locate(Path("news.vq"), "parts/../../etc/passwd")
    Traceback (most recent call last):
    vquery.errors.StoreError: news.vq: the catalog names 'parts/../../etc/passwd', ...
    """
    if not _PATH.fullmatch(relative):
        raise StoreError(
            f"{root}: the catalog names {relative!r}, which is not the path of a part. "
            "The catalog was tampered with; do not use it"
        )
    return disk.inside(root, relative)


def read_mapped(file: Path) -> pa.Table:
    """Memory-map an Arrow IPC part; nothing is copied, and the file may vanish afterwards."""
    with pa.memory_map(str(file)) as source:
        return pa.ipc.open_file(source).read_all()
