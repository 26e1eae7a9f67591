"""Confusion of each function and the class balance from votes alone, by expectation maximisation.

A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM
algorithm", Applied Statistics 28, 1979; here to abstain is one more vote, since a function that
says only "yes" tells something by its silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from vquery.supervise.models.majority import vote_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.models.patterns import Design, Patterns

    Floats = NDArray[np.float64]

TOLERANCE = 1e-7
"""EM ends when the objective gains less than this an item …"""
MOST_STEPS = 200
"""… or after so many steps."""
PRIOR_VOTES = 2.0
"""Items of each class that the prior counts for, a function."""
PRIOR_RIGHT = 2.0
"""How many times more the prior has a vote right than wrong in each other way."""
PRIOR_BALANCE = 1.0
"""Items of each class that the prior of the balance counts for."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What EM found.

    Attributes
    ----------
    confusion
        Shape (m, k, k + 1): P(vote | class), to abstain last.
    balance
        Shape (k,).
    objective
        Log posterior density (up to a constant) after each step; it never falls.
    converged
        False where `MOST_STEPS` ended it.
    """

    confusion: Floats
    balance: Floats
    objective: tuple[float, ...]
    converged: bool


def prior_counts(design: Design, counts: Floats) -> Floats:
    """Pseudo-counts (m, k, k + 1): a few items of each class, right more often than wrong.

    A function abstains in the prior as often as it does, whatever the class: a rare class must not
    look as if functions spoke up on it.
    """
    symbols = design.cast(counts[:, None])[:, 0, :]
    k = symbols.shape[1] - 1
    silent = (symbols[:, k] + 1) / (symbols.sum(axis=1) + 2)
    right = np.full((k, k), 1.0) + (PRIOR_RIGHT - 1) * np.eye(k)
    right /= right.sum(axis=1, keepdims=True)
    out = np.empty((len(symbols), k, k + 1))
    out[:, :, :k] = (1 - silent)[:, None, None] * right
    out[:, :, k] = silent[:, None]
    return PRIOR_VOTES * out


def fit(
    design: Design,
    counts: Floats,
    start: Floats,
    *,
    prior: Floats,
    balance: Floats | None = None,
    balance_prior: Floats | None = None,
) -> Fit:
    """Find confusion and balance at which the posterior density is highest near a start.

    Each step costs as much as there are distinct rows times blocks of functions.

    Parameters
    ----------
    design, counts
        Distinct rows (p) and how often each occurs.
    start
        Shape (p, k): class probabilities to begin with; they decide which class is which.
    prior
        Shape (m, k, k + 1): counts that are added to those of the votes.
    balance
        Shape (k,): where it is known; else it is estimated.
    balance_prior
        Shape (k,): counts that are added to those of the classes.

    Notes
    -----
    The objective is Σ counts · log Σ_k π_k Π_j θ_jk + Σ prior · log θ + Σ balance_prior · log π.
    """
    k = start.shape[1]
    extra = np.full(k, PRIOR_BALANCE) if balance_prior is None else balance_prior
    posterior, objective, converged = start, [], False
    total = counts.sum()
    while True:
        share, confusion = _maximise(design, counts, posterior, prior, balance, extra)
        posterior, value = expect(design, counts, confusion, share)
        value += float((prior * np.log(confusion)).sum())
        if balance is None:
            value += float((extra * np.log(share)).sum())
        objective.append(value)
        if len(objective) > 1 and value - objective[-2] < TOLERANCE * max(total, 1.0):
            converged = True
        if converged or len(objective) >= MOST_STEPS:
            return Fit(confusion, share, tuple(objective), converged)


def _maximise(
    design: Design,
    counts: Floats,
    posterior: Floats,
    prior: Floats,
    balance: Floats | None,
    extra: Floats,
) -> tuple[Floats, Floats]:
    mass = posterior * counts[:, None]
    confusion = design.cast(mass) + prior
    confusion /= confusion.sum(axis=2, keepdims=True)
    if balance is not None:
        return balance, confusion
    share = mass.sum(axis=0) + extra
    return share / share.sum(), confusion


def expect(
    design: Design, counts: Floats, confusion: Floats, balance: Floats
) -> tuple[Floats, float]:
    """Class probabilities (p, k) of distinct rows, and the log-likelihood of all items."""
    joint = design.total(np.log(confusion))
    joint += np.log(balance)
    likelihood = logsumexp(joint, axis=1)
    joint -= likelihood[:, None]
    return np.exp(joint, out=joint), float(counts @ likelihood)


def start_of(patterns: Patterns, k: int, balance: Floats | None, weights: Floats | None) -> Floats:
    """Class probabilities (p, k) to begin with: the smoothed share of votes.

    Smoothing is even where the balance is not given.
    """
    return vote_share(patterns.votes, np.full(k, 1 / k) if balance is None else balance, weights)
