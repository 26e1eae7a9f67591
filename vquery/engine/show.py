"""Results for people: a table on a terminal, lanes in a notebook, a data frame."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from vquery.errors import MissingDependencyError
from vquery.expr.node import walk
from vquery.expr.relations import Scan
from vquery.expr.types import Kind, kind_of

if TYPE_CHECKING:
    import pyarrow as pa

    from vquery.engine.intervals import Intervals


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
    """Draw lanes, crops and rows in a notebook; print the first rows elsewhere."""
    if in_notebook():
        display = importlib.import_module("IPython.display")
        display.display(display.HTML(html(intervals)))
        return
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


def html(intervals: Intervals) -> str:
    """Lanes, crops where the source has any, and the first rows, as HTML for a notebook."""
    from vquery.view.page import relation_html

    node = intervals.node
    sources = [each.source for each in walk(node) if isinstance(each, Scan)]
    pictures = (getattr(source, "picture", None) for source in sources)
    picture = next((each for each in pictures if each is not None), None)
    return relation_html(intervals.collect(), name=node.name, picture=picture)


def in_notebook() -> bool:
    """Whether this runs under a Jupyter kernel, which shows HTML; a console shows text."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")
