"""The temporary folder of a server, which it holds locked: one that nobody holds is swept."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "vquery-serve-"
LOCK = "lock"


class Folder:
    """A private folder; removed at the end, or by the next server if this one is killed.

    Attributes
    ----------
    path : Path
        The folder.
    """

    def __init__(self) -> None:
        sweep(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        made = self.path / f"{LOCK}.new"  # held before it has its name: none is ever seen free
        self._held = os.open(made, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        made.rename(self.path / LOCK)

    def remove(self) -> None:
        """Remove it; again does nothing."""
        if self._held >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._held)
            self._held = -1


def sweep(parent: Path) -> list[Path]:
    """Remove the folders of this person's servers that are dead; return them.

    A lock ends with the process that holds it, however it ends. A folder without one is left: its
    server is about to make it, or it is of something else.
    """
    swept = []
    for folder in sorted(parent.glob(f"{PREFIX}*")):
        if _is_dead(folder):
            shutil.rmtree(folder, ignore_errors=True)
            swept.append(folder)
    return swept


def _is_dead(folder: Path) -> bool:
    """Whether a folder is ours and nobody holds it."""
    try:
        facts = folder.lstat()
        if facts.st_uid != os.getuid() or folder.is_symlink():
            return False
        held = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # no lock, or gone meanwhile
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # its server lives
        return False
    finally:
        os.close(held)
    return True
