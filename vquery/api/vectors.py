"""Vectors of some detections out of many, read where they lie: nothing is copied but those."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pyarrow as pa

    from vquery.store.snapshot import Snapshot

    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]


class Vectors:
    """The vectors of embedding tables side by side, by the items that have one in each.

    Parameters
    ----------
    snapshot
        Where they are kept; tables are mapped, and read where items are asked for.
    tables
        Such as "embedding.face".
    """

    def __init__(self, snapshot: Snapshot, tables: Sequence[str]) -> None:
        rows = [snapshot.read(name, columns=["item_id", "vector"]) for name in tables]
        self._tables = [_Table(one) for one in rows]
        self.dimensions = sum(one.dimensions for one in self._tables)

    def of(self, ids: Ints) -> tuple[Floats, Ints]:
        """Return the vectors (m, d) of those items that have one, and which of ``ids`` these are.

        O(n log(all)) beside reading n vectors.
        """
        places = [one.places(ids) for one in self._tables]
        found = np.full(len(ids), bool(places))
        for place in places:
            found &= place >= 0
        there = np.flatnonzero(found)
        out = np.empty((len(there), self.dimensions), np.float32)
        start = 0
        for one, place in zip(self._tables, places, strict=True):
            one.put(place[there], out[:, start : start + one.dimensions])
            start += one.dimensions
        return out, there


class _Table:
    """One table of vectors, sorted by item, in the chunks in which it is mapped."""

    def __init__(self, rows: pa.Table) -> None:
        self.ids: Ints = rows["item_id"].to_numpy()
        self.dimensions: int = rows.schema.field("vector").type.list_size
        self._chunks = [chunk for chunk in rows["vector"].chunks if len(chunk)]
        self._starts = np.cumsum([0, *map(len, self._chunks)])

    def places(self, ids: Ints) -> Ints:
        """Find items, -1 where they are not."""
        if not len(self.ids):
            return np.full(len(ids), -1)
        place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[place] == ids, place, -1)

    def put(self, places: Ints, out: Floats) -> None:
        """Copy the vectors at some places."""
        chunk = np.searchsorted(self._starts, places, side="right") - 1
        for one in np.unique(chunk).tolist():
            mine = np.flatnonzero(chunk == one)
            flat = self._chunks[one].flatten().to_numpy(zero_copy_only=True)
            out[mine] = flat.reshape(-1, self.dimensions)[places[mine] - self._starts[one]]
