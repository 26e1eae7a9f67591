"""Whether a transformation keeps labels: what a measurement found, and what it says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vquery.metrics.bootstrap import Interval

KEEPS, MOVES, NEW, UNTOLD = "keeps", "moves", "new", "too few"
SAID = {
    KEEPS: "keeps labels",
    MOVES: "moves labels",
    NEW: "keeps labels, but a model has to see it in training",
    UNTOLD: "there is too little to tell",
}
LEAST = 10
"""Items of a class that the model must be right about before anything is said of it."""


class Kept(NamedTuple):
    """What a transformation does to the items of one class.

    Attributes
    ----------
    label
        The class; None for all together.
    items, groups
        Of the class, and of how many videos or tracks.
    accuracy
        Share that the model is right about untransformed, left-out items.
    changed
        Share of those it is right about whose label changes under the transformation.
    without
        Share of them whose label changes without it, by a model fitted to other draws of the same
        groups: what is uncertain anyhow.
    excess
        ``changed`` less ``without``.
    lost
        Share that is no longer recognised, both as it is and transformed, by a model that was
        trained on both; less the share that two models without it do not agree on. Near 0, the
        label can still be seen.
    into
        The class into which most of them change, None where none does.
    beside
        ``changed`` under other transformations, by name.
    verdict
        "keeps", "moves", "new" (a model must see the transformation in training, then it is right
        again) or "too few".
    """

    label: str | None
    items: int
    groups: int
    accuracy: float
    changed: Interval
    without: Interval
    excess: Interval
    lost: Interval
    into: str | None
    beside: dict[str, Interval]
    verdict: str


@dataclass(frozen=True, eq=False)
class Preserving:
    """The outcome of `is_label_preserving`; true where labels were found to be kept.

    It is false where one moves, and where there is too little to tell.

    Attributes
    ----------
    name
        The transformation.
    rows
        All classes together, then each class.
    warnings
        A sentence for each class that moves, or that a model must learn anew, or that cannot be
        told.
    unlabelled
        Items that have no label and were left out.
    left_out
        Labelled items that were not looked at, since there are more than enough or they have no
        picture.
    of
        Of what groups are: "videos", "tracks" or "groups".
    """

    name: str
    rows: tuple[Kept, ...]
    warnings: tuple[str, ...]
    unlabelled: int
    left_out: int
    of: str

    def __bool__(self) -> bool:
        return self.verdict not in (MOVES, UNTOLD)

    @property
    def verdict(self) -> str:
        """The worst that was found: "moves", "too few" of all, "new" or "keeps"."""
        found = {one.verdict for one in self.rows}
        if MOVES in found:
            return MOVES
        if self.rows[0].verdict == UNTOLD:
            return UNTOLD
        return NEW if NEW in found else KEEPS

    @property
    def table(self) -> pa.Table:
        """One row a class, the first for all together (``label`` null)."""
        columns: dict[str, list[object]] = {
            name: [getattr(one, name) for one in self.rows]
            for name in ("label", "items", "groups", "accuracy")
        }
        for name in ("changed", "without", "excess", "lost"):
            for part, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
                columns[name + suffix] = [getattr(getattr(one, name), part) for one in self.rows]
        for other in self.rows[0].beside:
            columns[f"under {other}"] = [one.beside[other].value for one in self.rows]
        columns["into"] = [one.into for one in self.rows]
        columns["verdict"] = [one.verdict for one in self.rows]
        return pa.table(columns)

    def __str__(self) -> str:
        lines = [f"{self.name}: {SAID[self.verdict]}"]
        for one in self.rows:
            others = ", ".join(f"{name} {_share(f)}" for name, f in one.beside.items())
            lines.append(
                f"  {one.label or 'all':<16} {one.items:>6} items: changed {_share(one.changed)}, "
                f"without it {_share(one.without)}, lost when learnt {_share(one.lost)} "
                f"({one.verdict}){'; beside: ' if others else ''}{others}"
            )
        return "\n".join([*lines, *self.warnings])

    __repr__ = __str__


def judged(rows: Sequence[Kept], tolerance: float) -> tuple[Kept, ...]:
    """Give each row its verdict.

    A label *moves* if it changes more often than it does anyhow, and if a model that learns from
    transformed items no longer recognises it, or what it changes into: each by more than
    ``tolerance``, and beyond the interval. Of two classes that are mixed up, a model may hold on to
    one at the cost of the other.
    """
    by_label = {row.label: row for row in rows}
    return tuple(
        row._replace(verdict=_verdict(row, by_label.get(row.into, row), tolerance)) for row in rows
    )


def _verdict(row: Kept, into: Kept, tolerance: float) -> str:
    if row.items * row.accuracy < LEAST or row.groups < 2 or row.changed.low is None:
        return UNTOLD
    if not _above(row.excess, tolerance):
        return KEEPS
    return MOVES if any(_above(one.lost, tolerance) for one in (row, into)) else NEW


def sentence(row: Kept, name: str, of: str) -> str | None:
    """Write the warning of a class, None where there is nothing to warn of."""
    label = "labels" if row.label is None else repr(row.label)
    moved = f"{_share(row.changed)} of {label} change under {name}, {_share(row.without)} without"
    if row.verdict == MOVES:
        into = "" if row.into is None else f", most into {row.into!r}"
        return (
            f"{moved}{into}, and a model that was trained with it mixes them up too: it moves "
            "items across labels, so do not train with it"
        )
    if row.verdict == NEW:
        return (
            f"{moved}; a model that was trained with it is right again: it keeps the label, but do "
            "not use it only where a model predicts"
        )
    if row.verdict == UNTOLD:
        return (
            f"{label}: {row.items} items of {row.groups} {of}, of which {row.accuracy:.0%} are "
            f"recognised, are too few to tell what {name} does"
        )
    return None


def _above(one: Interval, tolerance: float) -> bool:
    return one.value is not None and one.value > tolerance and (one.low or 0) > 0


def _share(one: Interval) -> str:
    if one.value is None:
        return "–"
    if one.low is None or one.high is None:
        return f"{one.value:.1%}"
    return f"{one.value:.1%} [{one.low:.1%}, {one.high:.1%}]"
