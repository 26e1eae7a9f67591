"""What the rows of each video say: hashes of a source's columns, made once."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.running.segments import Segments
from vquery.engine.running.session import Session
from vquery.plan.fingerprint import Fingerprints, source_identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vquery.expr.relations import Scan

Hashes: TypeAlias = npt.NDArray[np.uint64]

ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)
SHIFT = np.uint64(29)


class Contents:
    """Hashes of the rows of each video of a table, (videos, 2) for every column asked for.

    Rows count with their place in the video, as results may depend on the order in which rows come.
    """

    def __init__(self, video: pa.ChunkedArray) -> None:
        self._segments = Segments(video)
        self._columns: dict[str, Hashes] = {}

    def missing(self, columns: Sequence[str]) -> list[str]:
        """Columns of which there are no hashes yet."""
        return [name for name in columns if name not in self._columns]

    def add(self, table: pa.Table) -> None:
        """Hash the columns of the rows, which come in the order of the videos given first."""
        order, first, place = self._segments.places()
        session = Session()
        for name in table.column_names:
            rows = session.hashes(table[name])[order]
            hashed = mixed(rows[:, None] + mixed(place[:, None] + np.zeros(2, np.uint64)))
            self._columns[name] = np.add.reduceat(hashed, first) if first.size else hashed
        session.close()

    def of(self, columns: Sequence[str], videos: pa.Array) -> Hashes:
        """Hashes of the rows of some videos; a video without rows has 0."""
        known = self._segments.videos
        place = pc.index_in(videos.cast(known.type), value_set=known)
        found = place.is_valid().to_numpy(zero_copy_only=False)
        rows = place.drop_null().to_numpy()
        total = np.zeros((len(videos), 2), np.uint64)
        for name in columns:
            total[found] = mixed(total[found] + self._columns[name][rows])
        return total


def mixed(values: Hashes) -> Hashes:
    """Spread every bit over the others, in two ways: the last axis has two elements."""
    spread: Hashes = values * ODD
    spread ^= spread >> SHIFT
    return spread


SOURCES = 256
"""Sources whose hashes are remembered."""

_known: OrderedDict[bytes, Contents] = OrderedDict()
_lock = threading.Lock()


def source_contents(scan: Scan, columns: Sequence[str], videos: pa.Array) -> Hashes:
    """Hashes of the rows of a source; its columns are read and hashed once."""
    versions = getattr(scan.source, "versions", None)
    if versions is not None:
        texts = (hashlib.blake2b(text, digest_size=16).digest() for text in versions(videos))
        return np.frombuffer(b"".join(texts), np.uint64).reshape(-1, 2)
    key = Fingerprints(source_identity).of(scan)
    with _lock:
        found = _known.get(key)
        missing = list(columns) if found is None else found.missing(columns)
        if found is None or missing:
            table = scan.source.read(list(dict.fromkeys(["video", *missing])))
            if found is None:
                found = _known[key] = Contents(table["video"])
            found.add(table.select(missing))
        _known.move_to_end(key)
        if len(_known) > SOURCES:
            _known.popitem(last=False)
    return found.of(columns, videos)


def table_contents(table: pa.Table, videos: pa.Array) -> Hashes:
    """Hashes of the rows of a table at hand."""
    found = Contents(table["video"])
    found.add(table)
    return found.of(table.column_names, videos)
