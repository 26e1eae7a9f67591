"""How a picture is varied so that what shows the same comes out alike.

A view is any transformation of `vquery.learn.augment`, or a function like one: it takes pictures,
float (n, 3, h, w) from 0 to 1, and a generator of random numbers on the CPU, and returns as many
pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.learn.augment.policies import Compose
from vquery.learn.augment.shape import Crop, Flip
from vquery.learn.augment.tone import Colour, Grey

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    View = Callable[[torch.Tensor, torch.Generator], torch.Tensor]

SMALLEST = 0.3
"""Least share of the area that a crop keeps."""


def standard(*, flip: bool = True, smallest: float = SMALLEST) -> Compose:
    """Make the views of small pictures: those of T. Chen et al. 2020, without blur and milder.

    Parameters
    ----------
    flip
        Whether to mirror half of them: not where there is text to tell apart.
    smallest
        Least share of the area that a crop keeps.

    >>> [part.name for part in standard(flip=False).parts]
    ['Crop', 'Colour', 'Grey']
    """
    colour = Colour(0.4, 0.4, 0.4, 0.05, p=0.8)
    return Compose([Crop((smallest, 1.0)), *([Flip()] if flip else []), colour, Grey(p=0.2)])
