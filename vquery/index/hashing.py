"""Content addresses of videos: SHA-256 of a file, or of a picture folder's names and contents."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from vquery.errors import IngestError

if TYPE_CHECKING:
    from pathlib import Path


def content_sha256(path: Path) -> str:
    """Hash a file, or the files of a folder in order of their names.

    Raises
    ------
    IngestError
        If it cannot be read.
    """
    try:
        if not path.is_dir():
            return _file(path)
        whole = hashlib.sha256()
        for member in sorted(one for one in path.iterdir() if one.is_file()):
            whole.update(f"{member.name}\0{_file(member)}\n".encode())
        return whole.hexdigest()
    except OSError as error:
        raise IngestError.at(path, f"cannot be read: {error.strerror}") from error


def _file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path: Path) -> str:
    """Name what changes when a file or folder is written to, without reading it."""
    members = [path, *sorted(path.iterdir())] if path.is_dir() else [path]
    facts = [(one.name, one.stat().st_size, one.stat().st_mtime_ns) for one in members]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:24]
