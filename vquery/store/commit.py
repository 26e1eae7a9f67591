"""One commit: what goes, what comes, checked first and then published in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import LockedError, StoreError, VQueryError
from vquery.store import compact, disk, names, parts, register
from vquery.store.catalog import LIMITS, Catalog, text
from vquery.store.compact import Move
from vquery.store.guard import check_labels
from vquery.store.scan import Live, live_parts, scan, table_schema
from vquery.store.sweep import discard

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from vquery.store.parts import Part


@dataclass(frozen=True, slots=True)
class Commit:
    """What one commit changes; see ``Writer.commit`` for the meaning of each."""

    parts: Sequence[Part]
    units: Sequence[str]
    videos: Sequence[Mapping[str, Any]]
    replace: Mapping[str, Sequence[str] | None]
    forget: Sequence[str]
    without: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    """Detections that leave these tables, of which nothing else is replaced."""
    _moves: list[Move] = field(default_factory=list)
    _gone: list[Live] = field(default_factory=list)

    def run(self, catalog: Catalog, run_id: int | None) -> int:
        """Check and publish; returns the new generation. On failure nothing becomes visible.

        Without a run there may be no units; what is committed is accounted for by events then.
        """
        try:
            with catalog.read() as db:
                live = {table: live_parts(db, table) for table in self._tables()}
                self._check(db, live)
            for part in self.parts:
                _check_file(catalog, part)
            if "detections" in self.replace:
                new = [part for part in self.parts if part.table == "detections"]
                check_labels(catalog, live["detections"], new, self.replace["detections"])
            for one in [one for table in self.replace for one in live[table]]:
                self._replace(catalog, one)
            for table, items in self.without.items():
                for one in live[table]:
                    self._take_out(catalog, one, items)
            for folder in {(catalog.root / part.path).parent for part in self.parts}:
                with disk.guarded(folder, "finishing parts"):
                    disk.sync(folder)
            with catalog.write("committing parts") as db:
                return self._publish(db, run_id)
        except VQueryError as error:
            retry = isinstance(error, LockedError)  # the caller may commit the same parts again
            discard(catalog, [*(move.part for move in self._moves), *([] if retry else self.parts)])
            raise

    def _tables(self) -> list[str]:
        tables = [*(part.table for part in self.parts), *self.replace, *self.without]
        for table in tables:
            names.check_stored(table)
        return list(dict.fromkeys(tables))

    def _leaves(self, live: Live) -> set[str] | None:
        """Return the videos whose rows leave a part; None when the whole part goes."""
        if live.table not in self.replace:
            return set()
        videos = self.replace[live.table]
        if videos is None or set(live.videos) <= set(videos):
            return None if videos is None or live.videos else set()
        return set(videos) & set(live.videos)

    def _check(self, db: sqlite3.Connection, live: Mapping[str, list[Live]]) -> None:
        for unit in self.units:
            text(unit, LIMITS["unit"], "a unit of work")
        stored = {table for (table,) in db.execute("SELECT of_table FROM parts")}
        for part in self.parts:
            if db.execute("SELECT 1 FROM parts WHERE path = ?", (part.path,)).fetchone():
                raise StoreError(f"{part.path}: this part was committed before")
            if names.is_saved(part.table):
                names.check_saved(part.table, stored)
            else:
                for video in part.videos:
                    _check_registered(db, part.table, video)
        for table, there in live.items():
            stay = [one.schema for one in there if self._leaves(one) is not None]
            new = [part.schema for part in self.parts if part.table == table]
            if new:
                table_schema(table, [*stay, *new])

    def _replace(self, catalog: Catalog, live: Live) -> None:
        leaves = self._leaves(live)
        if leaves is None:
            self._gone.append(live)
        elif leaves:
            rest = [video for video in live.videos if video not in leaves]
            self._moves.append(Move(compact.rewrite(catalog.root, [live], rest), [live]))

    def _take_out(self, catalog: Catalog, live: Live, items: npt.NDArray[np.int64]) -> None:
        """Write a part anew without some detections, if it has any of them."""
        column = compact.item_column(live.table)
        target = table_schema(live.table, [live.schema])
        there = scan(catalog.root, [live], pa.schema([target.field(column)]), None)
        inside = pc.sum(pc.is_in(there[column], value_set=pa.array(items))).as_py() or 0
        if inside == live.rows:
            self._gone.append(live)
        elif inside:
            part = compact.rewrite(catalog.root, [live], None, items)
            self._moves.append(Move(part, [live]))

    def _publish(self, db: sqlite3.Connection, run_id: int | None) -> int:
        generation = compact.next_generation(db)
        compact.publish(db, self._moves, generation)
        compact.retire(db, self._gone, generation)
        for part in self.parts:
            part_id = compact.insert(db, part, generation)
            if run_id is not None:
                db.execute("INSERT INTO part_runs VALUES (?, ?)", (part_id, run_id))
        for prefix in self.forget:
            db.execute("DELETE FROM units WHERE substr(unit, 1, ?) = ?", (len(prefix), prefix))
        db.executemany(
            "INSERT OR REPLACE INTO units VALUES (?, ?, ?)",
            [(unit, run_id, generation) for unit in self.units],
        )
        seen = {register.fill(db, facts) for facts in self.videos}
        seen |= {v for part in self.parts if not names.is_saved(part.table) for v in part.videos}
        _show(db, seen, generation)
        return generation


def _check_file(catalog: Catalog, part: Part) -> None:
    file = parts.locate(catalog.root, part.path)
    if not file.is_file() or file.stat().st_size != part.bytes:
        raise StoreError(
            f"{file}: the part is not there as it was written. Write parts after the writer was "
            "opened, and commit each once"
        )


def _check_registered(db: sqlite3.Connection, table: str, video: str) -> None:
    if db.execute("SELECT 1 FROM videos WHERE video = ?", (video,)).fetchone():
        return
    alias = db.execute(
        "SELECT video FROM aliases JOIN videos USING (video_id) WHERE alias = ?", (video,)
    ).fetchone()
    if alias:
        raise StoreError(
            f"{table}: rows of {video!r}, which is an alias of {alias[0]!r}. "
            "Write them under that name"
        )
    raise StoreError(
        f"{table}: rows of {video!r}, which is not registered. "
        "Register a video before committing its rows"
    )


def _show(db: sqlite3.Connection, videos: Iterable[str], generation: int) -> None:
    db.executemany(
        "UPDATE videos SET visible_from = ? WHERE video = ? AND visible_from IS NULL",
        [(generation, video) for video in videos],
    )
