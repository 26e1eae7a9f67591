"""The lanes of a timeline: for each source its intervals in a window, few enough to be drawn.

Where there are more intervals than pixels, those that fall on touching pixels are drawn as one bar,
which tells how many they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.api.looking import NOTHING, STATES, within

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    import numpy.typing as npt

    Ints: TypeAlias = npt.NDArray[np.int64]
    States: TypeAlias = npt.NDArray[np.int8]

NO_VALUE = -1
JOINED_AT_MOST = 50_000
"""Intervals of one window that are joined by what they are, and not only by pixels."""
TEXT = 300
"""Letters of a text that are sent."""


@dataclass(frozen=True, eq=False)
class Spans:
    """Intervals of one video, sorted by start; all arrays are (n,).

    Attributes
    ----------
    code, values
        Which value each has, -1 for none; the values.
    state
        As in `vquery.api.looking.STATES`.
    row
        The number of each in its result.
    text
        Of each one.
    key
        Intervals that touch and have one key are one bar, such as the faces of a track.
    """

    start: Ints
    end: Ints
    code: Ints | None = None
    values: Sequence[str] = ()
    state: States | None = None
    row: Ints | None = None
    text: Sequence[str | None] | None = None
    key: Ints | None = None

    def take(self, rows: Ints | npt.NDArray[np.bool_]) -> Spans:
        """Keep some rows, in their order."""
        if rows.dtype == np.bool_:
            rows = np.flatnonzero(rows)
        picked = {
            name: None if column is None else column[rows]
            for name in ("start", "end", "code", "state", "row", "key")
            for column in [getattr(self, name)]
        }
        text = None if self.text is None else [self.text[row] for row in rows.tolist()]
        return Spans(**picked, values=self.values, text=text)  # type: ignore[arg-type]


def sorted_spans(spans: Spans) -> Spans:
    """Sort by start, the longer ones first."""
    order = np.lexsort((-spans.end, spans.start))
    return spans.take(order)


def lane(
    name: str, kind: str, spans: Spans, window: tuple[int, int], width: int
) -> dict[str, Any] | None:
    """Draw one lane.

    Parameters
    ----------
    name, kind
        What it is called, and its source.
    spans
        All there are in the video.
    window
        Start and end in microseconds.
    width
        Bars at most, and the pixels that the window has.

    Returns
    -------
    dict or None
        ``name, kind, total`` (intervals in the window) and ``bars``; None where the video has no
        interval of this lane at all.

    >>> found = lane("a", "query", Spans(np.array([0, 10]), np.array([5, 12])), (0, 100), 50)
    >>> found["total"], found["bars"][1]
    (2, {'start_us': 10, 'end_us': 12, 'count': 1, 'state': None})
    """
    if not len(spans.start):
        return None
    low, high = window
    reach = np.maximum.accumulate(spans.end)
    shown = spans.take(within(spans.start, spans.end, reach, low, high))
    return {
        "name": name,
        "kind": kind,
        "total": len(shown.start),
        "bars": bars(shown, window, width) if len(shown.start) else [],
    }


def bars(spans: Spans, window: tuple[int, int], width: int) -> list[dict[str, Any]]:
    """Choose at most ``width`` bars for intervals that are sorted by start and lie in a window."""
    n = len(spans.start)
    if spans.key is None and n <= width:
        return _told(spans, np.arange(n), np.arange(n))
    if spans.key is not None and n <= JOINED_AT_MOST:
        looks = _looks(spans)
        key = np.unique(spans.key, return_inverse=True)[1].ravel()
        order, first = _runs(spans, key * (int(looks.max()) + 1) + looks, None, window)
        if len(first) <= width:
            return _told(spans, order, first)
    order, first = _runs(spans, _looks(spans), width, window)
    if len(first) <= width:
        return _told(spans, order, first)
    order, first = _runs(spans, np.zeros(n, np.int64), width, window)
    return _told(spans, order, first)


def _looks(spans: Spans) -> Ints:
    """Give intervals that are drawn alike, by value and state, one number; (n,)."""
    n = len(spans.start)
    code = np.full(n, NO_VALUE) if spans.code is None else spans.code
    state = np.zeros(n, np.int64) if spans.state is None else spans.state.astype(np.int64)
    return np.asarray((code + 1) * len(STATES) + state, np.int64)


def _runs(
    spans: Spans, code: Ints, width: int | None, window: tuple[int, int]
) -> tuple[Ints, Ints]:
    """Join intervals of one code that touch: in time, or on pixels where a width is given.

    Returns
    -------
    (ndarray, ndarray)
        Rows in the order of the bars, and where in it each bar begins.
    """
    low, high = window
    start = np.clip(spans.start, low, high) - low
    end = np.clip(spans.end, low, high) - low
    size, slack = high - low + 1, 0
    if width is not None:  # pixels are numbered, and the last one of a bar belongs to it
        length = max(high - low, 1)
        start, size, slack = np.minimum(start * width // length, width - 1), width, 1
        end = np.maximum(-(-end * width // length) - 1, start)
    order = np.argsort(code, kind="stable")
    code, start, end = code[order], start[order], end[order]
    new = np.r_[True, np.diff(code) != 0]
    ordinal = np.cumsum(new) - 1  # so that numbers stay small
    reach = np.maximum.accumulate(ordinal * (size + 2) + end)
    opens = new
    opens[1:] |= (ordinal * (size + 2) + start)[1:] > reach[:-1] + slack
    return order, np.flatnonzero(opens)


def _told(spans: Spans, order: Ints, first: Ints) -> list[dict[str, Any]]:
    """Write bars, each a run of ``order`` from ``first`` on, by start."""
    count = np.diff(np.r_[first, len(order)])
    lead = order[first]  # rows of one bar are in the order of their starts
    end = np.maximum.reduceat(spans.end[order], first)
    told: dict[str, Any] = {
        "start_us": spans.start[lead].tolist(),
        "end_us": end.tolist(),
        "count": count.tolist(),
    }
    if spans.code is not None:
        same = _uniform(spans.code[order], first)
        told["value"] = [
            spans.values[code] if one and code >= 0 else None
            for code, one in zip(spans.code[lead].tolist(), same.tolist(), strict=True)
        ]
    if spans.row is not None:
        told["row"] = spans.row[lead].tolist()
    state = np.full(len(first), NOTHING)
    if spans.state is not None:  # of several the one that needs looking at most
        state = np.maximum.reduceat(spans.state[order], first)
    told["state"] = [STATES[one] for one in state.tolist()]
    if spans.text is not None:
        told["text"] = [
            _shortened(spans.text[row]) if single == 1 else None
            for row, single in zip(lead.tolist(), count.tolist(), strict=True)
        ]
    found = [dict(zip(told, row, strict=True)) for row in zip(*told.values(), strict=True)]
    return sorted(found, key=lambda bar: (bar["start_us"], bar["end_us"]))


def _uniform(codes: Ints, first: Ints) -> npt.NDArray[np.bool_]:
    least, most = np.minimum.reduceat(codes, first), np.maximum.reduceat(codes, first)
    return np.asarray(least == most)


def _shortened(text: str | None) -> str | None:
    return text if text is None or len(text) <= TEXT else f"{text[: TEXT - 1]}…"
