"""Operations of the fluent relation, on tables small enough to check by eye."""

from __future__ import annotations

import json
import logging

import pyarrow as pa
import pytest

from vquery.engine.running.run import DROPPED
from vquery.engine.sources import from_arrow
from vquery.errors import MissingDependencyError, QueryError, UnknownColumnError
from vquery.expr import aggregates as agg
from vquery.expr.merge import intersection, left, right, span, time_intersection
from vquery.expr.placeholders import face, lit, param, row, when
from vquery.expr.predicates import udf
from vquery.expr.time import before, time_overlaps

SECOND = 1_000_000


@pytest.fixture
def faces():
    return from_arrow(
        pa.table(
            {
                "video": ["a", "a", "a", "b"],
                "start": [0, 1, 5, 0],
                "end": [2, 3, 6, 9],
                "x1": pa.array([0.1, 0.5, 0.1, 0.0], pa.float32()),
                "y1": pa.array([0.1, 0.1, 0.1, 0.0], pa.float32()),
                "x2": pa.array([0.4, 0.9, 0.4, 1.0], pa.float32()),
                "y2": pa.array([0.5, 0.4, 0.3, 1.0], pa.float32()),
                "score": pa.array([0.9, 0.8, None, 0.5], pa.float32()),
                "name": ["Bernie", "Jake", "Bernie", "Jake"],
            }
        ),
        name="faces",
    )


def seconds(table):
    starts, ends = table["start_us"].to_pylist(), table["end_us"].to_pylist()
    return [(start / SECOND, end / SECOND) for start, end in zip(starts, ends, strict=True)]


def test_the_founding_example(faces):
    def bernie_and_jake(faces):
        bernie = faces.filter(face.name == "Bernie")
        jake = faces.filter(face.name == "Jake")

        bernie_and_jake = bernie.join(jake, predicate=time_overlaps, merge_op=span)

        return bernie_and_jake  # noqa: RET504 - as printed

    result = bernie_and_jake(faces).collect()
    assert result.to_pylist() == [
        {
            "video": "a", "start_us": 0, "end_us": 3 * SECOND,
            "x1": pytest.approx(0.1), "y1": pytest.approx(0.1),
            "x2": pytest.approx(0.9), "y2": pytest.approx(0.5),
            "score": pytest.approx(0.8), "name": "Bernie", "name_right": "Jake",
        }
    ]  # fmt: skip


def test_nothing_runs_before_it_is_asked_for(faces):
    assert repr(faces).startswith("Intervals(faces: video, start_us")
    assert faces.filter(face.score > 0.5).schema == faces.schema


@pytest.mark.parametrize(
    ("merge_op", "time", "x"),
    [
        (span, (0, 3), (0.1, 0.9)),
        (time_intersection, (1, 2), (0.1, 0.9)),
        (left, (0, 2), (0.1, 0.4)),
        (right, (1, 3), (0.5, 0.9)),
    ],
)
def test_merge_operations(faces, merge_op, time, x):
    pair = faces.filter(face.name == "Bernie").join(
        faces.filter(face.name == "Jake"), predicate=time_overlaps, merge_op=merge_op
    )
    result = pair.collect()
    assert seconds(result) == [time]
    assert (result["x1"][0].as_py(), result["x2"][0].as_py()) == pytest.approx(x)


def test_an_intersection_that_does_not_exist_is_left_out_and_counted(faces, caplog):
    pairs = faces.join(faces, predicate=time_overlaps, merge_op=intersection)
    with caplog.at_level(logging.WARNING, logger="vquery"):
        result = pairs.collect()
    assert result.num_rows == pairs.count() == 4  # each with itself
    assert json.loads(result.schema.metadata[DROPPED]) == {"pairs whose boxes share no area": 2}
    assert "pairs whose boxes share no area: 2" in caplog.text
    assert "left out pairs whose boxes share no area: 2" in pairs.explain(analyze=True)


def test_a_row_without_a_box_takes_the_box_of_its_partner(faces):
    cues = from_arrow(pa.table({"video": ["a"], "start": [0], "end": [9], "text": ["hi"]}))
    for merge_op in (span, intersection, time_intersection):
        first = cues.join(faces, predicate=time_overlaps, merge_op=merge_op).collect()
        assert sorted(first["x1"].to_pylist()) == pytest.approx([0.1, 0.1, 0.5])
        assert first.column_names[:7] == ["video", "start_us", "end_us", "x1", "y1", "x2", "y2"]
    assert "x1" not in cues.join(faces, predicate=time_overlaps, merge_op=left).columns


