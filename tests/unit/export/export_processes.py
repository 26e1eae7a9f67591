"""What tests of export folders do in processes of their own: die, wait, and run out of room."""

from __future__ import annotations

import ctypes
import resource
import sys
import time
from pathlib import Path

from vquery.errors import ExportError
from vquery.export.folder import new_folder, write_bytes, write_json

MEGABYTE = b"x" * (1 << 20)


def hold(target: Path, ready: str) -> None:
    """Begin an export, and never end it."""
    with new_folder(target) as folder:
        write_bytes(folder / "images" / "half.jpg", b"half")
        Path(ready).touch()
        time.sleep(600)


def write(target: Path) -> None:
    """Write four megabytes, and say how that ended."""
    try:
        with new_folder(target) as folder:
            for number in range(4):
                write_bytes(folder / "images" / f"{number}.jpg", MEGABYTE)
            write_json(folder / "manifest.json", {}, lists={"many": range(1000)})
    except ExportError as error:
        sys.stdout.write(f"ExportError: {error}")
    else:
        sys.stdout.write("written")


def starved(target: Path) -> None:
    """Write where no file may grow beyond half a megabyte."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, resource.RLIM_INFINITY))
    write(target)


def full(target: Path) -> None:
    """Write on a disk with room for two megabytes, which only this process sees."""
    _mount(b"tmpfs", bytes(target.parent), b"tmpfs", 0, b"size=2m")
    write(target)
    sys.stdout.write(f" left={sorted(path.name for path in target.parent.iterdir())}")


def read_only(target: Path) -> None:
    """Write on a disk that is mounted read-only."""
    here = bytes(target.parent)
    _mount(here, here, None, 4096, None)  # MS_BIND
    _mount(here, here, None, 4096 | 32 | 1, None)  # MS_BIND | MS_REMOUNT | MS_RDONLY
    write(target)


def _mount(
    source: bytes, target: bytes, kind: bytes | None, flags: int, data: bytes | None
) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    private = 16384 | (1 << 18)  # MS_REC | MS_PRIVATE: nothing gets out
    if libc.unshare(0x20000) or libc.mount(b"none", b"/", None, private, None):  # CLONE_NEWNS
        sys.exit("cannot mount")
    if libc.mount(source, target, kind, flags, data):
        sys.exit("cannot mount")


if __name__ == "__main__":
    job, place, *rest = sys.argv[1:]
    {one.__name__: one for one in (hold, write, starved, full, read_only)}[job](Path(place), *rest)
