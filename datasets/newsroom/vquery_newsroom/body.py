"""Neck, shoulders and clothes, in head units around the head that sits on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_newsroom.shapes import Part, mirrored, part, smooth, tint

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery_newsroom.people import Look

FLOOR = 6.0  # far enough down for every framing
SHOULDERS = mirrored(
    [
        (0.0, 1.30),
        (-0.42, 1.34),
        (-1.15, 1.62),
        (-1.72, 1.98),
        (-2.02, 2.75),
        (-2.10, 3.9),
        (-2.0, FLOOR),
        (0.0, FLOOR),
    ]
)
NECK = [(-0.36, 0.55), (0.36, 0.55), (0.40, 1.40), (0.55, 1.62), (-0.55, 1.62), (-0.40, 1.40)]


def _torso(colour: tuple[int, int, int]) -> list[Part]:
    sleeve = [(-1.38, 2.75), (-1.46, 3.6), (-1.42, FLOOR)]
    lines = [
        part(np.asarray(sleeve) * (side, 1.0), tint(colour, 0.80), width=0.05, closed=False)
        for side in (-1.0, 1.0)
    ]
    return [part(smooth(SHOULDERS), colour), *lines]


def _pair(
    points: list[tuple[float, float]], colour: tuple[int, int, int], z: float = 0.1
) -> list[Part]:
    outline = np.asarray(points)
    return [part(outline, colour, z), part(outline * (-1.0, 1.0), colour, z)]


def _vee(colour: tuple[int, int, int], depth: float = 3.3, width: float = 0.52) -> Part:
    return part([(-width, 1.36), (width, 1.36), (0.0, depth)], colour, 0.05)


def _suit(look: Look) -> list[Part]:
    collar = _pair([(-0.44, 1.30), (-0.06, 1.66), (-0.34, 1.94)], tint(look.under, 0.93), 0.15)
    tie = [
        part(
            [(-0.13, 1.62), (0.13, 1.62), (0.09, 1.86), (-0.09, 1.86)],
            tint(look.accent, 0.85),
            0.15,
        ),
        part(
            [(-0.09, 1.86), (0.09, 1.86), (0.20, 3.1), (0.0, 3.4), (-0.20, 3.1)], look.accent, 0.15
        ),
    ]
    lapels = _pair(
        [(-0.50, 1.34), (-0.82, 1.50), (-0.92, 2.16), (-0.70, 2.22), (-0.02, 3.5)],
        tint(look.top, 0.78),
    )
    return [*_torso(look.top), _vee(look.under), *tie, *collar, *lapels]


def _jacket(look: Look) -> list[Part]:
    collar = _pair([(-0.46, 1.28), (-0.05, 1.72), (-0.42, 2.06)], tint(look.under, 0.92), 0.15)
    skin = part([(-0.22, 1.40), (0.22, 1.40), (0.0, 1.86)], tint(look.skin, 0.86), 0.08)
    lapels = _pair(
        [(-0.52, 1.34), (-0.90, 1.52), (-0.98, 2.30), (-0.72, 2.36), (-0.02, 3.6)], look.accent
    )
    return [*_torso(look.top), _vee(look.under, 3.5, 0.55), skin, *collar, *lapels]


def _blazer(look: Look) -> list[Part]:
    scoop = smooth([(-0.46, 1.36), (0.46, 1.36), (0.36, 1.86), (0.0, 2.02), (-0.36, 1.86)])
    lapels = _pair([(-0.52, 1.36), (-0.80, 1.50), (-0.74, 2.50), (-0.02, 3.6)], look.accent)
    return [*_torso(look.top), _vee(look.under, 3.5, 0.56), part(scoop, look.skin, 0.06), *lapels]


def _blouse(look: Look) -> list[Part]:
    scoop = smooth([(-0.62, 1.36), (0.62, 1.36), (0.46, 1.82), (0.0, 2.04), (-0.46, 1.82)])
    trim = part(
        [(-0.62, 1.46), (-0.46, 1.84), (0.0, 2.06), (0.46, 1.84), (0.62, 1.46)],
        look.accent,
        0.08,
        width=0.10,
        closed=False,
    )
    return [*_torso(look.top), part(scoop, look.under, 0.05), trim]


def _turtleneck(look: Look) -> list[Part]:
    roll = smooth(
        [(-0.48, 1.06), (0.0, 1.14), (0.48, 1.06), (0.66, 1.62), (0.0, 1.76), (-0.66, 1.62)]
    )
    seam = part(
        [(-0.50, 1.40), (0.0, 1.50), (0.50, 1.40)], look.accent, 0.1, width=0.05, closed=False
    )
    return [*_torso(look.top), part(roll, tint(look.top, 1.12), 0.1), seam]


def _polo(look: Look) -> list[Part]:
    skin = part([(-0.34, 1.34), (0.34, 1.34), (0.0, 2.0)], tint(look.skin, 0.9), 0.05)
    collar = _pair([(-0.52, 1.24), (-0.10, 1.62), (-0.44, 2.02), (-0.74, 1.60)], look.accent, 0.1)
    placket = part([(0.0, 1.95), (0.0, 2.9)], look.accent, 0.08, width=0.12, closed=False)
    return [*_torso(look.top), placket, skin, *collar]


def _cardigan(look: Look) -> list[Part]:
    edge = part(
        [(-0.48, 1.36), (0.0, 3.1), (0.48, 1.36)], look.accent, 0.1, width=0.14, closed=False
    )
    buttons = [
        part(smooth([(-0.07, y), (0.0, y - 0.07), (0.07, y), (0.0, y + 0.07)]), look.under, 0.12)
        for y in (3.3, 3.8, 4.3)
    ]
    return [*_torso(look.top), _vee(look.under, 3.1, 0.48), edge, *buttons]


def _hoodie(look: Look) -> list[Part]:
    hood = smooth(
        [
            (-0.95, 1.58),
            (-0.62, 1.12),
            (0.0, 1.42),
            (0.62, 1.12),
            (0.95, 1.58),
            (0.42, 1.98),
            (0.0, 2.10),
            (-0.42, 1.98),
        ]
    )
    strings = [
        part([(x, 1.95), (x * 1.15, 2.8)], look.under, 0.15, width=0.07, closed=False)
        for x in (-0.25, 0.25)
    ]
    inner = part(smooth([(-0.40, 1.36), (0.40, 1.36), (0.0, 1.84)]), look.under, 0.1)
    return [*_torso(look.top), part(hood, look.accent, 0.08), inner, *strings]


def _striped(look: Look) -> list[Part]:
    rows = [
        part(
            [(-2.0 + 0.28 * (y < 2.4), y), (2.0 - 0.28 * (y < 2.4), y)],
            look.accent,
            0.05,
            width=0.17,
            closed=False,
        )
        for y in (2.35, 2.85, 3.35, 3.85)
    ]
    neck = part(
        [(-0.50, 1.42), (0.0, 1.66), (0.50, 1.42)], look.accent, 0.08, width=0.12, closed=False
    )
    return [*_torso(look.top), *rows, neck]


CLOTHES: dict[str, Callable[[Look], list[Part]]] = {
    "suit": _suit,
    "jacket": _jacket,
    "blazer": _blazer,
    "blouse": _blouse,
    "turtleneck": _turtleneck,
    "polo": _polo,
    "cardigan": _cardigan,
    "hoodie": _hoodie,
    "striped": _striped,
}


def neck(look: Look) -> list[Part]:
    """Neck with the shadow of the chin on it."""
    shade = [
        (-0.37, 0.75),
        (0.37, 0.75),
        (0.385, 1.12),
        (0.2, 1.26),
        (0.0, 1.30),
        (-0.2, 1.26),
        (-0.385, 1.12),
    ]
    return [part(NECK, tint(look.skin, 0.93)), part(shade, tint(look.skin, 0.74))]


def dressed(look: Look) -> list[Part]:
    """Neck and clothes from back to front."""
    clothes = CLOTHES[look.clothes](look)
    return [clothes[0], *neck(look), *clothes[1:]]
