"""From distinct rows of votes to a label model: what to believe, and how much."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from vquery.supervise.models import left_out
from vquery.supervise.models.comparing import compare
from vquery.supervise.models.dawid_skene import Fit, Prior, fit, weak_prior
from vquery.supervise.models.majority import DAWID_SKENE, MAJORITY, SMOOTHING, TRIPLETS, vote_share
from vquery.supervise.models.pairing import with_pairs
from vquery.supervise.models.pairs import SAMPLE, Pairs, related
from vquery.supervise.models.patterns import Design, Patterns
from vquery.supervise.models.triplets import triplets
from vquery.supervise.soft import posterior_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST_FUNCTIONS = 3
"""Two functions that differ say nothing about which of them is right."""
FEWEST_VOTES = 1.5
"""Votes on an item with votes, in the mean, below which functions hardly meet."""
FEWEST_ITEMS = 10.0
"""Items of a class for each number that is learnt of it, below which it cannot be learnt: ten cases
a parameter (P. Peduzzi et al., Journal of Clinical Epidemiology 49, 1996)."""
SAMPLE_VOTES = 50_000
"""Votes that are left out to compare models and to temper them."""
FEWEST_SAMPLED = 500
ROUGH_ITEMS = 10_000
"""With more distinct rows EM first runs on a sample of so many items."""
TINY = np.finfo(np.float64).tiny
"""In place of 0 where it would be divided by."""
MOST_RELATED = 0.1
"""What two functions may share beyond the class, of what one tells of the class, in the mean. Votes
drawn independently have up to .03, related ones .05 to .7; spam has .08, tennis less. Half as much
where functions are so few that they fit any votes: there only silence can show it."""
MOST_DOUBT = 1.0
"""Doubt of the smoothed vote: one vote for the class balance."""


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """What the user decides; see `vquery.LabelModel`.

    ``pairs`` are numbers of functions, None looks for them; ``precision`` as from `read_precision`.
    """

    method: str = "auto"
    given: Floats | None = None
    precision: dict[int, tuple[float, float]] = field(default_factory=dict)
    temper: float | None = None
    pairs: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A label model in numbers.

    Attributes
    ----------
    method
        "majority", "dawid-skene" or "triplets".
    balance, confusion
        Shapes (k,) and (m, k, k + 1), to abstain last.
    weights
        Shape (m,): what a vote counts in the smoothed vote.
    members, together
        Pairs that err together, (pairs, 2), and P(both votes | class), each (k, (k + 1)²).
    temper, doubt, capped
        Factor on the evidence; votes that the balance counts for against those of an item; whether
        no class is surer than by the smoothed vote if all votes of an item were for it.
    notes
        What was decided and why.
    scores
        Mean log-likelihood of a left-out vote by way to get it; empty where not compared.
    """

    method: str
    balance: Floats
    confusion: Floats
    weights: Floats
    members: Ints = field(default_factory=lambda: np.empty((0, 2), np.int64))
    together: tuple[Floats, ...] = ()
    temper: float = 1.0
    doubt: float = 0.0
    capped: bool = False
    notes: tuple[str, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)

    def evidence(self, patterns: Patterns, *, capped: bool = True) -> Floats:
        """Log-likelihood (p, k) of distinct rows without the balance, zeros for silent ones."""
        k = len(self.balance)
        if self.method == MAJORITY:
            share = vote_share(patterns.votes, self.balance, self.weights)
            out = np.log(share / self.balance)
        else:
            out = Design(patterns.votes, k).total(np.log(self.confusion))
            if len(self.members):
                pairs = Pairs(self.members, patterns.votes, k)
                out += pairs.beyond(self.confusion, self.together)
            out *= self.temper
            if self.doubt or (self.capped and capped):
                out = self._doubted(out, patterns, capped=self.capped and capped)
        out[patterns.silent] = 0.0
        return np.asarray(out)

    def _doubted(self, evidence: Floats, patterns: Patterns, *, capped: bool) -> Floats:
        share, _ = posterior_of(evidence + np.log(self.balance))
        cast = (patterns.votes >= 0).sum(axis=1)[:, None]
        share = (cast * share + self.doubt * self.balance) / np.maximum(cast + self.doubt, TINY)
        if capped:  # with a vote the cap is above 1/2, so that the best class stays the best
            over = share - (cast + SMOOTHING * self.balance) / (cast + SMOOTHING)
            over = np.maximum(over, 0.0)
            rest = np.where(over > 0, 0.0, self.balance)
            shared = over.sum(axis=1, keepdims=True) / rest.sum(axis=1, keepdims=True)
            share = share - over + shared * rest
        return np.asarray(np.log(np.maximum(share, TINY) / self.balance))


