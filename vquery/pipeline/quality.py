"""How right the labels in force are, by labels that no step has learnt from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.propagation import keeping
from vquery.api.tables import HUMAN
from vquery.errors import PipelineError
from vquery.metrics.bootstrap import interval_of_sums
from vquery.schema import US_PER_S
from vquery.supervise.proof.figures import per

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vquery.api.collection import Collection
    from vquery.metrics.bootstrap import Interval

METRICS = ("accuracy", "macro_f1", "coverage_accuracy")
DRAWS = 200


@dataclass(frozen=True)
class Truth:
    """What is true of some detections, and of some spans of time (schema SEED_SPAN)."""

    detections: Mapping[int, str | None] = field(default_factory=dict)
    spans: pa.Table | None = None


@dataclass(frozen=True)
class Judged:
    """What is true and what was found, row by row, with the video of each.

    Attributes
    ----------
    items
        How many labels are judged by: detections, and spans of time, which may be many rows.
    by_people
        How many rows people labelled themselves: those are right by themselves.
    weights
        What each row counts: by default all alike, pieces of time their seconds.
    """

    true: Sequence[str | None]
    found: Sequence[str | None]
    videos: Sequence[str]
    items: int = 0
    by_people: int = 0
    weights: Sequence[float] = ()

    @property
    def right(self) -> np.ndarray[Any, Any]:
        """Whether each is right; without a label it is where the truth is "none of them"."""
        return np.array([a == b for a, b in zip(self.true, self.found, strict=True)], bool)

    @property
    def given(self) -> np.ndarray[Any, Any]:
        """Whether each has a label."""
        return np.array([one is not None for one in self.found], bool)

    @property
    def counts(self) -> np.ndarray[Any, Any]:
        """What each counts."""
        return np.array(self.weights or [1.0] * len(self.true))

    def interval(self) -> Interval:
        """Give the accuracy and what it would be on other videos."""
        of, code = np.unique(np.array(self.videos), return_inverse=True)
        parts = (np.where(self.right, self.counts, 0.0), self.counts)
        sums = np.stack([np.bincount(code, one, len(of)) for one in parts], axis=1)
        return interval_of_sums(lambda total: per(total[:, 0], total[:, 1]), sums, DRAWS)

    def value(self, metric: str) -> float | None:
        """Give a metric.

        "accuracy" takes what has no label for said to be none of them; "macro_f1" lets classes
        count alike; "coverage_accuracy" is the accuracy of what has a label.
        """
        if metric not in METRICS:
            raise PipelineError(f"there is no metric {metric!r}; there are {', '.join(METRICS)}")
        if not self.items:
            return None
        if metric == "macro_f1":
            return self._macro_f1()
        among = self.given if metric == "coverage_accuracy" else np.ones(len(self.true), bool)
        all_of = self.counts[among].sum()
        return float(self.counts[among & self.right].sum() / all_of) if all_of else None

    def _macro_f1(self) -> float:
        """Mean of F1 over the classes that are true of something."""
        true, made = (np.array(one, object) for one in (self.true, self.found))
        found = []
        for one in set(self.true):
            mine, named = true == one, made == one
            hits = self.counts[mine & named].sum()
            found.append(2 * hits / (self.counts[mine].sum() + self.counts[named].sum()))
        return float(np.mean(found))

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as plain values, with the interval of the accuracy over videos."""
        one = self.interval()
        return {
            "items": self.items,
            "by_people": self.by_people,
            "coverage": float(np.average(self.given, weights=self.counts)),
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
            self.items + other.items,
            self.by_people + other.by_people,
            [*self.counts, *other.counts],
        )


NOTHING = Judged((), (), ())


def judge(db: Collection, concept: str, truth: Truth) -> Judged:
    """Compare the labels of a concept in force with what is true.

    Detections count alike. What is true of spans is compared moment by moment with what was fused
    over spans, so that it does not matter how time was cut for that; a second counts as much as a
    detection.

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
        rows.num_rows,
        sum(one == HUMAN for one in rows[f"{concept}_source"].to_pylist()),
    )


def _spans(db: Collection, concept: str, truth: pa.Table) -> Judged:
    """Cut labelled spans at the ends of fused ones; what none of these covers has no label."""
    with db._store.snapshot() as snapshot:
        rows = snapshot.read(keeping.SPANS.now)
    rows = rows.filter(pc.equal(rows["concept"], concept))
    if not rows.num_rows:  # the task is about detections
        return NOTHING
    rows = rows.sort_by(
        [("video", "ascending"), ("start_us", "ascending"), ("end_us", "ascending")]
    )
    of_video = {
        one: rows.filter(pc.equal(rows["video"], one))
        for one in pc.unique(truth["video"]).to_pylist()
    }
    columns = ("video", "start_us", "end_us", "label")
    pieces = [
        (said, label, video, source == HUMAN, (last - first) / US_PER_S)
        for video, start, end, said in zip(
            *(truth[one].to_pylist() for one in columns), strict=True
        )
        for first, last, label, source in _pieces(start, max(end, start + 1), of_video[video])
    ]
    true, found, videos, own, seconds = zip(*pieces, strict=True)
    return Judged(true, found, videos, truth.num_rows, sum(own), seconds)


def _pieces(start: int, end: int, fused: pa.Table) -> Iterator[tuple[int, int, Any, Any]]:
    """Cut a span; where several fused ones overlap, the first counts."""
    here = pc.and_(pc.less(fused["start_us"], end), pc.greater_equal(fused["end_us"], start))
    rows = fused.filter(here)
    at = start
    columns = ("start_us", "end_us", "label", "source")
    for first, last, *said in zip(*(rows[one].to_pylist() for one in columns), strict=True):
        stop = min(max(last, first + 1), end)
        if stop <= at:
            continue
        if first > at:
            yield at, first, None, None
        yield max(first, at), stop, *said
        at = stop
    if at < end:
        yield at, end, None, None
