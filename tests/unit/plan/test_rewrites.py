"""Rewrites: parameters, constants, filters moved down, columns left unread."""

from __future__ import annotations

import pyarrow as pa
import pytest

import vquery.expr.merge as merge_ops
from vquery.engine.sources import ArrowSource, from_arrow
from vquery.errors import QueryError
from vquery.expr.placeholders import param, row
from vquery.expr.relations import Filter, Scan
from vquery.expr.time import before, time_overlaps
from vquery.plan.rewrite import parameters, push_filters, set_parameters
from vquery.plan.steps import plan

COLUMNS = {
    "video": ["a"],
    "start": [0],
    "end": [1],
    **{edge: [0.5] for edge in ("x1", "y1", "x2", "y2")},
    "name": ["Ann"],
    "score": [0.5],
    "other": [1],
}


class Counting(ArrowSource):
    """A source that notes what is read."""

    read_columns: list[list[str]] = []  # noqa: RUF012

    def read(self, columns):
        self.read_columns.append(columns)
        return super().read(columns)


@pytest.fixture
def faces():
    return from_arrow(pa.table(COLUMNS), name="faces")


def test_params_are_found_and_set(faces):
    query = faces.filter(row.score > param("least", 0.5)).join(
        faces, predicate=before(max_gap=param("gap", 10, range=(1, 20)))
    )
    assert {name: each.default for name, each in query.parameters.items()} == {
        "least": 0.5,
        "gap": 10,
    }
    assert not parameters(set_parameters(query.node, {"gap": 3}))
    assert "before(max_gap=3)" in repr(set_parameters(query.node, {"gap": 3}).predicate)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lest": 1}, "no param 'lest'. Params: least"),
        ({"least": "high"}, "must be a"),
        ({"least": None}, "must be a"),
    ],
)
def test_params_that_do_not_fit(faces, values, message):
    with pytest.raises(QueryError, match=message):
        faces.filter(row.score > param("least", 0.5)).collect(params=values)


def test_a_param_that_breaks_a_rule_is_refused_when_it_is_set(faces):
    query = faces.coalesce(gap=param("gap", 1))
    with pytest.raises(QueryError, match="at least 0"):
        query.collect(params={"gap": -1})


def test_one_name_is_one_param(faces):
    query = faces.filter(row.score > param("p", 0.5)).filter(row.height > param("p", 0.1))
    with pytest.raises(QueryError, match="written in two ways"):
        query.collect()


def test_constants_are_folded_before_they_meet_float32(faces):
    query = faces.filter(row.height > param("p", 0.1) + 0.2 * 2)
    assert repr(set_parameters(query.node).condition) == "row.height > 0.5"
    assert repr(set_parameters(faces.filter(row.score > param("p", 1) / 0).node).condition) == (
        "row.score > None"
    )


def test_filters_move_into_the_sides_of_a_join(faces):
    joined = faces.join(faces, predicate=time_overlaps)
    node = push_filters(joined.filter(row.name == "Ann", row.name_right == "Bob").node)
    assert repr(node.left.condition) == "row.name == 'Ann'"
    assert repr(node.right.condition) == "row.name == 'Bob'"


@pytest.mark.parametrize("condition", [row.start > 1, row.score > 0.5, row.x1 > 0.2])
def test_conditions_on_merged_columns_stay_above(faces, condition):
    joined = faces.join(faces, predicate=time_overlaps)
    assert isinstance(push_filters(joined.filter(condition).node), Filter)


def test_filters_stay_above_what_counts_the_rows_it_leaves_out(faces):
    joined = faces.join(faces, predicate=time_overlaps, merge_op=merge_ops.intersection)
    assert isinstance(push_filters(joined.filter(row.name == "Ann").node), Filter)
    moved = faces.mutate(start=row.start + 1)
    assert isinstance(push_filters(moved.filter(row.name == "Ann").node), Filter)


def test_filters_move_below_computed_and_renamed_columns(faces):
    query = faces.mutate(twice=row.score * 2).rename(person="name").sort("score")
    node = push_filters(query.filter((row.person == "Ann") & (row.twice > 1)).node)
    text = repr(node)
    assert text.index("twice") > 0
    mutate = node.input.input  # sort, project, then the condition on what mutate made
    assert repr(mutate.condition) == "row.twice > 1"
    assert repr(mutate.input.input.condition) == "row.name == 'Ann'"


def test_neighbouring_filters_become_one(faces):
    node = push_filters(faces.filter(row.score > 0.5).filter(row.name == "Ann").node)
    assert repr(node.condition) == "(row.score > 0.5) & (row.name == 'Ann')"
    assert isinstance(node.input, Scan)


def test_only_needed_columns_are_read_and_each_source_once():
    source = Counting("faces", from_arrow(pa.table(COLUMNS)).node.source.table)
    from vquery.engine.intervals import Intervals

    faces = Intervals(Scan(source))
    Counting.read_columns.clear()
    query = faces.filter(row.score > 0.1).join(faces, predicate=time_overlaps).select("name")
    query.collect()
    assert Counting.read_columns == [["video", "start_us", "end_us", "name", "score"]]
    Counting.read_columns.clear()
    assert query.count() == 1
    assert Counting.read_columns == [["video", "start_us", "end_us", "score"]]


def test_a_shared_part_is_planned_once(faces):
    both = faces.join(faces, predicate=time_overlaps)
    step = plan(both.union(both).node)
    assert step.inputs[0] is step.inputs[1]
