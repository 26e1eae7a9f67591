"""Logos of social media during advertisements, on real television."""

from __future__ import annotations

from pathlib import Path

from loaders import advertisements, logos, run

import vquery as vq
from vquery import left, row, time_overlaps


def logos_in(logos: vq.Intervals, segments: vq.Intervals, kind: str = "ad") -> vq.Intervals:
    """Find seconds with a logo inside stretches of advertisements, or of ``news``.

    Runs on gold labels and segments of the Internet Archive's TV news.
    """
    wanted = segments.filter(row.type == kind).select("type")
    return logos.join(wanted, predicate=time_overlaps, merge_op=left)


def of_the_model(folder: Path) -> vq.Intervals:
    """What a vision model saw in whole episodes; people labelled pictures of the news only."""
    return logos(folder, "gpt4o_run5")


if __name__ == "__main__":
    run(logos_in, of_the_model, advertisements)
