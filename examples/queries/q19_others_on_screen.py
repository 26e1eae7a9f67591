"""Query 19: who is on screen with somebody."""

from __future__ import annotations

from loaders import run
from newsroom import newsroom

import vquery as vq
from vquery import equals, face, row


def others_with(faces: vq.Intervals, name: str = "Bernie") -> vq.Intervals:
    """Find the faces beside somebody, one row for each video and cluster, with ``seconds``.

    ``cluster`` groups faces that look alike, also those that have no name. From esper-tv.
    """
    theirs = faces.filter(face.name == name)
    beside = faces.filter(face.cluster != name.lower()).semi_join(theirs, predicate=equals)
    return (
        beside.group_by("cluster")
        .agg(seconds=vq.sum(row.duration), faces=vq.count())
        .sort(row.seconds.desc())
    )


if __name__ == "__main__":
    run(others_with, lambda: newsroom().faces)
