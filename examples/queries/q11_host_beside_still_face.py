"""Query 11: a host in one half of the picture, smaller faces in the other."""

from __future__ import annotations

from typing import Any

from loaders import run
from scenes import split_screens

import vquery as vq
from vquery import equals, face


def host_beside_others(faces: vq.Intervals, host: str = "Ada") -> vq.Intervals:
    """Find frames in which a host talks beside pictures of others.

    The host is wholly in one half and 0.2 high; there are one or two other faces, all in the other
    half, the host 1.2 times as tall as each, and one of them at least 0.1 high. Esper-tv,
    ``queries/other_queries.py``.
    """
    hosts = faces.filter(face.name == host, face.score > 0.8, face.height > 0.2)
    halved = hosts.filter((face.x2 <= 0.5) | (face.x1 >= 0.5))
    others = faces.filter(face.name != host)
    return (
        halved.anti_join(others, predicate=equals & (lambda a, b: ~(apart(a, b) & taller(a, b))))
        .semi_join(others.filter(face.height >= 0.1), predicate=equals)
        .mutate(others=vq.count_overlaps(others, equals))
        .filter(vq.row.others <= 2)
    )


def apart(a: Any, b: Any) -> Any:
    """Tell whether two faces are in different halves."""
    return ((a.x2 <= 0.5) & (b.x1 >= 0.5)) | ((a.x1 >= 0.5) & (b.x2 <= 0.5))


def taller(a: Any, b: Any) -> Any:
    """Tell whether a face is a fifth higher than another."""
    return a.height >= b.height * 1.2


if __name__ == "__main__":
    run(host_beside_others, split_screens)
