"""Pedestrians that come close to each other, and paths that cross, on real tracks."""

from __future__ import annotations

from pathlib import Path

from loaders import pedestrians, run

import vquery as vq
from vquery import equals, row

EACH_PAIR_ONCE = equals & (lambda a, b: a.track < b.track)


def close_pairs(people: vq.Intervals, *, reach: float = 0.05, least: float = 0.5) -> vq.Intervals:
    """Find two people whose middles are near in the picture for half a second and longer.

    Runs on the ground truth of MOTChallenge.
    """
    near = EACH_PAIR_ONCE & (
        lambda a, b: (
            ((a.center_x - b.center_x).abs() <= reach) & ((a.center_y - b.center_y).abs() <= reach)
        )
    )
    pairs = people.join(people, predicate=near)
    return pairs.coalesce(gap=0.2, by=["track", "track_right"]).filter(row.duration >= least)


def crossings(people: vq.Intervals) -> vq.Intervals:
    """Find pairs that exchange sides: left of the other in one frame, right of it in the next."""
    rows = people.mutate(x=row.center_x).select("track", "x")
    pairs = rows.join(rows, predicate=EACH_PAIR_ONCE).mutate(ahead=row.x - row.x_right)
    pair = pairs.partition_by("track", "track_right")
    return pair.filter(row.ahead * vq.lag(row.ahead) < 0)


def truth(folder: Path) -> vq.Intervals:
    """People's boxes of MOT16-11."""
    return pedestrians(folder, "MOT16-11", "gt")


if __name__ == "__main__":
    run(close_pairs, truth)
