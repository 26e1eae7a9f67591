"""What people give as the place of a box: its corners, or the extreme points of the object."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import LabelError
from vquery.schema import BOX

if TYPE_CHECKING:
    from collections.abc import Sequence

FARTHEST = 1.0
"""How far a box may stick out, in pictures: what lies further was meant in pixels."""
EXTREMES = 4


def outline(
    box: Sequence[float] | None = None, points: Sequence[Sequence[float]] | None = None
) -> dict[str, Any]:
    """Return ``x1, y1, x2, y2`` and ``points`` (None for a box) of what was drawn, as float32.

    Raises
    ------
    LabelError
        Naming what was given: not one of the two, numbers that are none, corners the wrong way
        round, or a box outside the picture.

    >>> outline(points=[(.5, .1), (.2, .4), (.6, .9), (.8, .5)])["x1"]
    0.20000000298023224
    >>> outline((.5, .1, .5, .4))
    Traceback (most recent call last):
    vquery.errors.LabelError: a box goes from x1 to a larger x2, got x1=0.5 and x2=0.5
    """
    if (box is None) == (points is None):
        what = "neither" if box is None else "both"
        raise LabelError(f"give the box= or the four extreme points= of what is drawn, got {what}")
    if points is None:
        sides, kept = _numbers(box, len(BOX), "a box is x1, y1, x2, y2"), None
    else:
        kept = _listed(points)
        sides = [min(kept[::2]), min(kept[1::2]), max(kept[::2]), max(kept[1::2])]
    _check(sides)
    return dict(zip(BOX, sides, strict=True)) | {"points": kept}


def _listed(points: Any) -> list[float]:
    """Return four points as eight numbers."""
    rule = f"extreme points are {EXTREMES} pairs of x and y"
    try:
        pairs = [_numbers(one, 2, rule) for one in points]
    except TypeError:
        raise LabelError(f"{rule}, got {points!r}") from None
    if len(pairs) != EXTREMES:
        raise LabelError(f"{rule}, got {len(pairs)}")
    return [value for pair in pairs for value in pair]


def _numbers(values: Any, count: int, rule: str) -> list[float]:
    """Return values as float32, the precision that they are kept with."""
    try:
        found = [float(value + 0) for value in values]  # a text is no number
    except (TypeError, ValueError, OverflowError):
        raise LabelError(f"{rule} in shares of the picture, got {values!r}") from None
    if len(found) != count or not all(map(math.isfinite, found)):
        raise LabelError(f"{rule} in shares of the picture, got {values!r}")
    if min(found) < -FARTHEST or max(found) > 1 + FARTHEST:
        raise LabelError(
            f"{rule} in shares of the picture, from 0 to 1 (up to {FARTHEST:g} outside), got "
            f"{', '.join(f'{value:g}' for value in found)}: divide pixels by width and height"
        )
    return [float(np.float32(value)) for value in found]


def _check(sides: list[float]) -> None:
    for low, high in ((0, 2), (1, 3)):
        if sides[low] >= sides[high]:
            raise LabelError(
                f"a box goes from {BOX[low]} to a larger {BOX[high]}, got "
                f"{BOX[low]}={sides[low]:g} and {BOX[high]}={sides[high]:g}"
            )
        if sides[high] <= 0 or sides[low] >= 1:
            raise LabelError(
                f"the box lies outside the picture, which goes from 0 to 1: got "
                f"{BOX[low]}={sides[low]:g} and {BOX[high]}={sides[high]:g}"
            )
