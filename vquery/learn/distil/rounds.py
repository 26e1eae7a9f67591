"""Rounds of a model that teaches its successor, for as long as left-out groups gain by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import LearnError
from vquery.learn.distil.lanes import Lane, Material, labels_there
from vquery.learn.distil.looks import Looks
from vquery.learn.ends.folds import enough, left_out, temperature
from vquery.learn.ends.model import EndModel
from vquery.metrics.confident import folds_of
from vquery.supervise.soft import softmax

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from vquery.learn.distil.choosing import Chosen
    from vquery.learn.ends.task import Augment

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Say = Callable[[str], None]

TRIES = 20
"""Ways to cut groups into parts that are looked at."""
UNMEASURED = (
    "too few labels, or groups of them, to leave out any of two classes, so that nothing tells "
    "whether it helps: one round is done, and what is said of left-out items is said by the teacher"
)


@dataclass(frozen=True)
class Plan:
    """How to distil.

    Attributes
    ----------
    rounds
        At most.
    looks
        The ensemble that predicts.
    share
        What labelled items are of what a student learns from.
    keep
        Share of the instances expected that becomes pseudo labels, the surer part.
    hard
        Whether pseudo labels are the best class alone, or all probabilities.
    shares
        Class → share of the items that have it. By default that among labelled items, which is
        wrong where people chose what they labelled.
    folds
        Parts of the labelled groups that are left out in turn to measure each round.
    patience
        Stop after so many rounds that are not the best so far.
    """

    rounds: int = 3
    looks: Looks = field(default_factory=Looks)
    share: float = 0.6
    keep: float = 1.0
    hard: bool = True
    shares: Mapping[Hashable, float] | None = None
    folds: int = 3
    patience: int = 1

    def __post_init__(self) -> None:
        for name, low in (("rounds", 1), ("folds", 2), ("patience", 1)):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < low:
                raise LearnError(f"{name}= must be at least {low}, got {getattr(self, name)!r}")
        for name in ("share", "keep"):
            if not 0 < getattr(self, name) <= 1:
                raise LearnError(f"{name}= is a share above 0 up to 1, got {getattr(self, name)!r}")
        if self.share == 1:
            raise LearnError("share=1 would leave no place for pseudo labels; give less")


@dataclass(frozen=True, eq=False)
class Distilled:
    """What rounds of distillation gave.

    Attributes
    ----------
    model
        That of the best round; it predicts in one look.
    rounds : list of dict
        One row a round from 0, the teacher: ``pseudo`` (labels kept, of the folds on average),
        ``measure`` (minus the Brier score of left-out labelled items, which is to rise),
        ``accuracy``, ``gain`` to round 0 with its ``error`` (standard error over groups).
    best
        The round whose model it is; 0 where no round helped.
    chosen
        The pseudo labels that it learnt from; None in round 0.
    held_out : float64 (n, k)
        What models of that round say of labelled items of groups that were left out; NaN
        elsewhere. Where rounds could not be measured, what the teacher says.
    notes
        What has to be known.
    """

    model: EndModel
    rounds: list[dict[str, float]]
    best: int
    chosen: Chosen | None
    held_out: Floats
    notes: tuple[str, ...]


def distil(
    x: NDArray[Any],
    soft: ArrayLike,
    weight: ArrayLike,
    *,
    classes: tuple[Hashable, ...] | None = None,
    groups: ArrayLike | None = None,
    plan: Plan | None = None,
    options: Mapping[str, Any] | None = None,
    track: ArrayLike | None = None,
    time_us: ArrayLike | None = None,
    counts: ArrayLike | None = None,
    slices: Mapping[str, Any] | None = None,
    trusted: ArrayLike | None = None,
    augment: Augment | None = None,
    folder: Path | None = None,
    fresh: bool = False,
    progress: Say | None = None,
) -> Distilled:
    """Train a model on labelled items, and again on them and on what it says of the others.

    A teacher learns from the labelled items. It predicts the others in several ways (`Looks`); of
    each class, as many of the surest predictions are kept as its share among labelled items leads
    to expect (`choose`); a student learns from both kinds, and is the teacher of the next round.
    Groups of labelled items are left out in turn, with all their items, from all of this (but for
    the penalty or the number of epochs, which are the teacher's): rounds end when those gain no
    more, and then all is done once with nothing left out. The best round is the best for the items
    that it is judged by, so that its figures flatter it a little.

    Parameters
    ----------
    x
        Vectors (n, d), or pictures as bytes (n, 3, side, side): of all items.
    soft : (n, k)
        Soft labels; rows without weight may hold anything that sums to 1.
    weight : (n,)
        What each labelled item counts; 0 for those without a label.
    classes
        What the columns of ``soft`` mean.
    groups
        (n,): what stays together, videos; by default each item is alone.
    plan, options
        See `Plan` and `vquery.EndModel`.
    track, time_us
        See `Looks.predict`.
    counts
        (n,): what each item without a label counts among them; 0 is never learnt from.
    slices
        Name → booleans (n,); shares of classes are those of items in the same slices, where
        these have enough labels.
    trusted, augment, folder, fresh, progress
        As for `vquery.EndModel.fit`.

    Raises
    ------
    LabelError, LearnError, SchemaError
        As for `vquery.EndModel.fit`; if every item is labelled.

    >>> from vquery.learn.distil import distil
    >>> x = np.repeat([[0.0, 1.0], [1.0, 0.0]], 20, axis=0)
    >>> weight = np.tile([1.0, 0, 0, 0], 10); y = np.eye(2)[np.arange(40) // 20]
    >>> found = distil(x, y, weight, groups=np.arange(40) // 4, plan=Plan(rounds=1))
    >>> found.model.predict([[0.1, 0.9]]).tolist()
    [0]
    """
    plan = plan or Plan()
    material = Material.of(
        x, soft, weight, classes=classes, groups=groups, plan=plan, track=track, time_us=time_us,
        counts=counts, slices=slices, augment=augment,
    )  # fmt: skip
    say = progress or (lambda _: None)
    teacher = _teacher(material, dict(options or {}), trusted, folder, progress, fresh=fresh)
    own: dict[str, Any] = {"folder": folder, "fresh": fresh, "progress": progress}
    lanes = [Lane(material, teacher, held, f"fold-{number}", **own) for number, held in
             enumerate(_left_out(material, plan.folds), start=1)]  # fmt: skip
    if not lanes:
        return _unmeasured(material, teacher, Lane(material, teacher, None, "all", model=teacher,
                                                   **own))  # fmt: skip
    rows, said = _measured(material, lanes, plan, say)
    best = int(np.argmax([row["measure"] for row in rows]))
    whole = Lane(material, teacher, None, "all", model=teacher, **own)
    for number in range(1, best + 1):
        say(f"round {number} of {best}, with nothing left out")
        whole.go()
    notes, logits = list(teacher.notes_), said[best]
    if best == 0:
        notes.append("no round helped left-out items: the model is the teacher, as it was")
    model = _calibrated(whole.model, logits, material) if best else teacher
    held_out = _held_out(logits, lanes, material)
    return Distilled(model, rows, best, whole.chosen, held_out, tuple(notes))


def _teacher(
    material: Material,
    options: dict[str, Any],
    trusted: ArrayLike | None,
    folder: Path | None,
    progress: Say | None,
    *,
    fresh: bool,
) -> EndModel:
    rows = np.flatnonzero(material.weight > 0)
    model = EndModel(**options)
    return model.fit(
        material.x[rows],
        material.soft[rows],
        weights=material.weight[rows],
        groups=material.group[rows],
        classes=material.classes,
        slices={name: one[rows] for name, one in material.slices.items()},
        trusted=None if trusted is None else np.asarray(trusted, bool)[rows],
        augment=material.augment,
        folder=None if folder is None else folder / "teacher",
        fresh=fresh,
        progress=progress,
    )


def _unmeasured(material: Material, teacher: EndModel, whole: Lane) -> Distilled:
    """Do one round that nothing can judge; what is known of left-out items is of the teacher."""
    whole.go()
    kept, model = len(whole.chosen or ()), whole.model
    model.temperature_, model.calibrated_ = teacher.temperature_, teacher.calibrated_
    held_out = np.full(material.soft.shape, np.nan)
    held_out[material.weight > 0] = teacher.oof_
    rows = [{"round": 0.0, "pseudo": 0.0}, {"round": 1.0, "pseudo": float(kept)}]
    notes = (*teacher.notes_, UNMEASURED)
    return Distilled(model, rows, int(kept > 0), whole.chosen, held_out, notes)


def _left_out(material: Material, wanted: int) -> list[NDArray[np.bool_]]:
    """Return the items of each part of groups that can be left out: what is left can be learnt.

    Of several ways to cut, drawn from a fixed seed, the first of which all parts can be left out,
    or most of them: groups of one class must not come to lie in one part. None where all that can
    be left out is of one class: whoever always says that class would be right.
    """
    rows = np.flatnonzero(material.weight > 0)
    names, code = np.unique(material.group[rows], return_inverse=True)
    number = min(wanted, len(names))
    if number < 2:
        return []
    best: list[NDArray[np.bool_]] = []
    rng = np.random.default_rng(0)
    for _ in range(TRIES):
        fold = folds_of(rng.permutation(len(names))[code.ravel()], number)
        parts = [
            np.isin(material.group, material.group[rows[fold == one]]) for one in range(number)
        ]
        good = [one for one in parts if labels_there(material, ~one)]
        best = max(best, good, key=len)
        if len(good) == number:
            break
    held = rows[np.any([one[rows] for one in best], axis=0)] if best else rows[:0]
    return best if len(np.unique(material.soft[held].argmax(1))) > 1 else []


def _measured(
    material: Material, lanes: list[Lane], plan: Plan, say: Say
) -> tuple[list[dict[str, float]], list[Floats]]:
    """Do rounds in all folds until left-out items gain no more; returns rows and logits."""
    rows: list[dict[str, float]] = []
    said: list[Floats] = []
    losses: list[Floats] = []
    for number in range(plan.rounds + 1):
        for lane in lanes:
            lane.go() if number else lane.begin()
        logits = np.full(material.soft.shape, np.nan)
        for lane in lanes:
            held = lane.held_rows
            logits[held] = lane.model.logits(material.x[held])
        said.append(logits)
        losses.append(_brier(material, logits))
        rows.append(_row(number, material, logits, losses, lanes))
        say(f"round {number}: {_line(rows[-1])}")
        best = int(np.argmax([row["measure"] for row in rows]))
        if number - best >= plan.patience:
            break
    return rows, said


def _brier(material: Material, logits: Floats) -> Floats:
    chance = softmax(logits / temperature(logits, material.soft, material.weight))
    return np.asarray(((chance - material.soft) ** 2).sum(1))


def _row(
    number: int, material: Material, logits: Floats, losses: list[Floats], lanes: list[Lane]
) -> dict[str, float]:
    at = np.flatnonzero(np.isfinite(losses[-1]) & (material.weight > 0))
    weight, group = material.weight[at], np.unique(material.group[at], return_inverse=True)[1]
    apart = losses[0][at] - losses[-1][at]
    by_group = np.bincount(group.ravel(), weight * (apart - np.average(apart, weights=weight)))
    right = logits[at].argmax(1) == material.soft[at].argmax(1)
    return {
        "round": number,
        "pseudo": float(np.mean([len(one.chosen or ()) for one in lanes])),
        "measure": -float(np.average(losses[-1][at], weights=weight)),
        "accuracy": float(np.average(right, weights=weight)),
        "gain": float(np.average(apart, weights=weight)),
        "error": float(np.sqrt((by_group**2).sum()) / weight.sum()),
        "left_out": len(at),
    }


def _line(row: Mapping[str, float]) -> str:
    return (
        f"{row['pseudo']:,.0f} pseudo labels, accuracy {row['accuracy']:.3f}, Brier score "
        f"{-row['measure']:.4f} ({row['gain']:+.4f} ± {row['error']:.4f} better than the teacher)"
    )


def _held_out(logits: Floats, lanes: list[Lane], material: Material) -> Floats:
    """Make probabilities of left-out items, calibrated by the items of other lanes."""
    fold = np.full(len(logits), -1)
    for number, lane in enumerate(lanes):
        fold[lane.held_rows] = number
    return left_out(logits, material.soft, material.weight, fold)


def _calibrated(model: EndModel, logits: Floats, material: Material) -> EndModel:
    """Learn the temperature from items that no model of the same round had seen."""
    if model.options.calibrate:
        model.temperature_ = temperature(logits, material.soft, material.weight)
        model.calibrated_ = enough(logits, material.weight)
    return model
