"""How right the labels in force are, by labels that no step has learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import PipelineError
from vquery.supervise.proof import assess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vquery.api.collection import Collection
    from vquery.supervise.proof import Assessment

NONE = "none of them"
UNSURE = "no label"
METRICS = ("accuracy", "macro_f1", "coverage_accuracy")


def judge(
    db: Collection, concept: str, truth: Mapping[int, str | None], *, draws: int = 200
) -> Judged:
    """Compare the labels of detections with what is true of them, video by video.

    A detection without a label is right where the truth is "none of them" and wrong elsewhere.

    Raises
    ------
    PipelineError
        If nothing is known of any detection.
    """
    rows = db.detections.with_labels(concept).collect()
    column, ids = rows[concept].to_pylist(), rows["detection_id"].to_pylist()
    source = rows[f"{concept}_source"].to_pylist()
    videos = rows["video"].to_pylist()
    at = [i for i, one in enumerate(ids) if one in truth]
    if not at:
        raise PipelineError(f"none of the labels that {concept!r} is judged by is of a detection")
    true = [truth[ids[i]] for i in at]
    found = [column[i] for i in at]
    classes = sorted({*(one for one in [*true, *found] if one is not None)})
    judged = assess(
        None,
        [NONE if one is None else one for one in true],
        labels=[NONE if one is None else one for one in found],
        classes=[*classes, NONE],
        groups=[videos[i] for i in at],
        draws=draws,
    )
    right = np.array([a == b for a, b in zip(true, found, strict=True)])
    given = np.array([one is not None for one in found])
    of_people = sum(source[i] == "human" for i in at)
    return Judged(judged, right, given, of_people)


class Judged:
    """What was found of some labels.

    Attributes
    ----------
    assessment
        Of all classes, "none of them" among them, with intervals over videos.
    items, by_people
        How many were judged; how many of these people had labelled themselves.
    """

    def __init__(self, assessment: Assessment, right: Any, given: Any, by_people: int) -> None:
        self.assessment, self.items, self.by_people = assessment, len(right), by_people
        self._right, self._given = right, given

    def value(self, metric: str) -> float | None:
        """Give a metric.

        "accuracy" counts what has no label as said to be none of them; "macro_f1" lets classes
        count alike; "coverage_accuracy" is the accuracy of what has a label.
        """
        if metric == "coverage_accuracy":
            return float(self._right[self._given].mean()) if self._given.any() else None
        return self.assessment.metric(metric)

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as plain values, with the interval of the accuracy."""
        one = self.assessment.metrics["accuracy"]
        return {
            "items": self.items,
            "by_people": self.by_people,
            "coverage": float(self._given.mean()),
            "accuracy": one.value,
            "accuracy_low": one.low,
            "accuracy_high": one.high,
            "macro_f1": self.value("macro_f1"),
            "coverage_accuracy": self.value("coverage_accuracy"),
        }
