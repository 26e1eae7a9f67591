"""Where people sit and stand: the studio's backdrops and three places outside it.

Every set is drawn a little larger than the picture, so that another camera sees another part of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from vquery_newsroom.picture import H, W, box, disc, gradient, outline
from vquery_newsroom.shapes import Colour, Image, blend, blot, bumpy, fill, rgb, stroke, tint

if TYPE_CHECKING:
    from collections.abc import Callable

Random = np.random.Generator
STUDIOS = ("skyline", "panels", "control", "map")
OUTSIDE = ("street", "harbour", "park")
HAZE = 0.2  # of the contrast of a set: it lies far behind the people


def _skyline(rng: Random) -> Image:
    image = gradient(rgb("16264f"), rgb("b8607a"))
    for depth, shade in ((0.42, "33406f"), (0.58, "1f2a4e")):
        x = -0.02
        while x < 1.0:
            width, top = rng.uniform(0.05, 0.10), depth + rng.uniform(-0.14, 0.10)
            box(image, x, top, x + width, 1.0, rgb(shade))
            for wx in np.arange(x + 0.012, x + width - 0.015, 0.018):
                for wy in np.arange(top + 0.03, 0.95, 0.045):
                    if rng.random() < 0.42:
                        box(image, wx, wy, wx + 0.009, wy + 0.02, rgb("ffd98a"))
            x += width + rng.uniform(0.0, 0.015)
    for x in (0.02, 0.34, 0.66, 0.98):
        box(image, x - 0.008, 0.0, x + 0.008, 1.0, rgb("0d1428"))
    box(image, 0.0, 0.0, 1.0, 0.05, rgb("0d1428"))
    return image


def _panels(rng: Random) -> Image:
    image = gradient(rgb("f0a35a"), rgb("b85a35"))
    for i in range(9):
        x = i / 8 - 0.06
        box(
            image,
            x,
            0.0,
            x + 0.075,
            1.0,
            blend(rgb("ffc37a"), rgb("9c4a2c"), float(rng.uniform(0.1, 0.8))),
        )
        box(image, x + 0.075, 0.0, x + 0.081, 1.0, rgb("fff0cf"))
    box(image, 0.30, 0.12, 0.72, 0.62, rgb("3c1d14"), 0.02)
    box(image, 0.31, 0.135, 0.71, 0.605, rgb("1d4f74"), 0.015)
    for i, radius in enumerate((0.20, 0.14, 0.08)):
        disc(image, 0.51, 0.37, radius, blend(rgb("2b7cad"), rgb("e8f4ff"), i / 2.6))
    return image


def _control(rng: Random) -> Image:
    image = gradient(rgb("1c4a66"), rgb("0c2233"))
    screens = ("7fd3e8", "3a8fb5", "f2f6f8", "e8863a", "56b389", "2f6f94")
    for row in range(3):
        for column in range(6):
            x, y = 0.015 + column * 0.166, 0.05 + row * 0.21
            box(image, x, y, x + 0.15, y + 0.175, rgb("08151f"), 0.012)
            colour = rgb(screens[int(rng.integers(len(screens)))])
            box(image, x + 0.006, y + 0.012, x + 0.144, y + 0.163, tint(colour, 0.75), 0.008)
            box(
                image,
                x + 0.006,
                y + 0.10,
                x + 0.144 * rng.uniform(0.5, 1.0),
                y + 0.13,
                tint(colour, 1.15),
            )
    box(image, 0.0, 0.70, 1.0, 1.0, rgb("123247"))
    for x in np.arange(0.05, 1.0, 0.19):
        box(image, x, 0.62, x + 0.10, 0.74, rgb("0a1b28"), 0.01)
    return image


def _map(rng: Random) -> Image:
    image = gradient(rgb("0f6a62"), rgb("0a3d45"))
    for x, y, radius in (
        (0.20, 0.34, 0.20),
        (0.27, 0.60, 0.13),
        (0.52, 0.30, 0.15),
        (0.55, 0.56, 0.17),
        (0.76, 0.32, 0.24),
        (0.88, 0.64, 0.10),
    ):
        fill(image, blot(rng, x * W, y * H, radius * H), rgb("2fa38d"))
    for i in range(1, 8):
        stroke(image, outline([(0.0, i / 8), (1.0, i / 8)]), rgb("176f6b"), 2)
        stroke(image, outline([(i / 8, 0.0), (i / 8, 1.0)]), rgb("176f6b"), 2)
    box(image, 0.0, 0.76, 1.0, 0.79, rgb("b9fff0"))
    return image


def _shelf(rng: Random) -> Image:
    image = gradient(rgb("e9dcc6"), rgb("cdb798"))
    spines = ("b5483a", "3a6b8c", "d9a441", "4f7f5a", "6e4b7a", "e8e0d0", "2f3b4c")
    for y in (0.24, 0.50, 0.76):
        x = 0.03
        while x < 0.97:
            width, height = rng.uniform(0.012, 0.03), rng.uniform(0.12, 0.19)
            if rng.random() < 0.9:
                box(image, x, y - height, x + width, y, rgb(spines[int(rng.integers(len(spines)))]))
            x += width + 0.003
        box(image, 0.0, y, 1.0, y + 0.025, rgb("7a5233"))
    return image


def _street(rng: Random) -> Image:
    image = gradient(rgb("8fc7ee"), rgb("dceff8"))
    x = -0.03
    fronts = ("d98b6a", "e8c58f", "a9b9c4", "c7776b", "e3d8c5")
    while x < 1.0:
        width, top = rng.uniform(0.13, 0.2), rng.uniform(0.12, 0.3)
        box(image, x, top, x + width, 0.80, rgb(fronts[int(rng.integers(len(fronts)))]))
        box(image, x, top - 0.02, x + width, top + 0.01, rgb("6b4a3a"))
        for wx in np.arange(x + 0.02, x + width - 0.03, 0.045):
            for wy in np.arange(top + 0.06, 0.62, 0.13):
                box(image, wx, wy, wx + 0.026, wy + 0.07, rgb("5d7d93"))
        x += width
    box(image, 0.0, 0.72, 1.0, 0.82, rgb("b7b2aa"))
    box(image, 0.0, 0.82, 1.0, 1.0, rgb("6f7378"))
    return image


def _harbour(rng: Random) -> Image:
    image = gradient(rgb("6fb3e6"), rgb("f5dcc0"))
    fill(
        image,
        outline(
            [(0, 0.50), (0.2, 0.43), (0.45, 0.49), (0.7, 0.41), (1, 0.48), (1, 0.56), (0, 0.56)]
        ),
        rgb("6f8f7a"),
    )
    box(image, 0.0, 0.54, 1.0, 1.0, rgb("2f6f9c"))
    for x in (0.22, 0.74):
        box(image, x, 0.16, x + 0.025, 0.66, rgb("b8443c"))
    stroke(
        image,
        outline([(0.0, 0.34), (0.23, 0.18), (0.49, 0.46), (0.75, 0.18), (1.0, 0.36)]),
        rgb("b8443c"),
        6,
    )
    box(image, 0.0, 0.49, 1.0, 0.515, rgb("93332d"))
    for _ in range(40):
        x, y = rng.uniform(0, 1), rng.uniform(0.6, 0.98)
        box(image, x, y, x + 0.03, y + 0.006, rgb("5a9cc6"))
    return image


def _park(rng: Random) -> Image:
    image = gradient(rgb("bfe3f2"), rgb("eef7e4"))
    for _ in range(11):
        x, radius = rng.uniform(0, 1), rng.uniform(0.14, 0.24)
        box(image, x - 0.008, 0.5, x + 0.008, 0.74, rgb("6b4a30"))
        shape = bumpy(x * W, (0.45 - radius * 0.4) * H, radius * H, 11, 0.12)
        fill(image, shape, blend(rgb("3f8a4a"), rgb("86b84f"), float(rng.random())))
    box(image, 0.0, 0.68, 1.0, 1.0, rgb("8cbf5e"))
    fill(image, outline([(0.38, 0.68), (0.52, 0.68), (0.95, 1.0), (0.1, 1.0)]), rgb("d8c8a4"))
    return image


SETS: dict[str, Callable[[Random], Image]] = {
    "skyline": _skyline, "panels": _panels, "control": _control, "map": _map, "shelf": _shelf,
    "street": _street, "harbour": _harbour, "park": _park,
}  # fmt: skip


def backdrop(name: str, *, seed: int, camera: float, zoom: float) -> Image:
    """Set ``name`` (H, W, 3), out of focus, from ``camera`` (0 left, 1 right)."""
    image = SETS[name](np.random.default_rng(seed))
    width, height = round(W / zoom), round(H / zoom)
    left, top = round((W - width) * camera), round((H - height) * 0.4)
    seen = cv2.resize(
        image[top : top + height, left : left + width], (W, H), interpolation=cv2.INTER_LINEAR
    )
    blurred = cv2.GaussianBlur(seen, (0, 0), 6 + 4 * (zoom - 1))
    haze = np.full_like(blurred, blurred.mean(axis=(0, 1)).round())
    return np.asarray(cv2.addWeighted(blurred, 1 - HAZE, haze, HAZE, 0), dtype=np.uint8)


def desk(image: Image, colour: Colour, top: float = 0.84) -> None:
    """Draw the presenters' desk across the bottom of the canvas."""
    bend = [
        (0.0, top + 0.02),
        (0.25, top + 0.003),
        (0.5, top),
        (0.75, top + 0.003),
        (1.0, top + 0.02),
    ]
    fill(image, outline([*bend, (1.0, 1.0), (0.0, 1.0)]), colour)
    stroke(image, outline(bend), tint(colour, 1.9), 5)