def estimate(patterns: Patterns, k: int, settings: Settings) -> Estimate:
    """Fit a label model to distinct rows of votes.

    ``method="auto"`` takes Dawid and Skene's where its parameters are identified, and it foretells
    left-out votes of other items better than the smoothed vote beyond noise; else that vote.
    """
    m = patterns.votes.shape[1]
    weights = _weights(settings, m, k)
    if not patterns.votes.size:
        even = np.full(k, 1 / k) if settings.given is None else settings.given
        flat = np.full((m, k, k + 1), 1 / (k + 1))
        return Estimate(MAJORITY, even, flat, weights, notes=("There is nothing to learn from.",))
    work = _Work.of(patterns, k, settings, weights)
    if settings.method == MAJORITY:
        return replace(_by_vote(work), notes=("Votes are counted, as asked for.",))
    if settings.method == TRIPLETS:
        found = triplets(patterns, settings.given)
        return _tempered(patterns, Estimate(TRIPLETS, weights=weights, **found), settings)
    why = _unidentified(patterns, settings)
    if why and settings.method == "auto":
        return replace(_by_vote(work), notes=(f"{why} So votes are counted.",))
    model = _by_model(work, settings)
    if why:
        model = replace(model, notes=(f"{why} Do not rely on the model.", *model.notes))
    if settings.method != "auto" or _is_told(patterns, settings):
        return model
    return _better(work, model, settings)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """Distinct rows, their sums, and the smoothed vote (p, k) with the balance that smooths it."""

    patterns: Patterns
    design: Design
    even: Floats
    start: Floats
    weights: Floats

    @classmethod
    def of(cls, patterns: Patterns, k: int, settings: Settings, weights: Floats) -> _Work:
        even = np.full(k, 1 / k) if settings.given is None else settings.given
        start = vote_share(patterns.votes, even, weights)
        return cls(patterns, Design(patterns.votes, k), even, start, weights)


def _by_vote(work: _Work) -> Estimate:
    counts = work.patterns.counts
    prior = weak_prior(work.design, counts, work.even)
    confusion = work.design.cast(work.start * counts[:, None]) + prior.votes
    confusion /= confusion.sum(axis=2, keepdims=True)
    return Estimate(MAJORITY, work.even, confusion, work.weights)


def _by_model(work: _Work, settings: Settings) -> Estimate:
    patterns, design, start = work.patterns, work.design, work.start
    prior = _prior(work, settings)
    begin = start
    if len(patterns.counts) > ROUGH_ITEMS:
        begin = _roughly(patterns, design, start, prior)
    plain = fit(design, patterns.counts, begin, prior)
    notes = []
    order = _alignment(patterns.counts, start, plain.posterior)
    if (order != np.arange(len(order))).any():
        plain = fit(design, patterns.counts, plain.posterior[:, order], prior)
        notes.append("Classes came out exchanged against the votes and were put back.")
    if not plain.converged:
        notes.append(f"Not converged after {len(plain.objective)} steps.")
    model = Estimate(DAWID_SKENE, plain.balance, plain.confusion, work.weights, notes=tuple(notes))
    model = _tempered(patterns, model, settings)
    return _paired(patterns, prior, plain, model, settings)


def _prior(work: _Work, settings: Settings) -> Prior:
    prior = weak_prior(work.design, work.patterns.counts, settings.given)
    return _stated(prior, work.patterns, settings, work.start)


def _roughly(patterns: Patterns, design: Design, start: Floats, prior: Prior) -> Floats:
    """Class probabilities (p, k) after EM on a sample, from where few steps are left."""
    part = patterns.sample(ROUGH_ITEMS)
    rough = fit(Design(part.votes, start.shape[1]), part.counts, start[part.place], prior)
    return posterior_of(design.total(np.log(rough.confusion)) + np.log(rough.balance))[0]


