"""Results for people: a table on a terminal, lanes in a notebook, a data frame."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from vquery.errors import MissingDependencyError
from vquery.expr.types import Kind, kind_of

if TYPE_CHECKING:
    import pyarrow as pa

    from vquery.engine.intervals import Intervals

HTML_ROWS = 1000
"""Rows that a notebook draws."""


def to_pandas(table: pa.Table) -> Any:
    """Convert a result to a data frame.

    Raises
    ------
    MissingDependencyError
        If pandas is not installed.
    """
    if importlib.util.find_spec("pandas") is None:
        raise MissingDependencyError("to_pandas() needs pandas: pip install pandas")
    return table.to_pandas()


def show(intervals: Intervals, limit: int) -> None:
    """Print the first rows."""
    from rich.console import Console
    from rich.table import Table

    rows = intervals.limit(limit + 1).collect()
    shown = rows.slice(0, limit)
    printed = Table(title=intervals.node.name)
    for field in shown.schema:
        right = kind_of(field.type) in (Kind.INTEGER, Kind.FLOAT)
        name = {"start_us": "start", "end_us": "end"}.get(field.name, field.name)
        printed.add_column(name, justify="right" if right else "left")
    for row in shown.to_pylist():
        printed.add_row(*(cell(name, value) for name, value in row.items()))
    if rows.num_rows > limit:
        printed.caption = f"first {limit} rows; show(limit=…) for more"
    Console().print(printed)


def cell(name: str, value: Any) -> str:
    """Text of one value; times as hours, minutes and seconds.

    >>> cell("start_us", 3_723_500_000)
    '1:02:03.500'
    >>> cell("score", None)
    '–'
    """
    if value is None:
        return "–"
    if name in ("start_us", "end_us"):
        return clock(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def clock(microseconds: int) -> str:
    """Write a time as hours, minutes, seconds and milliseconds (rounded).

    >>> clock(-1_500_000)
    '-0:00:01.500'
    """
    milliseconds = round(abs(microseconds) / 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if microseconds < 0 else ""
    return f"{sign}{hours}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"


def html(intervals: Intervals) -> str | None:
    """HTML for a notebook, or None (which falls back to the text form) where it cannot be drawn."""
    if importlib.util.find_spec("vquery.view") is None:
        return None
    if importlib.util.find_spec("vquery.view.lanes") is None:
        return None
    lanes = importlib.import_module("vquery.view.lanes")
    drawn: str = lanes.relation_html(intervals.limit(HTML_ROWS).collect())
    return drawn
