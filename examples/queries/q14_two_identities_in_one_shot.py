"""Query 14: two people in one shot, not necessarily at one time."""

from __future__ import annotations

from loaders import run
from newsroom import newsroom

import vquery as vq
from vquery import face, time_overlaps


def shots_with_both(
    shots: vq.Intervals, faces: vq.Intervals, one: str = "Bernie", other: str = "Jake"
) -> vq.Intervals:
    """Find shots in which both people are recognised with a probability above 0.7.

    Esper-tv, ``queries/unused_queries.py``.
    """
    sure = faces.filter(face.score > 0.7)
    return shots.semi_join(sure.filter(face.name == one), predicate=time_overlaps).semi_join(
        sure.filter(face.name == other), predicate=time_overlaps
    )


if __name__ == "__main__":
    run(shots_with_both, lambda: newsroom().shots, lambda: newsroom().faces)
