"""Commercials: loud colours, a product that bounces, and a slogan in lower case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vquery_newsroom.picture import H, W, box, disc, gradient, outline, write
from vquery_newsroom.shapes import Colour, Image, fill, rgb, stroke, tint


@dataclass(frozen=True, slots=True)
class Product:
    """What is sold, and how its commercial looks and sounds."""

    name: str
    shape: str
    price: str
    sky: Colour
    floor: Colour
    paint: Colour
    lines: tuple[str, ...]


PRODUCTS = (
    Product(
        "sunny soda",
        "can",
        "1.49",
        rgb("ffe14a"),
        rgb("ff8a1f"),
        rgb("e4273b"),
        ("new sunny soda. one sip and it's summer.", "sunny soda. open a little sunshine today."),
    ),
    Product(
        "bubbli",
        "bottle",
        "3.99",
        rgb("ff9ad5"),
        rgb("a64dff"),
        rgb("27d3e4"),
        (
            "bubbli gets every stain out, even grandma's gravy.",
            "bubbli. so clean it sings. try it tonight.",
        ),
    ),
    Product(
        "zipp one",
        "car",
        "9.00",
        rgb("3df2c0"),
        rgb("0a8fd8"),
        rgb("ff4f2e"),
        (
            "meet the all new zipp one. small car, big smile.",
            "drive the zipp one home from nine a day.",
        ),
    ),
    Product(
        "crunchos",
        "box",
        "2.79",
        rgb("8df23a"),
        rgb("0fa34e"),
        rgb("ffcf1a"),
        (
            "wake up, it's crunchos time. crunch, crunch, hooray.",
            "crunchos. breakfast that talks back.",
        ),
    ),
)


def _can(image: Image, x: float, y: float, paint: Colour) -> None:
    box(image, x - 0.075, y - 0.27, x + 0.075, y + 0.27, paint, 0.04)
    box(image, x - 0.062, y - 0.30, x + 0.062, y - 0.25, rgb("d9dee4"), 0.02)
    box(image, x - 0.055, y - 0.24, x - 0.035, y + 0.24, tint(paint, 1.5), 0.01)
    disc(image, x + 0.01, y, 0.09, rgb("ffe14a"))


def _bottle(image: Image, x: float, y: float, paint: Colour) -> None:
    box(image, x - 0.03, y - 0.34, x + 0.03, y - 0.18, rgb("ffffff"), 0.02)
    box(image, x - 0.085, y - 0.20, x + 0.085, y + 0.28, paint, 0.07)
    box(image, x - 0.085, y - 0.06, x + 0.085, y + 0.14, rgb("ffffff"))
    for dx, dy, radius in (
        (-0.13, -0.15, 0.05),
        (0.14, -0.22, 0.07),
        (0.16, 0.1, 0.04),
        (-0.16, 0.14, 0.06),
    ):
        disc(image, x + dx, y + dy, radius, rgb("ffffff"))
        disc(image, x + dx, y + dy, radius * 0.8, rgb("d9f6ff"))


def _car(image: Image, x: float, y: float, paint: Colour) -> None:
    fill(
        image,
        outline(
            [(x - 0.12, y - 0.02), (x - 0.07, y - 0.20), (x + 0.08, y - 0.20), (x + 0.14, y - 0.02)]
        ),
        tint(paint, 0.9),
    )
    fill(
        image,
        outline(
            [
                (x - 0.095, y - 0.03),
                (x - 0.058, y - 0.17),
                (x + 0.07, y - 0.17),
                (x + 0.112, y - 0.03),
            ]
        ),
        rgb("c9f1ff"),
    )
    box(image, x - 0.19, y - 0.04, x + 0.20, y + 0.13, paint, 0.06)
    for dx in (-0.11, 0.12):
        disc(image, x + dx, y + 0.13, 0.085, rgb("22262c"))
        disc(image, x + dx, y + 0.13, 0.04, rgb("e3e8ee"))


def _box(image: Image, x: float, y: float, paint: Colour) -> None:
    box(image, x - 0.10, y - 0.30, x + 0.10, y + 0.28, paint, 0.01)
    box(image, x + 0.10, y - 0.27, x + 0.135, y + 0.25, tint(paint, 0.7))
    disc(image, x, y + 0.02, 0.12, rgb("ffffff"))
    disc(image, x, y + 0.02, 0.08, rgb("e4573b"))


SHAPES = {"can": _can, "bottle": _bottle, "car": _car, "box": _box}


class Advert:
    """One shot of a commercial.

    ``aside`` leaves room for somebody who holds forth beside the product; the ``closing`` shot has
    other colours than the first, or the cut between them would not show.
    """

    def __init__(
        self, rng: np.random.Generator, product: Product, *, aside: bool, closing: bool
    ) -> None:
        self.product, self.aside, self.closing = product, aside, closing
        self.sky = product.floor if closing else product.sky
        self.base = gradient(self.sky, tint(product.paint, 0.8) if closing else product.floor)
        self.phase = float(rng.uniform(0, 6))

    def paint(self, image: Image, t: float) -> None:
        """Draw the moment ``t`` (seconds) over a copy of ``base``."""
        product, x = self.product, self.middle
        centre = np.array([x * W, 0.45 * H])
        for i in range(10):
            angle = 2 * np.pi * i / 10 + 0.35 * t + self.phase
            tips = np.array([[np.cos(angle + d), np.sin(angle + d)] for d in (-0.13, 0.13)]) * W
            fill(image, np.concatenate([centre[None], centre + tips]), tint(self.sky, 1.15))
        hop = 0.035 * abs(np.sin(4.2 * t + self.phase))
        SHAPES[product.shape](image, x, 0.44 - hop, product.paint)
        if not self.aside:
            self._burst(image, t)

    @property
    def middle(self) -> float:
        """Where the product stands, as a fraction of the width."""
        return 0.28 if self.aside else 0.36 if self.closing else 0.5

    def _burst(self, image: Image, t: float) -> None:
        angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        radius = np.where(np.arange(32) % 2, 0.13, 0.17) * H * (1 + 0.05 * np.sin(6 * t))
        star = np.stack(
            [0.80 * W + radius * np.cos(angle), 0.24 * H + radius * np.sin(angle)], axis=1
        )
        fill(image, star, rgb("ffffff"))
        stroke(image, star, self.product.paint, 6, closed=True)
        write(
            image,
            self.product.price,
            0.80,
            0.265,
            0.055,
            self.product.paint,
            weight=5,
            align="centre",
        )
