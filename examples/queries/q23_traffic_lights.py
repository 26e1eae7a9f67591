"""Query 23: traffic lights: steady phases, changes, flicker."""

from __future__ import annotations

from loaders import run
from scenes import lights

import vquery as vq
from vquery import row, same, time_overlaps


def phases(lights: vq.Intervals, *, least: float = 1) -> vq.Intervals:
    """Find steady colours of each light: readings that differ for a moment are bridged."""
    runs = lights.coalesce(by=["track", "colour"], gap=0.3).filter(row.duration >= least)
    return runs.coalesce(by=["track", "colour"], gap=2 * least)


def changes(lights: vq.Intervals) -> vq.Intervals:
    """Find whole changes from green over yellow to red, within a minute and a half.

    Rekall's issue 13 asks for this; nested sets of intervals make it painful.
    """
    return (
        phases(lights)
        .partition_by("track")
        .sequence("green yellow? red", by=row.colour, max_gap=1, within=90, overlap="allow")
    )


def flicker(lights: vq.Intervals) -> vq.Intervals:
    """Find readings that are wrong: they belong to no steady phase of their colour."""
    steady = time_overlaps & same(row.track) & same(row.colour)
    return lights.anti_join(phases(lights), predicate=steady)


if __name__ == "__main__":
    run(changes, lambda: lights()[0])
