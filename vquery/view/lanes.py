"""Timeline lanes: one lane of bars per relation, one picture per video."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from vquery.schema import US_PER_S
from vquery.view.bars import Bar, bars_of
from vquery.view.clock import clock, ticks
from vquery.view.text import short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

WIDTH = 1000
LEFT, RIGHT = 150, 30
ONE_ROW = 18
"""Height of a lane with one row of bars; more rows are thinner."""
THIN_ROW = 9
AXIS = 20
NAME_LETTERS = 22
COLOURS = (
    "#4269d0", "#efb118", "#e0504a", "#3aa88e", "#8a5bd6",
    "#e58fbd", "#67b045", "#59a5e0", "#a3744f", "#31708f",
)  # fmt: skip
PLAIN = "#7b8694"
NO_VALUE = "#c5cad1"


@dataclass(frozen=True)
class Lane:
    """A name and intervals; ``colour_by`` names a column whose values colour the bars.

    ``faint`` draws outlines, as for what is expected or proposed rather than found.
    """

    name: str
    table: pa.Table
    colour_by: str | None = None
    faint: bool = False


def lanes_html(
    lanes: Sequence[Lane],
    *,
    durations_us: Mapping[str, int] | None = None,
    values: Sequence[object] | None = None,
) -> str:
    """Draw the lanes of every video that has at least one interval, as HTML with inline SVG.

    Intervals that overlap in a lane are drawn in rows below each other. Intervals of one colour
    that touch are drawn as one bar, and so are those too short to be told apart; its tip says how
    many they are.

    Parameters
    ----------
    lanes
        Tables with ``video, start_us, end_us`` (microseconds).
    durations_us
        Length of each video; without it the axis ends at the last interval.
    values
        Values in the order of their colours; by default the commonest first.

    >>> import pyarrow as pa
    >>> columns = {"video": pa.string(), "start_us": pa.int64(), "end_us": pa.int64()}
    >>> lanes_html([Lane("nothing", pa.schema(columns.items()).empty_table())])
    '<p class="vq-empty">no intervals</p>'
    """
    colours = _palette(lanes, values)
    figures = [_figure(video, lanes, colours, durations_us or {}) for video in _videos(lanes)]
    if not figures:
        return '<p class="vq-empty">no intervals</p>'
    return _legend(lanes, colours) + "".join(figures)


def _videos(lanes: Sequence[Lane]) -> list[object]:
    names = {name for lane in lanes for name in pc.unique(lane.table["video"]).to_pylist()}
    return sorted(names, key=str)


def _palette(lanes: Sequence[Lane], values: Sequence[object] | None) -> dict[object, str]:
    """Give each value of the colouring columns a colour: as listed, else the commonest first."""
    counts: dict[object, int] = {}
    for lane in lanes:
        if lane.colour_by is not None:
            for entry in pc.value_counts(lane.table[lane.colour_by]).to_pylist():
                counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
    nothing = counts.pop(None, 0)
    ranked = list(values or ())
    left = counts.keys() - set(ranked)
    ranked += sorted(left, key=lambda value: (-counts[value], str(value)))
    colours = {value: COLOURS[i % len(COLOURS)] for i, value in enumerate(ranked)}
    return colours | {None: NO_VALUE} if nothing else colours


def _legend(lanes: Sequence[Lane], colours: dict[object, str]) -> str:
    column = next((lane.colour_by for lane in lanes if lane.colour_by), "value")
    keys = "".join(
        f'<span class="vq-key"><i style="background:{colour}"></i>'
        f"{html.escape(f'no {column}' if value is None else str(value))}</span>"
        for value, colour in colours.items()
    )
    return f'<div class="vq-legend">{keys}</div>' if keys else ""


def _figure(
    video: object,
    lanes: Sequence[Lane],
    colours: dict[object, str],
    durations_us: Mapping[str, int],
) -> str:
    mine = [(lane, lane.table.filter(pc.equal(lane.table["video"], video))) for lane in lanes]
    last = max(pc.max(table["end_us"]).as_py() or 0 for _, table in mine)
    length = max(durations_us.get(str(video)) or 0, last, US_PER_S)
    scale = (WIDTH - LEFT - RIGHT) / length
    pieces, top = [], 0
    for i, (lane, table) in enumerate(mine):
        rows = bars_of(table, lane.colour_by, scale)
        height = max(ONE_ROW, THIN_ROW * len(rows) + 4)
        pieces.append(_lane(lane, rows, (top, height), scale, colours, shaded=i % 2 == 0))
        top += height
    title = html.escape(str(video))
    drawing = "".join(pieces) + _axis(length, scale, top)
    return (
        f'<figure class="vq-lanes"><figcaption>{title} <small>{clock(length)}</small></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {top + AXIS}" width="100%" role="img" '
        f'aria-label="timeline of {title}">{drawing}</svg></figure>'
    )


def _lane(
    lane: Lane,
    rows: list[list[Bar]],
    place: tuple[int, int],
    scale: float,
    colours: dict[object, str],
    *,
    shaded: bool,
) -> str:
    top, height = place
    width = WIDTH - LEFT - RIGHT
    shade = f'<rect x="{LEFT}" y="{top}" width="{width}" height="{height}" class="vq-shade"/>'
    pitch = (height - 4) / max(len(rows), 1)
    bars = "".join(
        _bar(bar, (top + 2 + i * pitch, pitch - 1), scale, _fill(lane, bar, colours))
        for i, row in enumerate(rows)
        for bar in row
    )
    shown = html.escape(short(lane.name, NAME_LETTERS))
    name = (
        f'<text x="{LEFT - 8}" y="{top + height / 2 + 4:g}" class="vq-name">'
        f"<title>{html.escape(lane.name)}</title>{shown}</text>"
    )
    return (shade if shaded else "") + name + bars


def _fill(lane: Lane, bar: Bar, colours: dict[object, str]) -> str:
    colour = colours.get(bar.value, PLAIN) if lane.colour_by else PLAIN
    if lane.faint:
        return f'fill="{colour}" fill-opacity=".15" stroke="{colour}" stroke-dasharray="3 2"'
    return f'fill="{colour}"'


def _bar(bar: Bar, place: tuple[float, float], scale: float, fill: str) -> str:
    """Draw a bar, a hair shorter than its time so that neighbours stay apart; an instant thin."""
    top, height = place
    width = max((bar.end - bar.start) * scale - 1, 2.0)
    corner = "" if width < 4 else ' rx="2"'
    return (
        f'<rect x="{LEFT + bar.start * scale:.1f}" y="{top:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}"{corner} {fill}><title>{_tip(bar)}</title></rect>'
    )


def _tip(bar: Bar) -> str:
    times = clock(bar.start) if bar.start == bar.end else f"{clock(bar.start)} – {clock(bar.end)}"
    value = "" if bar.value is None else f" {html.escape(str(bar.value))}"
    return f"{times}{value}" + (f" ({bar.members:,} intervals)" if bar.members > 1 else "")


def _axis(length: int, scale: float, bottom: int) -> str:
    return "".join(
        f'<line x1="{LEFT + us * scale:.1f}" x2="{LEFT + us * scale:.1f}" y1="0" '
        f'y2="{bottom + 4}" class="vq-tick"/>'
        f'<text x="{LEFT + us * scale:.1f}" y="{bottom + 16}" class="vq-time">{clock(us)}</text>'
        for us in ticks(length)
    )
