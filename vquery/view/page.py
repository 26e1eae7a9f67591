"""Whole pages and fragments: the style sheet, tables, and a relation as a notebook shows it."""

from __future__ import annotations

import html
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from vquery.view.lanes import Lane, clock, lanes_html
from vquery.view.sheets import Card, sheet_html

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    Picture = Callable[[int], bytes | None]

SHOWN_ROWS = 20
SHOWN_CARDS = 24


@cache
def _style() -> str:
    return files("vquery.view").joinpath("style.css").read_text("utf-8")


def fragment(*pieces: str) -> str:
    """Wrap pieces of HTML with the style sheet, for a notebook cell."""
    return f'<style>{_style()}</style><div class="vq">{"".join(pieces)}</div>'


def page(title: str, *pieces: str) -> str:
    """Make a page that stands alone: no script, nothing fetched."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title></head><body>"
        f"{fragment(f'<h1>{html.escape(title)}</h1>', *pieces)}</body></html>"
    )


def heading(text: str) -> str:
    """Write a section heading."""
    return f"<h2>{html.escape(text)}</h2>"


def paragraph(text: str) -> str:
    """Write a paragraph."""
    return f"<p>{html.escape(text)}</p>"


def table_html(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a table; values are escaped.

    >>> table_html(["a"], [["<b>"]])
    '<table><tr><th>a</th></tr><tr><td>&lt;b&gt;</td></tr></table>'
    """
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_text(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _text(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def relation_html(
    table: pa.Table, *, name: str = "intervals", picture: Picture | None = None
) -> str:
    """Show collected intervals: lanes per video, crops of the first items, the first rows.

    ``picture`` gives the JPEG of a ``detection_id``. What is not shown is said.
    """
    rows = table.num_rows
    pieces = [f"<p>{rows:,} {html.escape(name)}</p>"]
    if rows:
        pieces.append(lanes_html([Lane(name, table, colour_by=_colouring(table))]))
        if picture is not None and "detection_id" in table.column_names:
            pieces.append(_crops(table, picture))
        pieces.append(_first_rows(table))
    return fragment(*pieces)


def _colouring(table: pa.Table) -> str | None:
    return next((name for name in ("name", "label", "vote") if name in table.column_names), None)


def _crops(table: pa.Table, picture: Picture) -> str:
    """Show crops spread evenly over the rows rather than the first frames of the first video."""
    step = max(1, table.num_rows // SHOWN_CARDS)
    shown = table.take(list(range(0, table.num_rows, step))[:SHOWN_CARDS]).to_pylist()
    cards = [
        Card(picture(item["detection_id"]), str(item.get("name") or clock(item["start_us"])))
        for item in shown
    ]
    return sheet_html("crops", cards, note=f"{len(cards)} of {table.num_rows:,}")


def _first_rows(table: pa.Table) -> str:
    shown = table.slice(0, SHOWN_ROWS)
    rows = [list(item.values()) for item in shown.to_pylist()]
    note = f"<p><small>first {SHOWN_ROWS} of {table.num_rows:,} rows</small></p>"
    return table_html(table.column_names, rows) + (note if table.num_rows > SHOWN_ROWS else "")
