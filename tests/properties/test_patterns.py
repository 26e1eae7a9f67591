"""Patterns by the engine and by trying every arrangement of rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.test_engine import assert_agree, tables
from vquery.engine import matches
from vquery.expr import boxes, time
from vquery.expr.pattern import pattern
from vquery.expr.placeholders import greatest, when
from vquery.expr.predicates import same, udf

CONDITIONS = [
    boxes.left_of("a", "b"),
    boxes.left_of("c", "b"),
    boxes.iou("a", "c", at_least=0.1),
    boxes.aligned("a", "b", "c", within=0.3),
    time.before("a", "b", max_gap=1),
    time.before("c", "a"),
    time.time_overlaps("b", "c"),
    (time.during | time.after(max_gap=0.5))("c", "b"),
    time.meets("c", "a", tolerance=0.5),
    time.starts.on("x")("a", "b"),
    same("name")("a", "b"),
    same("track")("c", "a"),
    lambda a, b: a.track < b.track,
    lambda b, c: b.track <= c.track,
    lambda a, b: a.start_us < b.start_us,
    lambda a, c: a.end > c.end,
    lambda a: a.name == "Ann",
    lambda b: (b.height > 0.05) & b.score.not_null(),
    lambda c: c.height > 0.05,
    lambda a, b: (a.name != b.name) | (a.score > b.score),
    lambda a, b: (a.height - b.height).abs() < 0.2,
    lambda a, b, c: a.area + b.area / c.area > 0.1,
    lambda a, b, c: greatest(a.score, b.score) >= c.score,
    lambda b, c: ~(b.name.isin(["Bob", "Ci"]) & (c.track * 2 > 3)),
    lambda a, b: when(a.name == "Bob", a.score).otherwise(b.score) > 0.4,
    lambda c: c.name.lower().contains("n") | c.name.is_null(),
    lambda a, c: a.score.fill_null(0.5) <= c.score,
    udf(lambda left, right: [a != b for a, b in zip(left["name"].to_pylist(),
        right["name"].to_pylist(), strict=True)], reads=["name"])("a", "b"),
]  # fmt: skip
PATTERNS = st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=4)


@pytest.mark.parametrize("limits", [(1 << 18, 32), (3, 32), (3, 0), (1 << 18, 0)])
@settings(max_examples=40)
@given(
    rows=tables(9),
    conditions=PATTERNS,
    exact=st.sampled_from([False, False, True]),
    by=st.sampled_from([("start_us",), ("start_us",), (), (), ("name",), ("start_us", "track")]),
)
def test_patterns(limits, rows, conditions, exact, by):
    before = matches.BLOCK, matches.FEW
    matches.BLOCK, matches.FEW = limits
    try:
        wanted = pattern("a", "b", "c").where(*conditions)
        assert_agree(rows.group_by(*by).match(wanted, exact=exact))
        assert_agree(rows.group_by(*by).match(wanted, exact=exact).select("b_name"))
    finally:
        matches.BLOCK, matches.FEW = before
