"""Query 25: idioms of film: scale of shots, conversations, intensification."""

from __future__ import annotations

from typing import Any

from loaders import run
from scenes import films

import vquery as vq
from vquery import face, left, row, time_overlaps


def described(shots: vq.Intervals, faces: vq.Intervals) -> vq.Intervals:
    """Say of each shot who its largest face is, how tall it is, and the scale of the shot."""
    seen = faces.mutate(tall=face.height).select("name", "tall")
    largest = shots.join(seen, predicate=time_overlaps, merge_op=left).group_by("shot")
    scale = vq.when(row.tall >= 0.4, "close-up").when(row.tall >= 0.2, "medium").otherwise("long")
    return largest.agg(who=vq.arg_max(row.name, by=row.tall), tall=vq.max(row.tall)).mutate(
        scale=scale
    )


def conversations(described: vq.Intervals) -> vq.Intervals:
    """Find shots A, B, A, B: at least four that alternate between two people."""
    back = (row.who == vq.lag(row.who, 2)) & (row.who != vq.lag(row.who))
    found = runs(described, back).filter(row.shots >= 3)
    return found.mutate(start=row.before).select("shots")


def intensifications(described: vq.Intervals) -> vq.Intervals:
    """Find at least three shots of one person, each closer than the one before."""
    closer = (row.who == vq.lag(row.who)) & (row.tall > vq.lag(row.tall))
    return runs(described, closer).filter(row.shots >= 3).select("shots")


def runs(shots: vq.Intervals, holds: Any) -> vq.Intervals:
    """Make one row of each shot and those after it for which a condition keeps holding."""
    marked = shots.partition_by().mutate(
        breaks=vq.when(holds, 0).otherwise(1), previous=vq.lag(row.start)
    )
    numbered = marked.partition_by().mutate(run=vq.cumulative_sum(row.breaks))
    return numbered.group_by("run").agg(shots=vq.count(), before=vq.first(row.previous))


if __name__ == "__main__":
    run(lambda *rows: conversations(described(*rows)), lambda: films()[0], lambda: films()[1])
