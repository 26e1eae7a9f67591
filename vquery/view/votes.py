"""Pictures of votes: a matrix of functions by functions, and what each function votes how often."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from vquery.view.lanes import COLOURS
from vquery.view.text import short

if TYPE_CHECKING:
    from collections.abc import Sequence

CELL = 22
LETTERS = 18
LETTER_WIDTH = 7
WARM, COOL = "#d0473a", "#3569c4"
UNKNOWN = "#e8eaed"
LONG, HIGH = 420, 16


def matrix_svg(names: Sequence[str], values: Sequence[Sequence[float]]) -> str:
    """Draw a symmetric matrix of correlations: red above 0, blue below, grey where not known.

    >>> matrix_svg([], [])
    ''
    """
    if not names:
        return ""
    left = LETTER_WIDTH * min(LETTERS, max(map(len, names))) + 34
    size = CELL * len(names)
    cells = "".join(
        _cell(names[i], names[j], values[i][j], left + j * CELL, i * CELL)
        for i in range(len(names))
        for j in range(len(names))
        if i != j
    )
    sides = "".join(
        f'<text x="{left - 6}" y="{i * CELL + 15}" class="vq-name">{_short(name)} {i + 1}</text>'
        f'<text x="{left + i * CELL + CELL / 2}" y="{size + 14}" class="vq-time">{i + 1}</text>'
        for i, name in enumerate(names)
    )
    wide = left + size + 4
    return (
        f'<svg viewBox="0 0 {wide} {size + 20}" width="{wide}" style="max-width:100%" role="img" '
        f'aria-label="residual correlations">{cells}{sides}</svg>'
    )


def _cell(one: str, other: str, value: float, x: float, y: float) -> str:
    known = not math.isnan(value)
    colour = (WARM if value > 0 else COOL) if known else UNKNOWN
    strength = f' fill-opacity="{abs(value):.2f}"' if known else ""
    said = f"{value:+.2f}" if known else "not known"
    return (
        f'<rect x="{x}" y="{y}" width="{CELL - 1}" height="{CELL - 1}" fill="{colour}"{strength}>'
        f"<title>{html.escape(one)} and {html.escape(other)}: {said}</title></rect>"
    )


def shares_svg(names: Sequence[str], classes: Sequence[str], shares: list[list[float]]) -> str:
    """Draw a bar for each function, cut into the shares of items on which it votes each class.

    >>> shares_svg([], ["yes"], [])
    ''
    """
    if not names:
        return ""
    left = LETTER_WIDTH * min(LETTERS, max(map(len, names))) + 14
    pieces = []
    for row, (name, parts) in enumerate(zip(names, shares, strict=True)):
        top, x = row * (HIGH + 4), float(left)
        label = f'<text x="{left - 6}" y="{top + 12}" class="vq-name">{_short(name)}</text>'
        frame = f'<rect x="{left}" y="{top}" width="{LONG}" height="{HIGH}" fill="{UNKNOWN}"/>'
        pieces += [label, frame]
        for place, share in enumerate(parts):
            width = share * LONG
            colour = COLOURS[place % len(COLOURS)]
            tip = f"{html.escape(name)}: {html.escape(classes[place])} {share:.1%}"
            pieces.append(
                f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{HIGH}" fill="{colour}">'
                f"<title>{tip}</title></rect>"
            )
            x += width
    wide, high = left + LONG + 4, len(names) * (HIGH + 4)
    legend = "".join(
        f'<span class="vq-key"><i style="background:{COLOURS[place % len(COLOURS)]}"></i>'
        f"{html.escape(name)}</span>"
        for place, name in enumerate(classes)
    )
    return (
        f'<div class="vq-legend">{legend}<span class="vq-key">'
        f'<i style="background:{UNKNOWN}"></i>abstains</span></div>'
        f'<svg viewBox="0 0 {wide} {high}" width="{wide}" style="max-width:100%" role="img" '
        f'aria-label="votes by class">{"".join(pieces)}</svg>'
    )


def _short(name: str) -> str:
    return html.escape(short(name, LETTERS))
