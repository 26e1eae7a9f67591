from __future__ import annotations

import time

import pyarrow as pa
import pytest

from vquery.engine import matches
from vquery.engine.sources import from_arrow
from vquery.expr.boxes import left_of
from vquery.expr.pattern import pattern
from vquery.expr.predicates import same, udf
from vquery.expr.time import before, equals, time_overlaps


def rows(*given, box=False):
    """Make rows of (video, start, end, id, name)."""
    names = ("video", "start", "end", "id", "name")
    table = {name: [each[place] for each in given] for place, name in enumerate(names)}
    if box:
        table |= {"x1": [each[3] / 10 for each in given], "x2": [each[3] / 10 for each in given]}
        table |= {"y1": [0.0] * len(given), "y2": [1.0] * len(given)}
    return from_arrow(pa.table(table))


FRAME = [("v", 0, 1, 3, "c"), ("v", 0, 1, 1, "a"), ("v", 0, 1, 2, None), ("w", 0, 1, 4, "a")]


def ids(query, variables="ab"):
    found = query.collect().to_pylist()
    return [tuple(each[f"{variable}_id"] for variable in variables) for each in found]


def test_an_order_gives_each_pair_once_and_solutions_come_in_the_order_of_rows():
    given = rows(*FRAME)
    ordered = pattern("a", "b").where(lambda a, b: a.id < b.id)
    assert ids(given.per_frame().match(ordered)) == [(1, 3), (1, 2), (2, 3)]
    assert ids(given.per_frame().match(pattern("a", "b"))) == [
        (3, 1), (3, 2), (1, 3), (1, 2), (2, 3), (2, 1),
    ]  # fmt: skip
    assert ids(given.group_by().match(ordered, exact=True)) == []


def test_boxes_decide_the_order_of_solutions_not_the_input():
    given = rows(*FRAME, box=True)
    assert ids(given.per_frame().match(pattern("a", "b"))) == [
        (1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2),
    ]  # fmt: skip
    found = given.per_frame().match(pattern("a", "b").where(left_of("a", "b")))
    assert ids(found) == [(1, 2), (1, 3), (2, 3)]


def test_null_equals_nothing_between_variables():
    given = rows(*FRAME, ("v", 0, 1, 5, None), ("v", 0, 1, 6, "a"))
    assert ids(given.per_frame().match(pattern("a", "b").where(same("name")("a", "b")))) == [
        (1, 6), (6, 1),
    ]  # fmt: skip
    other = pattern("a", "b").where(lambda a, b: a.name != b.name)
    assert len(ids(given.per_frame().match(other))) == 4


def test_a_variable_may_be_bound_before_those_named_first():
    given = rows(*[("v", 0, 1, number, "ab"[number % 2]) for number in range(6)])
    chain = pattern("a", "b", "c").where(
        lambda c: c.id == 3, lambda b, c: b.id == c.id - 1, lambda a, b: a.id == b.id - 1
    )
    assert ids(given.per_frame().match(chain), "abc") == [(1, 2, 3)]


def test_conditions_that_only_duckdb_or_python_computes():
    given = rows(*FRAME)
    spelled = pattern("a", "b").where(lambda a: a.name.upper() == "C", lambda b: b.name == "a")
    assert ids(given.per_frame().match(spelled)) == [(3, 1)]
    asked = []

    def larger(left, right):
        asked.append(left.num_rows)
        return [a > b for a, b in zip(left["id"].to_pylist(), right["id"].to_pylist(), strict=True)]

    called = pattern("a", "b").where(
        lambda a: a.name == "c", udf(larger, reads=["id"])("a", "b"), lambda a, b: a.id != b.id + 1
    )
    assert ids(given.per_frame().match(called)) == [(3, 1)]
    assert sum(asked) <= 3 * 2  # the function sees what the other conditions leave


def test_a_condition_without_variables():
    given = rows(*FRAME)
    assert given.per_frame().match(pattern("a").where(lambda: True)).count() == 4
    assert given.per_frame().match(pattern("a").where(lambda: False)).count() == 0


@pytest.mark.parametrize("number", [2_000, 100_000])
def test_a_long_video_is_searched_by_time(number):
    table = pa.table({
        "video": ["v"] * number, "start": range(0, 10 * number, 10),
        "end": range(3, 10 * number + 3, 10), "id": range(number),
        "name": ["a", "b"] * (number // 2),
    })  # fmt: skip
    wanted = pattern("a", "b", "c").where(
        before("a", "b", max_gap=8), before("b", "c", max_gap=8), lambda a: a.name == "a"
    )
    begun = time.process_time()
    assert from_arrow(table).group_by().match(wanted).count() == number // 2 - 1
    # all pairs of 100,000 rows would take hours, of the processor, whatever else is at work
    assert time.process_time() - begun < 60


def test_a_long_video_is_searched_by_equal_columns():
    number = 20_000
    table = pa.table({"video": ["v"] * number, "start": [0] * number, "end": [1] * number,
                      "id": range(number),
                      "track": [each // 2 for each in range(number)]})  # fmt: skip
    wanted = pattern("a", "b").where(lambda a, b: (a.track == b.track) & (a.id < b.id))
    found = from_arrow(table).per_frame().match(wanted)
    assert found.count() == number // 2
    both = pattern("a", "b").where(time_overlaps("b", "a"), same("track")("b", "a"))
    assert from_arrow(table).group_by().match(both).count() == number


def test_many_videos_of_one_row():
    number = 100_000
    table = pa.table({"video": range(number), "start": [0] * number, "end": [1] * number})
    assert from_arrow(table).per_frame().match(pattern("a")).count() == number
    assert from_arrow(table).group_by().match(pattern("a", "b")).count() == 0


def test_solutions_are_made_in_blocks(monkeypatch):
    sizes = []
    original = matches._different
    monkeypatch.setattr(matches, "BLOCK", 100)
    monkeypatch.setattr(
        matches, "_different", lambda *each: sizes.append(each[0]["b"].size) or original(*each)
    )
    given = rows(*[("v", 0, 1, number, "x") for number in range(60)])
    assert given.per_frame().match(pattern("a", "b")).count() == 60 * 59
    assert max(sizes) <= 100


def test_rows_that_are_equal_stand_for_the_variables_of_a_pattern_either_way():
    twins = from_arrow(pa.table({"video": ["a"] * 2, "start": [0, 0], "end": [1, 1], "n": [1, 2]}))
    for test in (equals("a", "b"), lambda a, b: (a.start <= b.start) & (a.end >= b.end)):
        found = twins.group_by().match(pattern("a", "b").where(test)).collect()
        assert sorted(zip(*(found[name].to_pylist() for name in ("a_n", "b_n")), strict=True)) == [
            (1, 2),
            (2, 1),
        ]
