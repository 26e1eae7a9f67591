"""Transformations of detail: blur, sharpness, noise, and a part that is hidden."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from vquery.learn.augment.base import (
    Range,
    Transformation,
    between,
    draw,
    either_way,
    per_item,
    seeded_like,
    span,
)

REACH = 3
"""A blur ends at so many of its widths."""


@dataclass(frozen=True)
class Blur(Transformation):
    """Blur by a Gaussian.

    Parameters
    ----------
    sigma
        Its width in pixels.

    >>> x = torch.rand(1, 3, 8, 8)
    >>> bool((Blur(sigma=0)(x, torch.Generator()) == x).all())
    True
    """

    sigma: Range = (0.1, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        span("sigma", self.sigma)

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Blur each by its own width."""
        low, high = span("sigma", self.sigma)
        reach = math.ceil(REACH * high)
        if not reach:
            return x
        sigma = between((low, high), len(x), generator, x.device).clamp(min=1e-3)
        offset = torch.arange(-reach, reach + 1, device=x.device)
        kernel = (-0.5 * (offset / sigma[:, None]) ** 2).exp()
        return _separable(x, kernel / kernel.sum(1, keepdim=True))


def _separable(x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Convolve each picture along both axes by its own row of ``kernel`` (n, k)."""
    n, channels, high, wide = x.shape
    reach = kernel.shape[1] // 2
    each = kernel.to(x.dtype).repeat_interleave(channels, 0)
    padded = functional.pad(x, (reach,) * 4, mode="replicate")
    flat = padded.reshape(1, n * channels, high + 2 * reach, wide + 2 * reach)
    flat = functional.conv2d(flat, each[:, None, None, :], groups=n * channels)
    flat = functional.conv2d(flat, each[:, None, :, None], groups=n * channels)
    return flat.reshape(n, channels, high, wide)


@dataclass(frozen=True)
class Sharpen(Transformation):
    """Sharpen or soften: away from, or towards, the picture smoothed over 3 by 3 pixels.

    Parameters
    ----------
    amount
        How far the factor may be from 1.
    """

    amount: Range = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        span("amount", self.amount)

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Sharpen each by its own amount."""
        amount = either_way(span("amount", self.amount), len(x), generator, x.device)
        kernel = x.new_tensor([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
        padded = functional.pad(x, (1,) * 4, mode="replicate")
        smooth = functional.conv2d(padded, kernel.expand(3, 1, 3, 3), groups=3)
        return (smooth + per_item(1 + amount) * (x - smooth)).clamp_(0, 1)


@dataclass(frozen=True)
class Noise(Transformation):
    """Add Gaussian noise to each colour of each pixel.

    Parameters
    ----------
    sigma
        Its standard deviation, of colours from 0 to 1.
    """

    sigma: Range = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        span("sigma", self.sigma)

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Add noise to each of its own strength."""
        sigma = between(span("sigma", self.sigma), len(x), generator, x.device)
        own = seeded_like(generator, x.device)
        noise = torch.randn(x.shape, generator=own, device=x.device, dtype=x.dtype)
        return (x + per_item(sigma) * noise).clamp_(0, 1)


@dataclass(frozen=True)
class Cutout(Transformation):
    """Hide a square at a random place (T. DeVries, G. Taylor 2017), by the picture's mean colour.

    Parameters
    ----------
    side
        Of the square, as a share of the picture's shorter side. Its centre is anywhere in the
        picture, so that part of it may lie outside.
    """

    side: Range = (0.25, 0.5)

    def __post_init__(self) -> None:
        super().__post_init__()
        span("side", self.side, top=1)

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Hide a square of each."""
        n, device = len(x), x.device
        high, wide = x.shape[2:]
        half = between(span("side", self.side), n, generator, device) * min(high, wide) / 2
        hidden = [
            (torch.arange(size, device=device) + 0.5 - size * draw(n, generator, device)[:, None])
            .abs()
            .lt(half[:, None])
            for size in (high, wide)
        ]
        square = hidden[0][:, None, :, None] & hidden[1][:, None, None, :]
        return torch.where(square, x.mean((2, 3), keepdim=True), x)
