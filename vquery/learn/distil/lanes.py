"""One succession of teachers and students, on all items or with some groups left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import LearnError, SchemaError
from vquery.learn.distil.choosing import Chosen, cells_of, choose, shares_of
from vquery.learn.distil.student import Student
from vquery.learn.ends.targets import LEAST, items_of, labels_of, members_of, targets

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from vquery.learn.distil.rounds import Plan
    from vquery.learn.ends.model import EndModel
    from vquery.learn.ends.task import Augment

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Members = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Material:
    """All items, checked; see `vquery.learn.distil.distil`."""

    x: NDArray[Any]
    soft: Floats
    weight: Floats
    classes: tuple[Hashable, ...]
    group: Ints
    plan: Plan
    track: Ints | None
    time_us: Ints | None
    counts: Floats
    slices: Mapping[str, Members]
    augment: Augment | None

    @classmethod
    def of(
        cls,
        x: Any,
        soft: Any,
        weight: Any,
        *,
        classes: Any,
        groups: Any,
        plan: Plan,
        track: Any,
        time_us: Any,
        counts: Any,
        slices: Mapping[str, Any] | None,
        augment: Augment | None,
    ) -> Material:
        """Check what is given.

        Raises
        ------
        LabelError, LearnError, SchemaError
            Naming what cannot be.
        """
        if getattr(augment, "leads", False):
            raise LearnError(
                "augment= takes other pictures for those given, by their row, and rows are others "
                "in each round: leave out TimeJitter"
            )
        items = items_of(x)
        labels, _, names = labels_of(np.asarray(soft, np.float64), classes)
        n = len(items)
        if labels.ndim != 2 or len(labels) != n:
            raise SchemaError(f"soft must have {n} rows, as x; got {len(labels)}")
        group = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
        count = _numbers("counts", np.ones(n) if counts is None else counts, n)
        given = members_of(slices, n)
        made = cls(
            items, labels, _numbers("weight", weight, n), names, _column("groups", group, n),
            plan, _column("track", track, n), _column("time_us", time_us, n), count, given, augment,
        )  # fmt: skip
        if not ((made.weight == 0) & (count > 0)).any():
            raise LearnError("every item is labelled: there is nothing to distil from")
        strange = set(plan.shares or {}) ^ set(names)
        if plan.shares is not None and strange:
            raise LearnError(
                f"shares= must have a share for each of {list(names)}; {sorted(map(str, strange))} "
                "differ"
            )
        return made

    def shares(self, rows: Members, cells: Ints, number: int) -> Floats:
        """Instances that an item has of each class, (cells, k), by the labels of some rows."""
        if self.plan.shares is not None:
            wanted = np.array([self.plan.shares[name] for name in self.classes], np.float64)
            return np.tile(wanted, (number, 1))
        weight = np.where(rows, self.weight, 0.0)
        return np.stack([shares_of(self.soft, weight, cells, cell=one) for one in range(number)])

    def cells(self) -> tuple[Ints, int]:
        """Parts that belong to the same slices."""
        if not self.slices:
            return np.zeros(len(self.x), np.int64), 1
        return cells_of(np.stack(list(self.slices.values()), axis=1))


def _numbers(name: str, values: Any, n: int) -> Floats:
    found = np.asarray(values, np.float64)
    if found.shape != (n,) or not (np.isfinite(found).all() and (found >= 0).all()):
        raise SchemaError(f"{name} must be {n} numbers of at least 0, one an item")
    return found


def _column(name: str, values: Any, n: int) -> Any:
    if values is None:
        return None
    found = np.asarray(values, np.int64).ravel()
    if len(found) != n:
        raise SchemaError(f"{name} must have {n} entries, one an item; got {len(found)}")
    return found


def labels_there(material: Material, rows: Members) -> bool:
    """Say whether a model can learn from the labelled ones of some rows: all classes, enough."""
    labelled = material.weight > 0
    mine, every = labelled & rows, material.soft[labelled].argmax(1)
    there = np.unique(material.soft[mine].argmax(1))
    return int(mine.sum()) >= LEAST and len(there) == len(np.unique(every)) > 1


class Lane:
    """Teacher, student, student of the student: one succession.

    Parameters
    ----------
    teacher
        Whose settings all take; trained on all labelled items.
    held
        (n,) items of groups that are left out of everything; None leaves out nothing.
    name
        Of its checkpoints.
    model
        The first model; by default `begin` trains it.
    """

    model: EndModel

    def __init__(
        self,
        material: Material,
        teacher: EndModel,
        held: Members | None,
        name: str,
        *,
        model: EndModel | None = None,
        folder: Path | None = None,
        fresh: bool = False,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.material, self.teacher, self.name = material, teacher, name
        none = np.zeros(len(material.x), bool)
        self.there = ~(none if held is None else held)
        self.labelled: Members = (material.weight > 0) & self.there
        self.held_rows = np.flatnonzero(~self.there & (material.weight > 0))
        self.folder, self.fresh, self.progress = folder, fresh, progress
        self.round = 0
        self.chosen: Chosen | None = None
        if model is not None:
            self.model = model

    def begin(self) -> None:
        """Train the first teacher of this lane, on labelled items alone."""
        self.model = self._learn(np.flatnonzero(self.labelled), None)

    def go(self) -> None:
        """Predict, choose, and train the next model; where nothing is chosen, the old one stays."""
        self.round += 1
        self.chosen = chosen = self._choose()
        if len(chosen):
            rows = np.concatenate([np.flatnonzero(self.labelled), chosen.rows])
            self.model = self._learn(rows, chosen)

    def _choose(self) -> Chosen:
        given, plan = self.material, self.material.plan
        pool = self.there & (given.weight == 0) & (given.counts > 0)
        at = np.flatnonzero(self._looked_at(pool))
        track, time = given.track, given.time_us
        some = track is not None and time is not None
        said = plan.looks.predict(
            self.model, given.x[at],
            track[at] if some and track is not None else None,
            time[at] if some and time is not None else None,
        )  # fmt: skip
        rows = np.flatnonzero(pool[at])
        cells, number = given.cells()
        mine = at[rows]
        found = choose(
            said[rows], given.shares(self.labelled, cells, number), counts=given.counts[mine],
            cells=cells[mine], keep=plan.keep,
        )  # fmt: skip
        self.said = said[rows][found.rows]
        return Chosen(mine[found.rows], found.label, found.chance, found.least)

    def _looked_at(self, pool: Members) -> Members:
        """Say which items are to be predicted: those asked for, and their neighbours in tracks."""
        given = self.material
        if given.track is None or given.time_us is None or not given.plan.looks.seconds:
            return pool
        shared = np.isin(given.track, np.unique(given.track[pool & (given.track >= 0)]))
        return pool | (shared & self.there)

    def _learn(self, rows: Ints, chosen: Chosen | None) -> Student:
        given = self.material
        soft, weight = given.soft.copy(), np.where(self.labelled, given.weight, 0.0)
        if chosen is not None:
            hard = np.eye(len(given.classes))[chosen.label]
            soft[chosen.rows] = hard if given.plan.hard else self.said
            weight[chosen.rows] = given.counts[chosen.rows]
        made = targets(
            given.x[rows], soft[rows], weights=weight[rows], groups=given.group[rows],
            classes=given.classes, balance=self.teacher.options.balance,
            slices={name: one[rows] for name, one in given.slices.items()},
        )  # fmt: skip
        part = f"{self.name}-round-{self.round}"
        say = self.progress
        return Student(self.teacher, given.plan.share).learn(
            made,
            self.labelled[rows],
            augment=given.augment,
            folder=None if self.folder is None else self.folder / part,
            fresh=self.fresh,
            progress=None if say is None else lambda text: say(f"{part}: {text}"),
        )
