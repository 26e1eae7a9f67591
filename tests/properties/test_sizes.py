"""The engine gives what the slow reference gives on one long video and on very many short ones."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tests.properties.test_engine import assert_rows
from vquery.engine import reference
from vquery.engine.sources import from_arrow
from vquery.expr import aggregates as agg
from vquery.expr import boxes, merge, time
from vquery.expr.placeholders import row

ROWS = 30_000
TICK = 500_000


def table(rng, rows, videos, longest):
    """Instants, abutting spans and duplicates are common; some scores, names and boxes are null."""
    start = rng.integers(0, max(rows // videos, 4) * 4, rows) * TICK
    edges = rng.integers(0, 9, (4, rows)) / np.float32(10)
    boxless = rng.random(rows) < 0.1
    columns = {
        "video": rng.permutation(rows) * videos // rows,
        "start_us": start,
        "end_us": start + rng.integers(0, longest, rows) * TICK,
        "name": pa.array(rng.choice(["Ann", "Bob", "Ci"], rows), mask=rng.random(rows) < 0.1),
        "score": pa.array(rng.random(rows, dtype=np.float32), mask=rng.random(rows) < 0.1),
    }
    for number, (low, high) in enumerate((("x1", "x2"), ("y1", "y2"))):
        pair = np.sort(edges[2 * number : 2 * number + 2], axis=0)
        columns |= {low: pa.array(pair[0], mask=boxless), high: pa.array(pair[1], mask=boxless)}
    return from_arrow(pa.table(columns))


@pytest.fixture(scope="module", params=[1, ROWS], ids=["one video", "many videos"])
def sides(request):
    """Both sides have many rows where videos are short; one long video has few on the right."""
    rng = np.random.default_rng(5)
    if request.param == 1:  # rows that reach far: the reference compares all with all
        return table(rng, ROWS, 1, 8), table(rng, 4, 1, 150_000)
    return table(rng, ROWS, ROWS, 6), table(rng, ROWS, ROWS, 6)


QUERIES = {
    "filter and mutate": lambda a, _: a.filter(row.score > 0.5).mutate(tall=row.height * 2),
    "coalesce": lambda a, _: a.coalesce(gap=0.5, by="name", n=agg.count(), most=agg.max(row.score)),
    "aggregates": lambda a, _: a.group_by("name").agg(n=agg.count(), s=agg.mean(row.duration)),
    "join": lambda a, b: a.join(b, predicate=time.time_overlaps, merge_op=merge.time_intersection),
    "anti-join": lambda a, b: a.anti_join(b, time.time_overlaps & boxes.boxes_overlap),
    "minus": lambda a, b: a.minus(b),
    "coverage": lambda a, b: a.coverage(b),
    "nearest": lambda a, b: a.nearest(b, k=2, how="left"),
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_many_rows(sides, query):
    made = query(*sides)
    assert_rows(made.collect().to_pylist(), reference.run(made.node))
