"""What a pipeline remembers in its collection: the inputs and outcome of each step, file hashes."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vquery.errors import LockedError
from vquery.store import disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER, FILE, LOCK = "pipeline", "state.json", "lock"
FORMAT = 1
BLOCK = 1 << 20
JUST_NOW_NS = 100_000_000
"""A file that was written so lately may be written again without a later time."""


class State:
    """The steps that were done, and what they were done with.

    Attributes
    ----------
    steps
        Step → ``inputs`` (name → fingerprint or value), ``outcome``, ``seconds``.
    files
        Hashes of files.
    tuned
        Best values of searches, by their space.
    """

    def __init__(self, collection: Path) -> None:
        self.folder = collection / FOLDER
        self.steps: dict[str, dict[str, Any]] = {}
        self.tuned: dict[str, Any] = {}
        found = _read(self.folder / FILE)
        if found:
            self.steps, self.tuned = found["steps"], found["tuned"]
        self.files = Files(found["files"] if found else {})

    def write(self) -> None:
        """Keep it, as a whole or not at all."""
        told = {
            "format": FORMAT,
            "steps": self.steps,
            "tuned": self.tuned,
            "files": self.files.known,
        }
        with disk.guarded(self.folder, "keeping the state of a pipeline"):
            self.folder.mkdir(exist_ok=True)
            fresh = self.folder / f"{FILE}.new"
            with fresh.open("w", encoding="utf-8") as out:
                json.dump(told, out, indent=1, default=str)
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(self.folder / FILE)


def _read(path: Path) -> dict[str, Any]:
    """Read what is kept; what cannot be read counts as nothing, so that all steps run anew."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if _ours(found) else {}


def _ours(found: Any) -> bool:
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        return False
    if not all(isinstance(found.get(name), dict) for name in ("steps", "tuned", "files")):
        return False
    parts = {"inputs", "outcome", "seconds"}
    steps = all(isinstance(one, dict) and set(one) == parts for one in found["steps"].values())
    return steps and all(isinstance(one, list) and len(one) > 2 for one in found["files"].values())


@contextmanager
def locked(collection: Path, folder: str = FOLDER) -> Iterator[None]:
    """Let one pipeline at a time work on a collection, or on a folder in it.

    Raises
    ------
    LockedError
        If another one does.
    """
    place = collection / folder
    with disk.guarded(collection, "taking the lock of the pipeline"):
        place.mkdir(parents=True, exist_ok=True)
        handle = os.open(place / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(
                f"{collection}: another `vquery run` or `vquery loop` is at work on it; wait for "
                "it to finish"
            ) from None
        yield
    finally:
        os.close(handle)


class Files:
    """Hashes of files; a file of the same size and time is not read again."""

    def __init__(self, known: dict[str, list[Any]]) -> None:
        self.known = known

    def of(self, path: Path) -> str | None:
        """Hash of the content; None where there is no file."""
        try:
            facts = path.stat()
        except OSError:
            return None
        if not stat.S_ISREG(facts.st_mode):
            return None
        stamp = [facts.st_size, facts.st_mtime_ns]
        name = str(path.resolve())
        held = self.known.get(name)
        if held is not None and held[:2] == stamp:
            return str(held[2])
        made = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                made.update(block)
        if time.time_ns() - facts.st_mtime_ns > JUST_NOW_NS:
            self.known[name] = [*stamp, made.hexdigest()[:16]]
        return made.hexdigest()[:16]
