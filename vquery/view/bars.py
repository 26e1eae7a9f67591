"""Which bars to draw for intervals: few enough for a page, none hidden behind another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

NARROW = 3.0
"""Pixels. Without colours, wider bars that touch stay apart: shots are one after the other."""
NEAR = 1.0
"""Pixels between bars that still count as touching."""
MOST_ROWS = 6
"""Rows of one lane; what overlaps in more is drawn as one bar in the last row."""


class Bar(NamedTuple):
    """What is drawn: times in microseconds, and how many intervals it stands for."""

    start: int
    end: int
    value: object
    members: int = 1

    def with_another(self, bar: Bar, value: object) -> Bar:
        """Return one bar for both."""
        return Bar(self.start, max(self.end, bar.end), value, self.members + bar.members)


def bars_of(table: pa.Table, colour_by: str | None, scale: float) -> list[list[Bar]]:
    """Arrange intervals of one video in rows of bars that do not overlap.

    Parameters
    ----------
    table
        ``start_us, end_us`` and the column ``colour_by``.
    scale
        Pixels per microsecond.

    Returns
    -------
    At most `MOST_ROWS` rows, each sorted by start. There are fewer bars of each value than
    pixels, however many intervals there are.
    """
    values = table[colour_by].to_pylist() if colour_by else [None] * table.num_rows
    spans = zip(table["start_us"].to_pylist(), table["end_us"].to_pylist(), values, strict=True)
    narrow = math.inf if colour_by else NARROW / scale
    return packed(merged((Bar(*span) for span in spans), narrow, NEAR / scale))


def merged(bars: Iterable[Bar], narrow: float, near: float) -> list[Bar]:
    """Join bars of one value that are shorter than ``narrow`` and at most ``near`` apart.

    The result is sorted by start.

    >>> frames = [Bar(i, i + 1, "Ada") for i in range(100)]
    >>> merged(frames, narrow=3, near=0)
    [Bar(start=0, end=100, value='Ada', members=100)]
    >>> shots = [Bar(0, 50, None), Bar(50, 90, None)]
    >>> merged(shots, narrow=3, near=0) == shots
    True
    """
    done: list[Bar] = []
    held: dict[object, Bar] = {}  # the last bar of each value
    for bar in sorted(bars, key=lambda bar: (bar.start, bar.end)):
        last = held.get(bar.value)
        if last is not None:
            thin = bar.end - bar.start < narrow
            grows = last.members > 1 or last.end - last.start < narrow
            if thin and grows and bar.start <= last.end + near:
                held[bar.value] = last.with_another(bar, bar.value)
                continue
            done.append(last)
        held[bar.value] = bar
    return sorted([*done, *held.values()], key=lambda bar: bar.start)


def packed(bars: Iterable[Bar]) -> list[list[Bar]]:
    """Give each bar, sorted by start, a row where nothing overlaps it, and a value its own if free.

    >>> packed([Bar(0, 9, "a"), Bar(2, 4, "b"), Bar(9, 12, "a")])
    [[Bar(start=0, end=9, value='a', members=1), Bar(start=9, end=12, value='a', members=1)],
     [Bar(start=2, end=4, value='b', members=1)]]
    """
    rows: list[list[Bar]] = []
    home: dict[object, int] = {}
    for bar in bars:
        free = [i for i, row in enumerate(rows) if row[-1].end <= bar.start]
        if home.get(bar.value) in free:
            rows[home[bar.value]].append(bar)
        elif free:
            home[bar.value] = free[0]
            rows[free[0]].append(bar)
        elif len(rows) < MOST_ROWS:
            home[bar.value] = len(rows)
            rows.append([bar])
        else:
            last = rows[-1][-1]
            value = last.value if last.value == bar.value else None
            rows[-1][-1] = last.with_another(bar, value)
    return rows
