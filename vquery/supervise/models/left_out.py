"""How well the votes of all functions but one foretell those of that one: no labels needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar

from vquery.supervise.models.majority import vote_share
from vquery.supervise.soft import posterior_of, row_sums

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vquery.supervise.models.patterns import Patterns

    Floats = NDArray[np.float64]

LEAST_TEMPER = 0.05
"""Evidence is never cut to less than this: below, twenty functions would be one."""
CLEAR_NATS = 2.0
"""What tempering must gain in the mean over functions, in nats: two standard errors."""
CLEAR_ERRORS = 3.0
"""Standard errors, those of a variance of normal numbers, by which the spread must exceed 1."""
STEP = 0.05
"""Evidence is left as it is unless so little less of it is better already."""
SMALLEST = 0.5
"""Count that is added to each vote when what a function says of a class is counted anew."""


def temper_of(counts: Floats, evidence: Floats, balance: Floats) -> float:
    """Factor in (0, 1] on the evidence, so that functions that err together are not oversure.

    Of two ways to tell from votes alone the one that takes away more: the factor with which
    left-out votes are foretold best, and the inverse of `spread_of`. Mistakes that *all* functions
    make as if they were right leave neither trace.

    Parameters
    ----------
    counts
        Shape (p,): how often each row occurs.
    evidence
        Shape (functions or pairs of them, p, k): log-likelihood of the votes of each.
    balance
        Shape (k,).
    """
    spread = spread_of(counts, evidence, balance)
    clear = spread - 1 > CLEAR_ERRORS * np.sqrt(2 / max(float(counts.sum()), 1.0))
    least = max(LEAST_TEMPER, 1 / spread) if clear else 1.0
    return min(least, _foretelling(counts, evidence, balance))


def _foretelling(counts: Floats, evidence: Floats, balance: Floats) -> float:
    """Factor with which left-out votes are foretold best."""
    whole, chances = evidence.sum(axis=0), np.exp(evidence)

    def loss(factor: float) -> float:
        total = 0.0
        for each, chance in zip(evidence, chances, strict=True):
            share, _ = posterior_of(np.log(balance) + factor * (whole - each))
            total -= float((counts * np.log(row_sums(share * chance))).sum())
        return total

    plain = loss(1.0)
    if loss(1 - STEP) >= plain:
        return 1.0
    best = minimize_scalar(
        loss, bounds=(LEAST_TEMPER, 1.0), method="bounded", options={"xatol": STEP / 5}
    )
    if plain - best.fun < CLEAR_NATS * max(1, len(evidence)):
        return 1.0
    return float(best.x)


def spread_of(counts: Floats, evidence: Floats, balance: Floats) -> float:
    """How much more the evidence of all functions varies in a class than that of each adds up to.

    1 where functions err independently; the inverse is the factor that makes the evidence as sure
    as its spread allows (L. Pace, A. Salvan and N. Sartori, Statistica Sinica 21, 2011, for sums
    of likelihoods of parts). For parameters see `temper_of`.

    >>> alone = np.log([[[0.8, 0.2], [0.2, 0.8]]])
    >>> twice = np.concatenate((alone, alone))  # the same function again
    >>> round(spread_of(np.array([5.0, 5.0]), twice, np.array([0.5, 0.5])), 2)
    2.0
    """
    share, _ = posterior_of(evidence.sum(axis=0) + np.log(balance))
    lead = evidence - evidence.mean(axis=2, keepdims=True)
    together = apart = 0.0
    for mass in (share * counts[:, None]).T:
        if not mass.sum():
            continue
        mean = np.einsum("p,jpk->jk", mass, lead) / mass.sum()
        rest = lead - mean[:, None, :]
        together += float(np.einsum("p,pk->", mass, rest.sum(axis=0) ** 2))
        apart += float(np.einsum("p,jpk->", mass, rest**2))
    return together / apart if apart > 0 else 1.0


def score(patterns: Patterns, shares: Iterator[Floats]) -> float:
    """Mean log-likelihood of a left-out vote, abstentions too, given classes (p, k) without it.

    What each function says of each class is counted from these classes, so that any two ways to
    get classes of votes compare.
    """
    told = log_chances(patterns.votes, patterns.counts, shares)
    votes = float(patterns.counts.sum() * patterns.votes.shape[1])
    return float(patterns.counts @ told) / max(votes, 1.0)


def log_chances(votes: NDArray[np.int16], counts: Floats, shares: Iterator[Floats]) -> Floats:
    """Log-likelihoods (p,) of the votes of rows, each left out in turn, summed over functions.

    ``counts`` (p,) are of the items from which is learnt what each function says of each class.
    """
    out = np.zeros(len(votes))
    for column, share in zip(votes.T, shares, strict=True):
        k = share.shape[1]
        symbol = column % (k + 1)
        mass = share * counts[:, None]
        table = np.stack([np.bincount(symbol, c, minlength=k + 1) for c in mass.T]) + SMALLEST
        table /= table.sum(axis=1, keepdims=True)
        out += np.log(row_sums(share * table[:, symbol].T))
    return out


def model_shares(
    patterns: Patterns, confusion: Floats, balance: Floats, temper: float
) -> Iterator[Floats]:
    """For each function the classes (p, k) that the others give by Dawid and Skene."""
    evidence = evidence_of(patterns, confusion)
    whole = evidence.sum(axis=0)
    for each in evidence:
        yield posterior_of(np.log(balance) + temper * (whole - each))[0]


def vote_shares(patterns: Patterns, balance: Floats) -> Iterator[Floats]:
    """For each function the smoothed share (p, k) of the votes of the others."""
    for j in range(patterns.votes.shape[1]):
        yield vote_share(np.delete(patterns.votes, j, axis=1), balance)


def single_shares(patterns: Patterns, balance: Floats, best: int) -> Iterator[Floats]:
    """For each function the smoothed vote (p, k) of one of them; for that one nothing is known."""
    alone = vote_share(patterns.votes[:, [best]], balance)
    for j in range(patterns.votes.shape[1]):
        yield np.broadcast_to(balance, alone.shape) if j == best else alone


def evidence_of(patterns: Patterns, confusion: Floats) -> Floats:
    """Log-likelihoods (m, p, k) of each function's votes alone."""
    logs, symbols = np.log(confusion), patterns.votes % confusion.shape[2]
    return np.stack([table[:, column].T for table, column in zip(logs, symbols.T, strict=True)])
