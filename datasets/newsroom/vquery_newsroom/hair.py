"""Hair, caps and scarves: what lies behind the head and what lies over the forehead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_newsroom.shapes import Part, bumpy, ellipse, mirrored, part, smooth, tint

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery_newsroom.people import Look

Layers = tuple[list[Part], list[Part]]  # behind the body, over the face

BACK, FRONT = -0.35, 0.30  # depths: they slide against the face when the head turns


def _parted(look: Look) -> Layers:
    w = look.width
    cap = smooth(
        [
            (-w * 1.02, 0.12), (-w * 1.13, -0.42), (-0.66, -1.02), (-0.05, -1.24), (0.62, -1.08),
            (w * 1.13, -0.45), (w * 1.02, 0.12), (w * 0.90, -0.28), (0.55, -0.66), (0.05, -0.62),
            (-0.34, -0.78), (-0.52, -0.58), (-w * 0.90, -0.24),
        ]
    )  # fmt: skip
    parting = part(
        [(-0.34, -0.80), (-0.22, -1.12)], tint(look.hair, 1.9), FRONT, width=0.035, closed=False
    )
    return [], [part(cap, look.hair, FRONT), parting]


def _quiff(look: Look) -> Layers:
    w = look.width
    cap = smooth(
        [
            (-w * 1.0, 0.25), (-w * 1.10, -0.35), (-0.80, -0.98), (-0.62, -1.30), (-0.25, -1.38),
            (0.10, -1.50),
            (0.52, -1.34), (0.80, -1.02), (w * 1.10, -0.40), (w * 1.0, 0.25), (w * 0.92, -0.30),
            (0.52, -0.74), (0.10, -0.60), (-0.35, -0.74), (-w * 0.92, -0.28),
        ]
    )  # fmt: skip
    wave = smooth([(-0.45, -1.16), (0.0, -1.30), (0.45, -1.10), (0.05, -1.14)])
    return [], [part(cap, look.hair, FRONT), part(wave, tint(look.hair, 1.18), FRONT)]


def _fringe(look: Look) -> Layers:
    w = look.width
    cap = smooth(
        [
            (-w * 1.04, 0.08), (-w * 1.18, -0.50), (-0.62, -1.10), (0.0, -1.26), (0.62, -1.10),
            (w * 1.18, -0.50),
            (w * 1.04, 0.08), (w * 0.88, -0.20), (w * 0.80, -0.36), (0.25, -0.30), (-0.10, -0.38),
            (-w * 0.80, -0.30), (-w * 0.88, -0.18),
        ]
    )  # fmt: skip
    shine = smooth([(-0.50, -0.88), (-0.05, -1.02), (0.42, -0.90), (-0.05, -0.92)])
    return [], [part(cap, look.hair, FRONT), part(shine, tint(look.hair, 2.6), FRONT)]


def _afro(look: Look) -> Layers:
    w = look.width
    back = part(bumpy(0.0, -0.42, 1.42, 22, 0.07), look.hair, BACK)
    inner = [(w * 0.96, -0.12), (0.58, -0.62), (0.0, -0.74), (-0.58, -0.62), (-w * 0.96, -0.12)]
    front = smooth(
        [(-w * 1.12, 0.05), (-1.05, -0.75), (0.0, -1.35), (1.05, -0.75), (w * 1.12, 0.05), *inner]
    )
    glow = part(ellipse(-0.35, -1.18, 0.45, 0.22), tint(look.hair, 1.7), 0.0)
    return [back], [part(front, look.hair, 0.1), glow]


def _long(look: Look) -> Layers:
    w = look.width
    back = smooth(
        mirrored(
            [
                (0.0, -1.26),
                (-0.72, -1.08),
                (-1.08, -0.35),
                (-1.10, 0.70),
                (-1.22, 1.75),
                (-0.60, 2.15),
                (0.0, 1.9),
            ]
        )
    )
    left = smooth(
        [
            (0.02, -1.22),
            (-0.74, -1.04),
            (-w * 1.28, -0.2),
            (-w * 1.36, 1.0),
            (-w * 1.22, 1.75),
            (-w * 1.0, 0.75),
            (-w * 0.90, -0.12),
            (-0.30, -0.74),
        ]
    )
    right = left * (-1.0, 1.0)
    strand = part(
        [(-0.55, -0.95), (-w * 1.12, -0.1), (-w * 1.18, 0.9)],
        tint(look.hair, 1.35),
        0.2,
        width=0.05,
        closed=False,
    )
    return [part(back, tint(look.hair, 0.72), BACK)], [
        part(left, look.hair, 0.2),
        part(right, look.hair, 0.2),
        strand,
    ]


def _bob(look: Look) -> Layers:
    w = look.width
    back = smooth(
        mirrored(
            [
                (0.0, -1.24),
                (-0.78, -1.06),
                (-1.16, -0.35),
                (-1.24, 0.45),
                (-1.02, 0.92),
                (-0.5, 0.86),
                (0.0, 0.86),
            ]
        )
    )
    fringe = smooth(
        [
            (-w * 1.30, 0.70), (-w * 1.36, -0.35), (-0.70, -1.06), (0.0, -1.24), (0.70, -1.06),
            (w * 1.36, -0.35),
            (w * 1.30, 0.70), (w * 0.98, 0.45), (w * 0.90, -0.20), (0.55, -0.52), (-0.62, -0.22),
            (-w * 0.94, 0.40),
        ]
    )  # fmt: skip
    return [part(back, tint(look.hair, 0.78), BACK)], [part(fringe, look.hair, 0.2)]


def _bun(look: Look) -> Layers:
    w = look.width
    bun = part(ellipse(0.0, -1.36, 0.42, 0.36), tint(look.hair, 0.88), BACK)
    cap = smooth(
        [
            (-w * 1.02, 0.05), (-w * 1.12, -0.45), (-0.60, -1.05), (0.0, -1.18), (0.60, -1.05),
            (w * 1.12, -0.45),
            (w * 1.02, 0.05), (w * 0.92, -0.22), (0.50, -0.64), (0.0, -0.80), (-0.50, -0.64),
            (-w * 0.92, -0.22),
        ]
    )  # fmt: skip
    return [bun], [part(cap, look.hair, FRONT)]


def _bald(look: Look) -> Layers:
    w = look.width
    shine = part(ellipse(-0.22, -0.72, 0.20, 0.09), tint(look.skin, 1.35), 0.5)
    side = smooth([(-w * 1.04, 0.22), (-w * 1.08, -0.22), (-w * 0.96, -0.42), (-w * 0.92, -0.05)])
    return [], [shine, part(side, look.hair, 0.0), part(side * (-1.0, 1.0), look.hair, 0.0)]


def _curly(look: Look) -> Layers:
    w = look.width
    curls = [
        (-0.80, -0.42, 0.34),
        (-0.62, -0.86, 0.38),
        (-0.18, -1.06, 0.42),
        (0.30, -1.04, 0.42),
        (0.68, -0.80, 0.38),
        (0.84, -0.38, 0.32),
    ]
    back = [part(bumpy(x, y, r * 1.12, 9, 0.10), tint(look.hair, 0.78), BACK) for x, y, r in curls]
    small = [
        (-w * 0.92, -0.30, 0.22),
        (-0.46, -0.66, 0.27),
        (0.0, -0.74, 0.28),
        (0.44, -0.68, 0.27),
        (w * 0.92, -0.30, 0.22),
    ]
    front = [
        part(bumpy(x, y, r, 7, 0.12), tint(look.hair, 1.0 + 0.1 * (i % 2)), FRONT)
        for i, (x, y, r) in enumerate(curls + small)
    ]
    return back, front


def _cap(look: Look) -> Layers:
    w = look.width
    sides = smooth(
        [
            (-w * 1.02, 0.15),
            (-w * 1.08, -0.40),
            (w * 1.08, -0.40),
            (w * 1.02, 0.15),
            (w * 0.92, -0.30),
            (-w * 0.92, -0.30),
        ]
    )
    crown = smooth(
        [
            (-w * 1.14, -0.42),
            (-0.82, -0.95),
            (0.0, -1.26),
            (0.82, -0.95),
            (w * 1.14, -0.42),
            (0.0, -0.56),
        ]
    )
    brim = smooth(
        [
            (-w * 1.10, -0.46),
            (0.0, -0.66),
            (w * 1.10, -0.46),
            (w * 0.88, -0.26),
            (0.0, -0.36),
            (-w * 0.88, -0.26),
        ]
    )
    badge = part(ellipse(0.0, -0.84, 0.17, 0.15), (245, 245, 245), 0.75)
    return [], [
        part(sides, look.hair, 0.1),
        part(crown, look.extra, 0.2),
        badge,
        part(brim, tint(look.extra, 0.72), 0.85),
    ]


def _scarf(look: Look) -> Layers:
    w = look.width
    back = smooth(
        mirrored(
            [
                (0.0, -1.22),
                (-0.76, -1.02),
                (-1.08, -0.25),
                (-1.04, 0.70),
                (-1.25, 1.55),
                (-0.7, 1.95),
                (0.0, 2.0),
            ]
        )
    )
    outer = smooth(
        mirrored(
            [(0.0, -1.20), (-0.74, -1.0), (-1.04, -0.25), (-0.94, 0.62), (-0.62, 1.20), (0.0, 1.42)]
        )
    )
    inner = smooth(
        mirrored(
            [(0.0, -0.70), (-w * 0.66, -0.52), (-w * 0.96, 0.05), (-w * 0.76, 0.66), (0.0, 1.0)]
        )
    )
    ring = np.concatenate(
        [outer, outer[:1], inner[:1], inner[::-1]]
    )  # round the outside, in, and back round the opening
    fold = part(
        [(-0.80, 0.85), (-0.25, 1.28), (0.45, 1.50)],
        tint(look.extra, 0.75),
        0.1,
        width=0.05,
        closed=False,
    )
    return [part(back, tint(look.extra, 0.72), BACK)], [part(ring, look.extra, 0.15), fold]


STYLES: dict[str, Callable[[Look], Layers]] = {
    "parted": _parted,
    "quiff": _quiff,
    "fringe": _fringe,
    "afro": _afro,
    "long": _long,
    "bob": _bob,
    "bun": _bun,
    "bald": _bald,
    "curly": _curly,
    "cap": _cap,
    "scarf": _scarf,
}
