"""The transactional catalog of a collection: one SQLite file.

It uses the rollback journal and not the write-ahead log: the log needs shared memory beside the
file, so that a collection on a read-only disk could not be opened. Transactions are short
(parts are written before them), so readers and the writer seldom wait for each other.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from vquery.errors import LockedError, StoreError
from vquery.store import disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "catalog.sqlite"
FORMAT = 1
APPLICATION = 0x76717279  # "vqry": what the file says it is
BUSY_S = 15.0

_NO_ROOM = frozenset(
    {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_TRUNCATE"}
)
LIMITS = {"video": 4096, "unit": 2000, "command": 1000, "who": 200, "action": 64}
LONG = 16 * 1024 * 1024
"""Bytes of the longest text in the catalog: arguments, reports, queries."""

_TABLES = """
CREATE TABLE state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  generation INTEGER NOT NULL,
  created_us INTEGER NOT NULL
);
CREATE TABLE runs (
  run_id INTEGER PRIMARY KEY AUTOINCREMENT,
  command TEXT NOT NULL,
  arguments TEXT NOT NULL,
  input_sha256 TEXT,
  version TEXT NOT NULL,
  started_us INTEGER NOT NULL,
  finished_us INTEGER,
  report TEXT
);
CREATE TABLE videos (
  video_id INTEGER PRIMARY KEY CHECK (video_id >= 1),
  video TEXT NOT NULL UNIQUE,
  uri TEXT,
  kind TEXT NOT NULL CHECK (kind IN ('video', 'images', 'image', 'none')),
  sha256 TEXT UNIQUE,
  fps_num INTEGER, fps_den INTEGER, n_frames INTEGER, width INTEGER, height INTEGER,
  duration_us INTEGER,
  run_id INTEGER NOT NULL REFERENCES runs,
  visible_from INTEGER  -- generation of the first commit with something of this video
);
CREATE TABLE aliases (
  alias TEXT PRIMARY KEY,
  video_id INTEGER NOT NULL REFERENCES videos,
  sha256 TEXT NOT NULL,
  uri TEXT
) WITHOUT ROWID;
CREATE TABLE schemas (schema_id INTEGER PRIMARY KEY, arrow BLOB NOT NULL UNIQUE);
CREATE TABLE parts (
  part_id INTEGER PRIMARY KEY AUTOINCREMENT,
  of_table TEXT NOT NULL,
  path TEXT NOT NULL UNIQUE,
  n_rows INTEGER NOT NULL,
  n_bytes INTEGER NOT NULL,
  videos TEXT NOT NULL,  -- JSON: the videos that have rows in it, sorted
  schema_id INTEGER NOT NULL REFERENCES schemas,
  added INTEGER NOT NULL,  -- generation
  dropped INTEGER  -- generation; null while the part is live
);
CREATE INDEX parts_live ON parts (of_table) WHERE dropped IS NULL;
CREATE INDEX parts_dropped ON parts (dropped) WHERE dropped IS NOT NULL;
CREATE TABLE part_runs (
  part_id INTEGER NOT NULL REFERENCES parts ON DELETE CASCADE,
  run_id INTEGER NOT NULL REFERENCES runs,
  PRIMARY KEY (part_id, run_id)
) WITHOUT ROWID;
CREATE TABLE units (
  unit TEXT PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs,
  generation INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE events (
  event_id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_us INTEGER NOT NULL,
  action TEXT NOT NULL,
  who TEXT,
  query TEXT,
  generation INTEGER NOT NULL,
  payload TEXT NOT NULL,  -- JSON
  item_rows BLOB  -- Arrow IPC
);
"""


class Catalog:
    """Short transactions on the catalog of one collection; each opens the file anew.

    Opening costs some 0.1 ms and makes the catalog safe across threads and processes.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / FILE

    def make(self) -> None:
        """Create the catalog; the file appears only when it is complete."""
        fresh = self.root / f"{FILE}.new"
        fresh.unlink(missing_ok=True)
        with self._errors("creating the catalog"):
            with closing(sqlite3.connect(fresh, isolation_level=None)) as db:
                db.executescript(f"PRAGMA synchronous = FULL; BEGIN; {_TABLES}")
                db.execute("INSERT INTO state VALUES (1, 0, ?)", (now_us(),))
                db.execute("COMMIT")
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute(f"PRAGMA user_version = {FORMAT}")
            disk.sync(fresh)
            fresh.rename(self.file)
            disk.sync(self.root)

    def check(self) -> None:
        """Refuse what is not a collection, or of a format this version does not know.

        Raises
        ------
        StoreError
            Saying what is there instead.
        """
        if not self.root.is_dir():
            raise StoreError(f"{self.root}: no such collection. Make one with `vquery index`")
        if not self.file.is_file():
            raise StoreError(f"{self.root}: not a collection: there is no {FILE} in it")
        with self.read() as db:
            application = db.execute("PRAGMA application_id").fetchone()[0]
            version = db.execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION:
            raise StoreError(
                f"{self.root}: not a collection: its {FILE} was made by something else"
            )
        if version > FORMAT:
            raise StoreError(
                f"{self.root}: the collection has format {version}; this vquery reads up to "
                f"{FORMAT}. Update vquery"
            )
        if version < FORMAT:
            raise StoreError(f"{self.root}: the collection has format {version}, which never was")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction that sees one state of the catalog."""
        with self._errors("reading the catalog"), closing(self._connect()) as db:
            db.execute("BEGIN")
            yield db

    @contextmanager
    def write(self, doing: str) -> Iterator[sqlite3.Connection]:
        """Open a transaction that is committed at the end, or rolled back on any error."""
        with self._errors(doing), closing(self._connect()) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def _connect(self) -> sqlite3.Connection:
        # "rw" and not "rwc": never create; SQLite falls back to read-only by itself.
        where = f"{self.file.absolute().as_uri()}?mode=rw"
        db = sqlite3.connect(where, uri=True, isolation_level=None, timeout=BUSY_S)
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA trusted_schema = OFF")
        return db

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            with disk.guarded(self.file, doing):
                yield
        except sqlite3.Error as error:
            raise self._explain(error, doing) from error

    def _explain(self, error: sqlite3.Error, doing: str) -> StoreError:
        name = getattr(error, "sqlite_errorname", "")
        reason = f"{error}; {name}" if name else str(error)
        if name in _NO_ROOM:
            return disk.full(self.file, doing, reason)
        if name in ("SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY"):
            return StoreError(
                f"{self.file}: a writer was killed here and the catalog must be repaired, which a "
                "read-only place does not allow. Open the collection once where it can be written"
            )
        if name.startswith("SQLITE_READONLY"):
            return disk.refused(self.file, doing, reason)
        if name.startswith("SQLITE_BUSY"):
            return LockedError(
                f"{self.file}: another process kept the catalog busy for {BUSY_S:.0f} s while "
                f"{doing}. Try again"
            )
        if name.startswith("SQLITE_CANTOPEN"):
            return StoreError(
                f"{self.file}: cannot be opened, or not have a journal beside it, while {doing} "
                f"({reason}). Make the folder readable and writable"
            )
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return StoreError(f"{self.file}: damaged ({reason}). Restore it from a copy")
        return StoreError(f"{self.file}: failed while {doing}: {reason}")


def now_us() -> int:
    """Return the time of day in microseconds since 1970."""
    return time.time_ns() // 1000


def text(value: str, limit: int, what: str) -> str:
    """Return ``value`` if it can stand in the catalog.

    Raises
    ------
    StoreError
        If it is longer than ``limit`` bytes or no proper Unicode.

    >>> text("a" * 5, 4, "who")
    Traceback (most recent call last):
    vquery.errors.StoreError: who: at most 4 bytes are kept; got 5
    """
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{what}: {value!r} is not proper Unicode (a file name in another encoding?). Rename it"
        ) from error
    if size > limit:
        raise StoreError(f"{what}: at most {limit} bytes are kept; got {size}")
    if "\0" in value:
        raise StoreError(f"{what}: a zero character cannot be kept; got {value!r}")
    return value


def as_json(value: Any, what: str) -> str:
    """Return ``value`` as JSON; what JSON does not know is written as text.

    Raises
    ------
    StoreError
        If it holds a number that is not finite, or is too long.
    """
    try:
        encoded = json.dumps(value, default=str, allow_nan=False, ensure_ascii=True)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{what}: cannot be written as JSON: {error}") from error
    return text(encoded, LONG, what)
