"""Blocks of a cache: the rows of some videos in one table, in memory or in an Arrow IPC file."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SUFFIX = ".vqcache.arrow"
ABOUT = b"vquery.cache"
KEY = 16
"""Bytes of a key."""

Dropped = dict[str, dict[str, int]]
"""Rows left out by reason, for each step (by its fingerprint in hexadecimal)."""


@dataclass(slots=True, eq=False)
class Block:
    """Rows of some keys, one after the other; read when they are needed."""

    name: str
    keys: list[bytes]
    sizes: list[int]
    dropped: Dropped
    rows: pa.Table | None = None
    file: Path | None = None

    @property
    def bytes(self) -> int:
        """Bytes that it takes, keys included."""
        if self.file is not None:
            return self.file.stat().st_size if self.file.exists() else 0
        return (self.rows.nbytes if self.rows is not None else 0) + 2 * KEY * len(self.keys)

    def usable(self, number: int) -> bool:
        """Whether so many of its keys can be used."""
        if self.dropped and number < len(self.keys):
            return False
        return self.rows is not None or (self.file is not None and self.file.exists())

    def table(self) -> pa.Table:
        """Rows of all keys; those in a file are mapped into memory."""
        if self.rows is None:
            assert self.file is not None
            self.rows = pa.ipc.open_file(pa.memory_map(str(self.file))).read_all()
            self.rows = self.rows.replace_schema_metadata(None)
        return self.rows

    def touch(self) -> None:
        """Say to other processes that it was used."""
        if self.file is not None:
            with contextlib.suppress(OSError):  # another process may have removed it
                os.utime(self.file)

    def remove(self) -> None:
        """Delete its file."""
        if self.file is not None:
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
        passing.replace(file)
    finally:
        passing.unlink(missing_ok=True)
    return Block(name, list(keys), list(sizes), dropped, file=file)


def opened(file: Path) -> Block:
    """Read what a file holds, not yet its rows.

    Raises
    ------
    ValueError
        If it is another Arrow file.
    """
    with pa.memory_map(str(file)) as given:
        metadata = pa.ipc.open_file(given).schema.metadata or {}
    about = json.loads(metadata[ABOUT])
    joined = base64.b64decode(about["keys"])
    keys = [joined[at : at + KEY] for at in range(0, len(joined), KEY)]
    sizes = [int(size) for size in about["sizes"]]
    if len(keys) != len(sizes):
        raise ValueError("it has not as many sizes as keys")
    return Block(file.name.removesuffix(SUFFIX), keys, sizes, about["dropped"], file=file)
