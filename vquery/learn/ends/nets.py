"""The networks of end models: a body, a head of classes, and a head more for each slice.

Slices as heads follow V. Chen, S. Wu, A. Ratner, J. Weng, C. Ré, Slice-based Learning (2019), in a
plain form: each slice has an expert that corrects the logits, and an indicator that says how far an
item belongs to the slice. So that nobody has to know the slices of an item to predict its class.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from vquery.learn.core.networks import BLOCKS, BUILDERS, SmallResNet

VECTORS, PICTURES = "end_vectors", "end_pictures"
SPREAD = 1e-6
"""Least standard deviation that a coordinate is divided by."""


class Said(NamedTuple):
    """What a network says of n items.

    Attributes
    ----------
    logits : (n, k)
        Of the classes, all heads together.
    experts : (n, s, k) or None
        What each slice's head alone adds.
    inside : (n, s) or None
        Logits of belonging to each slice.
    """

    logits: torch.Tensor
    experts: torch.Tensor | None
    inside: torch.Tensor | None


class Heads(nn.Module):
    """A linear head of k classes, and for each of s slices an expert and an indicator."""

    def __init__(self, dimension: int, classes: int, slices: int = 0) -> None:
        super().__init__()
        self.base = nn.Linear(dimension, classes)
        self.experts = nn.ModuleList(nn.Linear(dimension, classes) for _ in range(slices))
        self.indicators = nn.ModuleList(nn.Linear(dimension, 1) for _ in range(slices))

    def forward(self, x: torch.Tensor) -> Said:
        """Map what a body found, (n, dimension), to what is said of the items."""
        base = self.base(x)
        if not len(self.experts):
            return Said(base, None, None)
        experts = torch.stack([one(x) for one in self.experts], dim=1)
        inside = torch.cat([one(x) for one in self.indicators], dim=1)
        logits = base + (torch.sigmoid(inside)[:, :, None] * experts).sum(1)
        return Said(logits, base[:, None] + experts, inside)


class OnVectors(nn.Module):
    """Vectors, centred and scaled as those of the training were; hidden layers, if any; heads.

    Parameters
    ----------
    dimension, classes
        Of the vectors, and how many classes.
    hidden
        Units of each hidden layer; none is a linear model.
    slices
        Heads more.
    dropout
        Share of hidden units that a step leaves out.
    """

    centre: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        dimension: int,
        classes: int,
        hidden: tuple[int, ...] = (),
        slices: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(dimension))
        self.register_buffer("scale", torch.ones(dimension))
        parts: list[nn.Module] = []
        size = dimension
        for units in hidden:
            parts += [nn.Linear(size, units, bias=False), nn.BatchNorm1d(units)]
            parts += [nn.ReLU(), nn.Dropout(dropout)]
            size = units
        self.body = nn.Sequential(*parts)
        self.heads = Heads(size, classes, slices)

    def fit_scale(self, x: torch.Tensor) -> None:
        """Learn centre and scale of the coordinates from vectors (n, dimension)."""
        self.centre.copy_(x.mean(0))
        self.scale.copy_(x.std(0, correction=0).clamp_min(SPREAD))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Map vectors to what the heads see."""
        found: torch.Tensor = self.body((x - self.centre) / self.scale)
        return found

    def forward(self, x: torch.Tensor) -> Said:
        """Say something of vectors (n, dimension)."""
        said: Said = self.heads(self.features(x))
        return said


class OnPictures(nn.Module):
    """A small residual network on pictures from 0 to 1, and heads.

    Parameters
    ----------
    classes, slices
        As for `OnVectors`.
    width, blocks
        Of the `SmallResNet`.
    side
        Pixels of the square pictures, kept so that others are brought to it.
    """

    def __init__(
        self,
        classes: int,
        slices: int = 0,
        width: int = 16,
        blocks: tuple[int, ...] = BLOCKS,
        side: int = 64,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.side = side
        self.body = SmallResNet(width, blocks)
        self.dropout = nn.Dropout(dropout)
        self.heads = Heads(self.body.dimension, classes, slices)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Map pictures (n, 3, side, side) to vectors."""
        found: torch.Tensor = self.body(x)
        return found

    def forward(self, x: torch.Tensor) -> Said:
        """Say something of pictures (n, 3, side, side)."""
        said: Said = self.heads(self.dropout(self.features(x)))
        return said


def _on_vectors(
    dimension: int,
    classes: int,
    hidden: tuple[int, ...] = (),
    slices: int = 0,
    dropout: float = 0.0,
) -> OnVectors:
    return OnVectors(dimension, classes, tuple(hidden), slices, dropout)


def _on_pictures(
    classes: int,
    slices: int = 0,
    width: int = 16,
    blocks: tuple[int, ...] = BLOCKS,
    side: int = 64,
    dropout: float = 0.0,
) -> OnPictures:
    return OnPictures(classes, slices, width, tuple(blocks), side, dropout)


BUILDERS[VECTORS] = _on_vectors
BUILDERS[PICTURES] = _on_pictures
