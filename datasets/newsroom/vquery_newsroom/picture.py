"""The size of the picture, and boxes, gradients and lettering in fractions of it."""

from __future__ import annotations

import cv2
import numpy as np

from vquery_newsroom.shapes import Array, Colour, Image, fill

WIDTH, HEIGHT, FPS = 480, 270, 25
SCALE = 2  # everything is drawn this many times larger and then reduced: smooth edges
W, H = WIDTH * SCALE, HEIGHT * SCALE

FONT = cv2.FONT_HERSHEY_DUPLEX


def gradient(top: Colour, bottom: Colour) -> Image:
    """Vertical gradient over the canvas (H, W, 3)."""
    ramp = np.linspace(np.array(top, float), np.array(bottom, float), H)
    picture: Image = np.repeat(ramp.round().astype(np.uint8)[:, None, :], W, axis=1)
    return picture


def at(x: float, y: float) -> tuple[float, float]:
    """Fractions of the picture to pixels of the canvas."""
    return x * W, y * H


def outline(points: list[tuple[float, float]] | Array) -> Array:
    """Fractions of the picture (n, 2) to pixels of the canvas."""
    pixels: Array = np.asarray(points, dtype=np.float64) * (W, H)
    return pixels


def box(
    image: Image, x1: float, y1: float, x2: float, y2: float, colour: Colour, radius: float = 0.0
) -> None:
    """Fill a rectangle given in fractions; the corners' ``radius`` in heights."""
    (left, top), (right, bottom), r = at(x1, y1), at(x2, y2), radius * H
    if not r:
        fill(image, np.array([(left, top), (right, top), (right, bottom), (left, bottom)]), colour)
        return
    turn = np.linspace(0, np.pi / 2, 6)
    corner = np.stack([np.cos(turn), np.sin(turn)], axis=1) * r
    quarters = [corner, corner[::-1] * (-1, 1), -corner, corner[::-1] * (1, -1)]
    centres = outline([(x2, y2), (x1, y2), (x1, y1), (x2, y1)]) + r * np.array(
        [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    )
    fill(image, np.concatenate([q + c for q, c in zip(quarters, centres, strict=True)]), colour)


def disc(image: Image, x: float, y: float, radius: float, colour: Colour) -> None:
    """Fill a circle; ``radius`` is a fraction of the height."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    fill(
        image,
        np.stack([x * W + radius * H * np.cos(angle), y * H + radius * H * np.sin(angle)], axis=1),
        colour,
    )


def text_size(text: str, size: float) -> tuple[float, float]:
    """Width and height of lettering as fractions of the picture's."""
    (width, height), _ = cv2.getTextSize(text, FONT, size * H / 22, 1)
    return width / W, height / H


def write(
    image: Image,
    text: str,
    x: float,
    y: float,
    size: float,
    colour: Colour,
    *,
    weight: int = 2,
    align: str = "left",
) -> None:
    """Letter ``text`` with its base line at ``y``; ``size`` is the height of a capital."""
    width, _ = text_size(text, size)
    left = x - {"left": 0.0, "centre": width / 2, "right": width}[align]
    cv2.putText(
        image,
        text,
        (round(left * W), round(y * H)),
        FONT,
        size * H / 22,
        colour,
        weight,
        cv2.LINE_AA,
    )


def reduce(image: Image) -> Image:
    """Canvas to picture: (H, W, 3) to (HEIGHT, WIDTH, 3)."""
    return np.asarray(
        cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
