"""The interval that somebody misses, and which rows of a step lie there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.engine.arrays import ints
from vquery.engine.trust.lineage import as_row
from vquery.errors import QueryError
from vquery.schema import KEYS, US_PER_S

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    Rows = npt.NDArray[np.int64]

WANTED = "an interval as (video, start, end) in seconds, a dictionary with these"


@dataclass(frozen=True, slots=True)
class Asked:
    """A span of a video, in microseconds."""

    video: Any
    start: int
    end: int

    @property
    def row(self) -> dict[str, Any]:
        """The interval as a row."""
        return dict(zip(KEYS, (self.video, self.start, self.end), strict=True))

    def overlapping(self, table: pa.Table) -> Rows:
        """Rows that overlap the interval; an instant counts as one tick."""
        start, end = ints(table["start_us"]), ints(table["end_us"])
        low, high = self.start, max(self.end, self.start + 1)
        there = (start < high) & (low < np.maximum(end, start + 1))
        return self._of_video(table, np.flatnonzero(there))

    def nearest(self, table: pa.Table, number: int) -> Rows:
        """Rows of the video by their distance from the interval, the nearest first."""
        rows = self._of_video(table, np.arange(table.num_rows))
        start, end = ints(table["start_us"])[rows], ints(table["end_us"])[rows]
        away = np.maximum(np.maximum(start - self.end, self.start - end), 0)
        return rows[np.argsort(away, kind="stable")[:number]]

    def gap(self, row: dict[str, Any]) -> int:
        """Microseconds between the interval and a row, 0 where they touch or overlap."""
        return int(max(row["start_us"] - self.end, self.start - row["end_us"], 0))

    def _of_video(self, table: pa.Table, rows: Rows) -> Rows:
        videos = table["video"].take(rows).to_pylist()
        same = np.fromiter((each == self.video for each in videos), np.bool_, len(videos))
        return rows[same]


def asked(given: Any) -> Asked:
    """Take an interval as a user gives it.

    Raises
    ------
    QueryError
        If it is none.

    >>> asked(("a", 1, 2.5))
    Asked(video='a', start=1000000, end=2500000)
    >>> asked({"video": "a", "start_us": 5, "end_us": 5, "name": "Ann"})
    Asked(video='a', start=5, end=5)
    """
    if isinstance(given, (tuple, list)):
        if len(given) != 3:
            raise QueryError(f"why_not() takes {WANTED}, got {given!r}")
        given = dict(zip(("video", "start", "end"), given, strict=True))
    row = as_row(given, "why_not()", WANTED)
    if "video" not in row or row["video"] is None:
        raise QueryError(f"why_not() takes {WANTED}, got {given!r}: the video is missing")
    start, end = (_microseconds(row, name) for name in ("start", "end"))
    if start > end:
        raise QueryError(f"why_not(): the interval {given!r} starts after its end")
    return Asked(row["video"], start, end)


def _microseconds(row: dict[str, Any], name: str) -> int:
    value, unit = (row.get(f"{name}_us"), 1) if f"{name}_us" in row else (row.get(name), US_PER_S)
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not math.isfinite(value):  # type: ignore[arg-type]
        raise QueryError(f"why_not() takes {WANTED}: {name} is {value!r}")
    return round(float(value) * unit) if unit != 1 else int(value)  # type: ignore[arg-type]
