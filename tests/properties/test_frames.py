"""Lengths in frames and frame numbers give what the oracle gives, on random rows and rates."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

import vquery as vq
from tests.properties.test_engine import SCHEMA, assert_agree, records
from vquery import row
from vquery.engine.sources import from_arrow

RATES = st.sampled_from([1.0, 2.0, 4.0, 29.97, 30.0, 1 / 3])
FRAMES = st.sampled_from([0, 1, 2, 3, 7, 0.5, 30]).map(vq.frames)


@st.composite
def rows(draw, max_size=8):
    made = draw(st.lists(records(), max_size=max_size))
    begins = [draw(st.sampled_from([0, -0.25, 0.1])) for _ in range(2)]
    speeds = [draw(RATES) for _ in range(2)]
    known = {"video": ["a", "b"], "start": begins, "end": [90.0, 90.0], "fps": speeds}
    return from_arrow(pa.Table.from_pylist(made, schema=SCHEMA), extents=pa.table(known))


PREDICATES = st.one_of(
    FRAMES.map(lambda length: vq.before(max_gap=length)),
    FRAMES.map(lambda length: vq.after(max_gap=length)),
    FRAMES.map(lambda length: vq.before(min_gap=length)),
    FRAMES.map(lambda length: vq.meets(tolerance=length)),
    FRAMES.map(lambda length: vq.starts(tolerance=length)),
    FRAMES.map(lambda length: vq.time_overlaps | vq.after(max_gap=length)),
    FRAMES.map(lambda length: vq.before(max_gap=length) & vq.same("name")),
    FRAMES.map(lambda length: ~vq.met_by(tolerance=length)),
    FRAMES.map(lambda length: lambda a, b: b.start - a.start > length),
    st.just(lambda a, b: (a.frame - b.frame).abs() <= 2),
)


@given(rows(), FRAMES, FRAMES)
def test_rows(table, one, other):
    assert_agree(table.filter((row.duration >= one) | (row.start < other)))
    assert_agree(table.mutate(score=row.duration - one, track=row.frame))
    assert_agree(table.group_by("name").agg(n=vq.count(row.duration > one), f=vq.max(row.frame)))
    assert_agree(table.partition_by("name").filter(row.start - vq.lag(row.start) <= one))


@given(rows(6), PREDICATES)
def test_pairs(table, predicate):
    assert_agree(table.join(table.filter(row.score > 0.3), predicate=predicate))
    assert_agree(table.semi_join(table, predicate))
    assert_agree(table.anti_join(table, vq.time_overlaps & (lambda a, b: a.frame >= b.frame)))
