"""Query 2: interviews of any host with one guest."""

from __future__ import annotations

from archive import archive
from loaders import run

import vquery as vq
from vquery import after, before, face, row, span, time_intersection, time_overlaps

NEAR = time_overlaps | before(max_gap=1 / 3) | after(max_gap=1 / 3)


def interview_with(
    faces: vq.Intervals, guest: str = "Gil", *, bridge: float = 40, least: float = 45
) -> vq.Intervals:
    """Find where a guest and a host are on screen together, and the shots of either around it.

    Esper-tv, ``queries/interview_with_person_x.py``: guest probability above 0.7, gaps of 10 frames
    between shots, widened by 600 frames at both ends before merging (so gaps of 40 s are bridged),
    at least 1,350 frames. Here over the made-up archive.
    """
    guests = faces.filter(face.name == guest, face.score > 0.7).select().coalesce()
    hosts = faces.filter(face.host).select().coalesce()
    both = guests.join(hosts, predicate=time_overlaps, merge_op=time_intersection)
    around = guests.union(hosts)
    return (
        both.join(around, predicate=NEAR, merge_op=span)
        .coalesce(gap=bridge)
        .filter(row.duration >= least)
    )


if __name__ == "__main__":
    run(interview_with, lambda: archive().faces)
