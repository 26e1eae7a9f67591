"""Which spans of time lie under rows, and how much of each row they cover."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

PAIRS = 4_000_000
"""Pairs of a row and a span that are looked at at once."""
HALF = 0.5
"""Share of a row from which a span that lies under it speaks for all of it, as in exports."""


class Cover(NamedTuple):
    """What lies under each row; both (n,).

    Attributes
    ----------
    at
        The span that covers most of it, the earlier of two; -1 where there is none.
    share
        How much of it spans cover, each counted: those that overlap one another more than once.
    """

    at: Ints
    share: npt.NDArray[np.float64]


class _Line(NamedTuple):
    """Start and end of rows on one line of time, the videos one after the other."""

    start: Ints
    end: Ints


def cover(spans: pa.Table, rows: pa.Table) -> Cover:
    """Find the spans under each row. O((n + m) log m), and the pairs that overlap.

    Parameters
    ----------
    spans, rows : pyarrow.Table (m,), (n,)
        ``video, start_us, end_us``, in any order; both may overlap. An instant is the microsecond
        that it lasts.

    >>> spans = pa.table({"video": ["a", "a", "b"], "start_us": [0, 4, 5], "end_us": [4, 10, 9]})
    >>> rows = pa.table({"video": ["a", "b", "c"], "start_us": [2, 9, 5], "end_us": [8, 12, 9]})
    >>> found = cover(spans, rows)
    >>> found.at.tolist(), found.share.tolist()
    ([1, -1, -1], [1.0, 0.0, 0.0])
    """
    at, total = np.full(rows.num_rows, -1), np.zeros(rows.num_rows, np.int64)
    if not spans.num_rows or not rows.num_rows:
        return Cover(at, total.astype(float))
    under, over = _lines(spans, rows)
    order = np.argsort(under.start, kind="stable")
    start, end = under.start[order], under.end[order]
    first = np.searchsorted(np.maximum.accumulate(end), over.start, side="right")
    count = np.maximum(np.searchsorted(start, over.end, side="left") - first, 0)
    edges = np.searchsorted(np.cumsum(count), np.arange(PAIRS, count.sum() + PAIRS, PAIRS))
    for rows_ in np.split(np.arange(len(count)), np.unique(edges[:-1] + 1)):
        owner = np.repeat(rows_, count[rows_])
        within = np.arange(len(owner)) - np.repeat(
            np.cumsum(count[rows_]) - count[rows_], count[rows_]
        )
        span = first[owner] + within
        shared = np.minimum(end[span], over.end[owner]) - np.maximum(start[span], over.start[owner])
        owner, span, shared = (each[shared > 0] for each in (owner, span, shared))
        np.add.at(total, owner, shared)
        best = np.lexsort((span, -shared, owner))
        lead = best[np.flatnonzero(np.r_[True, np.diff(owner[best]) != 0])] if len(best) else best
        at[owner[lead]] = order[span[lead]]
    length = np.maximum(rows["end_us"].to_numpy() - rows["start_us"].to_numpy(), 1)
    return Cover(at, total / length)


def touching(spans: pa.Table, rows: pa.Table) -> npt.NDArray[np.bool_]:
    """Tell for each row whether a span lies under some of it."""
    return cover(spans, rows).at >= 0


def _lines(spans: pa.Table, rows: pa.Table) -> tuple[_Line, _Line]:
    """Lay the times of both side by side, so that what is in two videos never overlaps."""
    videos = pc.unique(spans["video"].cast(pa.string()))
    ends = [np.maximum(t["end_us"].to_numpy(), t["start_us"].to_numpy() + 1) for t in (spans, rows)]
    reach = int(ends[0].max()) + 2
    found = []
    for table, end in zip((spans, rows), ends, strict=True):
        code = pc.index_in(table["video"].cast(pa.string()), value_set=videos)
        place = pc.fill_null(code, len(videos)).to_numpy().astype(np.int64) * reach
        start = np.clip(table["start_us"].to_numpy(), 0, reach - 1)
        found.append(_Line(place + start, place + np.minimum(end, reach)))
    under, over = found
    return under, _Line(over.start, np.maximum(over.end, over.start + 1))
