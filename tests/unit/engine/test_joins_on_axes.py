"""Joins by what boxes share on an axis: strict, without time."""

from __future__ import annotations

import pyarrow as pa

from vquery.engine.sources import from_arrow
from vquery.expr.time import time_overlaps

SPANS = [(0.0, 0.5), (0.5, 0.75), (0.5, 0.5), (0.25, 0.25), None]


def boxes(spans):
    edges = [(None, None) if span is None else span for span in spans]
    some = [None if span is None else 0.0 for span in spans]
    return from_arrow(
        pa.table(
            {
                "video": ["a"] * len(spans),
                "start": list(range(len(spans))),
                "end": list(range(1, len(spans) + 1)),
                "x1": pa.array([edge[0] for edge in edges], pa.float32()),
                "y1": pa.array(some, pa.float32()),
                "x2": pa.array([edge[1] for edge in edges], pa.float32()),
                "y2": pa.array([None if each is None else 1.0 for each in some], pa.float32()),
                "number": list(range(len(spans))),
            }
        )
    )


def pairs(left, right):
    joined = left.join(right, predicate=time_overlaps.on("x"), suffix="_b").collect()
    return sorted(zip(*(joined[name].to_pylist() for name in ("number", "number_b")), strict=True))


def test_touching_boxes_and_boxes_without_width_share_nothing_but_what_they_are_inside():
    given = boxes(SPANS)
    assert pairs(given, given) == [(0, 0), (0, 3), (1, 1), (3, 0)]
    assert "sweep kernel on x" in given.join(given, predicate=time_overlaps.on("x")).explain()
