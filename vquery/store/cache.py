"""The folder of what can be made again: safe to delete, left out where it cannot be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def folder(root: Path) -> Path:
    """Return where derived files of a collection lie; it need not exist."""
    return root / "cache"


def size(root: Path) -> int:
    """Count the bytes of derived files."""
    found = 0
    for file in folder(root).rglob("*"):
        try:
            found += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:  # replaced by another process in between
            continue
    return found
