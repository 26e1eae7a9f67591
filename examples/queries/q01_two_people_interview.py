"""Query 1: two people in one shot, and from there the full interview."""

from __future__ import annotations

from loaders import run
from newsroom import newsroom

import vquery as vq
from vquery import after, before, face, row, span, time_intersection, time_overlaps

NEAR = time_overlaps | before(max_gap=0.3) | after(max_gap=0.3)


def appearances(faces: vq.Intervals, name: str) -> vq.Intervals:
    """When somebody is on screen, shot by shot, if the recogniser is sure enough."""
    sure = vq.param("sure", 0.7, range=(0.5, 0.95))
    return faces.filter(face.name == name, face.score > sure).coalesce(gap=0.5, by="shot").select()


def interview(
    faces: vq.Intervals, one: str = "Bernie", other: str = "Jake", *, least: float = 5
) -> vq.Intervals:
    """Find the whole interview around moments that show both people and nobody else.

    Shots with both reach out to shots of either that follow at once; gaps are bridged. Esper-tv,
    ``rekall_queries.ipynb``, bridges 20 s and keeps 180 s; interviews of the newsroom are short.
    """
    first, second = appearances(faces, one), appearances(faces, other)
    pairs = faces.per_frame().filter(vq.count() == 2)
    both = appearances(pairs, one).join(
        appearances(pairs, other), predicate=time_overlaps, merge_op=time_intersection
    )
    return (
        both.join(first.union(second), predicate=NEAR, merge_op=span)
        .coalesce(gap=vq.param("bridge", 2, range=(0, 60)))
        .filter(row.duration >= least)
    )


def without(faces: vq.Intervals, one: str = "Bernie", other: str = "Jake") -> vq.Intervals:
    """Find where somebody is on screen outside those interviews."""
    return appearances(faces, one).minus(interview(faces, one, other))


if __name__ == "__main__":
    run(interview, lambda: newsroom().faces)
