"""Blocks of a cache: the rows of some videos in one table, in memory or in an Arrow IPC file."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SUFFIX = ".vqcache.arrow"
ABOUT = b"vquery.cache"
KEY = 16
"""Bytes of a key."""
PASSING = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{8}\.tmp")
"""What a file is called while it is written."""
STALE_S = 3600
"""Age in seconds from which such a file was left behind by a process that is gone."""

Dropped = dict[str, dict[str, int]]
"""Rows left out by reason, for each step (by its fingerprint in hexadecimal)."""


@dataclass(slots=True, eq=False)
class Block:
    """Rows of some keys, one after the other; read when they are needed.

    ``bytes`` is what it was when it was made: a file that another process has removed still counts
    until it is forgotten, so that what is added and taken away stays in balance.
    """

    name: str
    keys: list[bytes]
    sizes: list[int]
    dropped: Dropped
    bytes: int
    rows: pa.Table | None = None
    file: Path | None = None

    def usable(self, number: int) -> bool:
        """Whether so many of its keys can be used."""
        return not self.dropped or number == len(self.keys)

    def table(self) -> pa.Table:
        """Rows of all keys; those in a file are mapped into memory.

        Raises
        ------
        OSError, pyarrow.ArrowException
            If the file is gone or broken.
        ValueError
            If it holds other rows than it says.
        """
        if self.rows is None:
            assert self.file is not None
            rows = pa.ipc.open_file(pa.memory_map(str(self.file))).read_all()
            if rows.num_rows != sum(self.sizes):
                raise ValueError(f"it has {rows.num_rows} rows and tells of {sum(self.sizes)}")
            rows.validate(full=True)  # lengths of texts that point elsewhere would end the process
            self.rows = rows.replace_schema_metadata(None)
        return self.rows

    def touch(self) -> None:
        """Say to other processes that it was used."""
        if self.file is not None:
            with contextlib.suppress(OSError):  # another process may have removed it
                os.utime(self.file, follow_symlinks=False)

    def remove(self) -> None:
        """Delete its file; one that may not be deleted stays and is not used."""
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.unlink(missing_ok=True)


def written(
    folder: Path, keys: Sequence[bytes], sizes: Sequence[int], dropped: Dropped, table: pa.Table
) -> Block:
    """Write a block; the file appears whole or not at all."""
    joined = b"".join(keys)
    about = {
        "keys": base64.b64encode(joined).decode(),
        "sizes": list(sizes),
        "dropped": dropped,
    }
    name = hashlib.blake2b(joined, digest_size=16).hexdigest()
    file = folder / f"{name}{SUFFIX}"
    passing = folder / f"{name}.{secrets.token_hex(4)}.tmp"
    schema = table.schema.with_metadata({ABOUT: json.dumps(about).encode()})
    try:
        with pa.OSFile(str(passing), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            writer.write_table(table)
        size = passing.stat().st_size
        passing.replace(file)
    finally:
        passing.unlink(missing_ok=True)
    return Block(name, list(keys), list(sizes), dropped, size, file=file)


def of_table(
    name: str, keys: Sequence[bytes], sizes: Sequence[int], dropped: Dropped, table: pa.Table
) -> Block:
    """Make a block that stays in memory."""
    size = table.nbytes + 2 * KEY * len(keys)
    return Block(name, list(keys), list(sizes), dropped, size, rows=table)


def files(folder: Path) -> list[Path]:
    """Files that may be blocks, those that were used longest ago first.

    What was left half written long ago is removed.
    """
    found = []
    for each in folder.iterdir():
        with contextlib.suppress(OSError):  # another process may have removed it
            if each.is_symlink() or not each.is_file():
                continue
            used = each.stat().st_mtime
            if each.name.endswith(SUFFIX):
                found.append((used, each))
            elif PASSING.fullmatch(each.name) and used < time.time() - STALE_S:
                each.unlink()
    return [file for _, file in sorted(found)]


def opened(file: Path) -> Block:
    """Read what a file holds, not yet its rows.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If it is gone or no Arrow file.
    ValueError
        If it is another Arrow file.
    """
    with pa.memory_map(str(file)) as given:
        metadata = pa.ipc.open_file(given).schema.metadata or {}
    if ABOUT not in metadata:
        raise ValueError("it does not say what it holds")
    try:
        about = json.loads(metadata[ABOUT])
    except RecursionError:
        raise ValueError("what it says is nested too deeply") from None
    keys, sizes, dropped = _parts(about)
    size = file.stat().st_size
    return Block(file.name.removesuffix(SUFFIX), keys, sizes, dropped, size, file=file)


def _parts(about: Any) -> tuple[list[bytes], list[int], Dropped]:
    known = about if isinstance(about, dict) else {}
    joined = base64.b64decode(str(known.get("keys")), validate=True)
    keys = [joined[at : at + KEY] for at in range(0, len(joined), KEY)]
    sizes, dropped = known.get("sizes"), known.get("dropped", 0)
    if len(joined) % KEY or not isinstance(sizes, list) or len(keys) != len(sizes):
        raise ValueError("it has not as many sizes as keys")
    if not all(map(_is_number, sizes)) or not _is_dropped(dropped):
        raise ValueError("it does not say how many rows it holds")
    return keys, sizes, dropped


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62


def _is_dropped(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(reasons, dict) and all(map(_is_number, reasons.values()))
        for reasons in value.values()
    )
