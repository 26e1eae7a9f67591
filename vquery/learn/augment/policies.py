"""Transformations put together: one after another, one of several, and policies of the field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from vquery.errors import LearnError
from vquery.learn.augment.base import Batch, Transformation, draw
from vquery.learn.augment.detail import Blur, Cutout, Noise, Sharpen
from vquery.learn.augment.shape import Crop, Flip, Rotate, Shear, Shift
from vquery.learn.augment.tone import (
    Autocontrast,
    Colour,
    Equalize,
    Grey,
    Posterize,
    Solarize,
)
from vquery.learn.core.values import whole

if TYPE_CHECKING:
    from collections.abc import Sequence


TOP = 10
"""Magnitudes of RandAugment end here."""


@dataclass(frozen=True)
class Nothing(Transformation):
    """Leave pictures as they are."""

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:  # noqa: ARG002
        """Change nothing."""
        return x


@dataclass(frozen=True)
class Compose(Transformation):
    """One transformation after another.

    >>> Compose([Flip(), Grey(p=1)]).name
    'Flip + Grey'
    >>> Compose([Flip(), "grey"])
    Traceback (most recent call last):
    vquery.errors.LearnError: Compose takes transformations, got 'grey'
    """

    parts: Sequence[Transformation]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "parts", _parts(self.parts, "Compose"))
        for part in self.parts[1:]:
            if part.leads:
                raise LearnError(f"{part.name} chooses other pictures: put it first")

    @property
    def name(self) -> str:
        """What it is called."""
        return " + ".join(part.name for part in self.parts) or "nothing"

    @property
    def leads(self) -> bool:
        """Whether its first part does."""
        return bool(self.parts) and self.parts[0].leads

    def whole(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Apply one after another."""
        for part in self.parts:
            batch = part.apply(batch, generator)
        return batch


@dataclass(frozen=True)
class OneOf(Transformation):
    """One of several transformations, drawn for each item.

    >>> OneOf([])
    Traceback (most recent call last):
    vquery.errors.LearnError: OneOf needs at least one transformation
    """

    parts: Sequence[Transformation]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "parts", _parts(self.parts, "OneOf"))
        if not self.parts:
            raise LearnError("OneOf needs at least one transformation")

    @property
    def name(self) -> str:
        """What it is called."""
        return "one of " + ", ".join(part.name for part in self.parts)

    @property
    def leads(self) -> bool:
        """Whether one of its parts does."""
        return any(part.leads for part in self.parts)

    def whole(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Apply to each item the part that is drawn for it."""
        drawn = draw(len(batch.pictures), generator, batch.pictures.device)
        which = (drawn * len(self.parts)).long().clamp_(max=len(self.parts) - 1)
        order = which.argsort(stable=True)
        counts = which.bincount(minlength=len(self.parts)).tolist()
        shares = [
            part.apply(batch.take(at), generator)
            for part, at in zip(self.parts, torch.split(order, counts), strict=True)
            if len(at)
        ]
        return _joined(shares).take(order.argsort())


@dataclass(frozen=True)
class RandAugment(Transformation):
    """Some of fourteen transformations, one after another (E. Cubuk et al. 2020).

    Each of ``n`` times one is drawn for each item, all at the same magnitude.

    Parameters
    ----------
    n
        How many.
    m
        Magnitude from 0, which changes next to nothing, to 10: there rotations are of 30°, shears
        of 0.3, shifts of 0.45, factors of colour, contrast, brightness and sharpness 0.1 or 1.9,
        four bits are kept, and solarizing turns all round.

    >>> RandAugment(m=11)
    Traceback (most recent call last):
    vquery.errors.LearnError: m is a magnitude from 0 to 10, got 11
    """

    n: int = 2
    m: float = 9
    _pick: OneOf = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("n", self.n, 0)
        if not 0 <= self.m <= TOP:
            raise LearnError(f"m is a magnitude from 0 to {TOP}, got {self.m!r}")
        object.__setattr__(self, "_pick", OneOf(operations(self.m / TOP)))

    def whole(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Apply the drawn ones one after another."""
        for _ in range(self.n):
            batch = self._pick.apply(batch, generator)
        return batch


def operations(strength: float, *, exact: bool = True) -> list[Transformation]:
    """Make the transformations of RandAugment.

    Parameters
    ----------
    strength
        From 0 to 1.
    exact
        Of just this strength, either way; otherwise of up to this.

    >>> len(operations(0.9))
    14
    """
    s = strength

    def up_to(value: float) -> tuple[float, float]:
        return (value if exact else 0.0, value)

    sheared, shifted = Shear(up_to(0.3 * s)), Shift(up_to(0.45 * s))
    return [
        Nothing(),
        Autocontrast(),
        Equalize(),
        Rotate(up_to(30 * s)),
        Solarize((1 - s, 1 - s if exact else 1.0)),
        Colour(0, 0, up_to(0.9 * s), 0),
        Posterize((8 - round(4 * s), 8 - round(4 * s) if exact else 8)),
        Colour(0, up_to(0.9 * s), 0, 0),
        Colour(up_to(0.9 * s), 0, 0, 0),
        Sharpen(up_to(0.9 * s)),
        sheared,
        sheared,  # along the width and along the height are two of the fourteen
        shifted,
        shifted,
    ]


def views(strength: float = 1.0, *, hide: bool = False) -> Compose:
    """Make the policy by which contrastive pretext tasks see a picture (T. Chen et al. 2020).

    A crop, a flip, colour jitter of four in five items, grey of one in five, a blur of every
    second.

    Parameters
    ----------
    strength
        Of the colour jitter; 1 is theirs.
    hide
        Hide a square too.
    """
    colour = Colour(*(min(0.8 * strength, 1),) * 3, hue=min(0.2 * strength, 0.5), p=0.8)
    parts = [Crop((0.2, 1.0)), Flip(), colour, Grey(), Blur(p=0.5)]
    return Compose([*parts, Cutout(p=0.5)] if hide else parts)


def hand(*, flip: bool = True) -> Compose:
    """Make a mild policy for any pictures: a small crop, flip, rotation, colour jitter and noise.

    Parameters
    ----------
    flip
        False where left and right tell things apart, as for digits and letters.
    """
    tones = Colour(0.2, 0.2, 0.2, 0.02)
    parts = [Crop((0.7, 1.0)), *([Flip()] if flip else []), Rotate(10.0), tones, Noise(0.03)]
    return Compose(parts)


def _parts(given: Sequence[Transformation], name: str) -> tuple[Transformation, ...]:
    for one in given:
        if not isinstance(one, Transformation):
            raise LearnError(f"{name} takes transformations, got {one!r}")
    return tuple(given)


def _joined(shares: Sequence[Batch]) -> Batch:
    """Put batches one after another; all have labels and rows, or none has."""
    pictures = torch.cat([one.pictures for one in shares])
    labels = [one.labels for one in shares if one.labels is not None]
    rows = [one.rows for one in shares if one.rows is not None]
    return Batch(pictures, torch.cat(labels) if labels else None, torch.cat(rows) if rows else None)
