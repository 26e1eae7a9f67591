"""The one writer of a collection: registers videos, commits parts, merges and sweeps them."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from vquery.errors import StoreError, VQueryError
from vquery.store import compact, names, register, sweep
from vquery.store.catalog import LIMITS, LONG, Catalog, as_json, now_us, text
from vquery.store.commit import Commit
from vquery.store.events import EventLog
from vquery.store.lock import WriterLock
from vquery.store.parts import Part, PartWriter
from vquery.store.scan import live_parts
from vquery.store.settle import carried, settle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType


class Writer:
    """The right to write, from ``with store.writer(…) as writer`` to the end of the block.

    Attributes
    ----------
    run_id : int
        The RUN row that everything committed here belongs to.
    swept : Swept
        What was left over by writers before and removed at the start.
    notes : list of str
        What went wrong without harm, such as a merge of parts that had to be put off.
    """

    def __init__(
        self,
        catalog: Catalog,
        command: str,
        arguments: Mapping[str, Any],
        *,
        wait_s: float,
        input_sha256: str | None = None,
    ) -> None:
        self.root = catalog.root
        self.run_id = 0
        self.notes: list[str] = []
        self.swept = sweep.Swept(0, 0, 0)
        self._catalog = catalog
        self._command = text(command, LIMITS["command"], "the command")
        self._arguments = as_json(dict(arguments), "the arguments of the command")
        self._input = input_sha256
        self._wait_s = wait_s
        self._events = EventLog(catalog)
        self._settled = -1
        self._lock = WriterLock(catalog.root, command)
        self._done: set[str] = set()
        self._open = False

    def __enter__(self) -> Self:
        self._lock.acquire(self._wait_s)
        try:
            orphans = sweep.sweep_orphans(self._catalog, self._lock.taken_ns)
            retired = sweep.sweep_retired(self._catalog)
            self.swept = sweep.Swept(*(a + b for a, b in zip(orphans, retired, strict=True)))
            with self._catalog.write("starting a run") as db:
                self.run_id = db.execute(
                    "INSERT INTO runs (command, arguments, input_sha256, version, started_us) "
                    "VALUES (?, ?, ?, ?, ?) RETURNING run_id",
                    (self._command, self._arguments, self._input, _version(), now_us()),
                ).fetchone()[0]
                self._done = {unit for (unit,) in db.execute("SELECT unit FROM units")}
            self._settle()
        except BaseException:
            self._lock.release()
            raise
        self._open = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._lock.held:
            return  # a forked child leaves the block; the run is its parent's
        try:
            if error is not None:
                # The error itself matters more than a note of it that a full disk may refuse.
                with suppress(StoreError):
                    self.finish({"error": f"{type(error).__name__}: {error}"[:10_000]})
            elif self._open:
                self.finish({})
            self._settle()
            if error is None:
                self._merge(compact.SMALL_PARTS)
        finally:
            self._open = False
            self._lock.release()

    def _settle(self) -> None:
        """Let the rows of drawn boxes follow the events. Nothing is lost by trouble, so note it."""
        try:
            last = self._events.last()
            if last != self._settled:
                settle(self._catalog, self._events, self._events.of_boxes())
                self._settled = last
        except VQueryError as error:
            self.notes.append(f"boxes drawn by hand are not stored yet: {error}")

    def _merge(self, bound: int) -> None:
        """Merge and sweep. What was committed is safe, so trouble is only noted."""
        try:
            merged = compact.compact(self._catalog, bound)
            if merged or not self._open:  # replaced parts can wait for the end of the run
                sweep.sweep_retired(self._catalog)
        except VQueryError as error:
            self.notes.append(f"parts were not merged: {error}")

    def register(self, videos: Iterable[register.NewVideo]) -> register.Registered:
        """Give videos their ids, in sorted path order after those there are; its own transaction.

        The same path with the same content keeps its id; a second path with the same content
        becomes an alias.

        Raises
        ------
        StoreError
            If a path was registered with other content, or a name or kind is not allowed.
        """
        self._check_open()
        given = list(videos)
        if self._input is None:
            self._input = register.input_sha256(given)
        with self._catalog.write("registering videos") as db:
            found = register.register(db, self.run_id, given)
            db.execute(
                "UPDATE runs SET input_sha256 = ? WHERE run_id = ?", (self._input, self.run_id)
            )
        return found

    def is_done(self, unit: str) -> bool:
        """Whether a unit of work was committed, by this run or one before. O(1)."""
        return unit in self._done

    def part(self, table: str, schema: pa.Schema | None = None) -> PartWriter:
        """Start a part of a table in this process."""
        self._check_open()
        return PartWriter(self.root, table, schema)

    def write(self, table: str, rows: pa.Table) -> Part:
        """Write rows as one part of a table, with the columns they have; commit it later.

        Columns that a built-in table has and the rows do not become null.
        """
        schema = rows.schema
        base = names.BUILT_IN.get(table)
        if base is not None:
            extra = [field for field in schema if field.name not in base.names]
            schema = pa.schema([*base, *extra])
        with self.part(table, schema) as part:
            part.write(rows)
        return part.close()

    def commit(
        self,
        parts: Sequence[Part],
        *,
        units: Sequence[str] = (),
        videos: Sequence[Mapping[str, Any]] = (),
        replace: Mapping[str, Sequence[str] | None] | None = None,
        forget: Sequence[str] = (),
    ) -> int:
        """Make parts visible in all tables at once; one transaction.

        Parameters
        ----------
        parts : sequence of Part
            Finished parts, written since this writer was opened.
        units : sequence of str
            Units of work that are done with this.
        videos : sequence of mappings
            ``video`` and what was found out about it (``fps_num``, ``fps_den``, ``n_frames``,
            ``width``, ``height``, ``duration_us``).
        replace : mapping of table to videos
            Rows of these videos leave these tables; None instead of videos: all rows.
            Parts that also hold other videos are rewritten without them.
        forget : sequence of str
            Prefixes of units that are no longer done, since their rows are replaced.

        Returns
        -------
        int
            The new generation.

        Raises
        ------
        StoreError
            If a part is missing or was committed, a unit was done before (without ``replace``),
            a video is not registered, labelled detections would be replaced by others, or the
            disk is full. Nothing becomes visible then.
        SchemaError
            If the columns of a part do not fit those of its table.
        """
        self._check_open()
        done = [u for u in units if self.is_done(u) and not u.startswith(tuple(forget))]
        if done and parts and not replace:
            raise StoreError(
                f"{done[0]!r} was done before; its rows would be there twice. Ask is_done() "
                "first, or say what to replace"
            )
        change = Commit([*parts, *self._carried(replace)], units, videos, replace or {}, forget)
        generation = change.run(self._catalog, self.run_id)
        self._done -= {unit for unit in self._done if unit.startswith(tuple(forget))}
        self._done |= set(units)
        self._settle()
        self._merge(compact.SMALL_PARTS_IN_RUN)
        return generation

    def _carried(self, replace: Mapping[str, Sequence[str] | None] | None) -> list[Part]:
        """Write the rows of drawn boxes again that a replacement would take along."""
        rows = carried(self._catalog, replace) if replace else {}
        return [self.write(table, some) for table, some in rows.items()]

    def save(self, name: str, rows: pa.Table) -> int:
        """Store a relation under a name, replacing what had that name; returns the generation.

        Raises
        ------
        StoreError
            If the name is not allowed.
        """
        names.check_saved(name)
        return self.commit([self.write(name, rows)], replace={name: None})

    def drop(self, name: str) -> int:
        """Remove a saved relation; snapshots that have it keep it. Returns the generation."""
        names.check_saved(name)
        with self._catalog.read() as db:
            stored = sorted({live.table for live in live_parts(db)})
        if name not in stored:
            raise names.unknown_table(name, filter(names.is_saved, stored))
        return self.commit([], replace={name: None})

    def compact(self) -> int:
        """Merge the small parts of every table now; returns how many parts were merged.

        The contents of the tables stay the same; living snapshots keep the old parts.
        """
        self._check_open()
        return compact.compact(self._catalog, 1)

    def finish(self, report: Mapping[str, Any]) -> None:
        """Write the run's report; nothing can be committed afterwards."""
        self._check_open()
        encoded = text(as_json(dict(report), "the report"), LONG, "the report")
        with self._catalog.write("finishing a run") as db:
            db.execute(
                "UPDATE runs SET finished_us = ?, report = ? WHERE run_id = ?",
                (now_us(), encoded, self.run_id),
            )
        self._open = False

    def _check_open(self) -> None:
        if not self._open or not self._lock.held:
            raise StoreError(
                f"{self.root}: the writer is not open here. Use `with store.writer(…) as writer:`, "
                "write before finish(), and let child processes write parts alone (PartWriter)"
            )


@cache
def _version() -> str:
    try:
        return metadata.version("vquery-video")
    except metadata.PackageNotFoundError:  # run from a source tree without installing
        return "0+source"