@pytest.mark.parametrize(
    ("rule", "scores"),
    [
        ("min", [0.8, 0.9]),
        ("product", [0.72, 0.9]),
        ("left", [0.9, 0.9]),
        ("right", [0.8, 0.9]),
        (lambda a, b: (a + b) / 2, [0.85, 0.9]),
    ],
)
def test_scores_stay_one_column_with_nulls_left_out(faces, rule, scores):
    bernie = faces.filter(face.name == "Bernie").limit(1)
    pairs = bernie.join(faces.filter(face.start > 0, face.score.is_null() | (face.score > 0.6)),
                        cross=True, score=rule)  # fmt: skip
    result = pairs.collect(ordered=False)
    assert result["score"].to_pylist() == pytest.approx(scores)
    assert result.column_names.count("score") == 1
    assert "score_right" not in result.column_names


def test_one_side_with_scores(faces):
    cues = from_arrow(pa.table({"video": ["a"], "start": [0], "end": [9], "text": ["hi"]}))
    assert cues.join(faces, predicate=time_overlaps).columns[-2:] == ["score", "name"]
    with pytest.raises(QueryError, match=r"score= must be 'min', 'max', 'mean'"):
        faces.join(faces, cross=True, score="average")


def test_names_that_clash(faces):
    twice = faces.join(faces, predicate=time_overlaps)
    assert twice.columns[-2:] == ["name", "name_right"]
    with pytest.raises(QueryError, match=r"'name_right'.*suffix="):
        twice.join(faces, predicate=time_overlaps)
    again = twice.join(faces, predicate=time_overlaps, suffix="_3")
    assert again.columns[-3:] == ["name", "name_right", "name_3"]


def test_a_join_needs_a_predicate_or_cross(faces):
    for arguments in ({}, {"predicate": time_overlaps, "cross": True}):
        with pytest.raises(QueryError, match="cross=True"):
            faces.join(faces, **arguments)
    assert faces.join(faces, cross=True).count() == 3 * 3 + 1


def test_videos_of_different_kinds_never_meet(faces):
    numbered = from_arrow(pa.table({"video": [1], "start": [0], "end": [1]}))
    for make in (
        lambda: faces.join(numbered, predicate=time_overlaps),
        lambda: faces.minus(numbered),
        lambda: faces.semi_join(numbered, time_overlaps),
    ):
        with pytest.raises(QueryError, match="video is string in faces and integer in table"):
            make()


def test_unknown_columns_are_found_when_the_query_is_built(faces):
    for make in (
        lambda: faces.filter(face.nam == "Bernie"),
        lambda: faces.mutate(a=face.nam),
        lambda: faces.select("nam"),
        lambda: faces.drop(row.nam),
        lambda: faces.rename(who="nam"),
        lambda: faces.rename({"nam": "who"}),
        lambda: faces.sort("nam"),
        lambda: faces.distinct("nam"),
        lambda: faces.coalesce(by="nam"),
        lambda: faces.group_by("nam"),
        lambda: faces.join(faces, predicate=lambda a, b: a.nam == b.name),
        lambda: faces.per_frame().agg(n=agg.max(row.nam)),
    ):
        with pytest.raises(UnknownColumnError, match="Did you mean 'name'"):
            make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: f.filter(time_overlaps), "use it in a join"),
        (lambda f: f.filter(row.score), "a condition is needed"),
        (lambda f: f.union([f]), "takes a relation"),
        (lambda f: f.join("faces", cross=True), "takes a relation"),
        (lambda f: f.limit(-1), "at least 0"),
        (lambda f: f.limit(2.5), "whole numbers"),
        (lambda f: f.limit(1, offset=-1), "at least 0"),
        (lambda f: f.sort(), "at least one column"),
        (lambda f: f.coalesce(gap=-1), "at least 0"),
        (lambda f: f.coalesce(gap="x"), "number of seconds"),
        (lambda f: f.coalesce(end_us=agg.max(row.end_us)), "is that of its hull"),
        (lambda f: f.dilate(float("inf")), "number of seconds"),
        (lambda f: f.dilate(1, side="left"), "'both', 'start' or 'end'"),
        (lambda f: f.drop("video"), "makes a row an interval"),
        (lambda f: f.rename(path="video"), "makes a row an interval"),
        (lambda f: f.rename(score="name"), "two columns would be called 'score'"),
        (lambda f: f.select(row.score > 1), "takes columns"),
        (lambda f: f.mutate(video="b"), "cannot be computed"),
        (lambda f: f.mutate(start_us=row.start), "set start to give seconds"),
        (lambda f: f.mutate(start="now"), "needs seconds"),
        (lambda f: f.mutate(x1=row.name), "must be a number"),
        (lambda f: f.per_frame().agg(score=row.score), "differs between the rows"),
        (lambda f: f.per_frame().agg(video=agg.count()), "is that of its hull"),
        (lambda f: f.per_frame().filter(agg.count()), "a condition is needed"),
        (lambda f: f.per_frame().match("a"), "takes a pattern"),
        (lambda f: f.union(f.mutate(score=row.name)), "column 'score' is float on one side"),
        (lambda f: bool(f), "no truth value"),
    ],
)
def test_misuse_is_refused_when_the_query_is_built(faces, make, message):
    with pytest.raises(QueryError, match=message):
        make(faces)


