"""Who may write, and who still reads: locks that the kernel drops when a process ends.

Both use ``flock`` on open files, so nothing is left behind by ``kill -9`` and no process number
is ever taken for another's.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import time
import weakref
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vquery.errors import LockedError, StoreError
from vquery.store import disk

if TYPE_CHECKING:
    from pathlib import Path

LOCK = "writer.lock"
LEASES = "leases"
_POLL_S = 0.05
_held: set[int] = set()  # file handles of writer locks; a forked child must not keep them


def _drop_in_child() -> None:
    """Close inherited writer locks: only the process that took a lock holds it."""
    for handle in _held:
        os.close(handle)
    _held.clear()


os.register_at_fork(after_in_child=_drop_in_child)


class WriterLock:
    """The right to write one collection, held by at most one process at a time."""

    def __init__(self, root: Path, command: str) -> None:
        self.root = root
        self.file = root / LOCK
        self.command = command
        self.taken_ns = 0
        self._owner = 0
        self._handle: int | None = None

    def acquire(self, wait_s: float) -> None:
        """Take the lock, waiting at most ``wait_s`` seconds.

        Raises
        ------
        LockedError
            Naming the process that holds it.
        StoreError
            If the collection cannot be written.
        """
        if self._handle is not None:
            raise StoreError(f"{self.root}: this writer has been opened already")
        with disk.guarded(self.root, "taking the writer lock"):
            handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._wait(handle, time.monotonic() + wait_s, wait_s)
            with disk.guarded(self.root, "taking the writer lock"):
                os.ftruncate(handle, 0)
                os.pwrite(handle, json.dumps(_me(self.command)).encode(), 0)
                self.taken_ns = os.fstat(handle).st_mtime_ns
        except BaseException:
            os.close(handle)
            raise
        self._handle, self._owner = handle, os.getpid()
        _held.add(handle)

    @property
    def held(self) -> bool:
        """Whether this process holds the lock; a forked child does not."""
        return self._handle is not None and self._owner == os.getpid()

    def _wait(self, handle: int, deadline: float, wait_s: float) -> None:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LockedError(self._holder(handle, wait_s)) from None
                time.sleep(min(_POLL_S, max(0.0, deadline - time.monotonic())))
            except OSError as error:
                raise StoreError(
                    f"{self.root}: this disk cannot lock files ({error}). Put the collection on "
                    "another disk"
                ) from error
            else:
                return

    def _holder(self, handle: int, wait_s: float) -> str:
        about = _parse(os.pread(handle, 65536, 0))
        if about:
            who = "process {pid} on {host} (`{command}`, since {since})".format_map(
                {"pid": "?", "host": "?", "command": "?", "since": "?"} | about
            )
        else:
            who = "a process that has just started"
        return (
            f"{self.root}: being written by {who}; waited {wait_s:g} s. Wait for it to finish, or "
            "end that process"
        )

    def release(self) -> None:
        """Give the lock back, if this process holds it."""
        if self._handle is None or not self.held:
            return
        os.ftruncate(self._handle, 0)
        _held.discard(self._handle)
        os.close(self._handle)
        self._handle = None


class Lease:
    """A reader's mark that parts of one generation are in use; ends with ``close`` or the process.

    ``held`` is false where the folder cannot be written: then nobody can sweep it either, unless
    it is writable from elsewhere, and a part that vanishes is reported when it is read.
    """

    def __init__(self, root: Path) -> None:
        self._file: Path | None = None
        self._handle: int | None = None
        while not self._take(root / LEASES):
            continue
        self._end = weakref.finalize(self, _end, self._file, self._handle, os.getpid())

    @property
    def held(self) -> bool:
        """Whether the mark could be made."""
        return self._file is not None

    def _take(self, folder: Path) -> bool:
        """Make and lock a fresh file; false if a sweep took it for a dead one in between."""
        file = folder / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            folder.mkdir(exist_ok=True)
            handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except OSError:
            return True  # read-only or full: read without a lease
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        except OSError:  # a disk without locks
            os.close(handle)
            file.unlink(missing_ok=True)
            return True
        if os.fstat(handle).st_nlink == 0:
            os.close(handle)
            return False
        self._file, self._handle = file, handle
        return True

    def pin(self, generation: int) -> None:
        """Say which generation is read. Until then the lease protects every part."""
        if self._handle is None:
            return
        try:
            os.pwrite(self._handle, json.dumps(_me("") | {"generation": generation}).encode(), 0)
        except OSError:
            return  # a full disk: the lease stays as wide as it was, which is safe

    def close(self) -> None:
        """End the lease."""
        self._end()


def _end(file: Path | None, handle: int | None, owner: int) -> None:
    if file is None or handle is None:
        return
    if os.getpid() == owner:  # a forked child shares the lock, and must leave the name
        file.unlink(missing_ok=True)
    os.close(handle)


def living_generations(root: Path) -> list[int]:
    """Return the generations that living readers hold, oldest first; drop leases of the dead.

    A reader that has not said which generation it reads counts as generation 0.
    """
    folder = root / LEASES
    found = [_living(file) for file in folder.iterdir()] if folder.is_dir() else []
    return sorted(generation for generation in found if generation is not None)


def _living(file: Path) -> int | None:
    try:
        handle = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:
        return 0  # another user's lease: it cannot be asked, so it counts as alive
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        generation = _parse(os.pread(handle, 65536, 0)).get("generation")
        return generation if isinstance(generation, int) else 0
    else:
        file.unlink(missing_ok=True)
        return None
    finally:
        os.close(handle)


def _me(command: str) -> dict[str, Any]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "command": command, "since": since}


def _parse(content: bytes) -> dict[str, Any]:
    try:
        about = json.loads(content)
    except ValueError:
        return {}
    return about if isinstance(about, dict) else {}
