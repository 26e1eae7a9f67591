"""Query 12: a man left of a woman."""

from __future__ import annotations

from loaders import run
from newsroom import newsroom

import vquery as vq
from vquery import equals, face, left_of


def man_left_of_woman(faces: vq.Intervals, *, height: float = 0.2) -> vq.Intervals:
    """Find pairs in one frame, both faces large, the man's wholly left of the woman's.

    Esper-tv, ``queries/unused_queries.py``, with heights of 0.3; faces of the newsroom are smaller.
    """
    large = faces.filter(face.height > height)
    men, women = large.filter(face.gender == "man"), large.filter(face.gender == "woman")
    return men.join(women, predicate=equals & left_of)


if __name__ == "__main__":
    run(man_left_of_woman, lambda: newsroom().faces)
