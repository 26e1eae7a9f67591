"""Content addresses of videos: SHA-256 of a file, or of the pictures of a folder."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from vquery.errors import IngestError
from vquery.index.discover import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path


def content_sha256(path: Path, *, fps: str | None = None) -> str:
    """Hash a file; or the pictures of a folder, in order of their names, and its frame rate.

    Raises
    ------
    IngestError
        If it cannot be read.
    """
    try:
        if not path.is_dir():
            return _file(path)
        whole = hashlib.sha256(f"{fps}\n".encode())
        for member in _pictures(path):
            whole.update(f"{member.name}\0{_file(member)}\n".encode())
        return whole.hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def stamp(path: Path, *, fps: str | None = None) -> str:
    """Name what changes when a file or folder is written to, without reading it.

    Raises
    ------
    IngestError
        If it is gone.
    """
    try:
        members = [path, *_pictures(path)] if path.is_dir() else [path]
        about = [(one.name, one.stat()) for one in members]
    except OSError as error:
        raise _unreadable(path, error) from error
    facts = [(name, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for name, one in about]
    text = repr((str(path.resolve()), fps, facts)).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:32]


def _pictures(folder: Path) -> list[Path]:
    return sorted(
        one for one in folder.iterdir() if one.suffix.lower() in PICTURE_SUFFIXES and one.is_file()
    )


def _file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unreadable(path: Path, error: OSError) -> IngestError:
    return IngestError.at(path, f"cannot be read: {error.strerror or error}")
