"""Transformations that look at other pictures: of the batch, or of the same track."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from vquery.errors import LearnError
from vquery.learn.augment.base import Batch, Transformation, draw, per_item
from vquery.learn.core.pictures import ALONE

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery.learn.core.pictures import Pictures

MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Mixup(Transformation):
    """Blend each picture with another of the batch, and their labels alike (H. Zhang et al. 2018).

    It needs labels, which become soft: call `with_labels`. The greater part is always the item's
    own, so that an item stays the one that it is.

    Parameters
    ----------
    alpha
        Shares are drawn from Beta(alpha, alpha): the smaller, the less is mixed.

    >>> x, y = torch.rand(2, 3, 4, 4), torch.eye(2)
    >>> mixed, soft = Mixup(alpha=1.0).with_labels(x, y, torch.Generator().manual_seed(0))
    >>> soft.sum(1)
    tensor([1., 1.])
    >>> Mixup()(x, torch.Generator())
    Traceback (most recent call last):
    vquery.errors.LearnError: Mixup mixes labels too: call with_labels(pictures, labels, generator)
    """

    alpha: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (np.isfinite(self.alpha) and self.alpha > 0):
            raise LearnError(f"alpha must be above 0, got {self.alpha!r}")

    def whole(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Blend all."""
        x, y = batch.pictures, batch.labels
        if y is None:
            raise LearnError(
                "Mixup mixes labels too: call with_labels(pictures, labels, generator)"
            )
        seed = torch.randint(1 << 62, (1,), generator=generator, device=generator.device)
        share = np.random.default_rng(int(seed)).beta(self.alpha, self.alpha, len(x))
        own = torch.from_numpy(np.maximum(share, 1 - share)).to(x)
        other = draw(len(x), generator, x.device).argsort()
        return batch._replace(
            pictures=per_item(own) * x + per_item(1 - own) * x[other],
            labels=(own[:, None] * y + (1 - own)[:, None] * y[other]).to(y.dtype),
        )


@dataclass(frozen=True, eq=False)
class TimeJitter(Transformation):
    """Show another picture of the same track, or shot of frames, from about the same time.

    What a video gives for free: the same thing, as it really looks a moment later. It chooses by
    the rows of items, which it is to be given, and must be the first of a composition. An item
    without such a picture stays.

    Parameters
    ----------
    pictures
        Of all items.
    seconds
        How far away at most.

    >>> import numpy as np
    >>> from vquery.learn.core.pictures import Pictures
    >>> pixels = np.arange(3, dtype=np.uint8)[:, None, None, None].repeat(3, 1)
    >>> start = np.array([0, 1_000_000, 9_000_000])
    >>> items = Pictures(pixels, np.arange(3), np.zeros(3, int), np.zeros(3, int), start)
    >>> jitter, rows = TimeJitter(items, seconds=2), torch.arange(3)
    >>> shown = jitter(items.tensor(rows), torch.Generator(), rows=rows)
    >>> (shown[:, 0, 0, 0] * 255).tolist()
    [1.0, 0.0, 2.0]
    """

    pictures: Pictures = field(repr=False)
    seconds: float = 2.0
    _windows: tuple[npt.NDArray[np.int64], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (np.isfinite(self.seconds) and self.seconds > 0):
            raise LearnError(f"seconds must be above 0, got {self.seconds!r}")
        object.__setattr__(self, "_windows", _windows(self.pictures, self.seconds))

    def __eq__(self, other: object) -> bool:
        return self is other  # others have other pictures

    def __hash__(self) -> int:
        return id(self)

    @property
    def leads(self) -> bool:
        """It chooses other pictures."""
        return True

    @property
    def moved(self) -> float:
        """Share of all items that have another picture to show."""
        _, _, low, high = self._windows
        alone = self.pictures.track == ALONE
        return float(((high - low > 1) & ~alone).mean()) if len(low) else 0.0

    def whole(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Choose another picture for all."""
        if batch.rows is None:
            raise LearnError("TimeJitter looks at other pictures of an item's track: give rows=")
        x = batch.pictures
        if x.shape[2:] != self.pictures.pixels.shape[2:]:
            raise LearnError(
                f"TimeJitter has pictures of {self.pictures.side} pixels, the batch "
                f"{x.shape[2]} × {x.shape[3]}: give both the same"
            )
        drawn = draw(len(x), generator, torch.device("cpu")).double().numpy()
        rows = self.other(batch.rows.numpy(), drawn)
        shown = self.pictures.tensor(rows, x.device).to(x.dtype)
        return batch._replace(pictures=shown, rows=torch.from_numpy(rows))

    def other(
        self, rows: npt.NDArray[np.int64], drawn: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int64]:
        """Choose for some rows, by a number from 0 to below 1 for each, another near in its track.

        The row itself where there is none.
        """
        order, place, low, high = self._windows
        at, first, others = place[rows], low[rows], high[rows] - low[rows] - 1
        chosen = first + np.floor(drawn * np.maximum(others, 1)).astype(np.int64)
        chosen += chosen >= at  # the item itself is left out
        stays = (others < 1) | (self.pictures.track[rows] == ALONE)
        return np.where(stays, rows, order[np.where(stays, at, chosen)])


def _windows(pictures: Pictures, seconds: float) -> tuple[npt.NDArray[np.int64], ...]:
    """Sort items by track and time, and find for each the run of those near it in its track.

    Returns
    -------
    order, place, low, high
        Rows in order; of each row its place in it, and the first place and the one past the last
        of those within ``seconds`` in its track.
    """
    start = pictures.start_us - pictures.start_us.min(initial=0)
    reach = round(seconds * MICROSECONDS)
    pairs = np.stack([pictures.video, pictures.track], 1)
    track = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    along = track * (int(start.max(initial=0)) + reach + 1) + start  # tracks lie apart
    order = np.argsort(along, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    low = np.searchsorted(along[order], along - reach, side="left")
    high = np.searchsorted(along[order], along + reach, side="right")
    return order, place, low, high
