"""Query 6: where a guest is introduced."""

from __future__ import annotations

from loaders import captions, run

import vquery as vq
from vquery import caption, time_intersection, time_overlaps

PHRASES = """
    joining us | joining me | joins us | joins me | join us now | bring in | with us now
    | here with us | with me now
"""
COLLEAGUES = "panel | correspondent | analyst"


def introductions(captions: vq.Intervals, *, reach: float = 10, away: float = 30) -> vq.Intervals:
    """Find phrases that introduce somebody, and ten seconds around them.

    Phrases go on from one cue to the next, but not over a silence. Where a panel, a correspondent
    or an analyst is spoken of within half a minute, it is no guest. Live captions are upper case,
    those of advertisements are not: they are left out before. Esper-tv,
    ``introduction_detector.ipynb``; runs on the captions of real television.
    """
    live = captions.filter(~caption.text.matches("[a-z]{3}"))
    said = live.phrase(PHRASES, not_near=COLLEAGUES, within=away, max_gap=2)
    return said.dilate(reach, clip=True)


def introductions_on_screen(
    captions: vq.Intervals, hosts: vq.Intervals, guests: vq.Intervals
) -> vq.Intervals:
    """Find introductions during which host and guest are on screen, up to 200 s after them."""
    together = hosts.select().join(
        guests.select(), predicate=time_overlaps, merge_op=time_intersection
    )
    found = introductions(captions).select().semi_join(together, predicate=time_overlaps)
    return found.dilate(200, side="end", clip=True).coalesce()


if __name__ == "__main__":
    run(introductions, captions)
