"""Query 13: what bodies do: two women, hands above heads, people who sit."""

from __future__ import annotations

from loaders import run
from scenes import poses

import vquery as vq
from vquery import row


def hands_above_head(poses: vq.Intervals) -> vq.Intervals:
    """Find both wrists above the nose (y grows downward), for half a second and more.

    Esper-tv, ``queries/unused_queries.py``.
    """
    up = poses.filter(row.left_wrist_y < row.nose_y, row.right_wrist_y < row.nose_y)
    return up.coalesce(gap=0.2, by="track").filter(row.duration >= 0.5)


def two_women(poses: vq.Intervals) -> vq.Intervals:
    """Find moments with exactly two women, whoever else is there."""
    women = poses.filter(row.gender == "woman")
    return women.per_frame().filter(vq.count() == 2).coalesce()


def sitting(poses: vq.Intervals) -> vq.Intervals:
    """Find people whose knees are about as high as their hips."""
    seated = poses.filter((row.knee_y - row.hip_y) < 0.25 * (row.hip_y - row.nose_y))
    return seated.coalesce(gap=0.2, by="track").filter(row.duration >= 0.5)


if __name__ == "__main__":
    run(hands_above_head, poses)
