"""How a picture is varied so that what shows the same comes out alike: the views of SimCLR.

A view takes pictures, float (n, 3, h, w) from 0 to 1, and a generator of random numbers on their
device, and returns pictures of the same shape. Every picture is varied by numbers of its own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    View = Callable[[torch.Tensor, torch.Generator], torch.Tensor]

SMALLEST = 0.3
"""Least share of the area that a crop keeps."""
ASPECT = 4 / 3
COLOUR = 0.4
"""Brightness, contrast and saturation change by factors up to 1 ± this."""
GREY = 0.2
"""Share of pictures that lose their colour."""
LUMA = (0.299, 0.587, 0.114)


def standard(
    x: torch.Tensor, generator: torch.Generator, *, flip: bool = True, smallest: float = SMALLEST
) -> torch.Tensor:
    """Crop, mirror and colour at random: the views of SimCLR without blur (T. Chen et al. 2020).

    Parameters
    ----------
    flip
        Whether to mirror half of them: not where there is text to tell apart.
    smallest
        Least share of the area that a crop keeps.

    >>> x = torch.rand(2, 3, 8, 8)
    >>> one, same = (standard(x, torch.Generator().manual_seed(0)) for _ in range(2))
    >>> bool((one == same).all()), tuple(one.shape)
    (True, (2, 3, 8, 8))
    """
    return coloured(cropped(x, generator, flip=flip, smallest=smallest), generator)


def plain(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Crop and colour, without mirroring: for pictures with text."""
    return standard(x, generator, flip=False)


def cropped(
    x: torch.Tensor, generator: torch.Generator, *, flip: bool = True, smallest: float = SMALLEST
) -> torch.Tensor:
    """Cut a random rectangle out of each picture and bring it to the size of all."""
    n = len(x)

    def uniform(low: float, high: float) -> torch.Tensor:
        drawn = torch.rand(n, generator=generator, device=x.device)
        return low + (high - low) * drawn

    area = uniform(smallest, 1.0)
    aspect = torch.exp(uniform(-math.log(ASPECT), math.log(ASPECT)))
    width = (area * aspect).sqrt().clamp(max=1.0)
    height = (area / aspect).sqrt().clamp(max=1.0)
    across, down = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    side = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0) if flip else torch.ones_like(width)
    zero = torch.zeros_like(width)
    rows = (torch.stack([width * side, zero, across], 1), torch.stack([zero, height, down], 1))
    grid = functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def coloured(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Change brightness, contrast and saturation of each picture, and make some grey."""
    shape = (len(x), 1, 1, 1)

    def factor() -> torch.Tensor:
        drawn = torch.rand(shape, generator=generator, device=x.device)
        return 1 + COLOUR * (2 * drawn - 1)

    x = x * factor()
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * factor()
    luma = torch.tensor(LUMA, device=x.device).view(1, 3, 1, 1)
    grey = (x * luma).sum(1, keepdim=True)
    dull = torch.rand(shape, generator=generator, device=x.device) < GREY
    saturation = torch.where(dull, torch.zeros_like(mean), factor())
    return (grey + (x - grey) * saturation).clamp(0, 1)
