"""The collection on disk: one directory, opened by any number of readers and one writer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vquery.errors import StoreError
from vquery.store import disk, labels, names, parts, spans, verdicts
from vquery.store.boxes import Boxes
from vquery.store.catalog import FILE, Catalog
from vquery.store.events import UNDOABLE, Event, EventLog
from vquery.store.lock import LEASES, LOCK, WriterLock
from vquery.store.saying import Saying
from vquery.store.snapshot import Snapshot
from vquery.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

WAIT_S = 10.0
"""How long a second writer waits for the first by default."""


class Store(Saying, Boxes):
    """A collection: ``NAME.vq/`` with a catalog (SQLite) and immutable parts.

    Reading is by ``snapshot()``, writing by ``writer()``; human actions (``label``, ``undo``,
    ``redo``, ``append``) need no writer. Safe to use from several threads and processes.

    Attributes
    ----------
    path : Path
        The directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._catalog = Catalog(path)
        self._events = EventLog(self._catalog)

    @classmethod
    def create(cls, path: Path | str) -> Store:
        """Make an empty collection at ``path``, which must not exist or be empty.

        Raises
        ------
        StoreError
            If there is something else, or the disk is full or read-only.
        """
        root = Path(path)
        if root.exists() and not root.is_dir():
            raise StoreError(f"{root}: there is a file of that name. Choose another path")
        ours = {parts.FOLDER, LEASES, LOCK, f"{FILE}.new"}  # left by a create that was killed
        with disk.guarded(root, "creating a collection"):
            disk.make_folder(root.absolute())
            if any(entry.name not in ours for entry in root.iterdir()):
                raise _occupied(root)
        lock = WriterLock(root, "create")
        lock.acquire(WAIT_S)
        try:
            if (root / FILE).exists():  # somebody was faster
                raise _occupied(root)
            with disk.guarded(root, "creating a collection"):
                disk.make_folder(root.absolute() / parts.FOLDER)
                disk.make_folder(root.absolute() / LEASES)
            Catalog(root).make()
        finally:
            lock.release()
        return cls.open(root)

    @classmethod
    def open(cls, path: Path | str) -> Store:
        """Open a collection; a read-only directory is opened for reading.

        Raises
        ------
        StoreError
            If it is missing, not a collection, damaged, or of a newer format.
        """
        store = cls(Path(path))
        store._catalog.check()
        return store

    def snapshot(self) -> Snapshot:
        """Return a view of the collection as it is now, unchanged by what is written later."""
        return Snapshot.take(self._catalog)

    def writer(
        self,
        command: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        wait_s: float = WAIT_S,
        input_sha256: str | None = None,
    ) -> Writer:
        """Return the writer, to be used in a ``with`` block.

        Parameters
        ----------
        command, arguments
            What is being done, for the RUN row; the command is also named to who has to wait.
        wait_s : float
            Seconds to wait for another writer.
        input_sha256 : str, optional
            Hash of the input; by default that of the videos registered.

        Raises
        ------
        LockedError
            On entering the block, naming the process that writes.
        """
        return Writer(
            self._catalog, command, arguments or {}, wait_s=wait_s, input_sha256=input_sha256
        )

    def save(
        self,
        name: str,
        rows: pa.Table,
        *,
        command: str = "save",
        arguments: Mapping[str, Any] | None = None,
        wait_s: float = WAIT_S,
    ) -> int:
        """Store a relation under a name, replacing what had that name; returns the generation.

        Raises
        ------
        StoreError
            If the name is no identifier or that of a table every collection has.
        """
        names.check_saved(name)
        with self.writer(command, {"name": name, **(arguments or {})}, wait_s=wait_s) as writer:
            return writer.save(name, rows)

    def drop(self, name: str, *, wait_s: float = WAIT_S) -> int:
        """Remove a saved relation; returns the generation."""
        names.check_saved(name)
        with self.writer("drop", {"name": name}, wait_s=wait_s) as writer:
            return writer.drop(name)

    def compact(self, *, wait_s: float = WAIT_S) -> int:
        """Merge small parts; contents stay the same. Returns how many parts were merged."""
        with self.writer("compact", wait_s=wait_s) as writer:
            return writer.compact()

    def units(self, prefix: str = "") -> list[str]:
        """Return the units of work that are done, sorted."""
        with self._catalog.read() as db:
            found = db.execute(
                "SELECT unit FROM units WHERE substr(unit, 1, ?) = ? ORDER BY unit",
                (len(prefix), prefix),
            )
            return [unit for (unit,) in found]

    def append(
        self,
        action: str,
        payload: Mapping[str, Any],
        *,
        who: str | None,
        query: str | None = None,
        key: str | None = None,
    ) -> int:
        """Keep a human action for ever; allowed while another process writes.

        Returns its event_id. Use ``label``, ``unlabel``, ``undo`` and ``redo`` for those.

        Raises
        ------
        StoreError
            If the payload cannot be JSON or a text is too long.
        """
        if action in UNDOABLE:
            method = action.replace(" ", "_")
            raise StoreError(f"use the method {method}(), which checks the rows")
        return self._events.append(action, payload, who=who, query=query, key=key)

    def undo(self, who: str | None = None, *, key: str | None = None) -> Event | None:
        """Take back the last label action, of ``who`` or (None) of anybody.

        Returns the action taken back, or None if there was none.
        """
        return self._turned(self._events.undo(who, key))

    def redo(self, who: str | None = None, *, key: str | None = None) -> Event | None:
        """Bring back what was undone last, of ``who`` or (None) of anybody.

        Returns the action brought back, or None: nothing was undone, or its author has
        labelled anew since.
        """
        return self._turned(self._events.redo(who, key))

    def events(self, snapshot: Snapshot | None = None) -> list[Event]:
        """Return all human actions, in order; with a snapshot those that it sees."""
        return self._events.read(None if snapshot is None else snapshot.last_event)

    def action_of(self, key: str | None, action: str) -> Event | None:
        """Return the action that was kept under a key, without its rows; None if there is none."""
        return None if key is None else self._events.of_key(key, action)

    def events_until(self, last: int) -> list[Event]:
        """Return the human actions up to an event_id, in order."""
        return self._events.read(last)

    def labels(self, concept: str | None = None, snapshot: Snapshot | None = None) -> pa.Table:
        """Return the human labels of detections in force (SEED), of one concept or of all."""
        return labels.derive(self.events(snapshot), concept)

    def rejected(self, concept: str | None = None, snapshot: Snapshot | None = None) -> pa.Table:
        """Return the rejected labels in force (SEED), of one concept or of all."""
        return verdicts.rejected(self.events(snapshot), concept)

    def span_labels(self, concept: str | None = None, snapshot: Snapshot | None = None) -> pa.Table:
        """Return the human labels of spans in force (SEED_SPAN), of one concept or of all."""
        return spans.derive_spans(self.events(snapshot), concept)

    def contents(self) -> dict[str, pa.Table]:
        """Return all rows of all tables and the labels, without what differs between equals.

        Two collections hold the same if their contents are equal, whenever and in however many
        runs they were made.
        """
        with self.snapshot() as snapshot:
            found = dict(snapshot.contents())
            found["labels"] = self.labels(snapshot=snapshot).drop_columns(["at_us"])
            found["rejected"] = self.rejected(snapshot=snapshot).drop_columns(["at_us"])
            found["span_labels"] = self.span_labels(snapshot=snapshot).drop_columns(["at_us"])
        return found


def _occupied(root: Path) -> StoreError:
    what = "a collection" if (root / FILE).exists() else "something else"
    return StoreError(f"{root}: there is {what} already. Open it, or choose another path")
