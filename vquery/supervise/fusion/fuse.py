"""From the evidence of several sources and human labels to one calibrated soft label an item."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery.errors import LabelError, QueryError, SchemaError
from vquery.supervise.fusion import learn
from vquery.supervise.fusion.dependence import discounts, softmax
from vquery.supervise.fusion.learn import Labelled, Steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from vquery.supervise.fusion.sources import Source

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

UNKNOWN = -1
"""The code of an item that no human labelled."""
CALIBRATE = ("auto", "scale", "isotonic", "none")
TIE = 1e-9
"""Two classes closer than this are tied: their item gets no label."""
BALANCE, CALIBRATION, HUMAN = "balance", "calibration", "human"


class Share(NamedTuple):
    """What one source adds to the log-odds of the best class over the runner-up."""

    source: str
    log_odds: float
    factor: float


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
        if self.probability.shape[1] < 2:
            return np.ones(len(self.probability))
        top = np.partition(self.probability, -2, axis=1)
        return np.asarray(top[:, -1] - top[:, -2])

    def labels(self, threshold: float) -> Ints:
        """Return the class of each item, (n,); -1 where unreached, tied or below the threshold."""
        sure = self.probability.max(axis=1) >= threshold
        return np.where(self.reached & sure & (self.margin > TIE), self.best, UNKNOWN)

    def pair(self, item: int) -> tuple[int, int]:
        """Return the best class of an item and the one that it is measured against."""
        order = np.argsort(-self.probability[item], kind="stable")
        best = int(order[0])
        if self.human[item] != UNKNOWN:  # all others are 0: ask what the sources say
            order = np.argsort(-self._unclamped(item), kind="stable")
        rest = [int(code) for code in order if code != best]
        return best, rest[0] if rest else best

    def shares(self, item: int) -> list[Share]:
        """Split the log-odds of the best class over the runner-up into what each source adds.

        They sum to the log-odds of the fused probability; a human label is not one of them, since
        it is final.
        """
        best, other = self.pair(item)
        found = [Share(BALANCE, float(np.log(self.balance[best] / self.balance[other])), 1.0)]
        for place, source in enumerate(self.sources):
            factor = float(self.factors[place] * self.discounts[item, place])
            apart = source.evidence[item, best] - source.evidence[item, other]
            if source.says[item]:
                found.append(Share(source.name, float(factor * apart), factor))
        if self.steps is not None and self.human[item] == UNKNOWN:
            chance = self.probability[item]
            told = float(np.log(chance[best] / chance[other]))
            found.append(Share(CALIBRATION, told - sum(one.log_odds for one in found), 1.0))
        return found

    def _unclamped(self, item: int) -> Floats:
        evidence = np.array([source.evidence[item] for source in self.sources])
        weight = self.factors * self.discounts[item]
        return np.asarray(np.log(self.balance) + weight @ evidence.reshape(-1, len(self.balance)))


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
        ``"none"`` nothing; ``"auto"`` factors where left-out labels prefer them, and curves from
        1,000 labels on where they do so beyond noise.

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
    evidence = sum(
        (taught.factors[s] * weight[:, s, None] * one.evidence for s, one in enumerate(sources)),
        start=np.zeros((len(said), len(share))),
    )
    chance = softmax(evidence + np.log(share))
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
    better = calibrate != "auto" or after.mean() < before.mean()
    factors = learn.fit_factors(items, prior) if better else plain
    left = "item by item" if groups is None else "by group"
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
    return Labelled(evidence, human[rows], learn.folds(given[rows]))


def _said_of_factors(
    sources: Sequence[Source], factors: Floats, checked: dict[str, float], left: str
) -> str:
    named = ", ".join(f"{s.name} {f:.2f}" for s, f in zip(sources, factors, strict=True))
    labels = int(checked["labels"])
    return f"factors learnt from {labels} human labels: {named} ({_compared(checked, left)})"


def _kept(checked: dict[str, float], left: str) -> str:
    return f"human labels prefer no other factors than 1 ({_compared(checked, left)})"


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
    before = -np.log(np.maximum(chance[np.arange(n), items.truth], 1e-12))
    apart = weight / weight.mean() * (before - learn.left_out_steps(chance, items, balance))
    checked["isotonic gain"] = apart.mean()
    if calibrate == "auto" and apart.mean() <= 2 * apart.std() / np.sqrt(n):
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
    said = np.asarray(human, np.int64)
    if said.ndim != 1:
        raise SchemaError(f"human has one label an item, got shape {said.shape}")
    bad = np.flatnonzero((said < UNKNOWN) | (said >= k))
    if len(bad):
        raise LabelError(
            f"human, row {bad[0]}: expected a class from 0 to {k - 1}, or -1, got {said[bad[0]]}"
        )
    return said


def _check_sources(sources: Sequence[Source], n: int, k: int) -> None:
    names = [one.name for one in sources]
    if len(set(names)) < len(names):
        raise SchemaError(f"sources must have different names, got {', '.join(names)}")
    for one in sources:
        if one.evidence.shape != (n, k):
            raise SchemaError(
                f"{one.name}: expected evidence of shape {(n, k)}, got {one.evidence.shape}"
            )
