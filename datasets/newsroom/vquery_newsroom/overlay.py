"""The lower third: the headline, who speaks, and the live caption."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vquery_newsroom.picture import H, W, box, reduce, text_size, write
from vquery_newsroom.script import wrapped
from vquery_newsroom.shapes import Colour, Image, rgb

WHITE = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Strap:
    """A transparent layer over some rows of the picture."""

    rows: slice
    colour: np.ndarray  # (rows, WIDTH, 3) uint16, already multiplied by the opacity
    rest: np.ndarray  # (rows, WIDTH, 1) uint16: what is left of the picture, of 256

    def put(self, image: Image) -> None:
        """Lay the strap over a picture (HEIGHT, WIDTH, 3), in place."""
        below = image[self.rows]
        below[:] = (self.colour + below * self.rest) >> 8


def _layer(paint: Image, mask: Image) -> Strap:
    colour, opacity = reduce(paint), reduce(mask)[..., :1].astype(np.uint16)
    used = np.flatnonzero(opacity.any(axis=(1, 2)))
    rows = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)
    share = (opacity[rows] * 256 + 127) // 255
    return Strap(rows, colour[rows] * share, 256 - share)


def _caption(paint: Image, mask: Image, text: str, y: float) -> None:
    for i, line in enumerate(wrapped(text)[:2]):
        wide, _ = text_size(line, 0.034)
        area = (
            0.5 - wide / 2 - 0.012,
            y + i * 0.062 - 0.047,
            0.5 + wide / 2 + 0.012,
            y + i * 0.062 + 0.015,
        )
        box(paint, *area, rgb("0c0d10"))
        box(mask, *area, (225, 225, 225))
        write(paint, line, 0.5, y + i * 0.062, 0.034, rgb("ffffff"), align="centre")


def lower_third(headline: str, tag: str, caption: str) -> Strap:
    """Headline on a band, a tag beside it ("LIVE", a name), and the caption below."""
    paint, mask = np.zeros((H, W, 3), np.uint8), np.zeros((H, W, 3), np.uint8)
    solid = (245, 245, 245)
    wide, _ = text_size(tag, 0.032)
    right = 0.055 + wide + 0.03
    box(paint, 0.04, 0.745, right, 0.815, rgb("c8263a"))
    box(mask, 0.04, 0.745, right, 0.815, solid)
    write(paint, tag, 0.055, 0.795, 0.032, rgb("ffffff"))
    box(paint, right, 0.745, 0.96, 0.815, rgb("14284f"))
    box(mask, right, 0.745, 0.96, 0.815, solid)
    write(paint, headline, right + 0.018, 0.795, 0.032, rgb("ffffff"))
    box(paint, 0.04, 0.815, 0.96, 0.822, rgb("e8b13a"))
    box(mask, 0.04, 0.815, 0.96, 0.822, solid)
    _caption(paint, mask, caption, 0.885)
    return _layer(paint, mask)


def caption_above(caption: str) -> Strap:
    """Lay out the caption alone, at the top edge: commercials have their own lettering below."""
    paint, mask = np.zeros((H, W, 3), np.uint8), np.zeros((H, W, 3), np.uint8)
    _caption(paint, mask, caption, 0.075)
    return _layer(paint, mask)


def brand(name: str, x: float, shadow: Colour) -> Strap:
    """Letter the name of a product in white below it, with a shadow."""
    paint, mask = np.zeros((H, W, 3), np.uint8), np.zeros((H, W, 3), np.uint8)
    for image, below, above in ((mask, WHITE, WHITE), (paint, shadow, WHITE)):
        write(image, name, x + 0.005, 0.885, 0.085, below, weight=9, align="centre")
        write(image, name, x, 0.88, 0.085, above, weight=6, align="centre")
    return _layer(paint, mask)
