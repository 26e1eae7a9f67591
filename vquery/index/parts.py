"""The part files of one piece of work: started with their first rows, and gone if it fails."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from vquery.store.parts import PartWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from vquery.store.parts import Part

PART_BYTES = 32 << 20
"""Vectors of one part, which are in memory until it is closed."""


class Parts:
    """Writes rows of any tables; memory does not grow with the number of rows."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[str, PartWriter] = {}
        self._bytes: dict[str, int] = {}
        self._closed: list[Part] = []

    def write(self, table: str, rows: pa.Table, schema: pa.Schema | None = None) -> None:
        """Add rows to a table; the schema is needed for vectors and pictures.

        Raises
        ------
        SchemaError, StoreError
            As `PartWriter` does.
        """
        if not rows.num_rows:
            return
        if table not in self._open:
            self._open[table] = PartWriter(self._root, table, schema)
            self._bytes[table] = 0
        self._open[table].write(rows)
        self._bytes[table] += rows.nbytes
        if table.startswith("embedding.") and self._bytes[table] >= PART_BYTES:
            self._closed.append(self._open.pop(table).close())

    def close(self) -> list[Part]:
        """Finish all parts and return them."""
        while self._open:
            table = next(iter(self._open))
            self._closed.append(self._open[table].close())
            del self._open[table]
        return self._closed

    def abort(self) -> None:
        """Remove everything written."""
        for writer in self._open.values():
            writer.abort()
        for part in self._closed:
            (self._root / part.path).unlink(missing_ok=True)
        self._open, self._closed = {}, []


@contextmanager
def aborting(parts: Parts) -> Iterator[None]:
    """Remove everything written if the block fails."""
    try:
        yield
    except BaseException:
        parts.abort()
        raise
