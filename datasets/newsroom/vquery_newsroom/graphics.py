"""Pictures without people: titles, charts, maps, the weather."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from vquery_newsroom.picture import H, W, box, disc, gradient, outline, write
from vquery_newsroom.shapes import Image, blend, blot, bumpy, fill, rgb, stroke

if TYPE_CHECKING:
    from collections.abc import Callable

Random = np.random.Generator


class Graphic(Protocol):
    """A picture that moves: what stands still, and what is drawn over a copy of it."""

    base: Image

    def paint(self, image: Image, t: float) -> None:
        """Draw the moment ``t`` (seconds) over a copy of ``base``."""


def _ease(t: float) -> float:
    """From 0 to 1, fast first."""
    return 1.0 - float(np.exp(-3.0 * max(0.0, t)))


class Title:
    """The opening card: bands that slide past the name of the programme."""

    def __init__(self, rng: Random, words: str) -> None:
        self.words = words
        self.base = gradient(rgb("0b1b3f"), rgb("1d4a8f"))
        self.tilt = float(rng.uniform(-0.2, 0.2))

    def paint(self, image: Image, t: float) -> None:
        """Draw the moment ``t`` (seconds) over a copy of ``base``."""
        for i, colour in enumerate(("c8263a", "2f6fd0", "e8b13a")):
            x = -0.9 + 1.5 * _ease(t * (0.9 - 0.2 * i)) - 0.12 * i
            fill(
                image,
                outline(
                    [(x, 1), (x + 0.2 + self.tilt, 0), (x + 0.32 + self.tilt, 0), (x + 0.12, 1)]
                ),
                rgb(colour),
            )
        box(image, 0.10, 0.40, 0.10 + 0.80 * _ease(t * 1.6), 0.62, rgb("f5f7fb"))
        if t > 0.3:
            write(image, self.words, 0.5, 0.54, 0.052, rgb("0b1b3f"), weight=4, align="centre")


class Chart:
    """Bars that grow."""

    def __init__(self, rng: Random, words: str) -> None:
        self.words = words
        self.base = gradient(rgb("f3f0e6"), rgb("dcd6c4"))
        self.heights = rng.uniform(0.15, 0.5, 6)

    def paint(self, image: Image, t: float) -> None:
        """Draw the moment ``t`` (seconds) over a copy of ``base``."""
        write(image, self.words, 0.08, 0.13, 0.042, rgb("26324a"), weight=3)
        for i in range(4):
            stroke(
                image, outline([(0.08, 0.72 - i * 0.15), (0.94, 0.72 - i * 0.15)]), rgb("b9b29e"), 2
            )
        for i, height in enumerate(self.heights):
            x, grown = 0.11 + i * 0.14, float(height) * _ease(t - 0.12 * i)
            box(
                image,
                x,
                0.72 - grown,
                x + 0.09,
                0.72,
                blend(rgb("2f6f94"), rgb("e06a3b"), i / 5),
                0.004,
            )


class Atlas:
    """A map on which a pin drops."""

    def __init__(self, rng: Random, words: str) -> None:
        self.words = words
        self.base = gradient(rgb("9fd0ea"), rgb("78b4d8"))
        for _ in range(6):
            x, y, radius = rng.uniform(0.05, 0.95), rng.uniform(0.1, 0.75), rng.uniform(0.15, 0.3)
            land = blot(rng, x * W, y * H, radius * H)
            fill(self.base, land, blend(rgb("a9cf86"), rgb("dccf92"), float(rng.random())))
        self.pin = (float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.32, 0.5)))

    def paint(self, image: Image, t: float) -> None:
        """Draw the moment ``t`` (seconds) over a copy of ``base``."""
        x, y = self.pin
        top = y - 0.5 * (1 - _ease(t * 1.5))
        fill(
            image,
            outline([(x - 0.035, top - 0.09), (x, top), (x + 0.035, top - 0.09)]),
            rgb("c8263a"),
        )
        disc(image, x, top - 0.11, 0.068, rgb("c8263a"))
        disc(image, x, top - 0.11, 0.028, rgb("ffffff"))
        for i in range(3):
            ring = 0.04 + 0.05 * ((t * 0.8 + i / 3) % 1.0)
            angle = np.linspace(0, 2 * np.pi, 40)
            stroke(
                image,
                outline(
                    np.stack([x + ring * np.cos(angle), y + ring * 0.6 * np.sin(angle)], axis=1)
                ),
                rgb("c8263a"),
                3,
            )


class Weather:
    """Sun, clouds that drift, and rain."""

    def __init__(self, rng: Random, words: str) -> None:
        self.words = words
        self.base = gradient(rgb("2f7fd0"), rgb("bfe4fb"))
        self.clouds = [
            (rng.uniform(0, 1), rng.uniform(0.18, 0.45), rng.uniform(0.09, 0.15)) for _ in range(4)
        ]
        self.wet = bool(rng.random() < 0.5)

    def paint(self, image: Image, t: float) -> None:
        """Draw the moment ``t`` (seconds) over a copy of ``base``."""
        rays = bumpy(0.78 * W, 0.26 * H, (0.19 + 0.01 * np.sin(3 * t)) * H, 14, 0.22)
        fill(image, rays, rgb("ffd75e"))
        disc(image, 0.78, 0.26, 0.12, rgb("ffbe2e"))
        for x, y, radius in self.clouds:
            left = (x + 0.03 * t) % 1.3 - 0.15
            fill(
                image,
                bumpy(left * W, y * H, radius * H, 7, 0.16) * (1.0, 0.7) + (0, 0.3 * y * H),
                rgb("f7fbff"),
            )
            for i in range(5 if self.wet else 0):
                fall = (t * 0.9 + i * 0.21) % 1.0
                drop = [
                    (left - 0.06 + 0.03 * i, y + 0.12 + 0.22 * fall),
                    (left - 0.066 + 0.03 * i, y + 0.15 + 0.22 * fall),
                ]
                stroke(image, outline(drop), rgb("1f5fae"), 5)
        for i, degrees in enumerate((14, 17, 12)):
            write(
                image,
                f"{degrees + round(10 * self.clouds[i][2])} C",
                0.12 + 0.26 * i,
                0.68,
                0.06,
                rgb("123a70"),
                weight=4,
            )


GRAPHICS: dict[str, Callable[[Random, str], Graphic]] = {
    "title": Title,
    "chart": Chart,
    "atlas": Atlas,
    "weather": Weather,
}
BROLL = ("chart", "atlas", "weather")
