"""An export appears as a whole or not at all: it is written beside its place and moved there."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vquery.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a folder to write into that becomes ``target`` when the block ends without error.

    Raises
    ------
    ExportError
        If ``target`` exists, or the disk is full or read-only; what was written is removed.
    """
    if target.exists():
        raise ExportError(f"{target}: exists already. Remove it or choose another folder")
    staging = target.with_name(f".{target.name}.part")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        yield staging
        staging.rename(target)
    except OSError as error:
        shutil.rmtree(staging, ignore_errors=True)
        reason = error.strerror or str(error)
        raise ExportError(
            f"{target}: cannot be written: {reason}. Free space or choose another place"
        ) from error
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write JSON, making folders as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, making folders as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
