"""Predicates: bare or called, composed, on other axes; merge operations; patterns."""

from __future__ import annotations

import pytest

from vquery.errors import QueryError
from vquery.expr import merge
from vquery.expr.boxes import aligned, iou, left_of
from vquery.expr.expression import Literal
from vquery.expr.pattern import pattern
from vquery.expr.placeholders import param, row
from vquery.expr.predicates import as_predicate, same, udf
from vquery.expr.time import after, before, during, meets, microseconds, overlaps, time_overlaps


def test_bare_and_called_are_the_same_predicate():
    assert repr(before.lower()) == repr(before(min_gap=0).lower()) == repr(before().lower())
    assert repr(before(max_gap=10)) == "before(max_gap=10)"
    assert repr(before(max_gap=10)(max_gap=None)) == "before"
    assert repr(meets(tolerance=0.5).on("x")) == "meets(tolerance=0.5).on('x')"


def test_composition():
    near = time_overlaps | before(max_gap=10) | after(max_gap=10)
    assert repr(near & ~left_of) == (
        "(time_overlaps | before(max_gap=10) | after(max_gap=10)) & ~left_of"
    )
    assert repr(time_overlaps & (lambda a, b: a.score > b.score)) == (
        "time_overlaps & lambda left, right: left.score > right.score"
    )
    assert repr((lambda a, b: a.x1 < b.x1) | during) == (
        "lambda left, right: left.x1 < right.x1 | during"
    )


def test_lowered_forms():
    assert repr(during.lower()) == (
        "(right.start_us < left.start_us) & (left.end_us < right.end_us)"
    )
    assert repr(before(min_gap=1, max_gap=2.5).lower()) == (
        "((right.start_us - left.end_us) >= 1000000) & ((right.start_us - left.end_us) <= 2500000)"
    )
    assert repr(overlaps.on("y").lower()).count("y1") == 3
    assert repr(same(row.track).lower()) == "left.track == right.track"


def test_seconds_round_to_the_nearest_microsecond():
    assert microseconds(Literal(0.1 + 0.2)).value == 300_000
    assert microseconds(Literal(1 / 3)).value == 333_333


def print_nothing(a, b):
    del a, b


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda: time_overlaps and before, "no truth value"),
        (lambda: before(max_gap=-1), "at least 0"),
        (lambda: before(max_gap="far"), "at least 0"),
        (lambda: before(min_gap=3, max_gap=2), "greater than"),
        (lambda: before(gap=3), "no setting 'gap'; it takes min_gap, max_gap"),
        (lambda: before(10), "give settings by name"),
        (lambda: time_overlaps(max_gap=1), "takes no settings"),
        (lambda: before.on("z"), "'time', 'x' or 'y'"),
        (lambda: left_of.on("x"), "no test on time"),
        (lambda: left_of(by=1), "takes no settings"),
        (lambda: same(3), "takes a column"),
        (lambda: same(row.track)(tolerance=1), "takes no setting"),
        (lambda: iou.lower(), "needs at_least="),
        (lambda: as_predicate(row.score > 1), "about two"),
        (lambda: as_predicate(left_of("a", "b")), "only in a pattern"),
        (lambda: as_predicate(None), "is needed"),
        (lambda: time_overlaps & 3, "is needed"),
        (lambda: as_predicate(lambda a, b: a.score > b.score and a.x1 < b.x1), "vq.udf"),
        (lambda: as_predicate(lambda a, b: len(a.name) > b.x1), "vq.udf"),
        (lambda: as_predicate(lambda a: a.score > 1), "must take 2 rows"),
        (lambda: as_predicate(print_nothing), "must return a condition"),
        (lambda: udf(len, reads="score"), "list of columns"),
        (lambda: merge.as_merge_op(max), "merge_op="),
    ],
)
def test_misuse(misuse, message):
    with pytest.raises(QueryError, match=message):
        misuse()


def test_distances_may_be_params():
    near = before(max_gap=param("gap", 10))
    assert repr(near) == "before(max_gap=param('gap', 10))"


def test_patterns_bind_predicates_to_variables():
    made = pattern("a", "b", "c").where(
        left_of("a", "b"),
        aligned("a", "b", "c", within=0.05),
        lambda c: c.height > 0.3,
        (time_overlaps & same("track"))("b", "c"),
    )
    assert repr(made.conditions[0]) == "a.x2 < b.x1"
    assert "a.y1 - b.y1" in repr(made.conditions[1])
    assert "b.y1 - c.y1" in repr(made.conditions[1])
    assert repr(made.conditions[2]) == "c.height > 0.3"
    assert "b.track == c.track" in repr(made.conditions[3])


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda: pattern("a", "a"), "occurs twice"),
        (lambda: pattern("a b"), "names of variables"),
        (lambda: pattern("a").where(left_of("a", "b")), "speaks of b"),
        (lambda: pattern("a").where(lambda z: z.x1 > 0), "speaks of z"),
        (lambda: pattern("a").where(left_of("a")), "at least two"),
        (lambda: pattern("a").where(left_of), "where\\(\\) takes"),
    ],
)
def test_misused_patterns(misuse, message):
    with pytest.raises(QueryError, match=message):
        misuse()
