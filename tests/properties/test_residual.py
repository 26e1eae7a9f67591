"""Conditions that the kernel tests on pairs, and gaps it answers alone, against nested loops."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.test_engine import ON_BOXES, TIME, assert_agree, tables
from vquery.expr import time
from vquery.expr.predicates import as_predicate

GAPS = st.sampled_from([None, 0, 0.5, 1.5])
TRACED = [
    lambda a, b: a.score > b.score,
    lambda a, b: a.score <= b.score,
    lambda a, b: a.name != b.name,
    lambda a, b: a.track != b.track,
    lambda a, b: a.track == b.track,
    lambda a, b: a.name < b.name,
    lambda a, b: b.start > a.end,
    lambda a, b: a.center_x < b.center_x,
    lambda a, b: b.x1 - a.x2 <= 0.1,
    lambda a, b: a.x2 - b.x1 > -0.2,
    lambda a, b: (a.y1 - b.y1).abs() < 0.1,
    lambda a, b: (b.height - a.height).abs() <= 0.3,
    lambda a, b: (a.score - b.score) == 0.4,
    lambda a, b: a.score - b.x1 >= 0.2,
    lambda a, b: b.start_us - a.end_us < 500_000.5,
    lambda a, b: (a.track - b.track).abs() <= 1,
    lambda a, b: a.track - b.track > 0.5,
    lambda a, b: a.score + 0.1 >= b.score,
    lambda a, b: a.duration == b.duration,
    lambda a, b: a.x1 + b.x1 < 0.6,
    lambda a, _: a.score.is_null() | (a.height > 0.2),
    lambda a, b: (a.score > 0.3) & (b.name == "Ann"),
    lambda _, b: ~(b.score > 0.3),
]


@st.composite
def unions(draw):
    """``time_overlaps | before(...) | after(...)``, in any order, with or without each."""
    parts = [time.time_overlaps]
    if draw(st.booleans()):
        parts.append(time.before(max_gap=draw(GAPS)))
    if draw(st.booleans()):
        parts.append(time.after(max_gap=draw(GAPS)))
    parts += draw(
        st.lists(st.sampled_from([time.meets, time.met_by, time.before(min_gap=1)]), max_size=1)
    )
    return reduce(lambda one, other: one | other, draw(st.permutations(parts)))


@st.composite
def conjunctions(draw):
    part = st.one_of(TIME, ON_BOXES, unions(), st.sampled_from(TRACED).map(as_predicate))
    return reduce(lambda one, other: one & other, draw(st.lists(part, min_size=1, max_size=4)))


@given(tables(), tables(), unions())
def test_a_gap_from_overlap_on(left, right, predicate):
    assert_agree(left.join(right, predicate=predicate))
    assert_agree(left.anti_join(right, predicate))


@given(tables(), tables(), conjunctions())
def test_joins(left, right, predicate):
    assert_agree(left.join(right, predicate=predicate))


@given(tables(), tables(), conjunctions())
def test_semi_joins_and_minus(left, right, predicate):
    assert_agree(left.semi_join(right, predicate))
    assert_agree(left.minus(right, predicate))


@pytest.mark.parametrize("traced", TRACED)
@given(left=tables(8), right=tables(8))
def test_each_condition(left, right, traced):
    assert_agree(left.join(right, predicate=time.time_overlaps & traced))
