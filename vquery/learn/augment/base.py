"""What every transformation of pictures shares: the batch, the draw of its parameters, the chance.

Parameters are drawn for each item by itself from an explicit generator, and applied to the whole
batch at once. With a generator of the CPU the parameters are alike on every device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from vquery.errors import LearnError
from vquery.learn.core.values import is_number

Range = float | tuple[float, float]
"""A strength: from 0 up to the number, or between the two."""


class Batch(NamedTuple):
    """Pictures, and what goes with them where it is known.

    Attributes
    ----------
    pictures : float (n, 3, h, w)
        From 0 to 1.
    labels : float (n, k), optional
        Soft labels; a transformation that mixes pictures mixes them too.
    rows : int64 (n,), optional
        Which rows of `vquery.learn.core.pictures.Pictures` these are, on the CPU.
    """

    pictures: torch.Tensor
    labels: torch.Tensor | None = None
    rows: torch.Tensor | None = None

    def take(self, at: torch.Tensor) -> Batch:
        """Keep the items at some places."""
        labels = None if self.labels is None else self.labels[at]
        rows = None if self.rows is None else self.rows[at.cpu()]
        return Batch(self.pictures[at], labels, rows)

    def put(self, at: torch.Tensor, part: Batch) -> Batch:
        """Return a copy with other items at some places."""
        pictures = self.pictures.index_copy(0, at, part.pictures)
        labels, rows = self.labels, self.rows
        if labels is not None and part.labels is not None:
            labels = labels.index_copy(0, at, part.labels)
        if rows is not None and part.rows is not None:
            rows = rows.index_copy(0, at.cpu(), part.rows)
        return Batch(pictures, labels, rows)


@dataclass(frozen=True)
class Transformation:
    """A random change of pictures that is meant to leave their labels as they are.

    Write your own by a frozen dataclass with the method `change`.

    Parameters
    ----------
    p
        Chance that an item is changed at all, each by itself.

    >>> class Negative(Transformation):
    ...     def change(self, x, generator):
    ...         return 1 - x
    >>> seeded = torch.Generator().manual_seed(0)
    >>> Negative()(torch.zeros(2, 3, 8, 8), seeded).mean()
    tensor(1.)
    >>> Negative(p=0)(torch.zeros(2, 3, 8, 8), seeded).mean()
    tensor(0.)
    """

    p: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        if not (is_number(self.p) and 0 <= self.p <= 1):
            raise LearnError(f"{self.name}: p is a chance from 0 to 1, got {self.p!r}")

    @property
    def name(self) -> str:
        """What it is called."""
        return type(self).__name__

    @property
    def leads(self) -> bool:
        """Whether it chooses other pictures, and so must be the first of a composition."""
        return False

    def __call__(
        self,
        x: torch.Tensor,
        generator: torch.Generator,
        *,
        rows: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Change pictures.

        Parameters
        ----------
        x : float (n, 3, h, w)
            From 0 to 1; it stays as it is.
        generator
            Draws all that is random.
        rows : int64 (n,), optional
            Which items these are, for what looks at other pictures of their tracks.

        Raises
        ------
        LearnError
            If ``x`` is no such batch, or labels or rows are needed.
        """
        return self._run(Batch(x, None, rows), generator).pictures

    def with_labels(
        self,
        x: torch.Tensor,
        y: torch.Tensor,
        generator: torch.Generator,
        *,
        rows: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Change pictures and their soft labels, float (n, k): `Mixup` mixes both alike."""
        if y.ndim != 2 or len(y) != len(x) or not y.is_floating_point():
            raise LearnError(
                f"{self.name}: y must be soft labels, float ({len(x)}, classes), got "
                f"{y.dtype} {tuple(y.shape)}; make them by torch.nn.functional.one_hot(…).float()"
            )
        found = self._run(Batch(x, y, rows), generator)
        assert found.labels is not None
        return found.pictures, found.labels

    def _run(self, batch: Batch, generator: torch.Generator) -> Batch:
        checked(batch, self.name)
        if not len(batch.pictures):
            return batch
        # a network may compute in fewer digits; colours are worth all of theirs
        with torch.no_grad(), torch.autocast(batch.pictures.device.type, enabled=False):
            return self.apply(batch, generator)

    def apply(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Change each item of a batch by its chance."""
        if self.p == 1:
            return self.whole(batch, generator)
        drawn = draw(len(batch.pictures), generator, batch.pictures.device)
        at = (drawn < self.p).nonzero()[:, 0]
        if not len(at):
            return batch
        return batch.put(at, self.whole(batch.take(at), generator))

    def whole(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Change all items of a batch."""
        changed = self.change(batch.pictures, generator)
        return batch._replace(pictures=changed.to(batch.pictures.dtype))

    def change(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Change all of some pictures."""
        raise NotImplementedError


def checked(batch: Batch, name: str) -> None:
    """Raise a `LearnError` unless a batch is one."""
    x = batch.pictures
    if not isinstance(x, torch.Tensor):
        raise LearnError(f"{name}: pictures must be a tensor, got {type(x).__name__}")
    if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point():
        raise LearnError(
            f"{name}: pictures must be float (n, 3, height, width) from 0 to 1, got "
            f"{x.dtype} {tuple(x.shape)}"
        )
    if batch.rows is not None and len(batch.rows) != len(x):
        raise LearnError(f"{name}: {len(x)} pictures but {len(batch.rows)} rows")


def span(name: str, value: Range, top: float = math.inf) -> tuple[float, float]:
    """Read a strength.

    >>> span("degrees", 15.0), span("degrees", (10, 15))
    ((0.0, 15.0), (10.0, 15.0))
    >>> span("side", 2, top=1)
    Traceback (most recent call last):
    vquery.errors.LearnError: side is a number or two, rising from 0 to 1, got 2
    """
    try:
        low, high = value if isinstance(value, tuple) else (0.0, value)
        if 0 <= low <= high <= top and math.isfinite(high):
            return float(low), float(high)
    except (TypeError, ValueError):
        pass
    raise LearnError(f"{name} is a number or two, rising from 0 to {top:g}, got {value!r}")


def draw(n: int, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Draw n numbers from 0 to 1."""
    return torch.rand(n, generator=generator, device=generator.device).to(device)


def between(
    value: tuple[float, float], n: int, generator: torch.Generator, device: torch.device
) -> torch.Tensor:
    """Draw n numbers between two."""
    low, high = value
    return low + (high - low) * draw(n, generator, device)


def either_way(
    value: tuple[float, float], n: int, generator: torch.Generator, device: torch.device
) -> torch.Tensor:
    """Draw n numbers between two, each with either sign."""
    sign = (draw(n, generator, device) < 0.5).float() * 2 - 1
    return sign * between(value, n, generator, device)


def seeded_like(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """Return a generator on a device: the one given, or another that is seeded by it.

    For draws as large as the pictures, which are made where the pictures are.
    """
    if generator.device.type == device.type:
        return generator
    seed = torch.randint(1 << 62, (1,), generator=generator, device=generator.device)
    return torch.Generator(device).manual_seed(int(seed))


def per_item(values: torch.Tensor) -> torch.Tensor:
    """Shape n numbers so that they act on pictures, (n, 1, 1, 1)."""
    return values[:, None, None, None]