def _paired(
    patterns: Patterns, prior: Prior, found: Fit, model: Estimate, settings: Settings
) -> Estimate:
    """Take functions that err together as one; how much the model doubts stays as it was."""
    found, members = with_pairs(patterns, found, prior, model.weights, settings.pairs)
    if not members:
        return model
    out = replace(
        model,
        balance=found.balance,
        confusion=found.confusion,
        members=np.array(members),
        together=found.together,
    )
    if settings.temper is None:
        out = replace(out, temper=_temper(patterns, out))
    return out


def _tempered(patterns: Patterns, model: Estimate, settings: Settings) -> Estimate:
    if settings.temper is not None:
        return replace(model, temper=settings.temper)
    factor = _temper(patterns, model)
    doubt, capped = min(MOST_DOUBT, 1 / factor - 1), _unchecked(patterns, len(model.balance))
    notes = list(model.notes)
    if factor < 1.0:
        notes.append(
            f"Functions err together: one by one their evidence is worth {factor:.2f} of what it "
            f"seems, so the class balance counts for {doubt:.2f} votes on each item."
        )
    if capped:
        notes.append(
            "So few functions fit any votes: whether they err together cannot be told, so no item "
            "is surer than the smoothed share of votes that all agree (temper=1 if they do not)."
        )
    return replace(model, temper=factor, doubt=doubt, capped=capped, notes=tuple(notes))


def _unchecked(patterns: Patterns, k: int) -> bool:
    """Whether a model has as many free numbers as the votes have frequencies, so that it fits any.

    Silence counts only of functions that vote for one class: for others it is beside the point.
    """
    telling = patterns.votes[:, _telling(patterns)]
    said = [max(2, len(np.unique(column[column >= 0]))) for column in telling.T]
    return prod(said) - 1 <= k - 1 + k * sum(each - 1 for each in said)


def _is_told(patterns: Patterns, settings: Settings) -> bool:
    """Whether the precision of all functions that matter is stated: votes need not tell it."""
    telling = _telling(patterns)
    return bool(len(telling)) and all(j in settings.precision for j in telling)


def _telling(patterns: Patterns) -> Ints:
    """Functions that say different things of different items."""
    return np.flatnonzero(patterns.votes.min(axis=0) != patterns.votes.max(axis=0))


def _temper(patterns: Patterns, model: Estimate) -> float:
    part = patterns.sample(_sampled(patterns))
    return left_out.temper_of(part.counts, _units(part, model), model.balance)


def _units(patterns: Patterns, model: Estimate) -> Floats:
    """Log-likelihoods (units, p, k) of votes; a pair is one unit."""
    each = left_out.evidence_of(patterns, model.confusion)
    if not len(model.members):
        return each
    pairs = Pairs(model.members, patterns.votes, len(model.balance))
    both = [
        np.log(table)[:, code].T for table, code in zip(model.together, pairs.codes, strict=True)
    ]
    return np.concatenate((np.delete(each, model.members.ravel(), axis=0), np.stack(both)))


def _better(work: _Work, model: Estimate, settings: Settings) -> Estimate:
    """Take the model if items are enough, and it foretells left-out votes better beyond noise."""
    why = _few(work.patterns, model) or _related(work.patterns, model)
    if why:
        return replace(_by_vote(work), notes=(f"{why} So votes are counted.",))
    part = work.patterns.sample(_sampled(work.patterns))
    design, start = Design(part.votes, len(model.balance)), work.start[part.place]
    begin = posterior_of(design.total(np.log(model.confusion)) + np.log(model.balance))[0]

    def learn(counts: Floats) -> tuple[Floats, Floats]:
        of = _Work(replace(part, counts=counts), design, work.even, start, work.weights)
        found = fit(design, counts, begin, _prior(of, settings))
        return found.confusion, found.balance

    found = compare(part, work.even, model.temper, learn)
    scores = {"model": found.model, "vote": found.vote}
    if found.clear:
        why = f"Dawid and Skene's model foretells left-out votes better than counting: {found}."
        return replace(model, scores=scores, notes=(why, *model.notes))
    why = f"Dawid and Skene's model foretells left-out votes no better beyond noise: {found}."
    return replace(_by_vote(work), scores=scores, notes=(f"{why} So votes are counted.",))


