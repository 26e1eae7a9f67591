"""Query 17: which host moves most."""

from __future__ import annotations

from typing import Any

from loaders import run
from scenes import poses

import vquery as vq
from vquery import row

WEIGHTS = {
    "left_wrist": 0.4,
    "right_wrist": 0.4,
    "nose": 0.1,
    "left_elbow": 0.05,
    "right_elbow": 0.05,
}


def moved(part: str) -> Any:
    """How far a part of the body is from where it was at the look before."""
    dx = row[f"{part}_x"] - vq.lag(row[f"{part}_x"])
    dy = row[f"{part}_y"] - vq.lag(row[f"{part}_y"])
    return (dx * dx + dy * dy).sqrt()


def most_animated(poses: vq.Intervals) -> vq.Intervals:
    """Rank hosts by the mean weighted distance of key points from one pose to the next.

    From the notebooks of esper-tv.
    """
    energy = sum(weight * moved(part) for part, weight in WEIGHTS.items())
    hosts = (
        poses.partition_by("track")
        .mutate(energy=energy)
        .group_by("track", "name")
        .agg(energy=vq.mean(row.energy))
    )
    return hosts.partition_by().mutate(rank=vq.rank(row.energy, descending=True)).sort(row.rank)


if __name__ == "__main__":
    run(most_animated, poses)
