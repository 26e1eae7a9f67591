"""Rows that the page chose: by their positions in a view, all but some, or by detection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.schema import KEYS
from vquery.web.orders import known_order
from vquery.web.wire import Refused, checked

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery.web.results import Result
    from vquery.web.state import Workbench

    Ints = npt.NDArray[np.int64]

MOST_IDS = 100_000
MOST_RANGES = 100_000
FIELDS = ("result", "sort", "descending", "ranges", "all", "except", "detection_ids")


@dataclass(frozen=True, eq=False)
class Selected:
    """What was chosen.

    Attributes
    ----------
    result : Result or None
        What it was chosen from; None for detections that were named.
    rows : int64 (n,)
        Rows of the result, in the order of the view.
    ids : int64 (n,) or None
        Detections, each once; None where rows are spans.
    """

    result: Result | None
    rows: Ints
    ids: Ints | None

    @property
    def query(self) -> str | None:
        """Text that found them."""
        return None if self.result is None else self.result.text

    def table(self) -> pa.Table:
        """Return the rows; of detections that were named, their ids alone."""
        if self.result is None:
            return pa.table({"detection_id": pa.array(self.ids, pa.int64())})
        return self.result.table.take(pa.array(self.rows))

    def spans(self) -> pa.Table:
        """Return ``video, start_us, end_us`` of the rows."""
        return self.table().select(list(KEYS))


def selected(workbench: Workbench, given: dict[str, Any], concept: str = "name") -> Selected:
    """Find the rows of a selection.

    Parameters
    ----------
    workbench
        Whose results are meant.
    given
        ``{"result", "sort", "descending", "ranges": [[a, b), ...]}``, ``{"result", "all": true,
        "except": [[a, b), ...]}`` or ``{"detection_ids": [...]}``.
    concept
        Whose labels the view is sorted by, if it is.

    Raises
    ------
    Refused
        With 400 if it is none of these or chooses nothing, 404 if the result is let go, 409 if
        the order is.
    """
    unknown = sorted(set(given) - set(FIELDS))
    if unknown:
        raise Refused(400, f"a selection has no field {unknown[0][:40]!r}: {', '.join(FIELDS)}")
    if given.get("detection_ids") is not None:
        ids = _ids(checked("detection_ids", given["detection_ids"], list))
        return Selected(None, np.arange(len(ids)), ids)
    result = workbench.results.get(checked("result", given.get("result"), str))
    rows = _rows(workbench, result, given, concept)
    if not len(rows):
        raise Refused(400, "nothing is selected: choose at least one row")
    if not result.detections:
        return Selected(result, rows, None)
    column = result.table["detection_id"].take(pa.array(rows))
    if column.null_count:
        raise Refused(400, f"{column.null_count:,} of the rows chosen are no detections")
    ids = column.to_numpy()
    _, first = np.unique(ids, return_index=True)
    return Selected(result, rows, ids[np.sort(first)])


def _ids(given: list[Any]) -> Ints:
    if not 0 < len(given) <= MOST_IDS:
        raise Refused(400, f"1 to {MOST_IDS:,} detections can be named, got {len(given):,}")
    if not all(type(one) is int and 0 < one < 1 << 62 for one in given):
        raise Refused(400, "'detection_ids' must be whole numbers from 1")
    return np.array(list(dict.fromkeys(given)), np.int64)


def _rows(workbench: Workbench, result: Result, given: dict[str, Any], concept: str) -> Ints:
    whole = checked("all", given.get("all"), (bool, None))
    ranges = given.get("except") if whole else given.get("ranges")
    chosen = ranged(checked("ranges", ranges, (list, None)) or [], result.total)
    chosen = ~chosen if whole else chosen
    sort = checked("sort", given.get("sort"), (str, None)) or "row"
    descending = bool(checked("descending", given.get("descending"), (bool, int, None)))
    if chosen.all():  # in whatever order
        return np.arange(result.total)
    order = known_order(workbench, result, sort, concept, descending=descending)
    return order.at(0, result.total)[chosen]


def ranged(ranges: list[Any], total: int) -> npt.NDArray[np.bool_]:
    """Mark the positions that lie in ranges.

    >>> ranged([[0, 1], [2, 4]], 5).tolist()
    [True, False, True, True, False]
    """
    if len(ranges) > MOST_RANGES:
        raise Refused(413, f"at most {MOST_RANGES:,} ranges are taken, got {len(ranges):,}")
    found = np.zeros(total, bool)
    for one in ranges:
        fits = isinstance(one, list) and len(one) == 2 and all(type(each) is int for each in one)
        if not fits or not 0 <= one[0] <= one[1] <= total:
            raise Refused(400, f"a range is [first, after the last] within 0 to {total:,}")
        found[one[0] : one[1]] = True
    return found
