"""Runs of rows made one row: gaps, keys, predicates, axes, lengths and scores."""

from __future__ import annotations

import pyarrow as pa
import pytest

import vquery as vq
from tests.unit.engine.test_spans import box_of, boxes, made, origins, spans
from vquery import boxes_overlap, iou, row, same, time_overlaps
from vquery.errors import QueryError, UnknownColumnError

LIGHTS = made(
    *(("a", 0, 1), ("a", 1, 2), ("a", 1, 3), ("a", 3.5, 4), ("b", 3, 4)),
    colour=["red", "red", None, "red", None],
    track=[1, 2, 1, 1, 1],
    score=pa.array([0.5, None, 0.25, 0.75, None], pa.float32()),
)


def test_the_last_opened_of_the_runs_that_take_a_row_gets_it():
    rows = made(("a", 0, 9), ("a", 1, 9), ("a", 2, 9), k=[1, 2, 0])
    pairs = rows.coalesce(where=lambda run, new: run.k > new.k, n=vq.count())
    assert spans(pairs, "k", "n") == [("a", 0, 9, 1, 1), ("a", 1, 9, 2, 2)]


def test_runs_that_end_too_early_are_closed():
    rows = made(("a", 0, 5), ("a", 1, 2), ("a", 4, 6), ("a", 9, 10), k=[1, 2, 2, 2])
    kept = rows.coalesce(where=same("k"))
    assert spans(kept, "k") == [("a", 0, 5, 1), ("a", 1, 2, 2), ("a", 4, 6, 2), ("a", 9, 10, 2)]
    assert spans(rows.coalesce(3, where=same("k")), "k") == [("a", 0, 5, 1), ("a", 1, 10, 2)]


def test_a_predicate_sees_the_hull_so_far_and_the_columns_of_the_first_row():
    rows = made(("a", 0, 1), ("a", 1, 2), ("a", 2, 3), ("a", 3, 4), k=[1, 9, 9, 9])
    short = rows.coalesce(where=lambda run, new: new.end - run.start <= 2)
    assert spans(short, "k") == [("a", 0, 2, 1), ("a", 2, 4, 9)]
    first = rows.coalesce(where=lambda run, new: run.k * 9 == new.k)
    assert spans(first, "k") == [("a", 0, 4, 1)]


def test_the_same_as_nothing_is_nothing_but_equal_keys_may_be_null():
    assert spans(LIGHTS.coalesce(1.5, where=same(row.colour)), "colour") == [
        ("a", 0, 4, "red"),
        ("a", 1, 3, None),
        ("b", 3, 4, None),
    ]
    both = LIGHTS.coalesce(1.5, where=same("colour") & same("track"))
    assert spans(both) == [("a", 0, 1), ("a", 1, 2), ("a", 1, 3), ("a", 3.5, 4), ("b", 3, 4)]
    assert spans(LIGHTS.coalesce(1, by="colour")) == spans(LIGHTS.coalesce(1, where=same("colour")))


def test_boxes_that_move_slowly_stay_one_object():
    moving = boxes(
        (0.0, 0, 0.4, 1), (0.1, 0, 0.5, 1), (0.6, 0, 1.0, 1), (0.2, 0, 0.5, 1), None, None
    )
    assert box_of(moving.coalesce(where=iou(at_least=0.5))) == [
        (0, 0, 0.5, 1),
        (0.6, 0, 1, 1),
        None,
        None,
    ]
    assert box_of(moving.coalesce(where=boxes_overlap)) == [
        (0, 0, 0.5, 1),
        (0.6, 0, 1, 1),
        None,
        None,
    ]
    alone = moving.coalesce(where=~boxes_overlap)
    assert box_of(alone) == [(0, 0, 0.4, 1), (0.1, 0, 0.5, 1), (0.2, 0, 1, 1), None, None]


def test_sizes_are_compared_in_float32():
    given = boxes((0.5, 0, 0.6, 1), (0.1, 0, 0.2, 1))
    wide = given.coalesce(where=lambda run, new: (new.x1 - run.x1 >= 0.4) | (run.width < 0))
    assert len(box_of(wide)) == 1  # 0.5 - 0.1 >= 0.4 holds in float32 alone


def test_texts_and_functions_of_one_row_are_understood():
    rows = made(("a", 0, 1), ("a", 1, 2), ("a", 2, 3), name=["Ann", "ANN", "bob"])
    folded = rows.coalesce(where=lambda run, new: run.name.lower() == new.name.lower())
    assert spans(folded, "name") == [("a", 0, 2, "Ann"), ("a", 2, 3, "bob")]
    later = rows.coalesce(where=lambda run, new: (run.name < new.name) & new.name.contains("b"))
    assert spans(later, "name") == [("a", 0, 1, "Ann"), ("a", 1, 3, "ANN")]