def test_filter_takes_several_conditions_and_functions(faces):
    assert faces.filter(row.name == "Jake", row.video == "a").count() == 1
    assert faces.filter(lambda r: (r.height > 0.35) & (r.duration >= 2)).count() == 2
    assert faces.filter(row.score < 2).count() == 3  # null is not less than 2
    assert faces.filter(lit(True)).count() == 4


def test_sizes_are_compared_in_float32(faces):
    assert faces.filter(row.height >= 0.4).count() == 2  # 0.5 - 0.1 in float64 is less
    assert faces.filter(row.name == "Jake", row.height <= 0.3).count() == 1  # 0.4 - 0.1 is more


def test_mutate(faces):
    made = faces.mutate(
        size=when(row.area > 0.5, "large").otherwise("small"),
        name=row.name.upper(),
        start=row.start + 0.5,
        share=row.score.fill_null(0) / 2,
        ratio=row.width / (row.x1 - row.x1),
    ).collect()
    assert made["size"].to_pylist() == ["small", "small", "small", "large"]
    assert made["name"].to_pylist()[0] == "BERNIE"
    assert seconds(made)[0] == (0.5, 2)
    assert made.schema.field("share").type == pa.float32()
    assert made["ratio"].to_pylist() == [None] * 4  # division by zero
    assert made.column_names[:9] == faces.columns


def test_mutate_leaves_out_what_cannot_be(faces, caplog):
    assert faces.mutate(start=row.start + 1.5).count() == 3
    assert faces.mutate(x1=0.41).count() == 2
    with caplog.at_level(logging.WARNING, logger="vquery"):
        result = faces.mutate(end=row.end - 1.5, x1=0.41).collect()
    assert json.loads(result.schema.metadata[DROPPED]) == {
        "rows whose start would come after their end": 1,
        "rows whose box would have its edges exchanged": 1,
    }
    with pytest.raises(QueryError, match="1 rows would have no time"):
        faces.mutate(end=when(row.score.not_null(), row.end)).collect()


def test_select_drop_rename(faces):
    assert faces.select(row.name, "start_us").columns == ["video", "start_us", "end_us", "name"]
    assert "name" not in faces.drop("name", row.score).columns
    assert faces.rename(who="name").filter(row.who == "Jake").count() == 2
    assert faces.rename({"name": "who"}).columns[-1] == "who"
    swapped = faces.rename({"name": "score", "score": "name"}).collect()
    assert swapped["score"].to_pylist()[0] == "Bernie"


def test_sort_limit_and_order(faces):
    assert faces.sort(row.score.desc()).collect()["score"].to_pylist()[-1] is None
    assert faces.sort("score").limit(1).collect()["name"].to_pylist() == ["Jake"]
    by_two = faces.sort(row.name, row.start.desc()).collect()
    assert [start for start, _ in seconds(by_two)] == [5, 0, 1, 0]
    assert seconds(faces.limit(2, offset=1).collect()) == [(1, 3), (5, 6)]
    assert faces.limit(param("n", 2)).collect(params={"n": 1}).num_rows == 1


def test_order_of_results():
    table = pa.table(
        {"video": ["b", "a", "a"], "start": [0, 5, 1], "end": [1, 6, 2], "n": [0, 1, 2]}
    )
    given = from_arrow(table[:1]).union(from_arrow(table[1:2]), from_arrow(table[2:]))
    assert given.collect()["n"].to_pylist() == [2, 1, 0]
    assert given.collect(ordered=False)["n"].to_pylist() == [0, 1, 2]
    pairs = given.join(given, cross=True).collect(ordered=False)
    assert list(zip(pairs["n"].to_pylist(), pairs["n_right"].to_pylist(), strict=True)) == [
        (0, 0), (1, 1), (1, 2), (2, 1), (2, 2),
    ]  # fmt: skip


def test_distinct(faces):
    assert faces.union(faces).distinct().count() == 4
    assert seconds(faces.distinct("video", "name").collect()) == [(0, 2), (1, 3), (0, 9)]


