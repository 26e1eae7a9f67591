"""Remove part files that nobody needs: never committed, or replaced and no longer read."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from vquery.errors import StoreError
from vquery.store import disk, parts
from vquery.store.lock import living_generations

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vquery.store.catalog import Catalog


class Swept(NamedTuple):
    """What a sweep did: files removed, bytes freed, replaced parts kept for living readers."""

    files: int
    bytes: int
    kept: int


def sweep_retired(catalog: Catalog) -> Swept:
    """Remove replaced parts that no living snapshot may read. Call it as the writer.

    The order matters: first the list of replaced parts, then the leases. A reader that takes
    its lease after the second step reads a catalog in which the listed parts are replaced.
    """
    with catalog.read() as db:
        retired = db.execute(
            "SELECT part_id, path, n_bytes, added, dropped FROM parts WHERE dropped IS NOT NULL"
        ).fetchall()
    if not retired:
        return Swept(0, 0, 0)
    living = living_generations(catalog.root)
    gone, freed = [], 0
    for part_id, path, size, added, dropped in retired:
        # Generation 0 is a reader that has not said what it reads: it protects everything.
        if any(one == 0 or added <= one < dropped for one in living):
            continue
        with disk.guarded(catalog.root, "removing a replaced part"):
            parts.locate(catalog.root, path).unlink(missing_ok=True)
        gone.append((part_id,))
        freed += size
    if gone:
        with catalog.write("removing replaced parts") as db:
            db.executemany("DELETE FROM parts WHERE part_id = ?", gone)
    return Swept(len(gone), freed, len(retired) - len(gone))


def sweep_orphans(catalog: Catalog, before_ns: int) -> Swept:
    """Remove part files that are not in the catalog and were last written before ``before_ns``.

    ``before_ns`` is when the writer took its lock: parts that its own workers write are younger.
    """
    folder = catalog.root / parts.FOLDER
    if not folder.is_dir():
        return Swept(0, 0, 0)
    with catalog.read() as db:
        known = {path for (path,) in db.execute("SELECT path FROM parts")}
    files = freed = 0
    for file in _files(folder):
        if file.relative_to(catalog.root).as_posix() in known:
            continue
        with disk.guarded(catalog.root, "removing an unfinished part"):
            about = file.lstat()
            if about.st_mtime_ns < before_ns:
                file.unlink(missing_ok=True)
                files += 1
                freed += about.st_size
    return Swept(files, freed, 0)


def _files(folder: Path) -> list[Path]:
    """Files one level down that have the suffix of a part; links are not followed."""
    tables = [table for table in folder.iterdir() if table.is_dir() and not table.is_symlink()]
    return [
        file
        for table in tables
        for file in table.iterdir()
        if file.suffix in (".parquet", ".arrow")
    ]


def discard(catalog: Catalog, new: Iterable[parts.Part]) -> None:
    """Remove the files of parts whose commit failed, unless the catalog has them after all."""
    with suppress(StoreError):  # what cannot be removed now is swept by the next writer
        with catalog.read() as db:
            known = {path for (path,) in db.execute("SELECT path FROM parts")}
        for part in new:
            if part.path not in known:
                with disk.guarded(catalog.root, "removing a part"):
                    parts.locate(catalog.root, part.path).unlink(missing_ok=True)
