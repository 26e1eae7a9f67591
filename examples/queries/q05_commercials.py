"""Query 5: commercials, from captions alone or with black frames."""

from __future__ import annotations

from loaders import captions, run

import vquery as vq
from vquery import caption, row

LONGEST = 300  # seconds of one block of commercials


def commercials(captions: vq.Intervals) -> vq.Intervals:
    """Find commercials: advertisers write captions in lower case, or none at all.

    Lower-case captions for at least 15 s, and silences of 30 to 270 s, bridged over two minutes as
    long as the block stays within five. What comes after the last caption is not known to be
    silent. Esper-tv, ``commercial_detection_rekall.py``; runs on the captions of real television.
    """
    lower = caption.text.matches("[a-z]{3}")
    spoken = captions.filter(lower).coalesce(gap=5).filter(row.duration >= 15)
    silent = captions.complement().filter(row.duration.between(30, 270))
    return spoken.union(silent).select().coalesce(gap=120, max_length=LONGEST)


def commercials_between_black(captions: vq.Intervals, black: vq.Intervals) -> vq.Intervals:
    """Find stretches between black frames in which no live caption changes speaker.

    A ``>>`` counts unless an announcer speaks, and if captions go on around it for five seconds.
    Stretches of at least 10 s, merged up to five minutes.
    """
    live = captions.coalesce(gap=1).filter(row.duration >= 5)
    turns = captions.filter(
        caption.text.contains(">>"), ~caption.text.matches(">> (Announcer|HAVING)")
    ).semi_join(live, predicate=vq.time_overlaps)
    blocks = black.complement().anti_join(turns, predicate=vq.time_overlaps)
    merged = blocks.coalesce(gap=5, max_length=LONGEST).filter(row.duration >= 10)
    return merged.union(commercials(captions)).coalesce(gap=5)


if __name__ == "__main__":
    run(commercials, captions)
