"""One video with many rows, and many videos with one row: what comes out is known by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from vquery.engine.sources import from_arrow
from vquery.expr.merge import merge
from vquery.expr.placeholders import row
from vquery.expr.time import before, time_overlaps

ROWS = 100_000


@pytest.fixture(params=[1, ROWS], ids=["one video", "many videos"])
def sides(request):
    """Row i of the left lies at 10 i to 10 i + 4 s, row i of the right a second behind it."""
    number = np.arange(ROWS)
    video = number * request.param // ROWS
    start = number * 10_000_000
    made = []
    for begin, end in ((0, 4), (5, 8)):
        times = {"start_us": start + begin * 1_000_000, "end_us": start + end * 1_000_000}
        x1 = np.full(ROWS, begin / 10, np.float32)
        box = {"x1": x1, "y1": x1, "x2": x1 + np.float32(0.3), "y2": x1 + np.float32(0.3)}
        made.append(from_arrow(pa.table({"video": video, **times, **box, "n": number})))
    return (*made, request.param == 1)


def numbers(relation, name):
    return relation.collect(ordered=False)[name].to_numpy()


def test_partners_of_many_rows(sides):
    left, right, one_video = sides
    every = np.arange(ROWS)
    near = left.nearest(right)
    assert (numbers(near, "n_right") == every).all()
    assert (numbers(near, "gap") == 1).all()
    behind = left.nearest(right, direction="before", how="left")
    assert (numbers(behind, "n") == every).all()
    assert behind.collect()["n_right"].null_count == (1 if one_video else ROWS)
    two = np.repeat(every, 2)[1:] if one_video else every  # the first row has none before it
    assert (numbers(left.nearest(right, k=2, max_gap=2), "n") == two).all()
    wide = right.dilate(2)
    assert (numbers(left.count_overlaps(wide), "overlaps") == 1).all()
    assert (numbers(left.count_overlaps(wide, before(max_gap=0)), "overlaps") == 0).all()
    assert (numbers(left.coverage(wide), "coverage") == 0.25).all()
    listed = left.collect_by(wide, time_overlaps, columns="n").collect(ordered=False)["partners"]
    assert (listed.combine_chunks().flatten().field("n").to_numpy() == every).all()


def test_cuts_and_left_joins_of_many_rows(sides):
    left, right, _ = sides
    every = np.arange(ROWS)
    wide = right.dilate(2)
    kept, cut = left.minus(wide), left.intersect(wide)
    assert (numbers(kept, "end_us") == every * 10_000_000 + 3_000_000).all()
    assert (numbers(cut, "start_us") == every * 10_000_000 + 3_000_000).all()
    assert (numbers(cut, "end_us") == every * 10_000_000 + 4_000_000).all()
    even = right.filter(row.n % 2 == 0)
    joined = left.join(even, before(max_gap=1), how="left", merge_op=merge(x="right"))
    found = joined.collect(ordered=False)
    assert (found["n"].to_numpy() == every).all()
    assert found["n_right"].null_count == ROWS // 2
    assert found["x1"].to_numpy()[:2] == pytest.approx([0.5, 0.0])
