"""Whether a model foretells left-out votes of other items better than counting, beyond noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vquery.supervise.models.left_out import log_chances, model_shares, vote_shares

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vquery.supervise.models.patterns import Patterns

    Floats = NDArray[np.float64]

FOLDS = 4
"""Parts of the items: the model is fitted on all but one, and compared on that one."""
SEED = 0
"""Of the draw that parts items; equal votes are parted in the same way always."""
CLEAR = 2.0
"""Standard errors by which the model has to be better."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Mean log-likelihood of a left-out vote by two ways, and the standard error of their lead.

    The error takes items for independent; of items that follow each other it is too small.
    """

    model: float
    vote: float
    error: float

    @property
    def clear(self) -> bool:
        """Whether the model is better beyond noise.

        >>> Comparison(-0.5, -0.6, 0.04).clear, Comparison(-0.5, -0.6, 0.06).clear
        (True, False)
        """
        return self.model - self.vote > CLEAR * self.error

    def __str__(self) -> str:
        return f"{self.model:.4f} against {self.vote:.4f} nats, error {self.error:.4f}"


def parted(counts: Floats, folds: int = FOLDS) -> Floats:
    """Put each item into one of some parts: counts (folds, p) that sum to ``counts`` (p,).

    Items are drawn one by one with a fixed seed. To deal out equal rows evenly would make every
    part look like the rest, and a fit to noise like a fit.

    >>> parts = parted(np.array([10.0, 1.0, 0.5]))
    >>> parts.sum(axis=0).tolist(), int((parts[:, 2] > 0).sum())
    ([10.0, 1.0, 0.5], 1)
    """
    rng = np.random.default_rng(SEED)
    whole = np.floor(counts)
    out = rng.multinomial(whole.astype(np.int64), np.full(folds, 1 / folds)).T.astype(np.float64)
    out[rng.integers(folds, size=len(counts)), np.arange(len(counts))] += counts - whole
    return out


def compare(
    patterns: Patterns,
    even: Floats,
    temper: float,
    learn: Callable[[Floats], tuple[Floats, Floats]],
) -> Comparison:
    """Compare a model with the smoothed vote on items that it was not fitted on.

    Each vote of each item is left out in turn, and foretold from the other votes of the item. The
    class of an item, and what a function says of each class, are learnt from other items alone.

    Parameters
    ----------
    even
        Shape (k,): the balance that smooths votes.
    temper
        Factor on the evidence of the model.
    learn
        From counts (p,) of the distinct rows: confusion and balance.
    """
    m = patterns.votes.shape[1]
    counted = list(vote_shares(patterns, even))
    total = np.zeros(2)
    squares = 0.0
    for part in parted(patterns.counts):
        rest = patterns.counts - part
        if not (part.any() and rest.any()):
            continue
        shares = model_shares(patterns, *learn(rest), temper)
        model = log_chances(patterns.votes, rest, shares)
        vote = log_chances(patterns.votes, rest, iter(counted))
        total += part @ model, part @ vote
        squares += float(part @ (model - vote) ** 2)
    n = max(float(patterns.counts.sum()), 1.0)
    mean = total / n
    spread = max(squares / n - float(mean[0] - mean[1]) ** 2, 0.0)
    model_mean, vote_mean = (mean / m).tolist()
    return Comparison(model_mean, vote_mean, float(np.sqrt(spread / n)) / m)
