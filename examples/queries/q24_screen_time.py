"""Query 24: screen time as a series: a name and a word on a channel, hour by hour."""

from __future__ import annotations

from archive import archive
from loaders import run

import vquery as vq
from vquery import face, row


def screen_time(
    faces: vq.Intervals,
    captions: vq.Intervals,
    episodes: vq.Intervals,
    name: str = "Gil",
    text: str = "ELECTION",
    *,
    window: float = 15,
) -> vq.Intervals:
    """Find for each programme how long somebody is on screen near a word, and as a share.

    ``name="Gil" AND text="ELECTION" AND textwindow=15 NORMALIZE`` of tv-news-viewer.
    """
    spoken = captions.phrase(text).dilate(window).select().coalesce()
    shown = faces.filter(face.name == name, face.score > 0.7).select().coalesce()
    wanted = shown.intersect(spoken)
    return episodes.mutate(share=vq.coverage(wanted)).mutate(
        seconds=row.share * row.duration, hour=(row.airs // 3600) % 24
    )


def by_channel(series: vq.Intervals) -> vq.Intervals:
    """Add the programmes of a channel up, whatever the evening: a channel takes a video's place."""
    channels = series.mutate(file=row.video).rekey("channel", shift=row.airs)
    return channels.group_by().agg(seconds=vq.sum(row.seconds), programmes=vq.count())


if __name__ == "__main__":
    made = archive()
    run(screen_time, lambda: made.faces, lambda: made.captions, lambda: made.episodes)
