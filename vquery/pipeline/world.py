"""What steps read and act on: the collection, files beside the pipeline, functions, human words."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property
from pathlib import Path, PurePath
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vquery.api import concepts, labelling
from vquery.api.collection import Collection
from vquery.api.concept_files import forget
from vquery.engine.concept import ABSTAIN, REGISTRY
from vquery.errors import PipelineError
from vquery.store.store import Store
from vquery.supervise.votes.sameness import Sameness, content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vquery.pipeline.state import Files

BROUGHT = ("media/", "captions/", "detections/")
"""How the names of units of work begin that bring things in; others are of results."""
SHORT = 12
MISSING = "none"
"""In place of the fingerprint of a file or table that is not there."""


class World:
    """A collection and what lies beside it, as steps see them.

    Parameters
    ----------
    path
        Of the collection, which need not exist yet.
    base
        Folder that relative paths start from.
    files
        Python files with concepts and label functions; they are run when one is asked for.
    hashes
        Hashes of files that have not changed.
    say
        Told in a few words what is being done.
    """

    def __init__(
        self,
        path: Path,
        base: Path,
        files: Sequence[Path],
        hashes: Files,
        say: Callable[[str], None],
    ) -> None:
        self.path, self.base, self.files, self.hashes, self.say = path, base, files, hashes, say
        self.where = str(base)
        self.videos: tuple[str, ...] | None = None
        self.given: dict[str, Any] = {}
        self._db: Collection | None = None
        self._known: dict[tuple[Any, ...], str] = {}

    @property
    def there(self) -> bool:
        """Whether the collection exists."""
        return self.path.is_dir()

    @property
    def db(self) -> Collection:
        """The collection; made where it is not there yet."""
        if self._db is None:
            self._db = Collection.open(self.path) if self.there else Collection.create(self.path)
        return self._db

    @property
    def store(self) -> Store:
        """The store of the collection."""
        _ = self.db
        return Store.open(self.path)

    def close(self) -> None:
        """Let go of the collection and of concepts."""
        for file in self.files:
            forget(file)
        if self._db is not None:
            self._db.close()
            self._db = None

    def at(self, path: str | Path) -> Path:
        """Find a path of the pipeline file."""
        return self.base / path

    def print_at(self, path: str | Path) -> str:
        """Fingerprint of a file of the pipeline, `MISSING` where there is none."""
        return self.hashes.of(self.at(path)) or MISSING

    def rows_of(self, table: str) -> str:
        """Fingerprint of a table; those that are indexed change with all that is."""
        if table not in self.db.tables():
            return MISSING
        with self.db._store.snapshot() as snapshot:
            saved = table in snapshot.saved()
        return rows_print(self.db[table].collect()) if saved else "indexed"

    def labels_at(self, paths: Iterable[str]) -> dict[int, str | None]:
        """Read labels of files, and the detections that they are of.

        Raises
        ------
        PipelineError
            If two files contradict each other.
        """
        found: dict[int, str | None] = {}
        for path in paths:
            ids, values = labelling.match_file(self.at(path), self.store)
            for one, value in zip(ids.tolist(), values, strict=True):
                if found.setdefault(one, value) != value:
                    raise PipelineError(
                        f"{self.at(path)}: labels detection {one} {value!r}, but an earlier file "
                        f"labels it {found[one]!r}: correct one of them"
                    )
        return found

    @cached_property
    def functions(self) -> dict[str, Callable[..., Any]]:
        """Functions of the Python files, by name; their concepts are registered."""
        for file in self.files:
            forget(file)  # what it defined when it was another
        return {name: one for file in self.files for name, one in concepts.load(file).items()}

    def function(self, name: Any) -> Any:
        """Find what a name means: a function or concept; else it is taken for a table."""
        if not isinstance(name, str):
            return name
        if name in self.functions:
            return self.functions[name]
        return REGISTRY[name] if name in REGISTRY else name  # noqa: SIM401 - it has no get()

    def print_of(self, value: Any) -> str:
        """Fingerprint of a function, of what it encloses and of the globals it names."""
        return Lasting().of(value).hex()[:SHORT]

    def known(self, what: tuple[Any, ...], make: Callable[[], str]) -> str:
        """Make a fingerprint of the collection once, as long as nothing is written or said."""
        with self.db._store.snapshot() as snapshot:
            key = (snapshot.generation, snapshot.last_event, *what)
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def indexed(self) -> str:
        """Fingerprint of all that was brought in: videos, captions, detections, drawn boxes."""
        return self.known(("indexed",), self._indexed)

    def _indexed(self) -> str:
        units = [one for one in self.store.units() if one.startswith(BROUGHT)]
        with self.db._store.snapshot() as snapshot:
            drawn = rows_print(snapshot.read("drawn"))
            videos = snapshot.videos()["video"].to_pylist()
        return short([units, videos, drawn])

    def said(self, *names: str) -> str:
        """Fingerprint of what people said of some concepts; without any, of all."""
        return self.known(("said", *names), lambda: self._said(names))

    def _said(self, names: tuple[str, ...]) -> str:
        found = []
        for name in names or (None,):
            tables = (self.store.labels(name), self.store.span_labels(name))
            rejected = self.store.rejected(name)
            found += [_digest(one) for one in (*tables, rejected)]
        return short(found)

    def concepts(self) -> list[str]:
        """Name what people labelled."""
        return sorted(set(self.db.labels()["concept"].to_pylist()))

    def corrections(self) -> str:
        """Fingerprint of the corrections in force."""
        with self.db._store.snapshot() as snapshot:
            rows = snapshot.read("corrections", columns=["run_id"])
        return str(pc.max(rows["run_id"]).as_py())

    def over(self, name: str) -> Any:
        """Give the items that a task is about, of the videos that take part."""
        if self.videos is None or name in ("tracks", "segments"):
            return name if name in ("tracks", "segments") else self.db[name]
        from vquery.expr.placeholders import row

        return self.db[name].filter(row.video.isin(list(self.videos)))


class Lasting(Sameness):
    """Fingerprints that are the same in another process; what cannot be seen never is.

    >>> import re
    >>> Lasting().of(re.compile("a")) == Lasting().of(re.compile("b"))
    False
    """

    def _of_data(self, value: Any) -> bytes:
        if value is ABSTAIN:
            return self._tagged("abstain", [])
        if isinstance(value, re.Pattern):
            return self._tagged("pattern", [self.of(value.pattern), self.of(value.flags)])
        if isinstance(value, PurePath):
            return self._tagged("path", [self.of(str(value))])
        if isinstance(value, type):
            own = {name: one for name, one in vars(value).items() if isinstance(one, FunctionType)}
            return self._tagged("class", [self.of(value.__qualname__), self.of(own)])
        return super()._of_data(value)


def short(value: Any) -> str:
    """Fingerprint of plain values."""
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()[:SHORT]


def rows_print(table: pa.Table, leave: Iterable[str] = ("run_id", "why")) -> str:
    """Fingerprint of rows, without what differs between equal results."""
    return _digest(table, leave)


def _digest(table: pa.Table, leave: Iterable[str] = ("at_us",)) -> str:
    there = [name for name in leave if name in table.column_names]
    found = content(table.drop_columns(there))
    if found is None:
        raise PipelineError(f"rows of {', '.join(table.column_names)} cannot be told apart")
    return found.hex()[:SHORT]
