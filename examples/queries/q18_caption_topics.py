"""Query 18: when a topic is spoken about."""

from __future__ import annotations

from loaders import captions, run

import vquery as vq
from vquery import after, before, time_overlaps


def topic(
    captions: vq.Intervals,
    phrases: str = "POLICE | SHOOTING | OFFICERS",
    context: str = "COURT | FAMILY | MAYOR",
) -> vq.Intervals:
    """Find segments: key phrases not too far from each other, widened by phrases of the context.

    How the total time answers to ``gap`` and ``least`` shows how firm the topic is: run it with
    ``collect(params={"gap": 120})``. Esper-tv, ``stories.ipynb``; on captions of real television.
    """
    gap = vq.param("gap", 60, range=(5, 300))
    reach = vq.param("reach", 30, range=(0, 120))
    least = vq.param("least", 30, range=(0, 300))
    segments = captions.phrase(phrases).select().coalesce(gap=gap)
    near = time_overlaps | before(max_gap=reach) | after(max_gap=reach)
    around = captions.phrase(context).select().semi_join(segments, predicate=near)
    return segments.union(around).coalesce(gap=reach).filter(vq.row.duration >= least)


if __name__ == "__main__":
    run(topic, captions)
