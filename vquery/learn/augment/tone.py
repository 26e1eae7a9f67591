"""Transformations of colours: jitter, grey, and the tone changes of RandAugment."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from vquery.errors import LearnError
from vquery.learn.augment.base import (
    Range,
    Transformation,
    between,
    either_way,
    per_item,
    span,
)

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""
RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
TONES = 256


@dataclass(frozen=True)
class Colour(Transformation):
    """Change brightness, contrast, saturation and hue, as pretext tasks do (T. Chen et al. 2020).

    All four are one linear map of a picture's colours, cut to 0–1 at the end. Hue turns in the
    plane of chroma (YIQ), so that brightness stays.

    Parameters
    ----------
    brightness, contrast, saturation
        How far the factor may be from 1.
    hue
        Part of a full turn.

    >>> white = torch.ones(1, 3, 2, 2)
    >>> Colour(0, 0, 0, hue=0.5)(white, torch.Generator()).mean()
    tensor(1.)
    """

    brightness: Range = 0.4
    contrast: Range = 0.4
    saturation: Range = 0.4
    hue: Range = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("brightness", "contrast", "saturation"):
            span(name, getattr(self, name), top=1)
        span("hue", self.hue, top=0.5)

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Change each by its own factors."""
        n, device = len(x), x.device
        bright, contrast, saturation = (
            1 + either_way(span(name, getattr(self, name)), n, generator, device)
            for name in ("brightness", "contrast", "saturation")
        )
        turn = either_way(span("hue", self.hue), n, generator, device)
        colours = _hue(2 * math.pi * turn) @ _saturation(saturation)
        middle = bright * grey(x).mean((1, 2, 3))
        changed = torch.einsum(
            "nij,njhw->nihw", (colours * (bright * contrast)[:, None, None]).to(x.dtype), x
        )
        return (changed + per_item((1 - contrast) * middle)).clamp_(0, 1)


def _saturation(factor: torch.Tensor) -> torch.Tensor:
    """Make maps of colours, (n, 3, 3), that stretch them away from grey."""
    luma = factor.new_tensor(LUMA).expand(3, 3)
    unit = torch.eye(3, device=factor.device)
    return factor[:, None, None] * unit + (1 - factor)[:, None, None] * luma


def _hue(angle: torch.Tensor) -> torch.Tensor:
    """Make maps of colours, (n, 3, 3), that turn them about grey."""
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    cosine, sine = angle.cos(), angle.sin()
    turn = torch.stack([one, zero, zero, zero, cosine, -sine, zero, sine, cosine], 1)
    to = torch.tensor(RGB_TO_YIQ, dtype=torch.float64)
    there, back = to.to(angle), torch.linalg.inv(to).to(angle)
    found: torch.Tensor = back @ turn.reshape(-1, 3, 3) @ there
    return found


@dataclass(frozen=True)
class Grey(Transformation):
    """Take the colour away, of one item in five by default."""

    p: float = 0.2

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:  # noqa: ARG002
        """Make all grey."""
        return grey(x).expand_as(x)


@dataclass(frozen=True)
class Solarize(Transformation):
    """Turn bright colours round: those at or above a threshold below 1.

    Parameters
    ----------
    above
        From 0, where all are turned, to 1, where none is; drawn between the two.
    """

    above: Range = (0.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        span("above", self.above, top=1)

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Turn round what is above each one's threshold."""
        above = per_item(between(span("above", self.above), len(x), generator, x.device))
        return torch.where((x >= above) & (above < 1), 1 - x, x)


@dataclass(frozen=True)
class Posterize(Transformation):
    """Keep only the leading bits of each colour.

    Parameters
    ----------
    bits
        Between 1 and 8; drawn between the two and rounded.
    """

    bits: tuple[int, int] = (4, 8)

    def __post_init__(self) -> None:
        super().__post_init__()
        if span("bits", self.bits, top=8)[0] < 1:
            raise LearnError(f"bits must begin at 1 or more, got {self.bits!r}")

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Drop the trailing bits of each."""
        bits = per_item(between(self.bits, len(x), generator, x.device).round())
        step = torch.exp2(8 - bits)
        return ((x * (TONES - 1)).round() / step).floor() * step / (TONES - 1)


@dataclass(frozen=True)
class Autocontrast(Transformation):
    """Stretch each colour of a picture to the full range; what is of one tone stays."""

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:  # noqa: ARG002
        """Stretch all."""
        low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        return torch.where(high > low, (x - low) / (high - low).clamp(min=1e-6), x)


@dataclass(frozen=True)
class Equalize(Transformation):
    """Spread the tones of each colour evenly: a tone becomes the share of pixels below it."""

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:  # noqa: ARG002
        """Equalize all."""
        tones = (x * (TONES - 1)).round().long().clamp_(0, TONES - 1).flatten(2)
        count = x.new_zeros(*tones.shape[:2], TONES).scatter_add_(
            2, tones, torch.ones_like(tones, dtype=x.dtype)
        )
        below = count.cumsum(2)
        lowest = count.gather(2, tones.amin(2, keepdim=True))
        table = (below - lowest) / (tones.shape[2] - lowest).clamp(min=1)
        found = table.clamp_(0, 1).gather(2, tones).view_as(x)
        one_tone = lowest == tones.shape[2]
        return torch.where(one_tone[..., None], x, found)


def grey(x: torch.Tensor) -> torch.Tensor:
    """Return the brightness of pictures, (n, 1, h, w)."""
    weights = x.new_tensor(LUMA)[None, :, None, None]
    return (x * weights).sum(1, keepdim=True)
