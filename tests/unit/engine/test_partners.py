"""What each row is told of its partners: nearest, how many, how much, which."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from vquery.engine.lookups import count_overlaps, coverage
from vquery.engine.parse import parse_query
from vquery.engine.running.executor import Executor
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError
from vquery.expr.merge import merge, right, span
from vquery.expr.placeholders import param, row
from vquery.expr.predicates import same, udf
from vquery.expr.time import before, equals, time_overlaps
from vquery.plan.steps import plan

SECOND = 1_000_000


def spans(rows, called="table", **columns):
    """Make a relation of (video, start, end) in seconds and further columns."""
    keys = zip(*rows, strict=True) if rows else ((), (), ())
    video, start, end = (list(each) for each in keys)
    table = {"video": pa.array(video, pa.string())}
    table |= {"start": pa.array(start, pa.float64()), "end": pa.array(end, pa.float64())}
    return from_arrow(pa.table(table | columns), name=called)


CUES = spans(
    [("a", 10, 20), ("a", 30, 30), ("b", 0, 1)],
    called="cues",
    cue=[1, 2, 3],
    score=pa.array([0.5, None, 0.25], pa.float32()),
)
FACES = spans(
    [("a", 0, 8), ("a", 12, 13), ("a", 20, 25), ("a", 30, 31), ("c", 0, 9)],
    called="faces",
    name=["Ann", "Bob", "Ann", None, "Ci"],
    score=pa.array([0.9, 0.8, 0.7, 0.6, 0.1], pa.float32()),
)
NONE = spans([], called="none", name=pa.array([], pa.string()))


def found(relation, *names):
    return [tuple(each[name] for name in names) for each in relation.collect().to_pylist()]


def near(relation):
    return found(relation, "cue", "name", "gap")


# --- nearest


def test_nearest_in_either_direction():
    assert near(CUES.nearest(FACES)) == [(1, "Bob", 0.0), (2, None, 0.0)]
    two = CUES.nearest(FACES, k=2)
    assert near(two) == [(1, "Bob", 0.0), (1, "Ann", 0.0), (2, None, 0.0), (2, "Ann", 5.0)]
    assert two.columns == ["video", "start_us", "end_us", "cue", "score", "name", "gap"]
    assert two.collect()["score"].to_pylist() == pytest.approx([0.5, 0.5, 0.6, 0.7])
    assert two.collect()["start_us"].to_pylist() == [10 * SECOND] * 2 + [30 * SECOND] * 2


def test_nearest_before_and_after():
    assert near(CUES.nearest(FACES, direction="before")) == [(1, "Ann", 2.0), (2, "Ann", 5.0)]
    # [30, 31) shares time with the instant at 30, so it does not come after it
    assert near(CUES.nearest(FACES, direction="after")) == [(1, "Ann", 0.0)]
    also = CUES.nearest(FACES, direction="after", overlap=True)
    assert near(also) == [(1, "Bob", 0.0), (2, None, 0.0)]
    apart = CUES.nearest(FACES, overlap=False)
    assert near(apart) == [(1, "Ann", 0.0), (2, "Ann", 5.0)]


def test_an_instant_where_a_span_ends_comes_after_it():
    cue, cuts = spans([("a", 1, 3)], cue=[1]), spans([("a", 3, 3), ("a", 1, 1)], name=["end", "in"])
    assert near(cue.nearest(cuts, direction="after")) == [(1, "end", 0.0)]
    assert cue.nearest(cuts, direction="before").count() == 0
    assert near(cue.nearest(cuts, k=2)) == [(1, "in", 0.0), (1, "end", 0.0)]


def test_max_gap_is_inclusive_and_may_be_a_param():
    assert near(CUES.nearest(FACES, max_gap=2, direction="before")) == [(1, "Ann", 2.0)]
    assert CUES.nearest(FACES, max_gap=1.999999, direction="before").count() == 0
    tuned = CUES.nearest(FACES, max_gap=param("far", 0.5), k=param("k", 1), direction="before")
    assert tuned.count() == 0
    assert tuned.count(params={"far": 99, "k": 3}) == 4
    with pytest.raises(QueryError, match="k= must be a whole number of at least 1, got 0"):
        tuned.count(params={"k": 0})
    with pytest.raises(QueryError, match="max_gap= takes a number of seconds of at least 0"):
        tuned.count(params={"far": -1})


def test_ties_go_by_the_usual_order_not_by_where_rows_lie():
    cue = spans([("a", 10, 10)], cue=[1])
    rows = [("a", 12, 14), ("a", 12, 13), ("a", 7, 8), ("a", 12, 13)]
    other = spans(rows, name=["long", "short", "early", "again"])
    names = found(cue.nearest(other, k=4), "name")
    assert names == [("early",), ("short",), ("again",), ("long",)]


def test_nearest_by_equal_columns():
    named = (
        CUES.mutate(name=row.cue.is_null())
        .drop("name")
        .join(
            spans([("a", 0, 99)] * 2, who=["Ann", None]), time_overlaps, merge_op=merge(time="left")
        )
    )
    with pytest.raises(QueryError, match="no column 'who'"):
        named.nearest(FACES, by="who")
    other = FACES.rename(who="name")
    assert found(named.nearest(other, by="who", k=9), "cue", "who", "gap") == [
        (1, "Ann", 0.0),
        (1, "Ann", 2.0),
        (2, "Ann", 5.0),
        (2, "Ann", 22.0),
    ]


def test_a_left_join_to_the_nearest():
    kept = CUES.nearest(FACES, direction="after", how="left", name="wait")
    assert found(kept, "cue", "name", "wait") == [(1, "Ann", 0.0), (2, None, None), (3, None, None)]
    assert found(CUES.nearest(NONE, how="left"), "cue", "gap") == [(1, None), (2, None), (3, None)]
    assert CUES.nearest(NONE).count() == 0
    assert NONE.nearest(CUES, how="left").collect().num_rows == 0


def test_nearest_merges_as_join_does():
    hull = CUES.nearest(FACES, direction="before", merge_op=span, score="min")
    assert found(hull, "start_us", "end_us") == [(0, 20 * SECOND), (20 * SECOND, 30 * SECOND)]
    assert hull.collect()["score"].to_pylist() == pytest.approx([0.5, 0.7])
    theirs = CUES.nearest(FACES, merge_op=right, score="right", how="left")
    assert found(theirs, "cue", "start_us") == [(1, 12 * SECOND), (2, 30 * SECOND), (3, 0)]
    ruled = CUES.rename(name="cue").mutate(name=row.video)
    kept = ruled.nearest(FACES, merge_op=merge(time="left", columns={"name": "right"}))
    assert found(kept, "name") == [("Bob",), (None,)]


def test_filters_move_below_nearest_on_the_left_alone():
    query = CUES.nearest(FACES).filter(row.cue == 1).filter(row.name != "Bob")
    assert query.count() == 0  # the nearest is Bob: nobody else comes in his place
    lines = query.explain().splitlines()
    assert "row.name" in lines[0]
    assert "search kernel on time (nearest 1)" in lines[1]
    assert "row.cue" in lines[2]
    text = CUES.nearest(FACES, direction="after", max_gap=9, how="left", by=["score"]).explain()
    assert "(nearest 1 after, at most 9 s away, none that overlap), by score; left rows" in text


# --- how many, how much


def test_count_overlaps():
    assert found(CUES.count_overlaps(FACES), "cue", "overlaps") == [(1, 1), (2, 1), (3, 0)]
    counted = CUES.count_overlaps(FACES, before, name="later")
    assert found(counted, "cue", "later") == [(1, 2), (2, 1), (3, 0)]
    assert found(CUES.count_overlaps(FACES, ~time_overlaps), "overlaps") == [(3,), (3,), (0,)]
    seen = udf(lambda a, b: pc.less(a["start_us"], b["start_us"]), reads=["start_us"])
    assert found(CUES.count_overlaps(FACES, seen), "overlaps") == [(3,), (0,), (0,)]
    assert found(CUES.count_overlaps(NONE), "overlaps") == [(0,)] * 3
    assert NONE.count_overlaps(CUES).collect().num_rows == 0
    assert counted.schema.field("later") == pa.field("later", pa.int64(), nullable=False)


def test_coverage():
    shots = spans([("a", 0, 4), ("a", 4, 4), ("a", 4, 8), ("a", 5, 5), ("b", 0, 1)], n=[0] * 5)
    faces = spans([("a", 1, 3), ("a", 2, 4), ("a", 5, 6), ("a", 7, 7)], n=[0, 1, None, 0])
    assert found(shots.coverage(faces), "coverage") == [(0.75,), (0.0,), (0.25,), (1.0,), (0.0,)]
    assert found(shots.coverage(faces, by="n", name="part"), "part")[0] == (0.5,)
    assert found(shots.coverage(spans([])), "coverage") == [(0.0,)] * 5
    assert spans([]).coverage(shots).collect().num_rows == 0


def test_values_of_other_relations_in_expressions():
    query = CUES.mutate(n=count_overlaps(FACES), part=coverage(FACES) * 100)
    assert query.columns == [*CUES.columns, "n", "part"]
    assert found(query, "cue", "n", "part") == [(1, 1, 10.0), (2, 1, 100.0), (3, 0, 0.0)]
    long = CUES.filter((coverage(FACES) > 0.05) & (row.cue < 2))
    assert long.columns == CUES.columns
    assert found(long, "cue") == [(1,)]
    assert found(CUES.filter(lambda r: count_overlaps(FACES, before) > r.cue), "cue") == [(1,)]
    text = "cues.mutate(part=vq.coverage(faces)).filter(row.part > 0.5)"
    assert parse_query(text, {"cues": CUES, "faces": FACES}).count() == 1


def test_an_order_survives_values_of_other_relations():
    ordered = CUES.sort(row.cue.desc())
    assert found(ordered.mutate(n=count_overlaps(FACES)), "cue") == [(3,), (2,), (1,)]
    assert found(ordered.coverage(FACES).limit(1), "cue") == [(3,)]


def test_a_look_up_has_its_place():
    wrong = r"coverage\(faces\) looks at the rows of another relation: it belongs into mutate"
    with pytest.raises(QueryError, match=wrong):
        CUES.sort(coverage(FACES))
    with pytest.raises(QueryError, match=wrong):
        CUES.join(FACES, lambda a, b: (a.cue > coverage(FACES)) & (b.score > 0))
    with pytest.raises(QueryError, match="no column 'nme'"):
        CUES.mutate(n=count_overlaps(FACES, lambda a, b: b.nme == a.cue))


# --- which


def test_collect_by():
    listed = CUES.collect_by(FACES, time_overlaps, columns="name")
    assert found(listed, "cue", "partners") == [
        (1, [{"start_us": 12 * SECOND, "end_us": 13 * SECOND, "name": "Bob"}]),
        (2, [{"start_us": 30 * SECOND, "end_us": 31 * SECOND, "name": None}]),
    ]
    fields = [each.name for each in listed.schema.field("partners").type.value_type]
    assert fields == ["start_us", "end_us", "name"]
    every = CUES.collect_by(FACES, time_overlaps)
    assert every.schema.field("partners").type.value_type.num_fields == 4
    assert listed.collect().schema.field("partners").type == listed.schema.field("partners").type


def test_collect_by_keeps_empty_lists_when_asked():
    kept = CUES.collect_by(FACES, before, name="later", columns=[], keep_empty=True)
    later = [{"start_us": 20 * SECOND, "end_us": 25 * SECOND}]
    last = [{"start_us": 30 * SECOND, "end_us": 31 * SECOND}]
    assert found(kept, "cue", "later") == [(1, [*later, *last]), (2, last), (3, [])]
    assert found(CUES.collect_by(NONE, equals, keep_empty=True), "partners") == [([],)] * 3
    assert CUES.collect_by(NONE, equals).collect().num_rows == 0
    assert kept.count() == 3


def test_partners_come_in_the_usual_order():
    other = spans([("a", 15, 16), ("a", 12, 13), ("a", 12, 12)], i=[1, 2, 3])
    (listed,) = CUES.collect_by(other, time_overlaps).collect()["partners"].to_pylist()
    assert [each["i"] for each in listed] == [3, 2, 1]


def test_lists_pass_through_later_steps():
    listed = CUES.collect_by(FACES, time_overlaps, columns="name")
    later = (
        listed.filter(row.cue == 1)
        .mutate(end=row.end + 1)
        .join(FACES, time_overlaps, how="left", merge_op=merge(time="left"))
    )
    assert [len(each) for (each,) in found(later, "partners")] == [1, 1]
    assert found(listed.filter(row.partners.length() > 0), "cue") == [(1,), (2,)]


# --- lineage


def origins(relation):
    step = plan(relation.node)
    with Executor(step, traced=True) as run:
        run.run()
        found = []
        for place in (0, 1):
            origin = run.origins.get((id(step), place))
            pairs = [] if origin is None else zip(origin.outputs, origin.rows, strict=True)
            found.append(sorted((int(a), int(b)) for a, b in pairs))
        return found


def test_which_rows_a_row_comes_from():
    mixed = spans([("a", 20, 25)]).union(
        spans([("a", 12, 13)]), spans([("a", 0, 8)]), spans([("c", 0, 9)])
    )
    assert origins(CUES.nearest(mixed, k=2, how="left")) == [
        [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2)],
        [(0, 1), (1, 0), (2, 0), (3, 1)],
    ]
    assert origins(CUES.join(mixed, time_overlaps, how="left")) == [
        [(0, 0), (1, 1), (2, 2)],
        [(0, 1)],
    ]
    assert origins(CUES.count_overlaps(mixed))[1] == [(0, 1)]
    assert origins(CUES.coverage(mixed))[1] == [(0, 1)]
    late = spans([("b", 0, 1)]).union(spans([("a", 10, 26)]))
    assert origins(late.collect_by(mixed, time_overlaps)) == [[(0, 1)], [(0, 0), (0, 1)]]
    assert origins(late.minus(mixed)) == [
        [(0, 0), (1, 1), (2, 1), (3, 1)],
        [(place, cut) for place in (1, 2, 3) for cut in (0, 1)],
    ]
    assert origins(late.intersect(mixed)) == [
        [(0, 1), (1, 1)],
        [(0, 0), (0, 1), (1, 0), (1, 1)],
    ]


def why_not(query):
    return str(query.why_not({"video": "a", "start": 10.0, "end": 20.0}))


def test_why_a_row_is_missing():
    late = spans([("a", 25, 26)], called="late", cue=[1])
    text = why_not(CUES.nearest(late, max_gap=2, direction="after", by="cue"))
    assert "late has no row after it within 2 s with equal cue; its nearest row is 5 s" in text
    assert "late has no row that covers it; its nearest row is 5 s away" in why_not(
        CUES.intersect(late)
    )
    assert "time_overlaps fails, the right row is 5 s after" in why_not(
        CUES.collect_by(late, time_overlaps)
    )
    assert "row['coverage(late)'] = 0, needed > 0.5" in why_not(CUES.filter(coverage(late) > 0.5))
    other = CUES.mutate(cue=row.cue + 1).union(CUES.filter(row.cue == 1))
    assert why_not(CUES.minus(other, by="cue")).count("0:10.000") == 2  # itself and its cutter
    assert "none has no row in video 'a'" in why_not(CUES.nearest(NONE))


# --- misuse


MISUSE = [
    (lambda: CUES.nearest(FACES, direction="later"), r"direction= must be 'either', .*'later'"),
    (lambda: CUES.nearest(FACES, k=0), r"nearest\(\): k= must be a whole number of at least 1.*0"),
    (lambda: CUES.nearest(FACES, k=1.5), r"k= must be a whole number of at least 1, got 1.5"),
    (lambda: CUES.nearest(FACES, k=param("k", 0)), r"k= must be a whole number of at least 1"),
    (lambda: CUES.nearest(FACES, max_gap=-1), r"max_gap= takes a number of seconds of at least 0"),
    (lambda: CUES.nearest(FACES, max_gap="9"), r"max_gap= takes a number of seconds .* got '9'"),
    (lambda: CUES.nearest(FACES, overlap="no"), r"overlap= must be True or False, got 'no'"),
    (lambda: CUES.nearest(FACES, how="right"), r"nearest\(\): how= must be 'inner'"),
    (lambda: CUES.nearest(FACES, by="cue"), r"faces has no column 'cue'"),
    (lambda: CUES.nearest(FACES, name=""), r"name= must be the name of the new column, got ''"),
    (
        lambda: CUES.nearest(FACES, name="cue"),
        r"a column 'cue' is there already: nearest\(\): name=",
    ),
    (lambda: CUES.nearest(FACES, name="start_us"), r"a column 'start_us' is there already"),
    (lambda: CUES.nearest(CUES, suffix=""), r"two columns would be called 'cue': give another suf"),
    (lambda: CUES.nearest(FACES, merge_op=min), r"merge_op= must be span"),
    (lambda: CUES.nearest(FACES, score="best"), r"score= must be 'min'"),
    (lambda: CUES.nearest(time_overlaps), r"nearest\(\) takes a relation such as db.faces"),
    (lambda: CUES.count_overlaps(FACES, name="cue"), r"'cue' is there already: count_overlaps\(\)"),
    (lambda: CUES.count_overlaps(FACES, "overlap"), r"a predicate such as time_overlaps is needed"),
    (lambda: CUES.count_overlaps(FACES, row.score > 1), r"is about one row and a predicate is abo"),
    (lambda: CUES.count_overlaps(FACES, same("cue")), r"no column 'cue'"),
    (lambda: CUES.coverage(FACES, name=3), r"coverage\(\): name= must be the name of the new"),
    (lambda: CUES.coverage(FACES, by="video_"), r"no column 'video_'"),
    (lambda: coverage(FACES.node), r"coverage\(\) takes a relation such as db.faces, got Scan"),
    (lambda: CUES.collect_by(FACES, None), r"a predicate such as time_overlaps is needed"),
    (lambda: CUES.collect_by(FACES, equals, columns="cue"), r"faces has no column 'cue'"),
    (lambda: CUES.collect_by(FACES, equals, name="cue"), r"'cue' is there already: collect_by\(\)"),
    (lambda: CUES.collect_by(FACES, equals, keep_empty=1), r"keep_empty= must be True or False"),
]


@pytest.mark.parametrize(("build", "message"), MISUSE)
def test_misuse_is_refused_when_the_query_is_built(build, message):
    with pytest.raises(QueryError, match=message):
        build()
