"""What queries gave, kept for a while."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from vquery.errors import SchemaError
from vquery.schema import KEYS
from vquery.web.wire import Refused

if TYPE_CHECKING:
    import pyarrow as pa

COUNT = 256
BYTES = 2 << 30


class Result:
    """Rows that do not change, numbered from 0 in the order of the query.

    Attributes
    ----------
    id : str
        Its name.
    table : pyarrow.Table
        ``video, start_us, end_us`` and more.
    text : str
        What was asked.
    detections : bool
        Whether rows are detections, by ``detection_id``.
    cut : dict or None
        ``{"kept", "of"}`` where it has more rows than are kept.
    """

    def __init__(self, table: pa.Table, text: str, cut: dict[str, int] | None = None) -> None:
        missing = [name for name in KEYS if name not in table.column_names]
        if missing:
            raise SchemaError(f"the result has no column {missing[0]!r}: it cannot be shown")
        self.id = secrets.token_hex(8)
        self.table = _whole(table)
        self.text = text
        self.cut = cut
        self.detections = "detection_id" in table.column_names
        self.orders: OrderedDict[Any, Any] = OrderedDict()
        self.alikes: OrderedDict[str, Any] = OrderedDict()
        self.lock = threading.RLock()

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, with its orders."""
        held = [*list(self.orders.values()), *list(self.alikes.values())]
        return int(self.table.nbytes) + sum(int(one.nbytes) for one in held)

    @property
    def total(self) -> int:
        """Number of rows."""
        return int(self.table.num_rows)

    def to_dict(self) -> dict[str, Any]:
        """Say what it is, for the page."""
        said = {
            "id": self.id,
            "total": self.total,
            "videos": len(self.table["video"].unique()),
            "columns": [{"name": f.name, "type": str(f.type)} for f in self.table.schema],
            "detections": self.detections,
            "text": self.text,
        }
        return said if self.cut is None else said | {"cut": self.cut}


def _whole(table: pa.Table) -> pa.Table:
    """Put rows into one chunk, in which any of them are found at once."""
    if all(column.num_chunks <= 1 for column in table.columns):
        return table
    return table.combine_chunks()


class Results:
    """The results of one run, the least recently used let go when there are too many."""

    def __init__(self, count: int = COUNT, size: int = BYTES) -> None:
        self._count = count
        self._size = size
        self._held: OrderedDict[str, Result] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, table: pa.Table, text: str, *, cut: dict[str, int] | None = None) -> Result:
        """Keep rows; what does not fit any more is let go."""
        return self.keep(Result(table, text, cut))

    def keep(self, result: Result) -> Result:
        """Keep a result, also one that was let go before."""
        with self._lock:
            self._held[result.id] = result
            self._held.move_to_end(result.id)
            while len(self._held) > 1 and self._too_many():
                self._held.popitem(last=False)
        return result

    def _too_many(self) -> bool:
        size = sum(one.nbytes for one in self._held.values())
        return len(self._held) > self._count or size > self._size

    def get(self, name: str) -> Result:
        """Find a result.

        Raises
        ------
        Refused
            With 404 if it was let go.
        """
        with self._lock:
            found = self._held.get(name)
            if found is None:
                raise Refused(404, "this result is not kept any more: run the query again")
            self._held.move_to_end(name)
            return found
