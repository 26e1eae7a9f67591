"""Query 20: cleaning up: short intervals that nothing is near to are mistakes."""

from __future__ import annotations

from loaders import actions, run

import vquery as vq
from vquery import after, before, row


def without_isolated(
    intervals: vq.Intervals, *, short: float = 10, reach: float = 60
) -> vq.Intervals:
    """Drop intervals of at most ten seconds that have no neighbour within a minute.

    Esper-tv, ``rekall_query.py``; runs on the actions that people marked in THUMOS14.
    """
    merged = intervals.select().coalesce()
    near = before(max_gap=reach) | after(max_gap=reach)
    kept = merged.filter(row.duration <= short).semi_join(merged, predicate=near)
    return merged.filter(row.duration > short).union(kept)


if __name__ == "__main__":
    run(without_isolated, actions)
