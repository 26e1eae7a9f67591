"""A whole person in a pose, and the box that a face detector should put around the face."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from vquery_newsroom import body, hair
from vquery_newsroom.shapes import (
    Array,
    Image,
    Part,
    Pose,
    blend,
    draw,
    ellipse,
    mirrored,
    part,
    smooth,
    tint,
)  # fmt: skip

if TYPE_CHECKING:
    from vquery_newsroom.people import Look

EYE_X, EYE_Y = 0.40, -0.06  # of the width of the face; in head units
WHITE = (246, 248, 250)


def outline(look: Look) -> Array:
    """Outline of the skull and jaw (n, 2) in head units."""
    w, jaw = look.width, look.width * look.jaw
    return smooth(
        mirrored(
            [
                (0.0, -1.06),
                (-0.55 * w, -0.98),
                (-0.96 * w, -0.50),
                (-w, 0.05),
                (-jaw, 0.62),
                (-0.46 * jaw, 0.96),
                (0.0, 1.02),
            ]
        )
    )


def lift(look: Look, flat: Array) -> Array:
    """Depth of points on the front of the face (n,), as on an upright cylinder."""
    across = np.clip(flat[:, 0] / (look.width * 1.12), -1, 1)
    depth: Array = 0.75 * np.sqrt(1 - across**2)
    return depth


def _on_face(
    look: Look,
    flat: Array,
    colour: tuple[int, int, int],
    *,
    width: float = 0.0,
    closed: bool = True,
) -> Part:
    return part(flat, colour, lift(look, flat), width=width, closed=closed)


def _shade(look: Look, light: int) -> Part:
    """Shade the side of the face that is turned away from the light."""
    edge = outline(look)
    side = edge[edge[:, 0] * light <= 0]
    side = side[np.argsort(side[:, 1])]
    inner = side[::-1] * (0.70, 1.0)
    return part(np.concatenate([side, inner]), tint(look.skin, 0.89))


def _beard(look: Look) -> list[Part]:
    w, jaw = look.width, look.width * look.jaw
    if not look.beard:
        return []
    if look.beard == "stubble":
        mask = smooth(
            mirrored(
                [
                    (0.0, 0.50),
                    (-0.5 * w, 0.52),
                    (-0.96 * w, 0.22),
                    (-jaw * 1.0, 0.64),
                    (-0.46 * jaw, 0.97),
                    (0.0, 1.02),
                ]
            )
        )
        return [part(mask, blend(look.skin, look.hair, 0.35), 0.1)]
    mask = smooth(
        [
            (-1.02 * w, 0.05), (-jaw * 1.06, 0.66), (-0.52 * jaw, 1.06), (0.0, 1.16),
            (0.52 * jaw, 1.06), (jaw * 1.06, 0.66), (1.02 * w, 0.05),
            (0.80 * w, 0.36), (0.42, 0.42), (0.0, 0.36), (-0.42, 0.42),
            (-0.80 * w, 0.36),
        ]
    )  # fmt: skip
    return [part(mask, look.hair, 0.12)]


def _nose(look: Look) -> list[Part]:
    side = np.array([(-0.02, -0.02), (-0.15, 0.30), (-0.04, 0.36), (0.14, 0.32)])
    z = np.array([0.80, 0.95, 1.0, 0.92])
    tip = ellipse(0.0, 0.29, 0.13, 0.08, 12)
    return [part(side, tint(look.skin, 0.84), z), part(tip, tint(look.skin, 0.92), 0.98)]


def _brows(look: Look) -> list[Part]:
    colour = tint(look.hair, 0.85)
    x = EYE_X * look.width
    line = np.array([(x - 0.20, -0.31), (x, -0.36), (x + 0.20, -0.28)])
    return [
        _on_face(look, line * (side, 1.0), colour, width=look.brow, closed=False)
        for side in (-1.0, 1.0)
    ]


def _freckles(look: Look) -> list[Part]:
    if not look.freckles:
        return []
    spots = [(-0.36, 0.22), (-0.26, 0.30), (-0.44, 0.31), (0.30, 0.23), (0.40, 0.30), (0.24, 0.31)]
    return [_on_face(look, ellipse(x, y, 0.028, 0.028, 6), tint(look.skin, 0.74)) for x, y in spots]


def _glasses(look: Look) -> list[Part]:
    if not look.glasses:
        return []
    x, w = EYE_X * look.width + 0.02, look.width
    if look.glasses == "round":
        rim = ellipse(x, EYE_Y, 0.27, 0.25, 20)
    else:
        rim = smooth(
            [(x - 0.27, -0.24), (x + 0.27, -0.24), (x + 0.25, 0.14), (x - 0.25, 0.14)], steps=3
        )
    bridge = part(
        [(-x + 0.25, -0.08), (x - 0.25, -0.08)], look.rims, 0.92, width=0.055, closed=False
    )
    arms = [
        part(
            [(s * (x + 0.27), -0.10), (s * w * 1.02, -0.08)],
            look.rims,
            np.array([0.6, 0.0]),
            width=0.05,
            closed=False,
        )
        for s in (-1, 1)
    ]
    rims = [part(rim * (side, 1.0), look.rims, 0.86, width=0.06) for side in (-1.0, 1.0)]
    return [*arms, *rims, bridge]


def _ears(look: Look) -> list[Part]:
    parts = []
    for side in (-1.0, 1.0):
        x = side * look.width * 1.03
        parts += [
            part(ellipse(x, 0.04, 0.15, 0.25), tint(look.skin, 0.90), -0.05),
            part(ellipse(x, 0.06, 0.07, 0.14), tint(look.skin, 0.76), -0.05),
        ]
        if look.earrings:
            parts.append(
                part(ellipse(x * 1.02, 0.42, 0.10, 0.12, 16), (60, 190, 235), -0.05, width=0.05)
            )
    return parts


@cache
def _layers(character: Look, light: int) -> tuple[tuple[Part, ...], ...]:
    """Everything that does not move in the face, from back to front: (behind, body, head, over)."""
    behind, over = hair.STYLES[character.style](character)
    ears = [] if character.style in {"scarf", "long", "bob"} else _ears(character)
    skull = [*ears, part(outline(character), character.skin), _shade(character, light)]
    head = [*skull, *_beard(character), *_freckles(character)]
    front = [*_brows(character), *over, *_glasses(character)]
    return tuple(behind), tuple(body.dressed(character)), tuple(head), (*_nose(character), *front)


def _eyes(image: Image, look: Look, pose: Pose) -> None:
    x = EYE_X * look.width
    open_ = max(0.02, 0.125 * (1 - pose.blink))
    for side in (-1.0, 1.0):
        white = ellipse(side * x, EYE_Y, 0.19, open_, 16)
        parts = [_on_face(look, white, WHITE if open_ > 0.03 else tint(look.skin, 0.7))]
        if open_ > 0.05:
            gaze = side * x + 0.05 * np.sign(pose.yaw) * min(1.0, abs(pose.yaw) * 4)
            iris = ellipse(gaze, EYE_Y, 0.105, min(0.105, open_), 14)
            pupil = ellipse(gaze, EYE_Y, 0.055, min(0.055, open_), 10)
            parts += [_on_face(look, iris, look.eyes), _on_face(look, pupil, (18, 16, 16))]
        lid = white[8:]  # the upper half: y points down
        parts.append(
            _on_face(
                look,
                lid,
                tint(look.hair if look.brow > 0.052 else look.eyes, 0.55),
                width=0.05,
                closed=False,
            )
        )
        draw(image, tuple(parts), pose)


def _mouth(image: Image, look: Look, pose: Pose) -> None:
    drop = 0.07 + 0.17 * pose.mouth
    wide = 0.32 - 0.05 * pose.mouth
    y = 0.59
    corner = y - 0.06  # turned up: a friendly face at rest
    lips = smooth(
        [
            (-wide, corner), (-0.1, y - 0.055), (0.0, y - 0.04), (0.1, y - 0.055), (wide, corner),
            (0.13, y + drop + 0.06), (-0.13, y + drop + 0.06),
        ], steps=4,
    )  # fmt: skip
    parts = [_on_face(look, lips, look.lips)]
    if pose.mouth > 0.12:
        hole = smooth(
            [(-wide * 0.8, corner + 0.01), (0.0, y), (wide * 0.8, corner + 0.01), (0.0, y + drop)],
            steps=4,
        )
        teeth = smooth(
            [
                (-wide * 0.6, corner + 0.03),
                (0.0, y),
                (wide * 0.6, corner + 0.03),
                (0.0, y + drop * 0.4),
            ],
            steps=3,
        )
        parts += [_on_face(look, hole, (38, 24, 58)), _on_face(look, teeth, WHITE)]
    else:
        line = np.array(
            [
                (-wide, corner),
                (-wide * 0.5, y + 0.015),
                (0.0, y + 0.035),
                (wide * 0.5, y + 0.015),
                (wide, corner),
            ]
        )
        parts.append(_on_face(look, line, tint(look.lips, 0.6), width=0.045, closed=False))
    draw(image, tuple(parts), pose)


def draw_person(image: Image, look: Look, pose: Pose, rest: Pose, light: int = 1) -> None:
    """Draw a person; ``rest`` is the head at rest, to which the body belongs."""
    behind, clothes, head, over = _layers(look, light)
    draw(image, behind, pose)
    draw(image, clothes, rest)
    draw(image, head, pose)
    _mouth(image, look, pose)
    _eyes(image, look, pose)
    draw(image, over, pose)


def draw_from_behind(image: Image, look: Look, pose: Pose) -> None:
    """Draw the back of a head and its shoulders, for a shot over the shoulder."""
    behind = _layers(look, 1)[0]
    worn = {"scarf": look.extra, "bald": look.skin, "cap": look.extra}.get(look.style, look.hair)
    colour = tint(worn, 0.75)
    shoulders = part(smooth(body.SHOULDERS), tint(look.top, 0.55))
    skull = part(outline(look) * (1.06, 1.0) - (0.0, 0.12), colour)
    draw(image, (shoulders, part(body.NECK, tint(look.skin, 0.6)), *_ears(look), skull), pose)
    draw(image, tuple(replace(p, colour=colour) for p in behind), pose)


def face_box(look: Look, pose: Pose) -> tuple[float, float, float, float]:
    """Box (x1, y1, x2, y2 in pixels) from mid-forehead to chin and from cheek to cheek."""
    edge = outline(look)
    face = edge[edge[:, 1] > -0.72]
    pixels = pose.project(part(face, look.skin).points)
    (x1, y1), (x2, y2) = pixels.min(axis=0), pixels.max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)
