"""A plan that was rewritten gives the rows of the plan as it was written."""

from __future__ import annotations

from unittest import mock

import pyarrow as pa
from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.properties.test_engine import CONDITIONS, GAPS, TIME, queries, steps, tables
from vquery.engine.sources import from_arrow
from vquery.engine.vectors import EVERY, Arrays, Evaluator, Unsupported
from vquery.expr import aggregates as agg
from vquery.expr import merge
from vquery.expr.derived import resolve
from vquery.expr.expression import Literal, call
from vquery.expr.node import walk
from vquery.expr.placeholders import lit, row
from vquery.expr.relations import Filter, Project, scope_of
from vquery.plan import steps as planning
from vquery.plan.explain import in_arrays
from vquery.plan.folding import folded
from vquery.plan.rewrite import push_filters, set_parameters

FEWER = settings(max_examples=15)


def assert_same(query):
    with mock.patch.object(planning, "push_filters", lambda relation: relation):
        expected = query.collect()
        count = query.count()
    note(query.explain())
    found = query.collect()
    assert found.equals(expected)
    assert found.schema.metadata == expected.schema.metadata  # rows left out are counted the same
    assert query.count() == count


ON_KEYS = st.sampled_from([row.name == "Ann", row.name.is_null(), row.video != "a"])


@FEWER
@given(queries(2), ON_KEYS, CONDITIONS, st.sampled_from([(), ("name",), ("name", "track")]))
def test_below_groups(query, on_keys, condition, by):
    groups = query.group_by(*by)
    keys = on_keys if by else row.video != "a"
    assert_same(groups.filter(agg.count() >= 2).filter(keys & condition))
    if by:
        assert_same(groups.agg(n=agg.count()).filter(keys, row.n > 1))
    else:
        made = groups.agg(name=agg.first(row.name), n=agg.count())
        assert_same(made.filter(row.n > 1, row.name == "Ann"))
    assert_same(query.coalesce(1, by=by, n=agg.count()).filter(keys & (row.n >= 1)))
    assert_same(query.distinct(*by).filter(keys).filter(condition))


@FEWER
@given(queries(1), tables(6), ON_KEYS, CONDITIONS, TIME)
def test_below_two_relations(query, other, on_keys, condition, test):
    assert_same(query.union(other, query).filter(on_keys, condition))
    assert_same(query.semi_join(other, test).filter(on_keys & condition))
    assert_same(query.anti_join(other, test).filter(condition).distinct().filter(on_keys))
    assert_same(query.minus(other).filter(on_keys).filter(row.duration > 0.5))
    assert_same(query.nearest(other, max_gap=2).filter(on_keys & (row.name_right == "Bob")))
    assert_same(query.count_overlaps(other, name="near").filter(on_keys, row.near > 0, condition))
    assert_same(query.coverage(other, name="held").filter(on_keys, row.held < 0.7))


@FEWER
@given(queries(1), ON_KEYS, CONDITIONS, GAPS, st.sampled_from([-0.5, 0, 1]))
def test_below_spans(query, on_keys, condition, gap, seconds):
    assert_same(query.dilate(seconds).filter(on_keys & condition))
    assert_same(query.shift(seconds).filter(on_keys).filter(condition))
    assert_same(query.windows(1 + gap).filter(on_keys, row.start < 2))
    assert_same(query.split(every=1 + gap).filter(on_keys, condition))


@FEWER
@given(queries(2), st.data())
def test_whatever_comes_after_a_filter(query, data):
    above = data.draw(steps(query.filter(data.draw(CONDITIONS))))
    assert_same(above.filter(data.draw(CONDITIONS)))


@given(tables(), tables(), TIME, CONDITIONS)
def test_columns_chosen_twice(left, right, test, condition):
    pairs = left.join(right, predicate=test, merge_op=merge.left, suffix="_b")
    chosen = pairs.select("name", "score", "name_b").rename(first="name").filter(row.score > 0.2)
    assert_same(chosen.rename(second="name_b").select("second", "first").filter(row.first == "Ann"))
    everything = left.select(*left.columns)
    assert_same(everything.filter(condition))
    found = push_filters(set_parameters(everything.node))
    assert not any(isinstance(node, Project) for node in walk(found))


def test_conditions_that_meet_are_one_and_true_ones_go():
    rows = from_arrow(pa.table({"video": ["a"], "start": [0], "end": [1], "n": [3]}))
    query = rows.filter(row.n > 1).mutate(m=row.n + 1).filter(row.n < 5).filter(lit(1) < lit(2))
    filters = [n for n in walk(push_filters(set_parameters(query.node))) if isinstance(n, Filter)]
    assert [repr(each.condition) for each in filters] == ["(row.n > 1) & (row.n < 5)"]
    assert query.count() == 1


NUMBERS = st.recursive(
    st.integers(-2, 2).map(Literal),
    lambda part: st.builds(call, st.sampled_from(["+", "-", "*", "/"]), part, part),
    max_leaves=4,
)
COMPARED = st.builds(call, st.sampled_from(["==", "!=", "<", ">="]), NUMBERS, NUMBERS)
TERMS = st.recursive(
    COMPARED | st.sampled_from([True, False, None]).map(Literal) | st.just(row.n > 1),
    lambda part: (
        st.builds(call, st.sampled_from(["and", "or"]), part, part)
        | part.map(lambda each: call("not", each))
    ),
    max_leaves=6,
)


@given(TERMS)
def test_folding_decides_as_the_engine_does(term):
    rows = from_arrow(pa.table({"video": ["a"], "start": [0], "end": [1], "n": [3]}))
    query = rows.filter(term)
    with mock.patch("vquery.plan.rewrite.folded", lambda node: node):
        expected = query.count()
    assert query.count() == expected


def test_folding_by_hand():
    assert repr(folded(call("or", lit(False), row.n > 1))) == "row.n > 1"
    assert folded(call("or", row.n > 1, lit(True))).value is True
    assert folded(call("and", row.n > 1, lit(False))).value is False
    assert folded(call("and", lit(True), lit(True))).value is True
    assert folded(call("not", lit(True))).value is False
    assert folded(call("/", lit(1), lit(0))).value is None


@given(tables(4), CONDITIONS)
def test_explain_knows_what_is_computed_as_arrays(query, condition):
    scope = scope_of(query.node)
    meant = resolve(condition, scope)
    table = query.collect()
    try:
        Evaluator(Arrays(table), scope).holds(meant, EVERY)
        done = True
    except Unsupported:
        done = False
    assert done == in_arrays(meant, scope)
