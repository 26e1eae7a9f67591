"""Keeps results of expensive steps, video by video, in memory or in a folder."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from vquery.engine.blocks import SUFFIX, Block, Dropped, opened, written
from vquery.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger("vquery")


class Place(NamedTuple):
    """Where the rows of a video are kept."""

    block: Block
    start: int
    size: int


class Cache:
    """Results of expensive steps, to be taken again: ``collect(cache=vq.Cache(...))``.

    What was used longest ago is forgotten first. Results are found by the part of the query that
    made them and by a hash of the rows that they were made of, video by video: a changed threshold
    runs the steps above it, a changed video is run alone.

    Parameters
    ----------
    max_bytes
        How much is kept.
    folder
        Keep it in files there, for other processes and later; else in memory. The files are Arrow
        IPC files, which any version of vquery reads and only the same version uses.

    >>> Cache(max_bytes=10_000_000)
    Cache(0 of 10,000,000 bytes)
    """

    def __init__(self, max_bytes: int = 1 << 30, folder: str | Path | None = None) -> None:
        if not isinstance(max_bytes, int) or max_bytes < 1:
            raise QueryError(f"Cache(max_bytes=) must be a number of bytes, got {max_bytes!r}")
        self.max_bytes = max_bytes
        self.folder = None if folder is None else Path(folder)
        self._lock = threading.RLock()
        self._blocks: OrderedDict[str, Block] = OrderedDict()
        self._places: dict[bytes, tuple[str, int, int]] = {}
        self._bytes = 0
        self._numbers = itertools.count()
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            for file in sorted(
                self.folder.glob(f"*{SUFFIX}"), key=lambda each: each.stat().st_mtime
            ):
                self._open(file)

    def __repr__(self) -> str:
        where = "" if self.folder is None else f", in {self.folder}"
        return f"Cache({self._bytes:,} of {self.max_bytes:,} bytes{where})"

    def find(self, keys: Sequence[bytes]) -> list[Place | None]:
        """Where the rows of each key are, None where they are not kept."""
        with self._lock:
            places = [self._place(key) for key in keys]
            counted: dict[str, int] = {}
            for place in places:
                if place is not None:
                    counted[place.block.name] = counted.get(place.block.name, 0) + 1
            for name in counted:
                self._blocks.move_to_end(name)
                self._blocks[name].touch()
            # rows left out are counted by block: such a block is of use as a whole alone
            whole = {name for name, number in counted.items() if self._blocks[name].usable(number)}
        return [place if place and place.block.name in whole else None for place in places]

    def keep(
        self, keys: Sequence[bytes], sizes: Sequence[int], table: pa.Table, dropped: Dropped
    ) -> None:
        """Keep the rows of some keys, which follow each other in the table."""
        table = table.replace_schema_metadata(None).combine_chunks()
        if self.folder is None:
            block = Block(str(next(self._numbers)), list(keys), list(sizes), dropped, table)
        else:
            block = written(self.folder, keys, sizes, dropped, table)
        with self._lock:
            self._add(block)

    def clear(self) -> None:
        """Forget everything, files too."""
        with self._lock:
            for block in list(self._blocks.values()):
                self._forget(block)

    def _place(self, key: bytes) -> Place | None:
        found = self._places.get(key)
        if found is None:
            return None
        name, start, size = found
        return Place(self._blocks[name], start, size)

    def _open(self, file: Path) -> None:
        try:
            self._add(opened(file))
        except (OSError, pa.ArrowInvalid, ValueError, KeyError) as error:
            logger.warning("%s is not a file of a cache and is left aside: %s", file, error)

    def _add(self, block: Block) -> None:
        known = self._blocks.pop(block.name, None)
        if known is not None:
            self._bytes -= known.bytes
        self._blocks[block.name] = block
        self._bytes += block.bytes
        start = 0
        for key, size in zip(block.keys, block.sizes, strict=True):
            self._places[key] = block.name, start, size
            start += size
        while self._bytes > self.max_bytes:
            self._forget(next(iter(self._blocks.values())))

    def _forget(self, block: Block) -> None:
        del self._blocks[block.name]
        self._bytes -= block.bytes
        for key in block.keys:
            if self._places.get(key, ("",))[0] == block.name:
                del self._places[key]
        block.remove()


def cache_of(given: Any) -> Cache:
    """Take the argument ``cache=`` of ``collect``."""
    if given is True:
        return COMMON
    if isinstance(given, Cache):
        return given
    raise QueryError(f"cache= must be True, False or a vq.Cache, got {given!r}")


COMMON = Cache()
"""What ``collect(cache=True)`` uses."""
