"""Multibox: several boxes around one object."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from vquery.engine.arrays import value_codes
from vquery.errors import QueryError, SchemaError
from vquery.supervise.assertions.findings import (
    REMOVE,
    Assertion,
    Found,
    believed,
    columns_of,
    corrections,
    nothing,
    share_of,
    violations,
)
from vquery.supervise.assertions.pairs import iou_of, together

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.assertions.rows import Rows

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

IOU = 0.6
"""The middle of what detectors take for one object when they suppress boxes (.5 to .7)."""
APART = 0.5
"""Two tracks whose boxes lie on each other in a smaller share of the moments of the shorter one go
apart, and are two objects, one behind the other."""


@dataclass(frozen=True, kw_only=True)
class Multibox(Assertion):
    """See `multibox`."""

    iou: float
    boxes: int
    by: tuple[str, ...]
    rank: ClassVar[int] = 0

    def find(self, rows: Rows) -> Found:
        """List groups of boxes, and remove all but one of each."""
        if rows.box is None:
            raise SchemaError(f"{self.name}: the table has no boxes (x1, y1, x2, y2)")
        present = [name for name in self.by if name in rows.table.column_names]
        kind = rows.codes(tuple(present), self.name) if present else np.zeros(len(rows), np.int64)
        left, right, iou = self._pairs(rows, kind - kind.min(initial=0))
        groups = self._groups(rows, left, right)
        if not groups:
            return nothing()
        best = _best(left, right, iou)
        kept = np.array([group[0] for group in groups])
        rest = [group[1:] for group in groups]
        severity = np.array([max(best[row] for row in group) for group in groups])
        weight = believed(severity)
        found = violations(
            self.name,
            rows,
            video=rows.video[kept],
            start=np.array([rows.start[group].min() for group in groups]),
            end=np.array([rows.end[group].max() for group in groups]),
            items=[rows.item[group].tolist() for group in groups],
            severity=severity,
            before=[f"{len(group)} boxes" for group in groups],
            after=["1 box"] * len(groups),
            action=REMOVE,
            weight=weight,
        )
        of = np.repeat(np.arange(len(groups)), [len(one) for one in rest])
        removed = corrections(
            self.name, rows, REMOVE, np.concatenate(rest), violation=of, weight=weight[of]
        )
        return Found(found, removed)

    def _pairs(self, rows: Rows, kind: Ints) -> tuple[Ints, Ints, Floats]:
        """Pair boxes that lie on each other, without those of tracks that go apart."""
        assert rows.box is not None
        left, right = together(rows, kind, iou=self.iou)
        iou = iou_of(rows.box[left], rows.box[right])
        near = iou > self.iou
        left, right, iou = left[near], right[near], iou[near]
        same = _of_one(rows, left, right)
        return left[same], right[same], iou[same]

    def _groups(self, rows: Rows, left: Ints, right: Ints) -> list[Ints]:
        """Take the best box left, with those that lie on it, and so on."""
        partners: dict[int, list[int]] = defaultdict(list)
        for one, other in zip(left.tolist(), right.tolist(), strict=True):
            partners[one].append(other)
            partners[other].append(one)
        gone: set[int] = set()
        groups = []
        for row in _by_worth(rows, np.array(sorted(partners), np.int64)).tolist():
            if row in gone:
                continue
            free = [other for other in partners[row] if other not in gone]
            gone.add(row)
            if len(free) + 1 >= self.boxes:
                gone.update(free)
                groups.append(
                    np.array([row, *sorted(free, key=lambda one: int(rows.item[one]))], np.int64)
                )
        return sorted(groups, key=lambda group: int(group.min()))


def multibox(
    *,
    iou: float = IOU,
    boxes: int = 2,
    by: str | tuple[str, ...] = "class",
    name: str = "",
) -> Multibox:
    """Assert that no object has several boxes at one moment.

    Boxes that overlap by more than ``iou`` are one object, unless they are of two tracks that lie
    on each other in less than half of their time: these are two objects, one behind the other. The
    box that a person has labelled stays, else that of the longer track (the others would tear it),
    of equal ones that of the higher score, then of the lower id; the others are removed.

    Parameters
    ----------
    iou
        Intersection over union, above 0.
    boxes
        From how many boxes on, at least 2; 3 finds only the grossest cases.
    by
        Columns: boxes of different values are different objects. Those that the table does not
        have are left out.
    name
        What violations call the rule.

    Raises
    ------
    QueryError
        If an argument cannot be.
    """
    if isinstance(boxes, bool) or not isinstance(boxes, int | np.integer) or boxes < 2:
        raise QueryError(f"multibox(boxes=) must be a whole number of at least 2, got {boxes!r}")
    columns = columns_of(by, "multibox(by=)")
    made = Multibox(name=name, iou=share_of(iou, "multibox(iou=)"), boxes=int(boxes), by=columns)
    made.settle_name("multibox")
    return made


def _track(rows: Rows) -> Ints:
    """Code the tracks of all videos; rows without one are below 0, each on its own."""
    if "track" not in rows.table.column_names:
        return -1 - np.arange(len(rows))
    track = value_codes(rows.table["track"])[0]
    own = track * len(rows.videos) + rows.video
    return np.where(track < 0, -1 - np.arange(len(rows)), own)


def _lengths(track: Ints) -> Ints:
    _, number, counts = np.unique(track, return_inverse=True, return_counts=True)
    return np.asarray(counts[number])


def _of_one(rows: Rows, left: Ints, right: Ints) -> np.ndarray:
    """Whether the tracks of each pair stay together."""
    track = _track(rows)
    length = _lengths(track)
    pair = np.sort(np.c_[track[left], track[right]], axis=1)
    _, number, counts = np.unique(pair, axis=0, return_inverse=True, return_counts=True)
    shorter = np.minimum(length[left], length[right])
    return np.asarray(counts[number.reshape(-1)] >= APART * shorter)


def _by_worth(rows: Rows, some: Ints) -> Ints:
    length = _lengths(_track(rows))[some]
    score = np.nan_to_num(rows.score[some], nan=-1.0)
    labelled = np.isin(rows.item[some], [one for ids in rows.said.values() for one in ids])
    return np.asarray(some[np.lexsort((rows.item[some], -score, -length, ~labelled))])


def _best(left: Ints, right: Ints, iou: Floats) -> dict[int, float]:
    best: dict[int, float] = defaultdict(float)
    for one, other, value in zip(left.tolist(), right.tolist(), iou.tolist(), strict=True):
        best[one], best[other] = max(best[one], value), max(best[other], value)
    return best