def _few(patterns: Patterns, model: Estimate) -> str:
    """Say of which class there are too few items for the numbers to learn of it; empty if none."""
    k, n = len(model.balance), float(patterns.counts.sum())
    symbols = [len(np.unique(column)) - 1 for column in patterns.votes.T]
    voted = np.flatnonzero(np.isin(np.arange(k), patterns.votes))
    items = float((model.balance[voted] * n).min(initial=n))
    numbers = max(1, sum(symbols))
    if items >= FEWEST_ITEMS * numbers:
        return ""
    return (
        f"The rarest class has {items:.0f} items in Dawid and Skene's model, for {numbers} numbers "
        f"to learn of it; {FEWEST_ITEMS * numbers:.0f} are needed."
    )


def _related(patterns: Patterns, model: Estimate) -> str:
    """Say that functions share much that the class of the model does not explain, or nothing."""
    part = patterns.sample(SAMPLE)
    evidence = _units(part, model).sum(axis=0)
    posterior = posterior_of(evidence + np.log(model.balance))[0]
    share = related(part, posterior, model.confusion, [(a, b) for a, b in model.members])
    most = MOST_RELATED / 2 if _unchecked(patterns, len(model.balance)) else MOST_RELATED
    if share <= most:
        return ""
    return (
        f"Two functions share {share:.2f} of what one tells of the class, in the mean, that the "
        f"class in Dawid and Skene's model does not explain (at most {most:.2f} should be "
        "left): it may be no class but a mistake that functions share."
    )


def _unidentified(patterns: Patterns, settings: Settings) -> str:
    """Say why parameters cannot be told from the votes; empty where they can."""
    telling = _telling(patterns)
    if _is_told(patterns, settings):
        return ""
    if len(telling) < FEWEST_FUNCTIONS:
        return (
            f"Only {len(telling)} of {patterns.votes.shape[1]} functions say different things of "
            f"different items; {FEWEST_FUNCTIONS} are needed to tell how good each is."
        )
    cast = (patterns.votes >= 0).sum(axis=1)
    mean = float(patterns.counts @ cast / max(patterns.counts @ (cast > 0), TINY))
    if mean < FEWEST_VOTES:
        return (
            f"Items with votes have {mean:.2f} of them in the mean; {FEWEST_VOTES} are needed to "
            "tell how good each function is."
        )
    return ""


def _alignment(counts: Floats, start: Floats, posterior: Floats) -> Ints:
    """Which class of the fit is each class of the votes."""
    agreement = start.T @ (posterior * counts[:, None])
    return np.asarray(linear_sum_assignment(agreement, maximize=True)[1])


def _weights(settings: Settings, m: int, k: int) -> Floats:
    """Weigh votes: 1, or by how much a stated precision is better than chance."""
    out = np.ones(m)
    for j, (share, _) in settings.precision.items():
        out[j] = max(0.0, 2 * (share - 1 / k) / (1 - 1 / k)) if k > 1 else 1.0
    return out


def _stated(prior: Prior, patterns: Patterns, settings: Settings, start: Floats) -> Prior:
    """Add the votes that a person has checked, as it were, and as many abstentions as go along."""
    k = start.shape[1]
    share = settings.given
    if share is None:
        share = patterns.counts @ start / patterns.counts.sum()
    votes = prior.votes.copy()
    for j, (right, checked) in settings.precision.items():
        symbol = np.bincount(patterns.votes[:, j] % (k + 1), patterns.counts, minlength=k + 1)
        cast = symbol[:k].sum()
        if not cast:
            continue
        for v in range(k):
            others = np.where(np.arange(k) == v, 0, share)
            of = np.where(np.arange(k) == v, right, (1 - right) * others / others.sum())
            votes[j, :, v] += checked * symbol[v] / cast * of
        votes[j, :, k] += checked * symbol[k] / cast * share
    return replace(prior, votes=votes)


def _sampled(patterns: Patterns) -> int:
    return int(max(FEWEST_SAMPLED, SAMPLE_VOTES // max(1, patterns.votes.shape[1])))
