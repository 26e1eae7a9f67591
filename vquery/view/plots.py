"""Plots as inline SVG: reliability of probabilities, values with intervals, lines."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, NamedTuple

from vquery.view.lanes import COLOURS
from vquery.view.text import short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

SIDE = 300
"""Pixels of the square of a reliability plot."""
MARGIN = 44
LINE = 22
"""Pixels of height of one value with its interval."""
NAMES = 260
WIDTH = 760
LETTERS = 40
INK, GRID, ACCENT, WARNING = "#3b424a", "#d8dce1", "#4269d0", "#cf222e"
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


class Point(NamedTuple):
    """A value with its name and its interval, all but the name null where not known."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    worse: bool = False


def reliability_svg(table: pa.Table) -> str:
    """Draw what is true over what was claimed; on the diagonal probabilities mean what they say.

    Parameters
    ----------
    table
        As `vquery.metrics.calibration.reliability` makes it. The area of a point grows with its
        items; bins without items are left out.

    >>> import pyarrow as pa
    >>> names = ("low", "high", "items", "probability", "share", "share_low", "share_high")
    >>> "<circle" in reliability_svg(pa.table({name: [None] for name in names}))
    False
    """
    rows = [row for row in table.to_pylist() if row["probability"] is not None]
    most = max((row["items"] for row in rows), default=1)
    pieces = [
        _square("probability claimed", "share that is true"),
        _path([(0, 0), (1, 1)], GRID, dashed=True),
    ]
    for row in rows:
        at = row["probability"]
        pieces.append(_path([(at, row["share_low"]), (at, row["share_high"])], ACCENT))
    pieces.append(_path([(row["probability"], row["share"]) for row in rows], ACCENT))
    for row in rows:
        x, y = _place(row["probability"], row["share"])
        radius = 2.5 + 5.5 * (row["items"] / most) ** 0.5
        tip = f"{row['items']:,} items: {row['probability']:.3f} claimed, {row['share']:.3f} true"
        pieces.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{ACCENT}" '
            f'fill-opacity=".75"><title>{tip}</title></circle>'
        )
    return _svg(SIDE + 2 * MARGIN, SIDE + 2 * MARGIN, "reliability", pieces)


def lines_svg(lines: Mapping[str, Sequence[tuple[float, float]]], *, across: str, up: str) -> str:
    """Draw lines through points of a square from 0 to 1, each with its name.

    >>> lines_svg({"a": [(0, 0), (1, 1)]}, across="recall", up="precision").count("<polyline")
    1
    """
    pieces = [_square(across, up)]
    for at, (name, points) in enumerate(lines.items()):
        colour = COLOURS[at % len(COLOURS)]
        pieces.append(_path(points, colour))
        pieces.append(
            f'<text x="{SIDE + MARGIN + 10}" y="{MARGIN + 14 + 16 * at}" font-size="11" '
            f'fill="{colour}">{_short(name)}</text>'
        )
    return _svg(SIDE + 2 * MARGIN + 160, SIDE + 2 * MARGIN, f"{up} over {across}", pieces)


def intervals_svg(points: Sequence[Point], overall: float | None = None) -> str:
    """Draw values with their intervals below each other, and a line where the whole lies.

    Values outside 0 to 1 stretch the axis. What is worse is drawn in red; a name without a value
    has no point.

    >>> intervals_svg([Point("a", 0.5, 0.4, 0.6), Point("b", None)]).count("<circle")
    1
    """
    known = [
        number
        for point in points
        for number in (point.value, point.low, point.high)
        if number is not None
    ]
    most = max([1.0, *known])
    least = min([0.0, *known])
    height = LINE * len(points) + 30

    def across(value: float) -> float:
        return NAMES + (WIDTH - NAMES - 20) * (value - least) / (most - least)

    pieces = [
        f'<line x1="{across(value):.1f}" y1="0" x2="{across(value):.1f}" y2="{height - 24}" '
        f'stroke="{GRID}"/>'
        f'<text x="{across(value):.1f}" y="{height - 8}" class="vq-time">{value:.3g}</text>'
        for value in (least + tick * (most - least) for tick in TICKS)
    ]
    if overall is not None:
        x = across(overall)
        pieces.append(
            f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{height - 24}" stroke="{INK}" '
            f'stroke-dasharray="3 3"><title>all: {overall:.3f}</title></line>'
        )
    pieces += [_point(one, LINE * at + LINE / 2, across) for at, one in enumerate(points)]
    return _svg(WIDTH, height, "values with intervals", pieces)


def _point(one: Point, y: float, across: Callable[[float], float]) -> str:
    """Draw one value with its name and interval, as far as they are known."""
    colour = WARNING if one.worse else ACCENT
    drawn = f'<text x="{NAMES - 10}" y="{y + 4:.1f}" class="vq-name">{_short(one.name)}</text>'
    if one.low is not None and one.high is not None:
        drawn += (
            f'<line x1="{across(one.low):.1f}" y1="{y:.1f}" x2="{across(one.high):.1f}" '
            f'y2="{y:.1f}" stroke="{colour}" stroke-width="2"/>'
        )
    if one.value is not None:
        drawn += (
            f'<circle cx="{across(one.value):.1f}" cy="{y:.1f}" r="4" fill="{colour}">'
            f"<title>{html.escape(one.name)}: {one.value:.3f}</title></circle>"
        )
    return drawn


def _place(x: float, y: float) -> tuple[float, float]:
    return MARGIN + SIDE * x, MARGIN + SIDE * (1 - y)


def _path(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_place(*point) for point in points))
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"{dash}/>'


def _square(across: str, up: str) -> str:
    pieces = []
    for tick in TICKS:
        (x, y), (right, top) = _place(tick, 0), _place(1, tick)
        pieces.append(
            f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x:.1f}" y2="{MARGIN}" stroke="{GRID}"/>'
            f'<line x1="{MARGIN}" y1="{top:.1f}" x2="{right:.1f}" y2="{top:.1f}" stroke="{GRID}"/>'
            f'<text x="{x:.1f}" y="{y + 15:.1f}" class="vq-time">{tick:g}</text>'
            f'<text x="{MARGIN - 6}" y="{top + 4:.1f}" class="vq-name">{tick:g}</text>'
        )
    middle = MARGIN + SIDE / 2
    return "".join(pieces) + (
        f'<text x="{middle}" y="{SIDE + 2 * MARGIN - 8}" class="vq-time">'
        f"{html.escape(across)}</text>"
        f'<text x="12" y="{middle}" class="vq-time" transform="rotate(-90 12 {middle})">'
        f"{html.escape(up)}</text>"
    )


def _short(name: str) -> str:
    return html.escape(short(name, LETTERS))


def _svg(width: float, height: float, title: str, pieces: Sequence[str]) -> str:
    return (
        f'<figure><svg role="img" aria-label="{html.escape(title)}" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">{"".join(pieces)}'
        "</svg></figure>"
    )
