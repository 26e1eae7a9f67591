"""Orders of the rows of a result: computed once, and kept, so that positions stay what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.likeness import likeness
from vquery.web.asked import LIKE, asked
from vquery.web.sorting import sorted_rows
from vquery.web.wire import Refused

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery.web.results import Result
    from vquery.web.state import Workbench

KEPT = 12
OF_LABELS = frozenset({"label", "margin", "conflict", "probability", "unsure"})
"""Orders that labels decide: made anew only when they are asked for anew."""
GROUPS = ("video", "track", "cluster", "label")
MOST_GROUPS = 10_000


@dataclass(frozen=True, eq=False)
class Order:
    """Rows in an order, and the values by which they are ordered, row by row.

    ``rows`` is None where they stand as they came.
    """

    rows: npt.NDArray[np.int32] | None
    keys: Any = None

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, at most: keys may be a column of the result."""
        return sum(int(one.nbytes) for one in (self.rows, self.keys) if one is not None)

    def at(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Return the rows at some positions."""
        if self.rows is None:
            return np.arange(start, stop)
        return self.rows[start:stop].astype(np.int64)


def order_of(
    workbench: Workbench,
    result: Result,
    sort: str,
    concept: str,
    *,
    descending: bool = False,
    fresh: bool = False,
) -> Order:
    """Return an order of a result's rows.

    Parameters
    ----------
    workbench, result
        What is ordered.
    sort
        "row", "time", "cluster", what labels decide (OF_LABELS), a name that
        ``POST /api/results/{id}/alike`` gave, or a column.
    concept
        Whose labels.
    descending
        Largest first; rows without a value stay last.
    fresh
        Whether labels are looked at again, where they decide.

    Raises
    ------
    Refused
        With 400 if rows cannot be ordered so.
    """
    if sort == "row" and not descending:
        return Order(None)
    by_labels = sort in OF_LABELS
    key = (sort, descending, concept if by_labels else None)
    with result.lock:
        if key in result.orders and not (fresh and by_labels):
            result.orders.move_to_end(key)
            known: Order = result.orders[key]
            return known
        made = result.orders[key] = _made(workbench, result, sort, concept, descending=descending)
        while len(result.orders) > KEPT:
            result.orders.popitem(last=False)
    return made


def known_order(
    workbench: Workbench, result: Result, sort: str, concept: str, *, descending: bool
) -> Order:
    """Return an order that the page has been shown; labels may have made another one since.

    Raises
    ------
    Refused
        With 409 if it is not kept any more and cannot be made again as it was.
    """
    key = (sort, descending, concept)
    if sort in OF_LABELS and key not in result.orders:
        raise Refused(409, f"the order by {sort} is not kept any more: sort again, then select")
    return order_of(workbench, result, sort, concept, descending=descending)


def _made(
    workbench: Workbench, result: Result, sort: str, concept: str, *, descending: bool
) -> Order:
    way = "descending" if descending else "ascending"
    if sort == "row":
        return Order(np.arange(result.total - 1, -1, -1, dtype=np.int32))
    if sort == "time":
        keys = pa.table([result.table["video"], result.table["start_us"]], names=["0", "1"])
        by = [("0", "ascending"), ("1", way)]
        return Order(_rows(pc.sort_indices(keys, sort_keys=by)))
    found = values(workbench, result, sort, concept)
    if sort == "cluster":
        keys, by = pa.table(found, names=["0", "1"]), [("0", way), ("1", "ascending")]
        return Order(_rows(pc.sort_indices(keys, sort_keys=by)), found[0])
    return Order(sorted_rows(found, descending=descending), found)


def _rows(indices: pa.Array) -> npt.NDArray[np.int32]:
    return np.asarray(indices.to_numpy(), np.int32)


def values(workbench: Workbench, result: Result, sort: str, concept: str) -> Any:
    """Return what rows are ordered by; for "cluster" its number, and the place within it."""
    if sort == "cluster":
        return likeness(workbench.moment().snapshot, result.table)
    if sort.startswith(LIKE):
        return asked(result, sort).lead
    if sort in OF_LABELS:
        return workbench.column(result.table, concept, sort)
    if sort not in result.table.column_names:
        known = ", ".join(result.table.column_names)
        raise Refused(400, f"the result has no column {sort[:100]!r} to sort by: it has {known}")
    column = result.table[sort]
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_null(kind):
        raise Refused(400, f"rows cannot be sorted by {sort!r}, which holds {kind}")
    return column.dictionary_decode() if pa.types.is_dictionary(kind) else column


def groups_of(order: Order, total: int) -> tuple[list[dict[str, Any]], int]:
    """List the groups of an order: the value, how many rows, and the number of the first one."""
    if not total:
        return [], 0
    rows = order.at(0, total)
    chunked = isinstance(order.keys, pa.ChunkedArray)
    keys = order.keys.combine_chunks() if chunked else order.keys
    if not pa.types.is_dictionary(keys.type):
        keys = pc.dictionary_encode(keys)
    codes = pc.fill_null(keys.indices, -1).to_numpy()[rows]
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    counts = np.diff(np.r_[starts, total])
    shown = starts[:MOST_GROUPS]
    names = keys.take(pa.array(rows[shown])).to_pylist()
    groups = [
        {"key": name, "count": int(count), "first_row": int(rows[start])}
        for name, count, start in zip(names, counts, shown, strict=False)
    ]
    return groups, len(starts)
