"""Query 16: photographs of somebody: faces that do not move."""

from __future__ import annotations

from loaders import run
from scenes import pictures

import vquery as vq
from vquery import row


def photographs(faces: vq.Intervals, name: str = "Gil", *, still: float = 0.02) -> vq.Intervals:
    """Find tracks of somebody whose box moves less than 0.02 from each look to the next.

    One recognised face is enough for a whole track. Esper-tv's pictures of Obama.
    """
    moved = vq.greatest(*((side - vq.lag(side)).abs() for side in (row.x1, row.y1, row.x2, row.y2)))
    tracks = faces.partition_by("track").mutate(moved=moved)
    return (
        tracks.group_by("track")
        .agg(known=vq.any(row.name == name), moved=vq.max(row.moved))
        .filter(row.known, row.moved < still)
    )


if __name__ == "__main__":
    run(photographs, pictures)
