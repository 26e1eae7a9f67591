"""One state of a collection, as a reader sees it, however long it looks."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import StoreError, UnknownColumnError
from vquery.store import names, parts
from vquery.store.lock import Lease
from vquery.store.scan import Live, file_of, live_parts, scan, table_schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    import numpy.typing as npt

    from vquery.store.catalog import Catalog

_RUNS = (
    f"SELECT {', '.join(name for name in schema.RUN.names if name != 'undone_by')}, "
    f"(SELECT units.run_id FROM units WHERE unit = '{names.UNDONE}' || runs.run_id) AS undone_by "
    "FROM runs ORDER BY run_id"
)
_TIMES = frozenset({"run_id", "replaced_by", "uri", "at_us"})
"""Columns that differ between equal collections."""


class State(NamedTuple):
    """What the catalog says at one moment."""

    generation: int
    last_event: int
    videos: list[tuple[Any, ...]]
    aliases: dict[str, str]
    runs: list[tuple[Any, ...]]
    parts: dict[str, list[Live]]


def load(db: sqlite3.Connection) -> State:
    """Read the state inside one transaction. O(videos + live parts)."""
    generation = db.execute("SELECT generation FROM state").fetchone()[0]
    last_event = db.execute("SELECT coalesce(max(event_id), 0) FROM events").fetchone()[0]
    columns = ", ".join(schema.VIDEO.names)
    videos = db.execute(
        f"SELECT {columns} FROM videos WHERE visible_from IS NOT NULL ORDER BY video"
    ).fetchall()
    aliases = db.execute("SELECT alias, video FROM aliases JOIN videos USING (video_id)").fetchall()
    runs = db.execute(_RUNS).fetchall()
    found: dict[str, list[Live]] = {}
    for live in live_parts(db):
        found.setdefault(live.table, []).append(live)
    return State(generation, last_event, videos, dict(aliases), runs, found)


class Snapshot:
    """A consistent view of all tables, unchanged by what is written later.

    Close it (it is a context manager) or let it go: while it lives, the parts it may read are
    kept on disk. It can be sent to another process of the same machine while this one holds it.

    Attributes
    ----------
    generation : int
        Number of commits before it.
    last_event : int
        The last human action that it sees; 0 if there was none.
    """

    def __init__(self, root: Path, state: State, lease: Lease) -> None:
        self.root = root
        self.generation = state.generation
        self.last_event = state.last_event
        self._state = state
        self._lease = lease
        self._pictures: dict[str, tuple[npt.NDArray[np.int64], pa.ChunkedArray]] = {}

    @classmethod
    def take(cls, catalog: Catalog) -> Snapshot:
        """Take a snapshot of the collection as it is now."""
        lease = Lease(catalog.root)  # before reading, so that no sweep falls in between
        with catalog.read() as db:
            state = load(db)
        lease.pin(state.generation)
        return cls(catalog.root, state, lease)

    def close(self) -> None:
        """Let go of the parts."""
        self._lease.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root, "state": self._state}

    def __setstate__(self, state: dict[str, Any]) -> None:
        lease = Lease(state["root"])
        lease.pin(state["state"].generation)
        self.__init__(state["root"], state["state"], lease)  # type: ignore[misc]

    def tables(self) -> list[str]:
        """Return the names of all tables: those every collection has, then those stored here."""
        stored = [name for name in self._state.parts if name not in names.BUILT_IN]
        return [*names.CATALOG, *names.BUILT_IN, *sorted(stored)]

    def saved(self) -> list[str]:
        """Return the names of the saved relations, sorted."""
        return [name for name in self.tables() if names.is_saved(name)]

    def schema(self, name: str) -> pa.Schema:
        """Return the columns of a table.

        Raises
        ------
        StoreError
            If there is no such table; it names those there are.
        """
        if name in names.CATALOG:
            return names.CATALOG[name]
        return table_schema(name, [live.schema for live in self.live(name)])

    def live(self, name: str) -> list[Live]:
        """Return the live parts of a stored table, in the order they were committed."""
        found = self._state.parts.get(name)
        if found is None:
            if name not in names.BUILT_IN:
                raise names.unknown_table(name, self.tables())
            return []
        return found

    def parts(self, name: str) -> list[Path]:
        """Return the files of a stored table: exactly its rows, none hidden; maybe none.

        Raises
        ------
        StoreError
            If there is no such table, or a file is gone.
        """
        return [file_of(self.root, live) for live in self.live(name)]

    def count(self, name: str) -> int:
        """Return the number of rows of a table without reading it."""
        if name == "videos":
            return len(self._state.videos)
        if name == "runs":
            return len(self._state.runs)
        return sum(live.rows for live in self.live(name))

    def size(self, name: str) -> int:
        """Return the bytes that a stored table takes on disk."""
        return 0 if name in names.CATALOG else sum(live.bytes for live in self.live(name))

    def videos(self) -> pa.Table:
        """Return the VIDEO table: videos of which something was committed, sorted by name."""
        return _table(self._state.videos, schema.VIDEO)

    def aliases(self) -> dict[str, str]:
        """Return the second paths of videos: path → the video it has the content of."""
        return dict(self._state.aliases)

    def runs(self) -> pa.Table:
        """Return the RUN table."""
        return _table(self._state.runs, schema.RUN)

    def read(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        videos: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return rows of a table, sorted by (video, start_us, end_us, id) as far as it has them.

        Vectors and pictures are memory-mapped, sorted by ``item_id``.

        Parameters
        ----------
        name : str
            One of ``tables()``.
        columns : sequence of str, optional
            The columns wanted, in this order.
        videos : sequence of str, optional
            Only rows of these videos; an alias stands for its video.

        Raises
        ------
        StoreError
            If there is no such table or video.
        UnknownColumnError
            If there is no such column.
        """
        there = self.schema(name)
        wanted = list(there.names if columns is None else columns)
        for column in wanted:
            if column not in there.names:
                raise UnknownColumnError.of(column, there.names, where=name)
        only = None if videos is None else self.resolve(name, videos)
        if name in names.CATALOG:
            rows = self.videos() if name == "videos" else self.runs()
            rows = rows if only is None else rows.filter(_among(rows, only))
            return rows.select(wanted)
        keys = names.sort_keys(name, there.names)
        needed = list(dict.fromkeys([*wanted, *keys, *(["video"] if only is not None else [])]))
        target = pa.schema([there.field(column) for column in needed])
        return scan(self.root, self.live(name), target, only).select(wanted)

    def resolve(self, name: str, videos: Sequence[str]) -> list[str]:
        """Return the videos by their own names, refusing those the collection does not have."""
        if not parts.has_video(self.schema(name)):
            raise StoreError(f"{name} has no column 'video' of names; read it without videos=")
        known = {row[0] for row in self._state.videos}
        found = [self._state.aliases.get(video, video) for video in videos]
        for video in found:
            if video not in known and not names.is_saved(name):
                raise _unknown_video(video, known)
        return found

    def vectors(self, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return the vectors of an embedding table.

        Returns
        -------
        item_id : int64 (n,)
            Ascending.
        matrix : float32 (n, d)
            Read-only and not copied when the table is one part; else copied once.

        Raises
        ------
        StoreError
            If the table is not there or does not hold vectors.
        """
        if not name.startswith("embedding."):
            raise StoreError(f"{name} holds no vectors; those are the tables 'embedding.*'")
        dimensions = self.schema(name).field("vector").type.list_size
        rows = self.read(name, columns=["item_id", "vector"])
        chunks = [chunk for chunk in rows["vector"].chunks if len(chunk)]
        flat = [chunk.flatten().to_numpy(zero_copy_only=True) for chunk in chunks]
        if len(flat) == 1:
            whole = flat[0]
        else:
            whole = np.concatenate(flat) if flat else np.empty(0, np.float32)
        return rows["item_id"].to_numpy(), whole.reshape(-1, dimensions)

    def picture(self, name: str, item_id: int) -> bytes | None:
        """Return one JPEG of a picture table, or None if the item has none.

        O(log n) after the first call on a table, which maps it.

        Raises
        ------
        StoreError
            If the table is not there or does not hold pictures.
        """
        if not name.startswith("picture."):
            raise StoreError(f"{name} holds no pictures; those are the tables 'picture.*'")
        if name not in self._pictures:
            rows = self.read(name, columns=["item_id", "jpeg"])
            self._pictures[name] = rows["item_id"].to_numpy(), rows["jpeg"]
        ids, pictures = self._pictures[name]
        at = int(np.searchsorted(ids, item_id))
        if at == len(ids) or ids[at] != item_id:
            return None
        found: bytes | None = pictures[at].as_py()
        return found

    def contents(self) -> Mapping[str, pa.Table]:
        """Return all rows of all tables without what differs between equal collections.

        Left out are the runs, where files were, when things happened and by which run: two
        collections hold the same if their contents are equal.
        """
        found = {}
        for name in self.tables():
            if name == "runs":
                continue
            rows = self.read(name)
            rows = rows.select([column for column in rows.column_names if column not in _TIMES])
            found[name] = rows.combine_chunks()
        return found


def _table(rows: list[tuple[Any, ...]], target: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(target)
    arrays = [pa.array(c, field.type) for c, field in zip(columns, target, strict=True)]
    return pa.table(arrays, schema=target)


def _among(rows: pa.Table, videos: list[str]) -> pa.ChunkedArray:
    return pc.is_in(rows["video"], value_set=pa.array(videos, rows["video"].type))


def _unknown_video(video: str, known: Iterable[str]) -> StoreError:
    near = difflib.get_close_matches(video, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else " `videos` lists those there are."
    return StoreError(f"no video {video!r} in the collection.{hint}")