def test_union_aligns_by_name(faces):
    other = from_arrow(pa.table({"video": ["a"], "start": [0], "end": [1], "word": ["hi"]}))
    result = faces.union(other, other).collect()
    assert result.num_rows == 6
    assert result.column_names == [*faces.columns, "word"]
    assert result["word"].null_count == 4
    assert result["name"].null_count == 2


def test_semi_and_anti_join(faces):
    cues = from_arrow(pa.table({"video": ["a", "a"], "start": [0, 0], "end": [1.5, 1]}))
    assert seconds(faces.semi_join(cues, time_overlaps).collect()) == [(0, 2), (1, 3)]
    assert seconds(faces.anti_join(cues, time_overlaps).collect()) == [(5, 6), (0, 9)]
    assert faces.semi_join(cues, ~time_overlaps).count() == 2  # some partner does not overlap
    assert faces.anti_join(cues, before).count() == 4


def test_minus(faces):
    cut = from_arrow(pa.table({"video": ["a"] * 3, "start": [1.5, 5.2, 5], "end": [2, 5.4, 5]}))
    rest = faces.minus(cut).collect()
    assert seconds(rest) == [(0, 1.5), (1, 1.5), (2, 3), (5, 5.2), (5.4, 6), (0, 9)]
    assert rest["name"].to_pylist()[0] == "Bernie"
    only = faces.minus(faces.filter(row.name == "Jake"), lambda a, b: a.score > b.score)
    assert seconds(only.collect()) == [(0, 1), (1, 3), (5, 6), (0, 9)]


def test_coalesce(faces):
    runs = faces.coalesce(gap=2, by="name", n=agg.count(), who=agg.last(row.name)).collect()
    assert seconds(runs) == [(0, 2), (1, 3), (5, 6), (0, 9)]
    runs = faces.coalesce(gap=param("gap", 1), n=agg.count(), longest=agg.max(row.duration))
    assert seconds(runs.collect()) == [(0, 3), (5, 6), (0, 9)]
    wide = runs.collect(params={"gap": 2})
    assert seconds(wide) == [(0, 6), (0, 9)]
    assert wide["n"].to_pylist() == [3, 1]
    assert wide["longest"].to_pylist() == [2, 9]
    assert wide["name"].to_pylist() == ["Bernie", "Jake"]
    assert wide["score"].to_pylist() == pytest.approx([0.9, 0.5])
    assert wide["x2"].to_pylist() == pytest.approx([0.9, 1.0])


def test_dilate(faces):
    assert seconds(faces.dilate(0.5).limit(1).collect()) == [(-0.5, 2.5)]
    assert seconds(faces.dilate(-0.5).collect())[2] == (5.5, 5.5)  # shrinks to an instant
    assert faces.dilate(-0.6).count() == 3
    assert seconds(faces.dilate(1, side="end").limit(1).collect()) == [(0, 3)]


def test_the_result_of_a_udf_is_a_barrier_and_checked(faces):
    calls = []

    def higher(one, other):
        calls.append(one.num_rows)
        scores = zip(one["score"].to_pylist(), other["score"].to_pylist(), strict=True)
        return [None not in pair and pair[0] > pair[1] for pair in scores]

    query = faces.join(faces, predicate=time_overlaps & udf(higher, reads=["score"]))
    assert query.count() == 1
    assert calls == [6]
    assert "barrier: a Python function" in query.explain()
    either = faces.join(faces, predicate=udf(higher, reads=["score"]) | ~time_overlaps)
    assert either.count() == 5
    with pytest.raises(QueryError, match="one boolean for each of 6 pairs"):
        faces.join(faces, predicate=time_overlaps & udf(lambda a, b: [True], reads=[])).count()  # noqa: ARG005
    with pytest.raises(QueryError, match="division by zero"):
        faces.join(faces, predicate=udf(lambda a, b: 1 / 0, reads=["score"])).collect()  # noqa: ARG005
    with pytest.raises(UnknownColumnError):
        faces.join(faces, predicate=udf(higher, reads=["scor"]))


def test_errors_of_the_database_are_query_errors(faces):
    with pytest.raises(QueryError, match="DuckDB could not compute"):
        faces.mutate(n=row.end_us * 9_000_000_000_000).collect()


def test_pandas_is_optional(faces, monkeypatch):
    import importlib.util

    if importlib.util.find_spec("pandas"):
        assert len(faces.to_pandas()) == 4
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match="pip install pandas"):
        faces.to_pandas()


def test_show_prints_a_table(faces, capsys):
    faces.select("name").show(limit=2)
    printed = capsys.readouterr().out
    assert "0:02.000" in printed
    assert "Bernie" in printed
    assert "first 2 rows" in printed
