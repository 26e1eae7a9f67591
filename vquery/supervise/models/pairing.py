"""Which functions to take as one, because they err together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery.supervise.models.dawid_skene import fit
from vquery.supervise.models.majority import vote_share
from vquery.supervise.models.pairs import SAMPLE, Pairs, candidates, enough
from vquery.supervise.models.patterns import Design
from vquery.supervise.soft import posterior_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.models.dawid_skene import Fit, Prior
    from vquery.supervise.models.patterns import Patterns

    Floats = NDArray[np.float64]

Members = list[tuple[int, int]]


def with_pairs(
    patterns: Patterns,
    found: Fit,
    prior: Prior,
    weights: Floats,
    given: tuple[tuple[int, int], ...] | None,
) -> tuple[Fit, Members]:
    """Fit with pairs of functions taken as one: those given, or those found one after the other.

    Each candidate is fitted on a sample, and the one with the highest objective counts if it is
    enough higher than before.

    Parameters
    ----------
    found
        The fit without pairs.
    weights
        Shape (m,): what votes count for in the start.
    """
    k = len(found.balance)
    members = list(given or ())
    if members:
        return _refit(patterns, members, _started(patterns, members, weights, k), prior), members
    part = patterns.sample(SAMPLE)
    design = Design(part.votes, k)
    best = fit(design, part.counts, found.posterior[part.place], prior)
    while given is None:
        pair, tried = None, best
        for each in candidates(part, best.posterior, members):
            pairs = Pairs(np.array([*members, each]), part.votes, k)
            for start in (best.posterior, _started(part, [*members, each], weights, k)):
                new = fit(design, part.counts, start, prior, pairs)
                if new.objective[-1] > tried.objective[-1]:
                    pair, tried = each, new
        gain = tried.objective[-1] - best.objective[-1]
        if pair is None or not enough(part, pair, gain, k):
            break
        members.append(pair)
        best = tried
    if not members:
        return found, members
    return _refit(patterns, members, _posterior(patterns, members, best), prior), members


def _started(patterns: Patterns, members: Members, weights: Floats, k: int) -> Floats:
    """Start from the smoothed share of votes, where a pair has one vote."""
    halved = weights.copy()
    halved[np.array(members).ravel()] /= 2
    return vote_share(patterns.votes, np.full(k, 1 / k), halved)


def _posterior(patterns: Patterns, members: Members, found: Fit) -> Floats:
    joint = Design(patterns.votes, len(found.balance)).total(np.log(found.confusion))
    pairs = Pairs(np.array(members), patterns.votes, len(found.balance))
    joint += pairs.beyond(found.confusion, found.together) + np.log(found.balance)
    return posterior_of(joint)[0]


def _refit(patterns: Patterns, members: Members, start: Floats, prior: Prior) -> Fit:
    pairs = Pairs(np.array(members), patterns.votes, start.shape[1])
    return fit(Design(patterns.votes, start.shape[1]), patterns.counts, start, prior, pairs)
