"""Query 21: cyclists: a person and a bicycle in one place."""

from __future__ import annotations

from loaders import run
from scenes import street

import vquery as vq
from vquery import boxes_overlap, equals, row, span


def cyclists(objects: vq.Intervals, *, least: float = 3) -> vq.Intervals:
    """Find people whose box shares area with that of a bicycle, for three seconds and more.

    The first tutorial of Rekall: equal in time, overlapping on both axes of the picture.
    """
    people, bicycles = objects.filter(row.kind == "person"), objects.filter(row.kind == "bicycle")
    riding = people.join(bicycles, predicate=equals & boxes_overlap, merge_op=span)
    return riding.coalesce(gap=0.5, by=["track", "track_right"]).filter(row.duration >= least)


if __name__ == "__main__":
    run(cyclists, street)
