"""Query 9: somebody on three and more channels at once."""

from __future__ import annotations

from archive import archive
from loaders import run

import vquery as vq
from vquery import face, row, time_intersection, time_overlaps


def on_three_channels(faces: vq.Intervals, name: str = "Gil", *, sure: float = 0.7) -> vq.Intervals:
    """Find the times at which somebody is on at least three channels at once, in large.

    Faces move from the time of their video to that of the clock, where channels can meet, and what
    is found moves back to the videos. Esper-tv, ``rekalling_entire_tvnews.ipynb``: probability 0.7,
    height 0.3, a look every three seconds.
    """
    large = faces.filter(face.name == name, face.score >= sure, face.height >= 0.3)
    aired = large.select("channel", "airs").coalesce().rekey(vq.lit("on air"), shift=row.airs)
    another = time_overlaps & (lambda a, b: a.channel < b.channel)
    two = aired.join(aired, predicate=another, merge_op=time_intersection)
    later = time_overlaps & (lambda a, b: a.channel_right < b.channel)
    three = two.join(aired, predicate=later, merge_op=time_intersection, suffix="_3")
    return aired.intersect(three.select().coalesce()).rekey_back()


if __name__ == "__main__":
    run(on_three_channels, lambda: archive().faces)
