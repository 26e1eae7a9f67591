"""Results for people: a table on a terminal, lanes in a notebook, a data frame."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from vquery.errors import MissingDependencyError, QueryError
from vquery.expr.node import walk
from vquery.expr.origin import collections_of
from vquery.expr.relations import Scan
from vquery.expr.types import Kind, kind_of
from vquery.view.clock import clock

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console
    from rich.table import Table

    from vquery.engine.intervals import Intervals

WIDEST = 10_000
"""Columns of the widest table that is printed."""
TIMES = ("start_us", "end_us")
"""What columns end with that are shown as times, such as the ``a_start_us`` of a pattern."""


class Report(str):
    """Text of several lines, which also a notebook and a console show as it reads."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


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
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        raise QueryError(f"show(limit=) must be a whole number of at least 0, got {limit!r}")
    if in_notebook():
        display = importlib.import_module("IPython.display")
        display.display(display.HTML(html(intervals)))
        return
    rows = intervals.limit(limit + 1).collect()
    more = f"first {limit} rows; show(limit=…) for more" if rows.num_rows > limit else None
    print_table(rows.slice(0, limit), title=intervals.node.name, caption=more)


def print_table(rows: pa.Table, *, title: str | None = None, caption: str | None = None) -> None:
    """Print rows as a table: close together, then wider than the terminal, before cells are cut."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    printed = Table(title=None if title is None else Text(title))
    for field in rows.schema:
        right = kind_of(field.type) in (Kind.INTEGER, Kind.FLOAT)
        printed.add_column(
            Text(_heading(field.name)), justify="right" if right else "left", no_wrap=True
        )
    for row in rows.to_pylist():
        # as Text, since captions such as "[MUSIC]" are no markup
        printed.add_row(*(Text(cell(name, value)) for name, value in row.items()))
    console = Console()
    if _width(console, printed) > console.width:
        printed.padding = 0
    Console(width=max(console.width, _width(console, printed))).print(printed, crop=False)
    if caption is not None:  # below a narrow table it would be broken into lines
        console.print(Text(caption))


def _heading(name: str) -> str:
    """Name of a column as it is shown: times are shown as times, so no unit belongs there."""
    return name.removesuffix("_us") if name.endswith(TIMES) else name


def _width(console: Console, printed: Table) -> int:
    """Columns that a table takes when no cell of it is cut short."""
    return console.measure(printed, options=console.options.update(max_width=WIDEST)).maximum


def cell(name: str, value: Any) -> str:
    r"""Text of one value; times as hours, minutes and seconds.

    >>> cell("start_us", 3_723_500_000)
    '1:02:03.500'
    >>> cell("score", None), cell("text", "a\tb")
    ('–', 'a b')
    >>> cell("parts", [{"symbol": "a", "start_us": 0}, {"symbol": "b", "start_us": 1_500_000}])
    '[symbol a, start 0:00.000; symbol b, start 0:01.500]'
    """
    if value is None:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{_heading(key)} {cell(key, each)}" for key, each in value.items())
    if isinstance(value, list):
        between = "; " if any(isinstance(each, dict) for each in value) else ", "
        return f"[{between.join(cell(name, each) for each in value)}]"
    if name.endswith(TIMES):
        return clock(value, digits=3)
    if isinstance(value, float):
        return f"{value:.4g}"
    # what stands in a file must not control the terminal
    return "".join(letter if letter.isprintable() else " " for letter in str(value))


def html(intervals: Intervals) -> str:
    """Lanes, crops where the source has any, and the first rows, as HTML for a notebook."""
    from vquery.view.page import relation_html

    node = intervals.node
    sources = [each.source for each in walk(node) if isinstance(each, Scan)]
    pictures = (getattr(source, "picture", None) for source in sources)
    picture = next((each for each in pictures if each is not None), None)
    note = hint() if collections_of(node) else ""
    return relation_html(intervals.collect(), name=node.name, picture=picture, note=note)


def hint() -> str:
    """Say how rows are selected and labelled in the notebook, and what that needs."""
    said = "vq.grid(rows) selects and labels them here, vq.timeline(rows) goes through their videos"
    if importlib.util.find_spec("anywidget") is None:
        return f"{said}: both need pip install 'vquery-video[notebook]'"
    return said


def in_notebook() -> bool:
    """Whether this runs under a Jupyter kernel, which shows HTML; a console shows text."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")
