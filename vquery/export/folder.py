"""An export appears as a whole or not at all: it is written beside its place and moved there."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vquery.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

ADVICE = {
    errno.ENOSPC: "Free some space",
    errno.EDQUOT: "Free some space",
    errno.EROFS: "The disk is read-only: choose another place",
    errno.EACCES: "Choose a place where you may write",
}


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a folder to write into that becomes ``target`` when the block ends without error.

    It is the hidden folder ``.NAME.part`` beside the target. A process that is killed leaves it
    there; the next export to the same target clears it.

    Raises
    ------
    ExportError
        If ``target`` exists, another process is writing it, or the disk is full or read-only;
        what was written is removed.
    """
    if os.path.lexists(target):
        raise ExportError(f"{target}: exists already. Remove it or choose another folder")
    staging = target.with_name(f".{target.name}.part")
    made = [folder for folder in staging.parents if not folder.exists()]
    handle = None
    try:
        handle = _take(staging, target)
        yield staging
        staging.rename(target)
    except BaseException as error:
        if handle is not None:
            shutil.rmtree(staging, ignore_errors=True)
        _remove_empty(made)
        if isinstance(error, OSError):
            raise ExportError(_unwritable(target, error)) from error
        raise
    finally:
        if handle is not None:
            os.close(handle)


def _take(staging: Path, target: Path) -> int:
    """Make the folder, or take over what a dead process left; return the handle that locks it."""
    while True:
        staging.mkdir(parents=True, exist_ok=True)
        handle = os.open(staging, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _lock(handle, target)
            if _still_there(staging, handle):
                for left in staging.iterdir():
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # between opening and locking, another process finished and moved it


def _lock(handle: int, target: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ExportError(f"{target}: another process is writing it. Wait for it to end") from None
    except OSError as error:
        # Some network disks cannot lock folders; there two exports to one place are not noticed.
        if error.errno not in {errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}:
            raise


def _still_there(staging: Path, handle: int) -> bool:
    try:
        return os.path.samestat(staging.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove the parents that were made, the innermost first, as far as nobody uses them."""
    for folder in folders:
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return


def _unwritable(target: Path, error: OSError) -> str:
    advice = ADVICE.get(error.errno or 0, "Choose another place")
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"{target}: cannot be written: {reason}. {advice}"


def write_json(
    path: Path,
    content: Mapping[str, Any],
    *,
    lists: Mapping[str, Iterable[Any]] | None = None,
    objects: Mapping[str, Iterable[tuple[str, Any]]] | None = None,
) -> None:
    """Write a JSON object, making folders as needed.

    Parameters
    ----------
    content
        Names and values.
    lists, objects
        Further values that are lists, or objects as pairs of name and value: written entry by
        entry, a line each, so that they need not be in memory.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.write("{")
        separator = ""
        for name, value in content.items():
            file.write(f"{separator}\n{_json(name)}: {_json(value)}")
            separator = ","
        for name, entries in (lists or {}).items():
            file.write(f"{separator}\n{_json(name)}: [")
            file.writelines(_lines(_json(entry) for entry in entries))
            file.write("]")
            separator = ","
        for name, pairs in (objects or {}).items():
            file.write(f"{separator}\n{_json(name)}: {{")
            file.writelines(_lines(f"{_json(key)}: {_json(value)}" for key, value in pairs))
            file.write("}")
            separator = ","
        file.write("\n}\n")


def _lines(entries: Iterator[str]) -> Iterator[str]:
    separator = "\n"
    for entry in entries:
        yield separator + entry
        separator = ",\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, making folders as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
