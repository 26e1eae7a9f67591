"""Merge small parts into larger sorted ones, and rewrite parts; contents never change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import VQueryError
from vquery.store import names
from vquery.store.parts import Part, PartWriter
from vquery.store.scan import Live, live_parts, scan, table_schema
from vquery.store.sweep import discard

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from vquery.store.catalog import Catalog

TARGET_BYTES = 64 << 20
"""Size that merged parts grow to: replacing one video rewrites at most about this much a table."""
SMALL_BYTES = TARGET_BYTES // 8
SMALL_PARTS = 32
"""More small parts than this in a table are merged when a run ends …"""
SMALL_PARTS_IN_RUN = 256
"""… and more than this while it goes on."""


class Move(NamedTuple):
    """A part that takes over rows of others, and with them the runs they came from."""

    part: Part
    sources: list[Live]


def compact(catalog: Catalog, bound: int) -> int:
    """Merge the small parts of tables that have more than ``bound``; one transaction.

    Call it as the writer. Saved relations stay as they are: they are replaced as a whole, and
    without sort columns the order of their parts is the order of their rows. Returns the number
    of parts merged.
    """
    moves: list[Move] = []
    try:
        with catalog.read() as db:
            groups = [group for table in _crowded(db, bound) for group in _groups(db, table)]
        for group in groups:  # one by one: those written before a failure must be known
            move = Move(rewrite(catalog.root, group, None), group)
            moves.append(move)
        if moves:
            with catalog.write("merging parts") as db:
                publish(db, moves, next_generation(db))
    except VQueryError:
        discard(catalog, [move.part for move in moves])
        raise
    return sum(len(move.sources) for move in moves)


def _crowded(db: sqlite3.Connection, bound: int) -> list[str]:
    found = db.execute(
        "SELECT of_table FROM parts WHERE dropped IS NULL AND n_bytes < ? "
        "GROUP BY of_table HAVING count(*) > ?",
        (SMALL_BYTES, bound),
    )
    return [table for (table,) in found if not names.is_saved(table)]


def _groups(db: sqlite3.Connection, table: str) -> list[list[Live]]:
    """Neighbours by video, together no larger than a merged part should be; none alone."""
    small = [live for live in live_parts(db, table) if live.bytes < SMALL_BYTES]
    groups: list[list[Live]] = [[]]
    size = 0
    for live in sorted(small, key=lambda one: (one.videos[:1], one.part_id)):
        size += live.bytes
        if size > TARGET_BYTES:
            groups.append([])
            size = live.bytes
        groups[-1].append(live)
    return [group for group in groups if len(group) > 1]


def rewrite(
    root: Path,
    sources: list[Live],
    videos: Sequence[str] | None,
    without: npt.NDArray[np.int64] | None = None,
) -> Part:
    """Write the rows of live parts of one table as one sorted part.

    Parameters
    ----------
    videos, without
        Rows of these videos alone (None: of all), and without those of some detections.
    """
    table = sources[0].table
    schema = table_schema(table, [live.schema for live in sources])
    rows = scan(root, sources, schema, videos)
    if without is not None:
        gone = pc.is_in(rows[item_column(table)], value_set=pa.array(without))
        rows = rows.filter(pc.invert(gone))
    with PartWriter(root, table, schema) as part:
        part.write(rows)
    return part.close()


def item_column(table: str) -> str:
    """Name the column that says which detection a row is about.

    >>> item_column("detections"), item_column("embedding.face")
    ('detection_id', 'item_id')
    """
    return "item_id" if names.is_blob(table) else "detection_id"


def next_generation(db: sqlite3.Connection) -> int:
    """Count one more commit, inside its transaction."""
    found = db.execute("UPDATE state SET generation = generation + 1 RETURNING generation")
    generation: int = found.fetchone()[0]
    return generation


def publish(db: sqlite3.Connection, moves: Iterable[Move], generation: int) -> None:
    """List parts in place of those whose rows they took over, inside a transaction."""
    for move in moves:
        part_id = insert(db, move.part, generation)
        for live in move.sources:
            db.execute(
                "INSERT OR IGNORE INTO part_runs SELECT ?, run_id FROM part_runs WHERE part_id = ?",
                (part_id, live.part_id),
            )
        retire(db, move.sources, generation)


def insert(db: sqlite3.Connection, part: Part, generation: int) -> int:
    """List a part in the catalog, inside a transaction; returns its id."""
    db.execute("INSERT OR IGNORE INTO schemas (arrow) VALUES (?)", (part.schema,))
    found = db.execute(
        "INSERT INTO parts (of_table, path, n_rows, n_bytes, videos, schema_id, added) "
        "SELECT ?, ?, ?, ?, ?, schema_id, ? FROM schemas WHERE arrow = ? RETURNING part_id",
        (
            part.table,
            part.path,
            part.rows,
            part.bytes,
            json.dumps(part.videos),
            generation,
            part.schema,
        ),
    )
    part_id: int = found.fetchone()[0]
    return part_id


def retire(db: sqlite3.Connection, gone: Iterable[Live], generation: int) -> None:
    """Take parts out of later snapshots, inside a transaction."""
    db.executemany(
        "UPDATE parts SET dropped = ? WHERE part_id = ?",
        [(generation, live.part_id) for live in gone],
    )
