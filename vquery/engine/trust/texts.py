"""How rows, times and values are written in reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.engine.show import cell
from vquery.schema import BOX, KEYS, US_PER_S
from vquery.view.clock import clock
from vquery.view.text import short

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

SHOWN = 4
"""Rows that are written out before the rest is only counted."""
VALUES = 5
LETTERS = 40


def seconds(us: float) -> str:
    """Write a length of time.

    >>> seconds(2_350_000), seconds(-40_000)
    ('2.35 s', '-0.04 s')
    >>> seconds(4_999_980_600_000)
    '4,999,980.6 s'
    """
    text = f"{us / US_PER_S:,.3f}".rstrip("0").rstrip(".")
    return f"{text} s"


def span_text(row: Mapping[str, Any]) -> str:
    """Write the video and times of a row."""
    times = " – ".join(clock(row[key], digits=3) for key in KEYS[1:])
    return f"{row['video']} {times}"


def row_text(row: Mapping[str, Any]) -> str:
    """Write a row: its span, then the first of its other values.

    >>> row_text({"video": "a", "start_us": 0, "end_us": 1_000_000, "name": "Ann", "score": None})
    'a 0:00.000 – 0:01.000, name Ann'
    """
    hidden = {*KEYS, *BOX}
    others = [name for name, value in row.items() if name not in hidden and value is not None]
    values = "".join(
        f", {name} {short(cell(name, row[name]), LETTERS)}" for name in others[:VALUES]
    )
    return span_text(row) + values


def rows_at(table: pa.Table, rows: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    """Rows of a table by number, as dictionaries."""
    found: list[dict[str, Any]] = table.take(pa.array(rows, pa.int64())).to_pylist()
    return found


def rows_text(table: pa.Table, rows: npt.NDArray[np.int64]) -> list[str]:
    """Write the first few rows, and how many more there are."""
    lines = [row_text(each) for each in rows_at(table, rows[:SHOWN])]
    more = rows.size - SHOWN
    return [*lines, f"… and {more:,} more"] if more > 0 else lines


def value_text(value: Any) -> str:
    """Write one value as it would stand in a query; none is said.

    >>> value_text(None), value_text(0.1 + 0.2), value_text("a")
    ('no value', '0.3', "'a'")
    """
    if value is None:
        return "no value"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
