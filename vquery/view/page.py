"""Whole pages and fragments: the style sheet, tables, and a relation as a notebook shows it."""

from __future__ import annotations

import html
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.view.clock import clock
from vquery.view.lanes import Lane, lanes_html
from vquery.view.sheets import Card, sheet_html
from vquery.view.text import short

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Picture = Callable[[int], bytes | None]

SHOWN_ROWS = 20
SHOWN_CARDS = 24
SHOWN_VIDEOS = 8
LETTERS = 200
"""Of one cell; the rest of a long text is cut off."""
TIMES = {"start_us": "start", "end_us": "end"}
COLOURED_BY = ("name", "label", "vote")


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
    """Write a table; values are escaped, columns of numbers are aligned to the right.

    >>> table_html(["a"], [["<b>"]])
    '<div class="vq-scroll"><table><tr><th>a</th></tr><tr><td>&lt;b&gt;</td></tr></table></div>'
    """
    number = [
        all(row[i] is None or _is_number(row[i]) for row in rows) for i in range(len(columns))
    ]
    kinds = [' class="vq-number"' if one and rows else "" for one in number]
    lines = [_line("th", columns, kinds)] + [_line("td", row, kinds) for row in rows]
    return f'<div class="vq-scroll"><table>{"".join(lines)}</table></div>'


def rows_html(table: pa.Table) -> str:
    """Write all rows of a table as they are.

    >>> rows_html(pa.table({"a": ["b"]}))
    '<div class="vq-scroll"><table><tr><th>a</th></tr><tr><td>b</td></tr></table></div>'
    """
    return table_html(table.column_names, [list(row.values()) for row in table.to_pylist()])


def _line(tag: str, cells: Sequence[object], kinds: Sequence[str]) -> str:
    written = (
        f"<{tag}{kind}>{html.escape(_text(cell))}</{tag}>"
        for cell, kind in zip(cells, kinds, strict=True)
    )
    return f"<tr>{''.join(written)}</tr>"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: object) -> str:
    if value is None:
        return "–"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return short(text, LETTERS)


def relation_html(
    table: pa.Table,
    *,
    name: str = "intervals",
    picture: Picture | None = None,
    note: str = "",
) -> str:
    """Show collected intervals: lanes per video, crops spread over the items, the first rows.

    Parameters
    ----------
    table
        Sorted, with ``video, start_us, end_us``; bars are coloured by ``name``, ``label`` or
        ``vote``.
    name
        What the rows are.
    picture
        Gives the JPEG of a ``detection_id``.
    note
        A sentence below.

    Returns
    -------
    A fragment. What is not shown is said.
    """
    videos = pc.unique(table["video"])
    what = f"{table.num_rows:,} {name}"
    if len(videos):
        what += f" in {len(videos):,} video{'s' if len(videos) > 1 else ''}"
    pieces = [paragraph(what)]
    if table.num_rows:
        pieces.append(_timelines(table, name, videos))
        if picture is not None and "detection_id" in table.column_names:
            pieces.append(_crops(table, picture))
        pieces.append(first_rows_html(table))
        pieces.append(f"<p><small>{html.escape(note)}</small></p>" if note else "")
    return fragment(*pieces)


def _timelines(table: pa.Table, name: str, videos: pa.Array) -> str:
    shown = table.filter(pc.is_in(table["video"], value_set=videos.slice(0, SHOWN_VIDEOS)))
    colour_by = next((one for one in COLOURED_BY if one in table.column_names), None)
    lanes = lanes_html([Lane(name, shown, colour_by=colour_by)])
    return lanes + _part(SHOWN_VIDEOS, len(videos), "videos")


def _part(shown: int, there: int, what: str) -> str:
    return f"<p><small>the first {shown} of {there:,} {what}</small></p>" if there > shown else ""


def _crops(table: pa.Table, picture: Picture) -> str:
    """Show crops spread evenly over the rows rather than the first frames of the first video."""
    at = np.unique(np.linspace(0, table.num_rows - 1, SHOWN_CARDS).astype(np.int64))
    cards = [_card(item, picture) for item in table.take(pa.array(at)).to_pylist()]
    if all(card.jpeg is None for card in cards):
        return ""
    return sheet_html("crops", cards, note=f"{len(cards)} of {table.num_rows:,}")


def _card(item: dict[str, Any], picture: Picture) -> Card:
    said = next((item[one] for one in COLOURED_BY if item.get(one) is not None), None)
    time = clock(item["start_us"])
    identity = item["detection_id"]
    jpeg = None if identity is None else picture(identity)
    caption = time if said is None else str(said)
    probability = item.get("name_probability")
    if said is not None and probability is not None:
        caption += f" {probability:.2f}"
    return Card(jpeg, caption, tip=f"{item['video']} at {time}")


def first_rows_html(table: pa.Table) -> str:
    """Write the first rows of any table; whole ``start_us`` and ``end_us`` are shown as times.

    >>> first_rows_html(pa.table({"start_us": [1_500_000]}))[22:]
    '><table><tr><th>start</th></tr><tr><td>0:01.500</td></tr></table></div>'
    """
    timed = {f.name for f in table.schema if f.name in TIMES and pa.types.is_integer(f.type)}
    columns = [TIMES[one] if one in timed else one for one in table.column_names]
    first = table.slice(0, SHOWN_ROWS)
    values = [
        [clock(value, digits=3) if name in timed and value is not None else value for value in each]
        for name, each in zip(
            first.column_names, (column.to_pylist() for column in first.columns), strict=True
        )
    ]
    rows = list(zip(*values, strict=True))
    return table_html(columns, rows) + _part(SHOWN_ROWS, table.num_rows, "rows")
