"""From the evidence of several sources and human labels to one calibrated soft label an item."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vquery.errors import QueryError, SchemaError
from vquery.metrics.calibration import UNKNOWN, known_codes
from vquery.supervise.fusion import learn
from vquery.supervise.fusion.dependence import discounts
from vquery.supervise.fusion.learn import Labelled, Steps
from vquery.supervise.soft import lead, softmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from vquery.supervise.fusion.sources import Source

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

CALIBRATE = ("auto", "scale", "isotonic", "none")
TIE = 1e-9
"""Two classes closer than this are tied: their item gets no label."""


@dataclass(frozen=True, eq=False)
class Fusion:
    """One soft label an item.

    Attributes
    ----------
    probability
        Shape (n, k), rows sum to 1; human labels are 1.
    reached
        Shape (n,): a source or a human says something; other items have the balance.
    human
        Shape (n,): code of the human label, -1 where there is none.
    balance
        Shape (k,).
    factors
        Shape (s,): how far each source is believed; 1 by default.
    discounts
        Shape (n, s): what remains of each source after what others repeat.
    repetition
        How much two sources repeat one another, 0 to 1, where they meet often enough to tell.
    steps
        The isotonic curves, None where factors alone calibrate.
    calibrated
        Whether human labels were enough to learn from.
    checked
        Mean surprise (log-loss) of left-out human labels under the ways that were compared.
    notes
        What was decided and why.
    """

    sources: tuple[Source, ...]
    probability: Floats
    reached: Bools
    human: Ints
    balance: Floats
    factors: Floats
    discounts: Floats
    repetition: dict[tuple[str, str], float]
    steps: Steps | None
    calibrated: bool
    checked: dict[str, float]
    notes: tuple[str, ...]

    @property
    def best(self) -> Ints:
        """The most probable class of each item, (n,); the first of those that tie."""
        return np.asarray(self.probability.argmax(axis=1))

    @property
    def margin(self) -> Floats:
        """Probability of the best class less that of the runner-up, (n,)."""
        return lead(self.probability)

    def labels(self, threshold: float) -> Ints:
        """Return the class of each item, (n,); -1 where unreached, tied or below the threshold."""
        sure = self.probability.max(axis=1) >= threshold
        return np.where(self.reached & sure & (self.margin > TIE), self.best, UNKNOWN)

    @cached_property
    def rivals(self) -> Ints:
        """The class that the best one of each item is measured against, (n,): the runner-up.

        Of an item with a human label it is what the sources say instead.
        """
        chance = self.probability.copy()
        clamped = np.flatnonzero(self.human != UNKNOWN)
        chance[clamped] = softmax(
            _joint(self.sources, self._weights(clamped), self.balance, clamped)
        )
        chance[np.arange(len(chance)), self.best] = -1.0
        return np.asarray(chance.argmax(axis=1))

    def _weights(self, rows: Ints) -> Floats:
        return self.factors * self.discounts[rows]

    def share_table(self) -> Floats:
        """Split the log-odds of each item's best class over its rival, (n, s + 2).

        Columns are the balance, each source, and what isotonic curves change. Rows sum to the
        log-odds of the fused probability, but where a human label is final.
        """
        rows, best, rival = np.arange(len(self.probability)), self.best, self.rivals
        found = np.zeros((len(rows), len(self.sources) + 2))
        found[:, 0] = np.log(self.balance[best] / self.balance[rival])
        for place, one in enumerate(self.sources):
            apart = one.evidence[rows, best] - one.evidence[rows, rival]
            found[:, place + 1] = self.factors[place] * self.discounts[:, place] * apart
        if self.steps is not None:
            chance = np.maximum(self.probability, learn.LEAST)
            told = np.log(chance[rows, best] / chance[rows, rival]) - found.sum(axis=1)
            found[:, -1] = np.where(self.human == UNKNOWN, told, 0.0)
        return found


def fuse(
    sources: Sequence[Source],
    *,
    balance: ArrayLike,
    human: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    calibrate: str = "auto",
) -> Fusion:
    """Fuse sources and human labels into one soft label an item.

    The log-odds of an item are those of the balance, plus the evidence of each source times a
    factor. Factors are 1 (sources that err independently) less what sources repeat of one another,
    until human labels teach others. Human labels are final. O(n s k), and O(m s k) an iteration of
    the fit to m labelled items.

    Parameters
    ----------
    sources
        Each about the same n items and k classes.
    balance
        Shape (k,): shares of the classes before anything is said.
    human
        Shape (n,): class that a human gave, -1 where none did.
    groups
        Shape (n,): items of one group (video) are left out together; by default each is its own.
    calibrate
        ``"scale"`` learns one factor a source; ``"isotonic"`` a rising curve a class on top;
        ``"none"`` nothing; ``"auto"`` learns factors, and curves from
        1,000 labels on; both only where left-out labels prefer them beyond noise.

    Raises
    ------
    SchemaError
        If shapes do not fit, the balance is none, or a source occurs twice.
    LabelError
        If a human label is no class.
    QueryError
        If ``calibrate`` is none of these words.

    >>> fuse([], balance=[0.3, 0.7], human=[-1, 0]).probability.tolist()
    [[0.3, 0.7], [1.0, 0.0]]
    """
    share = _checked_balance(balance)
    said = _checked_human(human, sources, len(share))
    _check_sources(sources, len(said), len(share))
    if calibrate not in CALIBRATE:
        raise QueryError(f"calibrate must be one of {', '.join(CALIBRATE)}, got {calibrate!r}")
    weight, repeated = _discounts(sources, share, len(said))
    notes = [
        f"{a} and {b} repeat one another by {value:.2f} beyond what the class explains: each "
        f"counts {1 / (1 + value):.2f} where both speak"
        for (a, b), value in repeated.items()
        if value > 0
    ]
    taught = _teach(sources, weight, share, said, groups, calibrate)
    every = np.arange(len(said))
    chance = softmax(_joint(sources, taught.factors * weight, share, every))
    if taught.steps is not None:
        spoken = np.any([one.says for one in sources], axis=0)
        chance[spoken] = taught.steps.apply(chance[spoken])
    known = said != UNKNOWN
    chance[known] = np.eye(len(share))[said[known]]
    reached = np.any([known, *(one.says for one in sources)], axis=0)
    return Fusion(
        sources=tuple(sources),
        probability=chance,
        reached=reached,
        human=said,
        balance=share,
        discounts=weight,
        repetition=repeated,
        notes=(*notes, *taught.notes),
        factors=taught.factors,
        steps=taught.steps,
        calibrated=taught.calibrated,
        checked=taught.checked,
    )


def _joint(sources: Sequence[Source], weight: Floats, balance: Floats, rows: Ints) -> Floats:
    """Sum up the balance and the weighted evidence of some items, (rows, k)."""
    found = np.tile(np.log(balance), (len(rows), 1))
    for place, one in enumerate(sources):
        found += weight[:, place, None] * one.evidence[rows]
    return found


@dataclass(frozen=True)
class _Taught:
    factors: Floats
    steps: Steps | None = None
    calibrated: bool = False
    checked: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _discounts(
    sources: Sequence[Source], balance: Floats, n: int
) -> tuple[Floats, dict[tuple[str, str], float]]:
    if not sources:
        return np.ones((n, 0)), {}
    return discounts(sources, balance)


def _teach(
    sources: Sequence[Source],
    weight: Floats,
    balance: Floats,
    human: Ints,
    groups: ArrayLike | None,
    calibrate: str,
) -> _Taught:
    """Learn factors and curves from the human labels."""
    plain = np.ones(len(sources))
    if not sources or calibrate == "none":
        return _Taught(plain)
    items = _labelled(sources, weight, human, groups)
    k = len(balance)
    if not learn.learnable(items.truth, k):
        note = (
            f"not calibrated: {len(items.truth)} human labels are on items that sources speak of, "
            f"and {learn.LEAST_EACH} of each of two classes are needed; every source counts in full"
        )
        return _Taught(plain, notes=[note])
    prior = learn.shares(items.truth, k)
    before, after = learn.losses(items, plain, prior), learn.left_out_losses(items, prior)
    checked = {"labels": float(len(items.truth)), "default": before.mean(), "scale": after.mean()}
    for place, source in enumerate(sources):
        alone = np.zeros(len(sources))
        alone[place] = 1.0
        checked[f"{source.name} alone"] = learn.losses(items, alone, prior).mean()
    better = calibrate != "auto" or learn.beyond_noise(before - after, items.group)
    factors = learn.fit_factors(items, prior) if better else plain
    left = "by item" if groups is None else "by group"
    notes = (
        [_said_of_factors(sources, factors, checked, left)] if better else [_kept(checked, left)]
    )
    steps = _steps(items, factors, balance, calibrate, checked, notes)
    told = {name: float(value) for name, value in checked.items()}
    return _Taught(factors, steps, calibrated=True, checked=told, notes=notes)


def _labelled(
    sources: Sequence[Source], weight: Floats, human: Ints, groups: ArrayLike | None
) -> Labelled:
    """Collect the labelled items that some source speaks of without knowing their own label."""
    table, honest = [], []
    for place, source in enumerate(sources):
        known: Bools = source.says
        evidence = source.evidence
        if source.left_out is not None:
            known = np.asarray(np.isfinite(source.left_out).all(axis=1))
            evidence = np.where(known[:, None], source.left_out, 0.0)
        table.append(weight[:, place, None] * evidence)
        honest.append(known)
    rows = np.flatnonzero((human != UNKNOWN) & np.any(honest, axis=0))
    evidence = np.stack(table, axis=1)[rows] if len(rows) else np.zeros((0, len(sources), 0))
    given = np.arange(len(human)) if groups is None else np.asarray(groups)
    return Labelled(evidence, human[rows], learn.folds(given[rows]), given[rows])


def _said_of_factors(
    sources: Sequence[Source], factors: Floats, checked: dict[str, float], left: str
) -> str:
    named = ", ".join(f"{s.name} {f:.2f}" for s, f in zip(sources, factors, strict=True))
    labels = int(checked["labels"])
    return f"factors learnt from {labels} human labels: {named} ({_compared(checked, left)})"


def _kept(checked: dict[str, float], left: str) -> str:
    told = _compared(checked, left)
    return f"human labels prefer no other factors than 1 beyond noise ({told})"


def _compared(checked: dict[str, float], left: str) -> str:
    return f"log-loss {checked['scale']:.3f} left out {left}, {checked['default']:.3f} before"


def _steps(
    items: Labelled,
    factors: Floats,
    balance: Floats,
    calibrate: str,
    checked: dict[str, float],
    notes: list[str],
) -> Steps | None:
    """Fit curves where they are asked for, or left-out labels prefer them beyond noise."""
    n = len(items.truth)
    if calibrate == "scale" or (calibrate == "auto" and n < learn.ENOUGH_FOR_STEPS):
        return None
    chance = softmax(np.einsum("s,nsk->nk", factors, items.evidence) + np.log(balance))
    weight = (balance / learn.shares(items.truth, len(balance)))[items.truth]
    before, after = (
        learn.surprise(chance, items.truth),
        learn.left_out_steps(chance, items, balance),
    )
    apart = weight / weight.mean() * (before - after)
    checked["isotonic gain"] = apart.mean()
    if calibrate == "auto" and not learn.beyond_noise(apart, items.group):
        notes.append("isotonic curves do not help beyond noise on left-out labels: not used")
        return None
    notes.append(f"isotonic curves were fitted to {n} human labels, weighted to the balance")
    return learn.fit_steps(chance, items.truth, balance)


def _checked_balance(balance: ArrayLike) -> Floats:
    share = np.asarray(balance, np.float64)
    if share.ndim != 1 or not len(share) or not (np.isfinite(share) & (share > 0)).all():
        raise SchemaError(f"balance needs a share above 0 for each class, got {balance!r}")
    return np.asarray(share / share.sum())


def _checked_human(human: ArrayLike | None, sources: Sequence[Source], k: int) -> Ints:
    if human is None:
        if not sources:
            raise SchemaError("fuse() needs sources or human labels: there is nothing to fuse")
        return np.full(len(sources[0].says), UNKNOWN, np.int64)
    n = len(sources[0].says) if sources else np.size(human)
    return known_codes(human, n, k, "human")


def _check_sources(sources: Sequence[Source], n: int, k: int) -> None:
    names = [one.name for one in sources]
    if len(set(names)) < len(names):
        raise SchemaError(f"sources must have different names, got {', '.join(names)}")
    for one in sources:
        if one.evidence.shape != (n, k):
            raise SchemaError(
                f"{one.name}: expected evidence of shape {(n, k)}, got {one.evidence.shape}"
            )
