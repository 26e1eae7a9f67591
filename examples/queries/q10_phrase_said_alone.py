"""Query 10: somebody says a phrase, alone on screen, for a supercut."""

from __future__ import annotations

from loaders import run
from newsroom import newsroom

import vquery as vq
from vquery import contains, equals, face, finished_by, right, row, started_by

HOLDS = contains | started_by | finished_by | equals  # the whole time of the other, ends included


def says_alone(
    captions: vq.Intervals, faces: vq.Intervals, phrase: str = "THANK YOU"
) -> vq.Intervals:
    """Find a phrase that lies wholly inside the time of somebody who is alone on screen.

    Faces that do not move from one look to the next are pictures and do not speak. Esper-tv,
    ``rekall_query.py`` and ``supercut.py``.
    """
    single = faces.per_frame().filter(vq.count() == 1).filter(face.name.not_null())
    moved = single.partition_by("name").mutate(moved=(row.x1 - vq.lag(row.x1)).abs())
    alone = moved.coalesce(gap=0.5, by=["name", "shot"], moved=vq.max(row.moved))
    living = alone.filter(row.moved > 0.0005).select("name")
    return living.join(captions.phrase(phrase), predicate=HOLDS, merge_op=right)


if __name__ == "__main__":
    run(says_alone, lambda: newsroom().captions, lambda: newsroom().faces)
