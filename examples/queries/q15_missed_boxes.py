"""Query 15: one detector checked against another, or against people."""

from __future__ import annotations

from pathlib import Path

from loaders import pedestrians, run

import vquery as vq
from vquery import equals, iou, row


def missed(truth: vq.Intervals, found: vq.Intervals, *, at_least: float = 0.5) -> vq.Intervals:
    """Find boxes that people drew and for which the detector has none in that frame.

    An anti-join as a check of a model; runs on the pedestrians of MOTChallenge.
    """
    large = truth.filter(row.area >= 0.02)
    return large.anti_join(found, predicate=equals & iou(at_least=at_least))


def missed_by_distance(
    truth: vq.Intervals, found: vq.Intervals, *, reach: float = 0.1
) -> vq.Intervals:
    """Find boxes without any other whose centre lies within 0.1 of theirs.

    As esper-tv's ``queries/unused_queries.py`` compared MTCNN with labels and with OpenPose.
    """
    return truth.filter(row.area >= 0.02).anti_join(
        found,
        predicate=equals
        & (lambda a, b: (a.center_x - b.center_x).abs() <= reach)
        & (lambda a, b: (a.center_y - b.center_y).abs() <= reach),
    )


def false_alarms(
    truth: vq.Intervals, found: vq.Intervals, *, at_least: float = 0.5
) -> vq.Intervals:
    """Find detections where nobody drew a box: the same query with the sides exchanged."""
    return found.anti_join(truth, predicate=equals & iou(at_least=at_least))


def truth(folder: Path) -> vq.Intervals:
    """People's boxes of TUD-Campus."""
    return pedestrians(folder, "TUD-Campus", "gt")


def detections(folder: Path) -> vq.Intervals:
    """A detector's boxes of TUD-Campus."""
    return pedestrians(folder, "TUD-Campus", "det")


if __name__ == "__main__":
    run(missed, truth, detections)
