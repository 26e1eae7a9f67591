"""Queries of all operations give the slow reference's rows, in whatever way they are run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from unittest import mock

import pyarrow as pa
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from tests.properties.everything import compositions
from tests.properties.test_engine import assert_value
from vquery.engine import joins, reference
from vquery.engine.running.cache import Cache
from vquery.errors import QueryError
from vquery.expr.types import Kind, kind_of
from vquery_kernels import backend

if TYPE_CHECKING:
    from vquery.engine.intervals import Intervals

ROWS = 400
"""Rows of a result above which nested loops are no fun."""


def collected(query: Intervals, **how: Any) -> pa.Table:
    """Run a query; leave it where a video has to be known that is not."""
    try:
        return query.collect(**how)
    except QueryError as error:
        if "has to know how long the video" in str(error) or "nothing says how fast" in str(error):
            assume(False)
        raise


def assert_deep(value: Any, wanted: Any, name: str) -> None:
    if isinstance(value, dict):
        assert list(value) == list(wanted)
        for key, each in value.items():
            assert_deep(each, wanted[key], f"{name}.{key}")
    elif isinstance(value, list):
        assert len(value) == len(wanted), name
        for one, other in zip(value, wanted, strict=True):
            assert_deep(one, other, name)
    else:
        assert_value(value, wanted, name)


def agree(query: Intervals, params: dict[str, Any] | None = None) -> pa.Table:
    note(query.explain())
    table = collected(query, params=params)
    assume(table.num_rows <= ROWS)
    assert table.schema.remove_metadata().equals(query.schema.remove_metadata())
    for each in table.schema:
        assert each.nullable or not table[each.name].null_count, each
    try:
        expected = reference.run(query.node, params)
    except QueryError as error:  # the engine need not come to the row in question
        assume("nothing says how fast" not in str(error))
        raise
    assert_deep(table.to_pylist(), expected, "row")
    assert query.count(params=params) == table.num_rows
    return table


@settings(max_examples=40)
@given(compositions())
def test_the_reference(made):
    query, params = made
    agree(query)
    if params:
        agree(query, params)


@settings(max_examples=20)
@given(compositions(3, odd=True))
def test_odd_tables(made):
    query, params = made
    agree(query)
    agree(query, params)


@settings(max_examples=20)
@given(compositions() | compositions(3, odd=True), st.data())
def test_every_way_to_run(made, data):
    query, params = made
    note(query.explain())
    table = collected(query)
    assert collected(query, workers=2).equals(table)
    assert query.count() == table.num_rows
    chosen = data.draw(st.lists(st.sampled_from(query.columns), min_size=1, unique=True))
    assert query.collect(columns=chosen).equals(table.select(chosen))
    stored = Cache()
    for _ in range(2):
        assert query.collect(cache=stored).equals(table)
    other = collected(query, params=params)
    assert query.collect(params=params, cache=stored).equals(other)
    assert query.collect(cache=stored, workers=2).equals(table)
    pieces = list(query.batches(3, ordered=True))
    assert all(0 < each.num_rows <= 3 for each in pieces)
    assert pa.Table.from_batches(pieces, table.schema.remove_metadata()).equals(table)
    loose = pa.Table.from_batches(query.batches(3), table.schema.remove_metadata())
    bag = sorted(map(repr, table.to_pylist()))
    assert sorted(map(repr, loose.to_pylist())) == bag
    assert sorted(map(repr, query.collect(ordered=False).to_pylist())) == bag
    assert sorted(map(repr, query.collect(ordered=False, columns=chosen).to_pylist())) == sorted(
        map(repr, table.select(chosen).to_pylist())
    )


@settings(max_examples=20)
@given(compositions() | compositions(3, odd=True), st.data())
def test_what_tells_about_a_query_never_fails(made, data):
    query, params = made
    table = collected(query, params=params)
    assert query.explain(params=params)
    assert query.explain(params=params, analyze=True)
    assert isinstance(query.sql(params=params), str)
    if table.num_rows:
        number = data.draw(st.integers(0, table.num_rows - 1))
        found = query.lineage(number, params=params)
        note(str(found))
        assert found.row == table.slice(number, 1).to_pylist()[0]
        assert found._repr_html_()
        again = query.lineage(found.row, params=params)
        assert again.row == found.row
    start = data.draw(st.sampled_from([-1, 0, 0.5, 2]))
    texts = kind_of(query.schema.field("video").type) is Kind.STRING
    video = data.draw(st.sampled_from(["a", "b", "Ann", "one/a"] if texts else [1, 2]))
    told = query.why_not((video, start, start + data.draw(st.sampled_from([0, 1]))), params=params)
    assert str(told)
    assert told._repr_html_()


@settings(max_examples=20)
@given(compositions())
def test_kernels_and_the_size_of_blocks(made):
    query, _ = made
    found = []
    for name, block in (("numpy", 4), ("numba", joins.BLOCK)):
        backend.backend.cache_clear()
        with (
            mock.patch.dict(os.environ, VQUERY_KERNELS=name),
            mock.patch.object(backend, "SMALL", -1),
            mock.patch.object(joins, "BLOCK", block),
        ):
            found.append(collected(query))
    backend.backend.cache_clear()
    assert found[0].equals(found[1])
