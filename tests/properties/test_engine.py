"""The engine gives what the slow reference gives, on random tables and random queries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import assume, given, note
from hypothesis import strategies as st

from vquery.engine import joins, matches, reference
from vquery.engine.sources import from_arrow
from vquery.expr import aggregates as agg
from vquery.expr import boxes, merge, time
from vquery.expr.pattern import pattern
from vquery.expr.placeholders import row, when
from vquery.expr.predicates import same

if TYPE_CHECKING:
    from vquery.engine.intervals import Intervals

# few different values, so that ties, touching ends, instants and equal edges are common
TICKS = st.integers(0, 8).map(lambda tick: tick * 500_000)
EDGES = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0])
NAMES = st.sampled_from(["Ann", "Bob", "Ci", None])


@st.composite
def records(draw: st.DrawFn, *, integer_video: bool = False) -> dict[str, Any]:
    start, length = draw(TICKS), draw(TICKS)
    box = sorted([draw(EDGES), draw(EDGES)]), sorted([draw(EDGES), draw(EDGES)])
    boxed = draw(st.integers(0, 5)) > 0
    return {
        "video": draw(st.integers(1, 2)) if integer_video else draw(st.sampled_from(["a", "b"])),
        "start_us": start,
        "end_us": start + length,
        "x1": box[0][0] if boxed else None,
        "x2": box[0][1] if boxed else None,
        "y1": box[1][0] if boxed else None,
        "y2": box[1][1] if boxed else None,
        "score": draw(st.sampled_from([None, 0.1, 0.5, 0.7, 0.9])),
        "name": draw(NAMES),
        "track": draw(st.sampled_from([None, 1, 2, 3])),
    }


SCHEMA = pa.schema(
    [
        ("video", pa.string()),
        ("start_us", pa.int64()),
        ("end_us", pa.int64()),
        *[(edge, pa.float32()) for edge in ("x1", "x2", "y1", "y2")],
        ("score", pa.float32()),
        ("name", pa.string()),
        ("track", pa.int64()),
    ]
)


def tables(max_size: int = 12) -> st.SearchStrategy[Intervals]:
    rows = st.lists(records(), max_size=max_size)
    return rows.map(lambda given: from_arrow(pa.Table.from_pylist(given, schema=SCHEMA)))


GAPS = st.sampled_from([0, 0.5, 1, 2.0])
SETTINGS = st.fixed_dictionaries({}, optional={"min_gap": st.just(0.5), "max_gap": st.just(1.5)})
PLAIN_TIME = [
    time.time_overlaps,
    time.overlaps,
    time.overlapped_by,
    time.during,
    time.contains,
    time.equals,
    time.meets,
    time.met_by,
    time.starts,
    time.started_by,
    time.finishes,
    time.finished_by,
    time.before,
    time.after,
]
TIME = st.one_of(
    st.sampled_from(PLAIN_TIME),
    SETTINGS.map(lambda given: time.before(**given)),
    SETTINGS.map(lambda given: time.after(**given)),
    GAPS.map(lambda gap: time.meets(tolerance=gap)),
    GAPS.map(lambda gap: time.starts(tolerance=gap)),
    GAPS.map(lambda gap: time.finished_by(tolerance=gap)),
)
ON_BOXES = st.one_of(
    st.sampled_from([boxes.left_of, boxes.right_of, boxes.above, boxes.below]),
    st.sampled_from([boxes.inside, boxes.encloses, boxes.boxes_overlap]),
    EDGES.map(lambda edge: boxes.iou(at_least=edge)),
    EDGES.map(lambda edge: boxes.aligned(within=edge)),
    st.builds(lambda test, axis: test.on(axis), TIME, st.sampled_from(["x", "y"])),
)
OTHER = st.sampled_from(
    [
        same(row.name),
        same("track"),
        same(row.x1),
        lambda a, b: a.score > b.score,
        lambda a, b: (a.name == b.name) & (a.start < b.end),
        lambda a, b: (a.height - b.height).abs() < 0.1,
    ]
)


def predicates() -> st.SearchStrategy[Any]:
    leaves = st.one_of(TIME, TIME, ON_BOXES, OTHER.map(lambda each: time.time_overlaps & each))
    return st.recursive(
        leaves,
        lambda part: st.one_of(
            st.builds(lambda a, b: a & b, part, part),
            st.builds(lambda a, b: a | b, part, part),
            part.map(lambda each: ~each),
        ),
        max_leaves=4,
    )


MERGES = st.sampled_from(
    [merge.span, merge.intersection, merge.time_intersection, merge.left, merge.right]
)
CONDITIONS = st.sampled_from(
    [
        row.name == "Ann",
        row.name != "Ann",
        row.name.isin(["Ann", "Bob"]),
        row.name.is_null() | (row.score > 0.5),
        ~(row.score >= 0.7),
        row.score.between(0.1, 0.7),
        row.height >= 0.2,
        row.area < 0.1,
        row.center_x > 0.25,
        row.duration >= 1,
        row.start < 2.5,
        row.name.lower().contains("n"),
        row.name.like("_o%"),
        (row.track % 2 == 1) & (row.end / 2 > 0.5),
        when(row.name == "Ann", row.score).otherwise(0.6) > 0.5,
        row.score.fill_null(1) - 0.1 >= row.x1,
    ]
)
AGGREGATES = st.dictionaries(
    st.sampled_from(["n", "most", "kinds", "long", "firstly", "lastly", "score", "some"]),
    st.sampled_from(
        [
            agg.count(),
            agg.n_unique(row.name),
            agg.min(row.track),
            agg.count() * 2 + agg.count(),
        ]
    ),
    max_size=2,
).map(lambda made: made | ({"score": agg.max(row.score)} if "score" in made else {}))
# A score of another type could not be in one union with the scores that there are.


@st.composite
def queries(draw: st.DrawFn, depth: int = 3) -> Intervals:
    given = draw(tables())
    for _ in range(draw(st.integers(0, depth))):
        given = draw(steps(given))
    return given


def steps(given: Intervals) -> st.SearchStrategy[Intervals]:
    def grouped(make: Any) -> Any:
        return st.sampled_from([(), ("start_us",), ("name",), ("track", "name")]).map(
            lambda by: make(given.group_by(*by))
        )

    return st.one_of(
        CONDITIONS.map(given.filter),
        st.just(given.mutate(score=row.score * 0.5, track=row.track + 1)),
        st.just(given.mutate(start=row.start - 0.5, x1=row.x1 + 0.25)),
        st.just(given.sort(row.score.desc(), "name")),
        st.builds(given.limit, st.integers(0, 6), st.integers(0, 2)),
        st.sampled_from([(), ("name",), ("video", "track")]).map(lambda on: given.distinct(*on)),
        tables(5).map(given.union),
        st.sampled_from([-1.0, -0.25, 0.5]).map(given.dilate),
        st.builds(lambda gap, by, made: given.coalesce(gap, by=by, **made), GAPS,
                  st.sampled_from([(), "name", ["track"]]), AGGREGATES),
        grouped(lambda groups: groups.filter(agg.count() >= 2)),
        grouped(lambda groups: groups.filter(agg.any(row.score > 0.5))),
        st.builds(given.semi_join, tables(8), predicates()),
        st.builds(given.anti_join, tables(8), predicates()),
        st.builds(given.minus, tables(8), st.none() | predicates()),
    )  # fmt: skip


def assert_agree(query: Intervals) -> None:
    note(query.explain())
    expected = reference.run(query.node)
    assert_rows(query.collect().to_pylist(), expected)
    assert query.count() == len(expected)


def assert_rows(answer: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert len(answer) == len(expected)
    for one, other in zip(answer, expected, strict=True):
        assert list(one) == list(other)
        if one == other:
            continue
        for name, value in one.items():
            assert_value(value, other[name], name)


def assert_value(value: Any, wanted: Any, name: str) -> None:
    if isinstance(value, float) and wanted is not None:
        assert math.isclose(value, float(wanted), rel_tol=1e-6, abs_tol=1e-9), name
    else:
        assert value == wanted, name


@given(queries())
def test_queries(query):
    assert_agree(query)


@given(tables(), tables(), predicates(), MERGES, st.sampled_from(["min", "product", "left"]))
def test_joins(left, right, predicate, merge_op, score):
    assert_agree(left.join(right, predicate=predicate, merge_op=merge_op, score=score))


@given(queries(1), queries(1), TIME, TIME, CONDITIONS)
def test_filters_above_joins(left, right, test, other, condition):
    pairs = left.join(right, predicate=test | other, suffix="_b", score=lambda a, b: (a + b) / 2)
    assert_agree(pairs.filter(condition).filter(row.name_b != "Bob"))
    assert_agree(pairs.select("name_b").filter(row.name_b == "Ann"))


@given(tables(10), st.booleans(), st.sampled_from([("start_us",), (), ("name",)]))
def test_matches(given_rows, exact, by):
    wanted = pattern("a", "b", "c").where(
        boxes.left_of("a", "b"),
        boxes.aligned("b", "c", within=0.3),
        lambda a, c: a.track <= c.track,
        lambda b: b.height > 0.05,
    )
    assert_agree(given_rows.group_by(*by).match(wanted, exact=exact))
    pair = pattern("a", "b").where((time.before | time.time_overlaps)("a", "b"))
    assert_agree(given_rows.group_by(*by).match(pair, exact=exact))


@given(tables(10), AGGREGATES, st.sampled_from([("start_us",), (), ("name", "track")]))
def test_aggregates(given_rows, made, by):
    assume("score" not in made)
    made = made | {
        "total": agg.sum(row.score),
        "average": agg.mean(row.duration),
        "initial": agg.first(row.name),
        "final": agg.last(row.name),
        "highest": agg.max(row.y2),
        "every": agg.all(row.score > 0.3),
    }
    assert_agree(given_rows.group_by(*by).agg(**made))
    assert_agree(given_rows.coalesce(1, by=by, **made))


@given(tables(), tables(), predicates())
def test_the_size_of_blocks_changes_nothing(left, right, predicate):
    before = joins.BLOCK, matches.BLOCK
    query = left.join(right, predicate=predicate)
    frames = left.group_by().match(pattern("a", "b").where(boxes.left_of("a", "b")))
    expected = query.collect(), frames.collect()
    try:
        joins.BLOCK = matches.BLOCK = 3
        assert query.collect().equals(expected[0])
        assert frames.collect().equals(expected[1])
    finally:
        joins.BLOCK, matches.BLOCK = before


@given(st.lists(records(), max_size=10), st.permutations(range(10)))
def test_ties_stay_in_input_order(rows, order):
    for number, each in enumerate(rows):
        each["track"] = number
    shuffled = [rows[place] for place in order if place < len(rows)]
    table = from_arrow(pa.Table.from_pylist(shuffled, schema=SCHEMA))
    assert_rows(table.collect().to_pylist(), reference.run(table.node))
    assert_rows(table.collect(ordered=False).to_pylist(), reference.Reference({}).rows(table.node))


@given(tables(8), tables(8), TIME)
def test_semi_join_minus_and_join_belong_together(left, right, test):
    pairs = left.mutate(track=row.start_us).join(right, predicate=test, merge_op=merge.left)
    kept = left.semi_join(right, test)
    assert kept.count() + left.anti_join(right, test).count() == left.count()
    assert (pairs.count() > 0) == (kept.count() > 0)
    rest = left.minus(right)
    assert rest.semi_join(right.filter(row.duration > 0), time.time_overlaps).count() == 0
