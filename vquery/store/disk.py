"""What the file system can refuse, in words that say what to do."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vquery.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def full(path: Path | str, doing: str, reason: object) -> StoreError:
    """Return the error for a disk without room."""
    return StoreError(
        f"{path}: no room on the disk while {doing} ({reason}). Everything finished before is "
        "kept. Free some space and run the same command again"
    )


def refused(path: Path | str, doing: str, reason: object) -> StoreError:
    """Return the error for a place that may not be written."""
    return StoreError(
        f"{path}: cannot be written while {doing} ({reason}). Nothing was changed. Make the folder "
        "writable, or copy the collection to a place that is"
    )


@contextmanager
def guarded(path: Path | str, doing: str) -> Iterator[None]:
    """Turn an ``OSError`` into a ``StoreError`` that says what to do.

    >>> with guarded("news.vq", "writing a part"):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    vquery.errors.StoreError: news.vq: no room on the disk while writing a part
    ([Errno 28] No space left on device). Everything finished before is kept. ...
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise full(path, doing, error) from error
        if error.errno in REFUSED:
            raise refused(path, doing, error) from error
        raise StoreError(f"{path}: failed while {doing}: {error}") from error


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path) -> None:
    """Make a folder and its parents so that they survive a power cut."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync(path.parent)


def inside(root: Path, relative: str) -> Path:
    """Return ``root / relative`` and refuse a path that leads out of ``root``.

    Raises
    ------
    StoreError
        If the path is absolute, climbs up, or goes through a link that leads out.
    """
    path = root / relative
    if not path.resolve().is_relative_to(root.resolve()):
        raise StoreError(
            f"{root}: the catalog names {relative!r}, which is outside the collection. "
            "The catalog was tampered with; do not use it"
        )
    return path