def test_a_run_is_bridged_only_while_it_stays_short():
    blocks = made(("a", 0, 100), ("a", 200, 250), ("a", 300, 340), ("a", 380, 900))
    assert spans(blocks.coalesce(120, max_length=300)) == [
        ("a", 0, 250),
        ("a", 300, 340),
        ("a", 380, 900),
    ]
    assert spans(blocks.coalesce(120, max_length=340)) == [("a", 0, 340), ("a", 380, 900)]
    assert spans(made(("a", 0, 2), ("a", 1, 3)).coalesce(max_length=2)) == [
        ("a", 0, 2),
        ("a", 1, 3),
    ]


def test_boxes_merge_along_x():
    words = boxes(
        (0.0, 0, 0.2, 0.1), (0.21, 0, 0.4, 0.1), (0.8, 0, 0.9, 0.1), None, text=["w", "x", "y", "z"]
    )
    lines = words.coalesce(0.05, axis="x", by="start_us", n=vq.count())
    assert box_of(lines) == [(0, 0, 0.4, 0.1), (0.8, 0, 0.9, 0.1), None]
    assert lines.collect()["n"].to_pylist() == [2, 1, 1]
    assert lines.collect()["text"].to_pylist() == ["w", "y", "z"]
    assert origins(lines)[0] == [(0, 0), (1, 0), (2, 1), (3, 2)]


def test_the_axis_of_boxes_does_not_ask_for_equal_times():
    given = made(
        ("a", 5, 6),
        ("a", 0, 1),
        **{edge: pa.array([0.1, 0.15]) for edge in ("x1", "y1")},
        **{edge: pa.array([0.2, 0.3]) for edge in ("x2", "y2")},
        name=["first in x", "first in time"],
    )
    assert spans(given.coalesce(axis="x"), "name") == [("a", 0, 6, "first in x")]
    assert spans(given.coalesce(axis="y", max_length=0.1)) == [("a", 0, 1), ("a", 5, 6)]


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [("max", 0.75), ("min", 0.25), ("mean", 0.5), ("noisy_or", 0.90625), ("first", 0.5)],
)
def test_scores_of_a_run(rule, wanted):
    made_one = LIGHTS.coalesce(1, score=rule)
    assert made_one.collect()["score"].to_pylist() == [pytest.approx(wanted), None]
    assert made_one.schema.field("score").type == pa.float32()


def test_scores_that_are_whole_numbers_have_a_mean():
    counted = made(("a", 0, 1), ("a", 1, 2), score=[1, 4])
    assert counted.coalesce(score="mean").collect()["score"].to_pylist() == [2.5]
    assert counted.coalesce().collect()["score"].to_pylist() == [4]
    own = counted.coalesce(score="mean", n=vq.count()).mutate(score=row.n)
    assert own.collect()["score"].to_pylist() == [2]


def test_frames_bridge_gaps_of_each_video():
    rates = pa.table({"video": ["a", "b"], "start": [0, 0], "end": [9, 9], "fps": [10, 1]})
    rows = made(("a", 0, 1), ("a", 2, 3), ("b", 0, 1), ("b", 2, 3), extents=rates)
    assert spans(rows.coalesce(vq.frames(1))) == [("a", 0, 1), ("a", 2, 3), ("b", 0, 3)]
    assert spans(rows.coalesce(5, max_length=vq.frames(3))) == [
        ("a", 0, 1),
        ("a", 2, 3),
        ("b", 0, 3),
    ]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LIGHTS.coalesce(-1), r"coalesce\(gap=\) takes a number of seconds of at least 0"),
        (lambda: LIGHTS.coalesce(max_length=-1), r"coalesce\(max_length=\) takes a number of sec"),
        (
            lambda: LIGHTS.coalesce(axis="x"),
            r"coalesce\(\): axis='x' is about boxes, and table has",
        ),
        (lambda: LIGHTS.coalesce(score="best"), r"coalesce\(score=\) must be 'max', 'min', 'mean'"),
        (lambda: LIGHTS.coalesce(where="overlap"), r"a predicate such as time_overlaps is needed"),
        (lambda: LIGHTS.coalesce(where=row.track > 1), r"a predicate is about two"),
        (lambda: LIGHTS.coalesce(where=iou(at_least=0.5)), r"no column 'x2'|has no boxes|x2"),
        (
            lambda: LIGHTS.coalesce(where=vq.udf(max, reads=["track"])),
            r"coalesce\(where=\): .* is a Python function over many pairs",
        ),
        (
            lambda: LIGHTS.coalesce(where=lambda run, new: run.colour.contains(new.colour)),
            r"coalesce\(where=\): in .* the part left.colour.contains\(right.colour\) brings",
        ),
    ],
)
def test_misuse_is_refused_when_the_query_is_built(build, message):
    with pytest.raises(QueryError, match=message):
        build()


def test_unknown_columns_are_named():
    with pytest.raises(UnknownColumnError, match="colour"):
        LIGHTS.coalesce(where=lambda run, new: run.color == new.colour)


def test_the_plan_shows_how_runs_grow():
    text = LIGHTS.coalesce(1, where=time_overlaps, max_length=9, by="track").explain()
    assert "run by run kernel on time, gap 1 s, by track, where time_overlaps, at most 9 s" in text
    assert "sweep kernel on time, gap 1 s" in LIGHTS.coalesce(1).explain()
