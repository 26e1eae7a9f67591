"""An ensemble of looks at the same items, by one model: its probabilities are averaged.

I. Radosavovic, P. Dollár, R. Girshick, G. Gkioxari, K. He, Data Distillation: Towards
Omni-Supervised Learning (2018). Video gives one look more: the other pictures of a track.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch.nn import functional

from vquery.errors import LearnError, SchemaError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

AT_ONCE = 512
"""Pictures that are changed together."""
US = 1_000_000


class Predicts(Protocol):
    """Anything that tells probabilities, such as `vquery.EndModel`."""

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803 - as in scikit-learn
        """Return the probability of each class, (n, k)."""
        ...


@dataclass(frozen=True)
class Looks:
    """How items are looked at.

    Attributes
    ----------
    mirrored
        Whether pictures are looked at mirrored too. Leave it out where a mirror changes what is
        seen, as in writing: `vquery.is_label_preserving` tells.
    scales
        Pictures nearer (above 1: their middle) and farther (below 1: with a repeated border).
        Vectors know neither mirrors nor scales.
    seconds
        How far other pictures of a track may be away whose predictions are averaged too; 0 takes
        none.

    >>> Looks(scales=(0.0,))
    Traceback (most recent call last):
    vquery.errors.LearnError: scales must be from 0.25 to 4, got (0.0,)
    """

    mirrored: bool = True
    scales: tuple[float, ...] = (0.85, 1.2)
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if not all(0.25 <= one <= 4 for one in self.scales):
            raise LearnError(f"scales must be from 0.25 to 4, got {self.scales!r}")
        if not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise LearnError(f"seconds must be at least 0, got {self.seconds!r}")

    def predict(
        self,
        model: Predicts,
        x: NDArray[Any],
        track: ArrayLike | None = None,
        time_us: ArrayLike | None = None,
    ) -> Floats:
        """Return the mean probability over all looks, (n, k).

        Parameters
        ----------
        x
            Vectors (n, d), or pictures as bytes (n, 3, side, side).
        track, time_us
            The track of each item, below 0 for none, and when it is shown; without them
            neighbours take no part.
        """
        chance = self._of_pictures(model, x) if x.ndim == 4 else model.predict_proba(x)
        if track is None or time_us is None or not self.seconds:
            return np.asarray(chance, np.float64)
        return neighbours(chance, track, time_us, self.seconds)

    def _of_pictures(self, model: Predicts, x: NDArray[Any]) -> Floats:
        parts = []
        for at in range(0, len(x), AT_ONCE):
            some = x[at : at + AT_ONCE]
            shown = [one for each in (some, *self._scaled(some)) for one in self._mirror(each)]
            parts.append(np.mean([model.predict_proba(one) for one in shown], axis=0))
        return np.concatenate(parts) if parts else model.predict_proba(x)

    def _scaled(self, x: NDArray[Any]) -> list[NDArray[np.uint8]]:
        return [scaled(x, one) for one in self.scales if one != 1]

    def _mirror(self, x: NDArray[Any]) -> list[NDArray[Any]]:
        return [x, np.ascontiguousarray(x[..., ::-1])] if self.mirrored else [x]


def scaled(x: NDArray[Any], scale: float) -> NDArray[np.uint8]:
    """Bring pictures (n, 3, side, side) nearer or farther, in the same square.

    >>> dot = np.zeros((1, 3, 8, 8), np.uint8); dot[..., 3:5, 3:5] = 255
    >>> int((scaled(dot, 2.0) > 100).sum()) > int((dot > 100).sum())
    True
    """
    pictures = torch.from_numpy(np.ascontiguousarray(x)).float()
    side = pictures.shape[-1]
    inner = max(1, round(side * scale))
    found = functional.interpolate(
        pictures, size=(inner, inner), mode="bilinear", align_corners=False, antialias=scale < 1
    )
    gap = abs(inner - side)
    low, high = gap // 2, gap - gap // 2
    if inner < side:
        found = functional.pad(found, (low, high, low, high), mode="replicate")
    else:
        found = found[..., low : low + side, low : low + side]
    return np.asarray(found.round().clamp(0, 255).to(torch.uint8).numpy())


def neighbours(chance: ArrayLike, track: ArrayLike, time_us: ArrayLike, seconds: float) -> Floats:
    """Average what is said of each item with what is said of others of its track close in time.

    Parameters
    ----------
    chance : (n, k)
    track : (n,)
        Below 0 for items that are alone.
    time_us : (n,)
    seconds
        Of the others, at most, before and after.

    >>> neighbours([[1.0], [0.0], [0.5]], [7, 7, -1], [0, 400_000, 0], 1.0).ravel().tolist()
    [0.5, 0.5, 0.5]
    """
    said, lane = np.asarray(chance, np.float64), np.asarray(track, np.int64)
    time = np.asarray(time_us, np.int64)
    if not len(said) == len(lane) == len(time):
        raise SchemaError(
            f"chance, track and time_us must have as many rows, got {len(said)}, {len(lane)} and "
            f"{len(time)}"
        )
    out = said.copy()
    rows = np.flatnonzero(lane >= 0)
    order = rows[np.lexsort((time[rows], lane[rows]))]
    starts = np.flatnonzero(np.diff(lane[order], prepend=-1))
    for part in np.split(order, starts[1:]) if len(order) else []:
        total = np.vstack([np.zeros(said.shape[1]), np.cumsum(said[part], axis=0)])
        shown, reach = time[part], round(seconds * US)
        low = np.searchsorted(shown, shown - reach, side="left")
        high = np.searchsorted(shown, shown + reach, side="right")
        out[part] = (total[high] - total[low]) / (high - low)[:, None]
    return out
