"""Keeps results of expensive steps, video by video, in memory or in a folder."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import Counter, OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from vquery.engine.running.blocks import SUFFIX, Block, Dropped, files, of_table, opened, written
from vquery.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger("vquery")


LOOK_S = 1.0
"""Seconds between looks into a folder."""


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
        How much is kept, in a folder by all processes together.
    folder
        Keep it in files there, for other processes and later; else in memory. The files are Arrow
        IPC files, which any version of vquery reads and only the same version uses. They hold rows
        and no code; results are only as true as what others write into the folder.

    Raises
    ------
    QueryError
        If ``max_bytes`` is no number of bytes, or the folder cannot be used.

    >>> Cache(max_bytes=10_000_000)
    Cache(0 of 10,000,000 bytes)
    """

    def __init__(self, max_bytes: int = 1 << 30, folder: str | Path | None = None) -> None:
        if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes < 1:
            raise QueryError(f"Cache(max_bytes=) must be a number of bytes, got {max_bytes!r}")
        self.max_bytes = max_bytes
        self.folder = None if folder is None else Path(folder)
        self._lock = threading.RLock()
        self._blocks: OrderedDict[str, Block] = OrderedDict()
        self._places: dict[bytes, tuple[str, int, int]] = {}
        self._bytes = 0
        self._numbers = itertools.count()
        self._refused: set[str] = set()
        self._looked = -LOOK_S
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._look(self.folder)
            except OSError as error:
                raise QueryError(f"Cache(folder=): {folder} cannot be used: {error}") from error

    def __repr__(self) -> str:
        where = "" if self.folder is None else f", in {self.folder}"
        return f"Cache({self._bytes:,} of {self.max_bytes:,} bytes{where})"

    def find(self, keys: Sequence[bytes]) -> list[Place | None]:
        """Where the rows of each key are, None where they are not kept."""
        with self._lock:
            places = [self._place(key) for key in keys]
            counted = Counter(place.block.name for place in places if place is not None)
            # rows left out are counted by block: such a block is of use as a whole alone
            whole = {
                name
                for name, number in counted.items()
                if self._blocks[name].usable(number) and self._is_read(self._blocks[name])
            }
            for name in whole:
                self._blocks.move_to_end(name)
                self._blocks[name].touch()
        return [place if place and place.block.name in whole else None for place in places]

    def keep(
        self, keys: Sequence[bytes], sizes: Sequence[int], table: pa.Table, dropped: Dropped
    ) -> None:
        """Keep the rows of some keys, which follow each other in the table.

        A folder that cannot be written, as it is full, costs the time of the next run alone.
        """
        table = table.replace_schema_metadata(None).combine_chunks()
        if self.folder is None:
            block = of_table(str(next(self._numbers)), keys, sizes, dropped, table)
        else:
            try:
                block = written(self.folder, keys, sizes, dropped, table)
                self._look(self.folder)
            except OSError as error:
                logger.warning("a result cannot be kept in %s: %s", self.folder, error)
                return
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

    def _look(self, folder: Path) -> None:
        """See what other processes have written and removed since: the bound is for all of it."""
        with self._lock:
            if time.monotonic() < self._looked + LOOK_S:
                return
            self._looked = time.monotonic()
            found = {file.name.removesuffix(SUFFIX): file for file in files(folder)}
            for gone in [block for name, block in self._blocks.items() if name not in found]:
                self._forget(gone)
            for name, file in found.items():
                if name not in self._blocks and name not in self._refused:
                    self._open(file)

    def _open(self, file: Path) -> None:
        try:
            self._add(opened(file))
        except FileNotFoundError:
            return  # another process was faster
        except (OSError, pa.ArrowException, ValueError) as error:
            self._refuse(file, error)

    def _is_read(self, block: Block) -> bool:
        """Whether the rows of a block are there; else it is forgotten."""
        try:
            block.table()
        except (OSError, pa.ArrowException, ValueError) as error:
            self._forget(block, remove=False)
            if not isinstance(error, FileNotFoundError):
                self._refuse(block.file, error)
            return False
        return True

    def _refuse(self, file: Path | None, error: Exception) -> None:
        """Leave a file alone that may be somebody's, and say so once."""
        assert file is not None
        self._refused.add(file.name.removesuffix(SUFFIX))
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
        while self._bytes > self.max_bytes and self._blocks:
            self._forget(next(iter(self._blocks.values())))

    def _forget(self, block: Block, *, remove: bool = True) -> None:
        del self._blocks[block.name]
        self._bytes -= block.bytes
        for key in block.keys:
            if self._places.get(key, ("",))[0] == block.name:
                del self._places[key]
        if remove:
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
