"""Confusion of each function and the class balance from votes alone, by expectation maximisation.

A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM
algorithm", Applied Statistics 28, 1979; here to abstain is one more vote, since a function that
says only "yes" tells something by its silence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vquery.supervise.soft import posterior_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.models.pairs import Pairs
    from vquery.supervise.models.patterns import Design

    Floats = NDArray[np.float64]

TOLERANCE = 1e-7
"""EM ends when the objective gains less than this an item …"""
MOST_STEPS = 200
"""… or after so many steps."""
PRIOR_ITEMS = 2.0
"""Items of each class that the prior counts for, a function."""
PRIOR_RIGHT = 2.0
"""How many times more the prior has a vote right than wrong in each other way."""
PRIOR_SILENCE = 10.0
"""Items of each class that the prior counts for on whether a function votes at all: that it speaks
or is silent tells something of the class only where so many items say so."""
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
    posterior
        Shape (p, k): class probabilities of the distinct rows.
    together
        For each pair that errs together (k, (k + 1)²): P(both votes | class).
    objective
        Log posterior density (up to a constant) after each step; it never falls.
    converged
        False where `MOST_STEPS` ended it.
    """

    confusion: Floats
    balance: Floats
    posterior: Floats
    together: tuple[Floats, ...]
    objective: tuple[float, ...]
    converged: bool


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """Counts that are added to those of the votes.

    Attributes
    ----------
    votes
        Shape (m, k, k + 1).
    balance
        Shape (k,): counts of the classes.
    given
        Shape (k,): the class balance where it is known, or None.
    silence
        Shape (m, 2): items of each class on which a function votes, and on which it does not, the
        same in all classes; None for no more than ``votes`` has. Pairs go without it.
    """

    votes: Floats
    balance: Floats
    given: Floats | None = None
    silence: Floats | None = None


def weak_prior(design: Design, counts: Floats, given: Floats | None) -> Prior:
    """Count a few items of each class that are right more often than wrong.

    A function abstains in the prior as often as it does, whatever the class: a rare class must not
    look as if functions spoke up on it.
    """
    symbols = design.cast(counts[:, None])[:, 0, :]
    k = symbols.shape[1] - 1
    silent = (symbols[:, k] + 1) / (symbols.sum(axis=1) + 2)
    right = np.full((k, k), 1.0) + (PRIOR_RIGHT - 1) * np.eye(k)
    right /= right.sum(axis=1, keepdims=True)
    votes = np.empty((len(symbols), k, k + 1))
    votes[:, :, :k] = (1 - silent)[:, None, None] * right
    votes[:, :, k] = silent[:, None]
    speaks = PRIOR_SILENCE * np.stack((1 - silent, silent), axis=1)
    return Prior(PRIOR_ITEMS * votes, np.full(k, PRIOR_BALANCE), given, speaks)


def fit(
    design: Design, counts: Floats, start: Floats, prior: Prior, pairs: Pairs | None = None
) -> Fit:
    """Find confusion and balance at which the posterior density is highest near a start.

    Each step costs as much as there are distinct rows times blocks of functions.

    Parameters
    ----------
    design, counts
        Distinct rows (p) and how often each occurs.
    start
        Shape (p, k): class probabilities to begin with; they decide which class is which.
    pairs
        Functions that err together: their votes are one vote of many symbols.

    Notes
    -----
    The objective is Σ counts · log Σ_k π_k Π_j θ_jk + Σ prior · log θ + Σ prior · log π, and for
    silence Σ (votes · log P(vote) + silent · log P(no vote)).
    """
    if pairs is not None and prior.silence is not None:
        silence = prior.silence.copy()
        silence[pairs.members.ravel()] = 0.0
        prior = replace(prior, silence=silence)
    posterior, objective, converged = start, [], False
    enough = TOLERANCE * max(float(counts.sum()), 1.0)
    while True:
        mass = posterior * counts[:, None]
        confusion = _tables(design.cast(mass) + prior.votes, prior.silence)
        balance = prior.given
        if balance is None:
            balance = _shares(mass.sum(axis=0) + prior.balance)
        together = () if pairs is None else pairs.maximise(mass, prior.votes)
        joint = design.total(np.log(confusion)) + np.log(balance)
        if pairs is not None:
            joint += pairs.beyond(confusion, together)
        posterior, likelihood = posterior_of(joint)
        value = float((counts * likelihood).sum()) + _density(
            confusion, balance, together, prior, pairs
        )
        objective.append(value)
        converged = len(objective) > 1 and value - objective[-2] < enough
        if converged or len(objective) >= MOST_STEPS:
            return Fit(confusion, balance, posterior, together, tuple(objective), converged)


def _shares(counts: Floats) -> Floats:
    return np.asarray(counts / counts.sum(axis=-1, keepdims=True))


def _tables(counts: Floats, silence: Floats | None) -> Floats:
    """P(vote | class) of counts (m, k, k + 1): whether one votes is drawn to all classes alike."""
    out = _shares(counts)
    if silence is None:
        return out
    total = counts.sum(axis=2)
    spoken = total - counts[:, :, -1]
    speaks = (spoken + silence[:, :1]) / (total + silence.sum(axis=1)[:, None])
    out[:, :, :-1] *= (speaks * total / spoken)[:, :, None]
    out[:, :, -1] = 1 - speaks
    return out


def _density(
    confusion: Floats,
    balance: Floats,
    together: tuple[Floats, ...],
    prior: Prior,
    pairs: Pairs | None,
) -> float:
    """Log density of the parameters under the prior; a pair counts once, not its two functions."""
    alone = np.ones(len(confusion), bool)
    value = 0.0
    if pairs is not None:
        alone[pairs.members.ravel()] = False
        for (a, b), table in zip(pairs.members, together, strict=True):
            value += float((pairs.prior(a, b, prior.votes) * np.log(table)).sum())
    value += float((prior.votes[alone] * np.log(confusion[alone])).sum())
    if prior.silence is not None:
        silent = confusion[:, :, -1]
        each = prior.silence[:, :1] * np.log1p(-silent) + prior.silence[:, 1:] * np.log(silent)
        value += float(each.sum())
    if prior.given is None:
        value += float((prior.balance * np.log(balance)).sum())
    return value
