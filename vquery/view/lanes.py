"""Timeline lanes: one row of bars per relation, one picture per video."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

WIDTH = 960
LABELS = 150
LANE = 18
AXIS = 22
TARGET_TICKS = 10
COLOURS = (
    "#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951",
    "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0",
)  # fmt: skip
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Lane:
    """One row of bars: a name and intervals; ``colour_by`` names a column that colours the bars.

    ``faint`` draws the bars pale and dashed, as for what is proposed rather than confirmed.
    """

    name: str
    table: pa.Table
    colour_by: str | None = None
    faint: bool = False


def lanes_html(lanes: Sequence[Lane], *, durations_us: dict[str, int] | None = None) -> str:
    """Draw the lanes of every video that has at least one interval, as HTML with inline SVG.

    Parameters
    ----------
    lanes
        Tables with ``video, start_us, end_us`` (microseconds).
    durations_us
        Length of each video; without it the axis ends at the last interval.

    >>> import pyarrow as pa
    >>> columns = {"video": pa.string(), "start_us": pa.int64(), "end_us": pa.int64()}
    >>> lanes_html([Lane("nothing", pa.schema(columns.items()).empty_table())])
    '<p class="vq-empty">no intervals</p>'
    """
    colours = _palette(lanes)
    pieces = [_video_svg(video, lanes, colours, durations_us or {}) for video in _videos(lanes)]
    if not pieces:
        return '<p class="vq-empty">no intervals</p>'
    return _legend(colours) + "".join(pieces)


def _videos(lanes: Sequence[Lane]) -> list[str]:
    names = {name for lane in lanes for name in pc.unique(lane.table["video"]).to_pylist()}
    return sorted(names, key=str)


def _palette(lanes: Sequence[Lane]) -> dict[str, str]:
    """Give each value of the colouring columns a colour, the commonest values first."""
    counts: dict[str, int] = {}
    for lane in lanes:
        if lane.colour_by is None:
            continue
        for entry in pc.value_counts(lane.table[lane.colour_by]).to_pylist():
            if entry["values"] is not None:
                counts[str(entry["values"])] = counts.get(str(entry["values"]), 0) + entry["counts"]
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    return {value: COLOURS[i % len(COLOURS)] for i, value in enumerate(ranked)}


def _legend(colours: dict[str, str]) -> str:
    keys = "".join(
        f'<span class="vq-key"><i style="background:{colour}"></i>{html.escape(value)}</span>'
        for value, colour in colours.items()
    )
    return f'<div class="vq-legend">{keys}</div>' if keys else ""


def _video_svg(
    video: object, lanes: Sequence[Lane], colours: dict[str, str], durations_us: dict[str, int]
) -> str:
    mine = [(lane, lane.table.filter(pc.equal(lane.table["video"], video))) for lane in lanes]
    last = max((pc.max(table["end_us"]).as_py() or 0 for _, table in mine), default=0)
    length = max(durations_us.get(str(video), 0), last, 1)
    scale = (WIDTH - LABELS) / length
    rows = [
        _lane_svg(lane, table, LANE * i, scale, colours) for i, (lane, table) in enumerate(mine)
    ]
    bottom = LANE * len(rows)
    return (
        f'<figure class="vq-lanes"><figcaption>{html.escape(str(video))}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {bottom + AXIS}" width="100%" role="img">'
        f"{''.join(rows)}{_axis_svg(length, scale, bottom)}</svg></figure>"
    )


def _lane_svg(lane: Lane, table: pa.Table, top: int, scale: float, colours: dict[str, str]) -> str:
    values = table[lane.colour_by].to_pylist() if lane.colour_by else [None] * table.num_rows
    spans = _merged(table["start_us"].to_pylist(), table["end_us"].to_pylist(), values, scale)
    style = ' opacity=".45" stroke-dasharray="3 2"' if lane.faint else ""
    bars = "".join(
        f'<rect x="{LABELS + start * scale:.1f}" y="{top + 3}" '
        f'width="{max((end - start) * scale, 1.5):.1f}" height="{LANE - 6}" rx="2"{style} '
        f'fill="{colours.get(str(value), COLOURS[-1])}">'
        f"<title>{_tip(start, end, value)}</title></rect>"
        for start, end, value in spans
    )
    place = f'x="{LABELS - 8}" y="{top + LANE - 5}"'
    return f'<text {place} class="vq-name">{html.escape(lane.name)}</text>{bars}'


def _merged(
    starts: list[int], ends: list[int], values: list[object], scale: float
) -> list[tuple[int, int, object]]:
    """Join bars of one value that lie within a pixel, so that long videos stay small pages."""
    near = 1 / scale
    open_bars: dict[object, tuple[int, int]] = {}
    merged: list[tuple[int, int, object]] = []
    for start, end, value in sorted(zip(starts, ends, values, strict=True), key=lambda bar: bar[0]):
        held = open_bars.get(value)
        if held and start <= held[1] + near:
            open_bars[value] = (held[0], max(held[1], end))
            continue
        if held:
            merged.append((*held, value))
        open_bars[value] = (start, end)
    return merged + [(*held, value) for value, held in open_bars.items()]


def _tip(start: int, end: int, value: object) -> str:
    label = f" {html.escape(str(value))}" if value is not None else ""
    return f"{clock(start)} – {clock(end)}{label}"


def _axis_svg(length: int, scale: float, top: int) -> str:
    step = _tick_step(length / MICROSECONDS)
    ticks = []
    for i in range(int(length / MICROSECONDS / step) + 1):
        at = LABELS + i * step * MICROSECONDS * scale
        ticks.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{top + 4}" class="vq-tick"/>'
            f'<text x="{at:.1f}" y="{top + 16}" class="vq-time">'
            f"{clock(int(i * step * MICROSECONDS))}</text>"
        )
    return "".join(ticks)


def _tick_step(seconds: float) -> float:
    """Pick 1, 2 or 5 times a power of ten (or whole minutes) for about ten ticks."""
    raw = max(seconds / TARGET_TICKS, 1e-3)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)


def clock(us: int) -> str:
    """Write a time as people read it.

    >>> clock(83_500_000), clock(3_600_000_000)
    ('1:23.5', '1:00:00')
    """
    tenths = round(us / 100_000)
    seconds, tenth = divmod(tenths, 10)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    head = f"{hours}:{minute:02d}" if hours else f"{minute}"
    return f"{head}:{second:02d}" + (f".{tenth}" if tenth else "")
