"""Query 7: several short shots in a row."""

from __future__ import annotations

from loaders import CLIP_FPS, run, shots

import vquery as vq
from vquery import before, row, shot, span

SHORT = 0.5  # seconds
TOUCH = 1 / CLIP_FPS  # between shots that follow each other: one frame


def runs(shots: vq.Intervals, at_least: int = 2) -> vq.Intervals:
    """Find runs of at least so many shots below half a second, each as one row with ``shots``.

    Esper-tv, ``rekall_queries.ipynb``; runs on the annotated shots of ClipShots.
    """
    short = shots.filter(shot.duration < SHORT)
    return short.coalesce(gap=TOUCH, shots=vq.count()).filter(row.shots >= at_least)


def in_a_row(shots: vq.Intervals, n: int = 2) -> vq.Intervals:
    """Find every n short shots that are neighbours: a run of five has four pairs."""
    return shots.sequence(
        f"short{{{n}}}",
        symbols={"short": shot.duration < SHORT},
        max_gap=TOUCH,
        mode="all",
        skip=False,
    )


def by_joins(shots: vq.Intervals, n: int = 2) -> vq.Intervals:
    """Find the same by joining short shots with those that follow, as it had to be done before.

    A shot of a single frame is skipped as well as taken: it is no longer than the gap allowed.
    """
    short = shots.filter(shot.duration < SHORT).select()
    found = short
    for _ in range(n - 1):
        found = found.join(short, predicate=before(max_gap=TOUCH), merge_op=span)
    return found


if __name__ == "__main__":
    run(runs, shots)
