"""A curve with its intervals over a count, such as quality over labels, as an SVG of its own."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, LEFT, BELOW, ABOVE, NAMES = 420, 260, 52, 40, 16, 170
COLOURS = ("#1f6feb", "#c2410c", "#15803d", "#7c3aed", "#0e7490", "#a16207")
GRID, INK = "#d7dce2", "#57606a"
LETTERS = 24
LEAST = 5
"""What the count goes up to at least, so that its fifths are whole."""


class At(NamedTuple):
    """A point of a curve, and the ends of its interval where they are known."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


def growth_svg(lines: Mapping[str, Sequence[At]], *, across: str, up: str) -> str:
    """Draw curves of values from 0 to 1 over a count; a file that stands alone.

    >>> growth_svg({"mixed": [At(10, 0.5, 0.4, 0.6), At(20, 0.7)]}, across="labels",
    ...     up="accuracy").count("<circle")
    2
    >>> "nothing was measured" in growth_svg({}, across="labels", up="accuracy")
    True
    """
    known = [point.x for points in lines.values() for point in points]
    top = _rounded(max([LEAST, *known]))
    pieces = [_axes(top, across, up)]
    if not known:
        pieces.append(
            f'<text x="{LEFT + WIDTH / 2}" y="{ABOVE + HEIGHT / 2}" text-anchor="middle">'
            "nothing was measured</text>"
        )
    for at, (name, points) in enumerate(lines.items()):
        colour = COLOURS[at % len(COLOURS)]
        pieces.append(_line(points, top, colour))
        y = ABOVE + 14 + 16 * at
        pieces.append(
            f'<text x="{LEFT + WIDTH + 12}" y="{y}" fill="{colour}">'
            f"{html.escape(name[:LETTERS])}</text>"
        )
    width, height = LEFT + WIDTH + NAMES, ABOVE + HEIGHT + BELOW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11" fill="{INK}">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f"<title>{html.escape(up)} over {html.escape(across)}</title>{''.join(pieces)}</svg>\n"
    )


def _line(points: Sequence[At], top: float, colour: str) -> str:
    places = [(_x(one.x, top), _y(one.y), one) for one in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    drawn = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    for x, y, one in places:
        if one.low is not None and one.high is not None:
            drawn += (
                f'<line x1="{x:.1f}" y1="{_y(one.low):.1f}" x2="{x:.1f}" y2="{_y(one.high):.1f}" '
                f'stroke="{colour}" stroke-opacity="0.4" stroke-width="2"/>'
            )
        drawn += (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}">'
            f"<title>{one.x:,g}: {one.y:.3f}</title></circle>"
        )
    return drawn


def _axes(top: float, across: str, up: str) -> str:
    drawn = ""
    for step in range(6):
        share = step / 5
        x, y = LEFT + WIDTH * share, _y(share)
        drawn += (
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{LEFT + WIDTH}" y2="{y:.1f}" stroke="{GRID}"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share:g}</text>'
            f'<text x="{x:.1f}" y="{ABOVE + HEIGHT + 16}" text-anchor="middle">'
            f"{top * share:,.0f}</text>"
        )
    middle = ABOVE + HEIGHT / 2
    return drawn + (
        f'<text x="{LEFT + WIDTH / 2}" y="{ABOVE + HEIGHT + 34}" text-anchor="middle">'
        f"{html.escape(across)}</text>"
        f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">'
        f"{html.escape(up)}</text>"
    )


def _x(value: float, top: float) -> float:
    return LEFT + WIDTH * value / top


def _y(value: float) -> float:
    return ABOVE + HEIGHT * (1 - min(max(value, 0.0), 1.0))


def _rounded(value: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten, in fifths that are whole from 5 on.

    >>> _rounded(37), _rounded(100), _rounded(3)
    (50, 100, 5)
    """
    power: float = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)
