"""The smoothed share of votes, and which class it decides for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Codes = NDArray[np.int16]
    Floats = NDArray[np.float64]

MAJORITY, DAWID_SKENE, TRIPLETS = "majority", "dawid-skene", "triplets"
"""Ways to get a label model, as `LabelModel.method_` has them."""
SMOOTHING = 1.0
"""Votes that the class balance counts for. Without them two votes that agree are certainty."""
SAME = 1e-9
"""Probabilities nearer to each other than this are equal: sums are rounded differently."""


def vote_share(votes: Codes, balance: Floats, weights: Floats | None = None) -> Floats:
    """Share of the votes for each class, smoothed with the balance; the balance without any vote.

    Parameters
    ----------
    votes
        Shape (n, m), -1 to abstain.
    balance
        Shape (k,).
    weights
        Shape (m,): what a vote of each function counts; 1 by default.

    >>> vote_share(np.array([[1, 1], [-1, -1]], np.int16), np.array([0.5, 0.5])).round(3).tolist()
    [[0.167, 0.833], [0.5, 0.5]]
    """
    share = np.empty((len(votes), len(balance)))
    for code in range(len(balance)):
        cast = votes == code
        share[:, code] = cast.sum(axis=1) if weights is None else cast @ weights
    share += SMOOTHING * balance
    return np.asarray(share / share.sum(axis=1, keepdims=True))


def decide(probability: Floats, silent: Bools) -> Codes:
    """Take the most likely class of each row; -1 where two are equally likely, or nobody votes.

    >>> none = np.zeros(2, bool)
    >>> decide(np.array([[0.5, 0.5], [0.2, 0.8]]), none).tolist()
    [-1, 1]
    """
    best = probability.argmax(axis=1)
    equal = probability >= probability.max(axis=1, keepdims=True) - SAME
    return np.where(silent | (equal.sum(axis=1) > 1), -1, best).astype(np.int16)
