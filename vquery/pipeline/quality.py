"""How right the labels in force are, by labels that no step has learnt from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.propagation import keeping
from vquery.errors import PipelineError
from vquery.supervise.proof import assess

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vquery.api.collection import Collection
    from vquery.supervise.proof import Assessment

NONE = "none of them"
METRICS = ("accuracy", "macro_f1", "coverage_accuracy")
DRAWS = 200
HALF = 0.5
"""Share of a span's time that a label must cover to speak of it."""


@dataclass(frozen=True)
class Truth:
    """What is true of some detections, and of some spans of time (schema SEED_SPAN)."""

    detections: Mapping[int, str | None] = field(default_factory=dict)
    spans: pa.Table | None = None


@dataclass(frozen=True)
class Judged:
    """Items of which the truth is known: what is true, what was found, their videos.

    Attributes
    ----------
    by_people
        How many of them people labelled themselves: those are right by themselves.
    """

    true: Sequence[str | None]
    found: Sequence[str | None]
    videos: Sequence[str]
    by_people: int = 0

    @property
    def items(self) -> int:
        """How many there are."""
        return len(self.true)

    @property
    def right(self) -> np.ndarray[Any, Any]:
        """Whether each is right; without a label it is where the truth is "none of them"."""
        return np.array([a == b for a, b in zip(self.true, self.found, strict=True)], bool)

    @property
    def given(self) -> np.ndarray[Any, Any]:
        """Whether each has a label."""
        return np.array([one is not None for one in self.found], bool)

    def assessment(self, classes: Iterable[str] = (), draws: int = DRAWS) -> Assessment:
        """Judge all classes, "none of them" among them, with intervals over videos."""
        every = {*classes, *(one for one in (*self.true, *self.found) if one is not None)}
        return assess(
            None,
            [NONE if one is None else one for one in self.true],
            labels=[NONE if one is None else one for one in self.found],
            classes=[*sorted(every), NONE],
            groups=list(self.videos),
            draws=draws,
        )

    def value(self, metric: str) -> float | None:
        """Give a metric.

        "accuracy" takes what has no label for said to be none of them; "macro_f1" lets classes
        count alike; "coverage_accuracy" is the accuracy of what has a label.
        """
        if metric not in METRICS:
            raise PipelineError(f"there is no metric {metric!r}; there are {', '.join(METRICS)}")
        if not self.items:
            return None
        if metric == "coverage_accuracy":
            return float(self.right[self.given].mean()) if self.given.any() else None
        if metric == "accuracy":
            return float(self.right.mean())
        return self._macro_f1()

    def _macro_f1(self) -> float:
        """Mean of F1 over the classes that are true of something."""
        pairs = list(zip(self.true, self.found, strict=True))
        found = []
        for one in set(self.true):
            hits = sum(a == b == one for a, b in pairs)
            found.append(2 * hits / sum((a == one) + (b == one) for a, b in pairs))
        return float(np.mean(found))

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as plain values, with the interval of the accuracy over videos."""
        one = self.assessment().metrics["accuracy"]
        return {
            "items": self.items,
            "by_people": self.by_people,
            "coverage": float(self.given.mean()),
            "accuracy": one.value,
            "accuracy_low": one.low,
            "accuracy_high": one.high,
            "macro_f1": self.value("macro_f1"),
            "coverage_accuracy": self.value("coverage_accuracy"),
        }

    def plus(self, other: Judged) -> Judged:
        """Put items together."""
        return Judged(
            [*self.true, *other.true],
            [*self.found, *other.found],
            [*self.videos, *other.videos],
            self.by_people + other.by_people,
        )


NOTHING = Judged((), (), ())


def judge(db: Collection, concept: str, truth: Truth) -> Judged:
    """Compare the labels of a concept in force with what is true, item by item.

    Raises
    ------
    PipelineError
        If nothing is known of any item.
    """
    found = _detections(db, concept, truth.detections) if truth.detections else NOTHING
    if truth.spans is not None and truth.spans.num_rows:
        found = found.plus(_spans(db, concept, truth.spans))
    if not found.items:
        raise PipelineError(f"none of the labels that {concept!r} is judged by is of an item of it")
    return found


def _detections(db: Collection, concept: str, truth: Mapping[int, str | None]) -> Judged:
    columns = ["detection_id", "video", concept, f"{concept}_source"]
    rows = db.detections.with_labels(concept).collect(columns=columns)
    rows = rows.filter(pc.is_in(rows["detection_id"], value_set=pa.array(list(truth), pa.int64())))
    return Judged(
        [truth[one] for one in rows["detection_id"].to_pylist()],
        rows[concept].to_pylist(),
        rows["video"].to_pylist(),
        sum(one == "human" for one in rows[f"{concept}_source"].to_pylist()),
    )


def _spans(db: Collection, concept: str, truth: pa.Table) -> Judged:
    """Judge the spans that were labelled, by the label that covers half of each."""
    with db._store.snapshot() as snapshot:
        rows = snapshot.read(keeping.SPANS.now)
    rows = rows.filter(pc.equal(rows["concept"], concept))
    known: dict[str, list[tuple[int, int, str | None]]] = {}
    columns = ("video", "start_us", "end_us", "label")
    for video, start, end, label in zip(*(truth[one].to_pylist() for one in columns), strict=True):
        known.setdefault(video, []).append((start, end, label))
    true: list[str | None] = []
    found: list[str | None] = []
    videos: list[str] = []
    own = zip(*(rows[one].to_pylist() for one in columns), strict=True)
    for video, start, end, label in own:
        for first, last, said in known.get(video, ()):
            if min(end, last) - max(start, first) >= HALF * max(end - start, 1):
                true.append(said)
                found.append(label)
                videos.append(video)
                break
    return Judged(true, found, videos)
