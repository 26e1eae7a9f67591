"""Expressions, aggregates and partitions give what the oracle gives, on random rows."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
from hypothesis import given, note
from hypothesis import strategies as st

import vquery as vq
from tests.properties.test_engine import records
from vquery import row
from vquery.engine import reference
from vquery.engine.intervals import Intervals
from vquery.engine.sources import from_arrow
from vquery.expr.expression import Expression

TEXTS = st.none() | st.sampled_from(
    ["", " ", "Ann", "ann B.", "it's 12", "3.5", "-7", "true", "Ünï çødé", "a%b_c", "x\ty\n", "(a)"]
)
PATTERNS = st.sampled_from([".", "^$", "[0-9]+", "(?i)ANN", r"\s", "(a|b)+", r"\(", "n{2}", "^.*$"])
LIKES = st.sampled_from(["%", "_", "", "a%", "%n%", "%'%", "ANN", "___"])
LISTS = st.none() | st.lists(st.sampled_from(["x", "y", None]), max_size=3)


@st.composite
def rows(draw: st.DrawFn, max_size: int = 8) -> Intervals:
    made = draw(st.lists(records(), max_size=max_size))
    for each in made:
        each["text"] = draw(TEXTS)
        each["tags"] = draw(LISTS)
        each["number"] = draw(st.none() | st.sampled_from([-2.5, -1.0, 0.0, 0.25, 7.0]))
    schema = pa.schema(
        [
            ("video", pa.string()),
            ("start_us", pa.int64()),
            ("end_us", pa.int64()),
            *[(edge, pa.float32()) for edge in ("x1", "x2", "y1", "y2")],
            ("score", pa.float32()),
            ("name", pa.string()),
            ("track", pa.int64()),
            ("text", pa.string()),
            ("tags", pa.list_(pa.string())),
            ("number", pa.float64()),
        ]
    )
    return from_arrow(pa.Table.from_pylist(made, schema=schema))


PLAIN_TEXTS = st.sampled_from([row.text, row.name])
texts = st.recursive(
    PLAIN_TEXTS,
    lambda inner: st.one_of(
        inner.map(lambda each: each.upper()),
        inner.map(lambda each: each.strip()),
        st.builds(
            lambda each, old: each.replace(old, "-"), inner, st.sampled_from(["a", " ", "nn"])
        ),
        st.builds(lambda each, pattern: each.extract(pattern), inner, PATTERNS),
        inner.map(lambda each: each.words().join_text("/")),
        inner.map(lambda each: each.words().get(0)),
        inner.map(lambda each: each.fill_null("none")),
        st.builds(vq.coalesce, inner, inner, st.just("zz")),
        st.builds(lambda a, b: a + b, inner, inner),
    ),
    max_leaves=3,
)
PLAIN_NUMBERS = st.sampled_from(
    [row.number, row.score, row.track, row.duration, row.height, row.tags.length(), row.aspect]
)
numbers = st.recursive(
    PLAIN_NUMBERS | texts.map(lambda each: each.length()) | texts.map(lambda e: e.cast("int")),
    lambda inner: st.one_of(
        inner.map(lambda each: each.floor()),
        inner.map(lambda each: each.ceil()),
        inner.map(lambda each: each.cast("float").sqrt()),
        inner.map(lambda each: each.cast("int")),
        inner.map(lambda each: each.clip(-1, 3)),
        inner.map(lambda each: each.clip(high=0.5)),
        inner.map(lambda each: -each),
        st.builds(vq.coalesce, inner, inner),
        st.builds(lambda a, b: a.cast("float") * b.cast("float"), inner, inner),
    ),
    max_leaves=3,
)
conditions = st.one_of(
    st.builds(lambda text, pattern: text.matches(pattern), texts, PATTERNS),
    st.builds(lambda text, pattern: text.like(pattern), texts, LIKES),
    st.builds(lambda text, pattern: text.ilike(pattern), texts, LIKES),
    st.builds(lambda a, b: a < b, numbers, numbers),
    st.sampled_from(["x", "y"]).map(row.tags.contains),
    st.just(row.tags.contains_any(["x", "y"])),
    texts.map(lambda each: each.words().contains("ann")),
    texts.map(lambda each: each.cast("bool").fill_null(False)),
)


def assert_agree(query: Intervals) -> None:
    note(query.explain())
    expected = reference.run(query.node)
    answer = query.collect().to_pylist()
    assert len(answer) == len(expected)
    for one, other in zip(answer, expected, strict=True):
        assert list(one) == list(other)
        for name, value in one.items():
            assert_value(value, other[name], name)


def assert_value(value: Any, wanted: Any, name: str) -> None:
    if isinstance(value, list) and wanted is not None:
        assert len(value) == len(wanted), name
        for one, other in zip(value, wanted, strict=True):
            assert_value(one, other, name)
    elif isinstance(value, float) and wanted is not None:
        assert math.isclose(value, float(wanted), rel_tol=1e-5, abs_tol=1e-6), name
    else:
        assert value == wanted, name


@given(rows(), texts, numbers)
def test_values(table: Intervals, text: Expression, number: Expression) -> None:
    assert_agree(table.mutate(made=text, words=text.words(), size=text.length()))
    assert_agree(table.mutate(made=number))


@given(rows(), conditions, conditions)
def test_conditions(table: Intervals, one: Expression, other: Expression) -> None:
    assert_agree(table.mutate(made=one))
    assert_agree(table.filter(one & ~other | other.is_null()))
    assert_agree(table.filter(vq.when(one, other).otherwise(~one)))


ARGUMENTS = st.sampled_from([row.number, row.score, row.track, row.duration])
AGGREGATES = st.one_of(
    st.sampled_from(
        [vq.median, vq.std, vq.sum, vq.mean, vq.min, vq.max, vq.list, vq.first]
    ).flatmap(lambda function: ARGUMENTS.map(function)),
    st.builds(vq.quantile, ARGUMENTS, st.sampled_from([0, 0.1, 0.5, 0.9, 1])),
    st.builds(vq.arg_max, st.sampled_from([row.name, row.text, row.track]), ARGUMENTS),
    st.builds(vq.arg_min, st.sampled_from([row.name, row.text, row.track]), ARGUMENTS),
    conditions.map(vq.count),
    conditions.map(vq.share),
    texts.map(vq.list),
    st.just(vq.count()),
)
BY = st.sampled_from([(), ("track",), ("name", "track"), ("start_us",)])


@given(rows(), AGGREGATES, AGGREGATES, BY)
def test_aggregates(table: Intervals, one: Expression, other: Expression, by: Any) -> None:
    assert_agree(table.group_by(*by).agg(one=one, other=other))
    assert_agree(table.coalesce(0.5, by=by, one=one, other=other))
    assert_agree(table.partition_by(*by).mutate(one=one, other=other))


WINDOWS = st.one_of(
    st.builds(vq.lag, ARGUMENTS | texts, st.integers(1, 3)),
    st.builds(vq.lead, ARGUMENTS | texts, st.integers(1, 2)),
    st.just(vq.row_number()),
    st.builds(
        lambda value, down, dense: vq.rank(value, descending=down, dense=dense),
        ARGUMENTS | PLAIN_TEXTS,
        st.booleans(),
        st.booleans(),
    ),
    ARGUMENTS.map(vq.cumulative_sum),
    st.builds(lambda each, count: vq.rolling(each, rows=count), AGGREGATES, st.integers(1, 3)),
)
ORDERS = st.sampled_from([(), ("score",), (row.number.desc(), "name"), (row.end.desc(),)])


@given(rows(10), WINDOWS, WINDOWS, BY, ORDERS)
def test_windows(table: Intervals, one: Expression, other: Expression, by: Any, order: Any) -> None:
    partitions = table.partition_by(*by, order=order)
    assert_agree(partitions.mutate(one=one, other=other))
    assert_agree(partitions.filter(one.is_null() | (vq.row_number() > 1)))
    assert_agree(table.sort("name").partition_by(*by, order=order).filter(other.not_null()))


@given(rows(10), AGGREGATES, st.sampled_from([0, 0.5, 1, 2.5]), BY)
def test_windows_of_time(table: Intervals, made: Expression, reach: float, by: Any) -> None:
    assert_agree(table.partition_by(*by).mutate(made=vq.rolling(made, seconds=reach)))
