"""Transformations of where things are: crop, flip, rotation, shear, shift."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from vquery.errors import LearnError
from vquery.learn.augment.base import (
    Range,
    Transformation,
    between,
    draw,
    either_way,
    span,
)


@dataclass(frozen=True)
class Crop(Transformation):
    """Cut out a random part and bring it to the full size (C. Szegedy et al. 2015).

    Parameters
    ----------
    area
        Share of the picture that is kept, drawn uniformly.
    ratio
        Width by height of the part as against that of the picture, drawn on a logarithmic scale; a
        part that would be wider or higher than the picture ends at its border.

    >>> Crop(area=(0.5, 2))
    Traceback (most recent call last):
    vquery.errors.LearnError: area is a number or two, rising from 0 to 1, got (0.5, 2)
    """

    area: tuple[float, float] = (0.3, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        super().__post_init__()
        if span("area", self.area, top=1)[0] == 0:
            raise LearnError(f"area must begin above 0, got {self.area!r}")
        if span("ratio", self.ratio)[0] == 0:
            raise LearnError(f"ratio must begin above 0, got {self.ratio!r}")

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Crop each by its own part."""
        n, device = len(x), x.device
        area = between(self.area, n, generator, device)
        logs = (math.log(self.ratio[0]), math.log(self.ratio[1]))
        ratio = between(logs, n, generator, device).exp()
        wide, high = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
        linear = torch.diag_embed(torch.stack([wide, high], 1))
        place = torch.stack([draw(n, generator, device), draw(n, generator, device)], 1)
        shift = (place - 0.5) * (1 - torch.stack([wide, high], 1))
        return warp(x, linear, shift)


@dataclass(frozen=True)
class Flip(Transformation):
    """Mirror left and right, of every second item by default.

    >>> Flip(p=1)(torch.eye(3).expand(1, 3, 3, 3), torch.Generator())[0, 0, 0]
    tensor([0., 0., 1.])
    """

    p: float = 0.5

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:  # noqa: ARG002
        """Mirror all."""
        return x.flip(3)


@dataclass(frozen=True)
class Rotate(Transformation):
    """Rotate about the centre, either way; what comes in at the corners is mirrored.

    Parameters
    ----------
    degrees
        Up to how many, or between which two.
    """

    degrees: Range = 15.0

    def __post_init__(self) -> None:
        super().__post_init__()
        span("degrees", self.degrees, top=180)

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Rotate each by its own angle."""
        degrees = either_way(span("degrees", self.degrees), len(x), generator, x.device)
        angle = torch.deg2rad(degrees)
        cosine, sine = angle.cos(), angle.sin()
        linear = torch.stack([cosine, -sine, sine, cosine], 1).reshape(-1, 2, 2)
        return warp(x, linear, torch.zeros(len(x), 2, device=x.device))


@dataclass(frozen=True)
class Shear(Transformation):
    """Shear along the width or, as likely, the height.

    Parameters
    ----------
    share
        Pixels of a row's shift by its distance from the middle.
    """

    share: Range = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        span("share", self.share, top=1)

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Shear each by its own share."""
        n, device = len(x), x.device
        share = either_way(span("share", self.share), n, generator, device)
        wide = (draw(n, generator, device) < 0.5).float()
        one = torch.ones_like(share)
        linear = torch.stack([one, share * wide, share * (1 - wide), one], 1).reshape(-1, 2, 2)
        return warp(x, linear, torch.zeros(n, 2, device=device))


@dataclass(frozen=True)
class Shift(Transformation):
    """Shift along the width or, as likely, the height; what comes in is mirrored.

    Parameters
    ----------
    share
        Of the picture's width or height.
    """

    share: Range = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        span("share", self.share, top=1)

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Shift each by its own share."""
        n, device = len(x), x.device
        share = either_way(span("share", self.share), n, generator, device)
        wide = draw(n, generator, device) < 0.5
        zero = torch.zeros_like(share)
        shift = torch.stack([torch.where(wide, share, zero), torch.where(wide, zero, share)], 1)
        return warp(x, torch.eye(2, device=device).expand(n, 2, 2), shift)


def warp(x: torch.Tensor, linear: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Fill each picture from places in itself, by bilinear interpolation, mirrored at the border.

    Parameters
    ----------
    x : float (n, 3, h, w)
    linear : float (n, 2, 2)
        Maps the offset of a pixel from the centre, (right, down) in pixels, to that of its source.
    shift : float (n, 2)
        Added to it: share of the width, share of the height.

    >>> x = torch.arange(4.0).expand(1, 3, 1, 4)
    >>> warp(x, torch.eye(2)[None], torch.tensor([[0.25, 0.0]]))[0, 0]
    tensor([[1., 2., 3., 3.]])
    """
    high, wide = x.shape[2:]
    scale = linear.new_tensor([[1, high / wide], [wide / high, 1]])
    theta = torch.cat([linear * scale, 2 * shift[:, :, None]], 2).to(x.dtype)
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
