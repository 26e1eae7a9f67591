"""Joins, minus and intersect on tables small enough to check by eye."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from vquery.engine.parse import parse_query
from vquery.engine.running.run import DROPPED
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError, UnknownColumnError
from vquery.expr.merge import intersection, left, merge, right, span
from vquery.expr.placeholders import param, row
from vquery.expr.predicates import same, udf
from vquery.expr.time import before, time_overlaps

SECOND = 1_000_000


def spans(rows, called="table", **columns):
    """Make a relation of (video, start, end) in seconds and further columns."""
    keys = zip(*rows, strict=True) if rows else ((), (), ())
    video, start, end = (list(each) for each in keys)
    table = {"video": pa.array(video, pa.string())}
    table |= {"start": pa.array(start, pa.float64()), "end": pa.array(end, pa.float64())}
    return from_arrow(pa.table(table | columns), name=called)


def boxed(rows, **columns):
    """Make a relation of (video, start, end, x1, x2); y is 0 to 1, x1 None is no box."""
    edges = {"x1": [each[3] for each in rows], "x2": [each[4] for each in rows]}
    edges["y1"] = [None if each[3] is None else 0 for each in rows]
    edges["y2"] = [None if each[3] is None else 1 for each in rows]
    made = {name: pa.array(values, pa.float32()) for name, values in edges.items()}
    return spans([each[:3] for each in rows], **made, **columns)


def rows(relation, *names):
    """Rows as (video, start, end, *names), times in seconds."""
    found = relation.mutate(s=row.start, e=row.end).collect().select(["video", "s", "e", *names])
    return [tuple(each.values()) for each in found.to_pylist()]


FACES = spans(
    [("a", 0, 2), ("a", 4, 4), ("a", 6, 8), ("b", 0, 9)],
    called="faces",
    name_=["Ann", "Bob", "Ann", None],
    score=pa.array([0.9, None, 0.5, 0.4], pa.float32()),
)
CUES = spans(
    [("a", 1, 3), ("a", 1, 3), ("a", 3, 5), ("c", 0, 9)],
    called="cues",
    text=["hi", "hi", "you", "nobody"],
    score=pa.array([0.5, 0.8, 0.7, 0.1], pa.float32()),
)
NONE = spans([], called="none", text=pa.array([], pa.string()))


# --- left joins


def test_a_left_join_keeps_rows_without_a_partner_as_they_are():
    joined = FACES.join(CUES, time_overlaps, how="left", score="product")
    assert rows(joined, "name_", "text") == [
        ("a", 0, 3, "Ann", "hi"),
        ("a", 0, 3, "Ann", "hi"),
        ("a", 3, 5, "Bob", "you"),  # an instant inside a span
        ("a", 6, 8, "Ann", None),
        ("b", 0, 9, None, None),
    ]
    scores = joined.collect()["score"].to_pylist()
    assert scores == pytest.approx([0.45, 0.72, 0.7, 0.5, 0.4])


def test_rows_come_by_left_row_where_order_is_not_asked_for():
    late = spans([("a", 6, 8)]).union(spans([("a", 0, 2)]))
    joined = late.join(CUES, time_overlaps, how="left", merge_op=left).collect(ordered=False)
    assert joined["start_us"].to_pylist() == [6 * SECOND, 0, 0]
    assert joined["text"].to_pylist() == [None, "hi", "hi"]


def test_a_left_join_with_nothing_on_the_right_or_left():
    joined = FACES.join(NONE, time_overlaps, how="left")
    assert rows(joined, "text") == [(*each, None) for each in rows(FACES)]
    assert FACES.join(NONE, time_overlaps).count() == 0
    assert NONE.join(FACES, time_overlaps, how="left").collect().num_rows == 0
    assert joined.schema.field("text").nullable
    assert joined.count() == 4


def test_a_left_row_whose_pairs_share_nothing_stays():
    joined = FACES.join(CUES, before, merge_op=intersection, how="left")
    table = joined.collect()
    assert json.loads(table.schema.metadata[DROPPED]) == {"pairs that share no time": 1}
    assert rows(joined, "text") == [(*each, None) for each in rows(FACES)]
    assert joined.count() == 4


def test_filters_on_the_right_stay_above_a_left_join():
    joined = FACES.join(CUES, time_overlaps, how="left")
    assert rows(joined.filter(row.text.is_null())) == [("a", 6, 8), ("b", 0, 9)]
    plan = joined.filter(row.name_ == "Ann").filter(row.text == "hi").explain().splitlines()
    assert "row.text" in plan[0]
    assert "row.name_" in plan[2]
    assert "left rows without a pair stay" in plan[1]


def test_bounds_of_the_right_side_are_the_left_ones_where_there_is_no_pair():
    given = boxed([("a", 0, 1, 0.1, 0.2), ("a", 5, 6, 0.3, 0.4)])
    other = boxed([("a", 0, 2, 0.5, 0.6)])
    joined = given.join(other, time_overlaps, merge_op=right, how="left").collect()
    assert joined["end_us"].to_pylist() == [2 * SECOND, 6 * SECOND]
    assert joined["x1"].to_pylist() == pytest.approx([0.5, 0.3])


# --- merge operations axis by axis


def test_merge_by_axis():
    given = boxed([("a", 0, 4, 0.1, 0.5)])
    other = boxed([("a", 2, 6, 0.3, 0.9)])

    def merged(**ways):
        made = given.join(other, time_overlaps, merge_op=merge(**ways))
        return [pytest.approx(each) for each in rows(made.drop("y1", "y2"), "x1", "x2")]

    assert merged(time="intersection") == [("a", 2, 4, 0.1, 0.9)]
    assert merged(box="intersection") == [("a", 0, 6, 0.3, 0.5)]
    assert merged(x="right", y="left") == [("a", 0, 6, 0.3, 0.9)]
    assert merged(time="right", box="left", y="span") == [("a", 2, 6, 0.1, 0.5)]


def test_half_a_box_is_none():
    given = boxed([("a", 0, 4, None, None)])
    other = boxed([("a", 2, 6, 0.3, 0.9)])
    mixed = given.join(other, time_overlaps, merge_op=merge(x="left", y="span")).collect()
    assert mixed["x1"].to_pylist() == mixed["y1"].to_pylist() == [None]
    plain = spans([("a", 0, 4)])
    assert "x1" not in plain.join(other, time_overlaps, merge_op=merge(x="left")).columns
    assert "x1" in plain.join(other, time_overlaps, merge_op=merge(x="right")).columns


def test_pairs_that_share_nothing_on_one_axis_are_left_out_and_counted():
    given = boxed([("a", 0, 4, 0.1, 0.3), ("a", 0, 4, 0.1, 0.4)])
    other = boxed([("a", 2, 6, 0.3, 0.9)])
    table = given.join(other, time_overlaps, merge_op=merge(x="intersection")).collect()
    assert table["x2"].to_pylist() == pytest.approx([0.4])
    assert json.loads(table.schema.metadata[DROPPED]) == {"pairs whose boxes share no area": 1}


def test_rules_for_columns_of_both_sides():
    given = spans([("a", 0, 4)], name=[None], n=[3], k=[None])
    other = spans([("a", 2, 6)], name=["Ann"], n=[5], k=[2])
    rules = {"name": "coalesce", "n": "sum", "k": lambda a, b: a.fill_null(0) + b * 10}
    joined = given.join(other, time_overlaps, merge_op=merge(columns=rules))
    assert joined.columns == ["video", "start_us", "end_us", "name", "n", "k"]
    assert rows(joined, "name", "n", "k") == [("a", 0, 6, "Ann", 8, 20)]
    largest = merge(columns={"n": "max", "k": "right"})
    assert rows(given.join(other, time_overlaps, merge_op=largest), "n", "k") == [("a", 0, 6, 5, 2)]
    lonely = given.join(other, before(min_gap=1), merge_op=merge(columns=rules), how="left")
    assert rows(lonely, "name", "n", "k") == [("a", 0, 4, None, 3, None)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("min", 0.5),
        ("max", 0.8),
        ("mean", 0.65),
        ("product", 0.4),
        ("noisy_or", 0.9),
        ("left", 0.5),
        ("right", 0.8),
        (lambda a, b: b * a, 0.4),
    ],
)
def test_score_rules(rule, expected):
    first = spans([("a", 0, 4)] * 2, score=pa.array([0.5, None], pa.float32()))
    other = spans([("a", 2, 6)], score=pa.array([0.8], pa.float32()))
    scores = first.join(other, time_overlaps, score=rule).collect()["score"].to_pylist()
    assert scores == pytest.approx([expected, 0.8])  # a null score leaves the other one
    there = first.filter(row.score.not_null()).join(other, time_overlaps, score=rule)
    assert there.collect()["score"].to_pylist() == pytest.approx([expected])
    assert there.collect().schema.field("score").type == pa.float32()


# --- minus and intersect


def test_minus_and_intersect_of_instants():
    given = spans([("a", 3, 3), ("a", 1, 5), ("a", 5, 5)], n=[1, 2, 3])
    whole = spans([("a", 1, 3)])
    assert rows(given.minus(whole), "n") == [("a", 3, 3, 1), ("a", 3, 5, 2), ("a", 5, 5, 3)]
    assert rows(given.intersect(whole), "n") == [("a", 1, 3, 2)]
    at_start = spans([("a", 3, 4)])
    assert rows(given.intersect(at_start), "n") == [("a", 3, 3, 1), ("a", 3, 4, 2)]
    instant = spans([("a", 3, 3)])
    assert rows(given.minus(instant), "n") == [("a", 1, 5, 2), ("a", 3, 3, 1), ("a", 5, 5, 3)]
    assert given.intersect(instant).count() == 0


def test_intersect_joins_what_touches_and_keeps_the_row():
    given = boxed([("a", 0, 9, 0.2, 0.4)], score=pa.array([0.7], pa.float32()))
    other = spans([("a", 1, 2), ("a", 2, 3), ("a", 5, 7), ("a", 6, 8), ("b", 0, 9)])
    assert rows(given.intersect(other)) == [("a", 1, 3), ("a", 5, 8)]
    assert given.intersect(other).columns == given.columns
    assert given.intersect(NONE).count() == 0
    assert NONE.intersect(given).count() == 0
    assert rows(given.minus(NONE)) == [("a", 0, 9)]


def test_on_another_axis_time_plays_no_part_unless_asked():
    given = boxed([("a", 0, 5, 0.0, 1.0)])
    other = boxed([("a", 7, 8, 0.4, 0.6)])
    names = "x1", "x2"
    assert rows(given.minus(other, axis="x"), *names) == [
        ("a", 0, 5, 0.0, pytest.approx(0.4)),
        ("a", 0, 5, pytest.approx(0.6), 1.0),
    ]
    assert rows(given.intersect(other, axis="x"), *names) == [
        ("a", 0, 5, pytest.approx(0.4), pytest.approx(0.6))
    ]
    assert rows(given.minus(other, time_overlaps, axis="x"), *names) == [("a", 0, 5, 0.0, 1.0)]
    assert given.intersect(other, time_overlaps, axis="x").count() == 0
    assert given.minus(other, axis="y").count() == 0


def test_rows_without_a_box_neither_cut_nor_are_cut():
    given = boxed([("a", 2, 5, None, None), ("a", 0, 5, 0.0, 1.0)])
    other = boxed([("a", 0, 5, None, None), ("a", 0, 5, 0.0, 1.0)])
    assert rows(given.minus(other, axis="x"), "x1") == [("a", 2, 5, None)]
    assert rows(given.intersect(other, axis="x"), "x1") == [("a", 0, 5, 0.0)]


def test_a_box_without_width_is_cut_only_inside():
    given = boxed([("a", 0, 1, 0.5, 0.5)])
    assert given.minus(boxed([("a", 0, 1, 0.4, 0.6)]), axis="x").count() == 0
    assert given.minus(boxed([("a", 0, 1, 0.5, 0.6)]), axis="x").count() == 1
    assert given.minus(boxed([("a", 0, 1, 0.5, 0.5)]), axis="x").count() == 1


def test_by_and_predicates_choose_what_cuts():
    given = spans([("a", 0, 9)] * 2, name=["Ann", None])
    other = spans([("a", 1, 2), ("a", 3, 4), ("a", 5, 6)], name=["Ann", "Bob", None])
    ann = [("a", 0, 1, "Ann"), ("a", 0, 9, None), ("a", 2, 9, "Ann")]
    assert rows(given.minus(other, by="name"), "name") == ann
    assert rows(given.minus(other, same("name")), "name") == ann
    both = given.minus(other, lambda a, b: b.start < 2, by=row.name)  # noqa: ARG005
    assert rows(both, "name") == ann
    assert rows(given.intersect(other, by=["name"])) == [("a", 1, 2)]


def test_time_predicates_on_another_axis():
    given = boxed([("a", 0, 1, 0.1, 0.3)])
    other = boxed([("a", 5, 6, 0.3, 0.5), ("a", 5, 6, 0.2, 0.5), ("a", 5, 6, None, None)])
    assert given.join(other, time_overlaps.on("x")).count() == 1
    assert given.join(other, before.on("x")).count() == 1
    assert given.join(other, before(max_gap=0.1).on("x") | time_overlaps.on("x")).count() == 2
    assert given.minus(other, time_overlaps.on("x")).count() == 1  # they share no time


# --- plans, text, errors


def test_explain_and_sql():
    plan = FACES.join(CUES, time_overlaps, merge_op=merge(time="left", columns={})).explain()
    assert "merge merge(time='left', box='span')" in plan
    rules = merge(columns={"name_": "min"})
    numbers = spans([("a", 0, 1)], name_=[1])
    joined = numbers.join(numbers, time_overlaps, merge_op=rules)
    assert "name_ = least(left.name_, right.name_)" in joined.explain()
    assert 'least("left.name_", "right.name_")' in joined.sql()
    by = FACES.intersect(FACES, by="name_").explain().splitlines()[0]
    assert "intersect: sweep kernel on time (intersect), by name_" in by
    assert "sweep kernel on x (subtract)" in (
        boxed([]).minus(boxed([]), time_overlaps, axis="x").explain()
    )
    seen = FACES.count_overlaps(CUES, udf(lambda a, b: a == b, reads=["score"])).explain()
    assert "barrier: a Python function sees the pairs" in seen


def test_from_text():
    tables = {"faces": FACES, "cues": CUES}
    text = """
    faces.join(cues, time_overlaps, how="left",
               merge_op=vq.merge(time="left", columns={"score": "max"}), score="noisy_or")
    """
    with pytest.raises(QueryError, match="is given by score="):
        parse_query(text, tables)
    good = text.replace('"score": "max"', "")
    assert parse_query(good, tables).count() == 5
    assert parse_query('faces.intersect(cues, axis="time")', tables).count() == 2


MISUSE = [
    (lambda: FACES.join(CUES, time_overlaps, how="outer"), r"how= must be 'inner'.* got 'outer'"),
    (lambda: FACES.join(CUES, time_overlaps, score="best"), r"'noisy_or'.* got 'best'"),
    (lambda: FACES.join(CUES, time_overlaps, merge_op="span"), r"merge_op= must be span, .*vq.mer"),
    (lambda: merge(time="union"), r"time= must be 'span', .* got 'union'"),
    (lambda: merge(x=3), r"merge\(\): x= must be"),
    (lambda: merge(columns=["name"]), r"columns= must map names to rules"),
    (lambda: merge(columns={"name": "newest"}), r"rule for 'name' must be 'left', .* got 'newest'"),
    (lambda: merge(columns={"name": row.name}), r"or a function of two values, got row.name"),
    (lambda: merge(columns={1: "left"}), r"columns= takes names of columns, got 1"),
    (lambda: _ruled(text="left"), r"two columns 'text' become one, but faces has no such column"),
    (lambda: _ruled(score="max"), r"score is given by score="),
    (lambda: _ruled(start_us="min"), r"'start_us' is merged by time="),
    (lambda: _ruled(FACES, name_="sum"), r"'sum' for 'name_' needs numbers .* a string and a str"),
    (lambda: FACES.minus(CUES, axis="z"), r"minus\(\): axis= must be 'time', 'x' or 'y', got 'z'"),
    (lambda: FACES.intersect(CUES, axis="x"), r"intersect\(\): axis='x' needs boxes .* faces does"),
    (lambda: FACES.minus(CUES, by="score_"), r"faces has no column 'score_'.*mean 'score'"),
    (lambda: FACES.minus(CUES, by="text"), r"faces has no column 'text'"),
    (lambda: FACES.minus(CUES, by=[3]), r"minus\(by=\) takes columns.* got 3"),
    (lambda: FACES.intersect(spans([], name_=pa.array([], pa.int64())), by="name_"), r"by='name_'"),
    (lambda: FACES.minus("cues"), r"minus\(\) takes a relation such as db.faces, got str"),
    (lambda: FACES.minus(CUES, row.score > 1), r"is about one row and a predicate is about two"),
    (lambda: FACES.intersect(CUES, lambda a, b: a.nam == b.text), r"no column 'nam'"),
]


def _ruled(other=CUES, **columns):
    return FACES.join(other, time_overlaps, merge_op=merge(columns=columns))


@pytest.mark.parametrize(("build", "message"), MISUSE)
def test_misuse_is_refused_when_the_query_is_built(build, message):
    with pytest.raises(QueryError, match=message) as caught:
        build()
    if "no column" in message:
        assert isinstance(caught.value, UnknownColumnError)


def test_params_work_in_joins():
    near = before(max_gap=param("near", 1))
    joined = FACES.join(CUES, near, how="left", merge_op=span)
    assert joined.count() == 4
    assert joined.count(params={"near": 9}) == 4
    assert rows(joined.filter(row.text.not_null()), "text") == [("a", 0, 5, "you")]
