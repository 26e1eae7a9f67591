"""How a join predicate is split: keys, one range on time, the rest."""

from __future__ import annotations

import pyarrow as pa
import pytest

from vquery.engine.sources import from_arrow
from vquery.expr.boxes import aligned, iou, left_of
from vquery.expr.placeholders import row
from vquery.expr.predicates import as_predicate, same, udf
from vquery.expr.time import (
    after,
    before,
    contains,
    during,
    equals,
    finishes,
    meets,
    met_by,
    overlaps,
    started_by,
    starts,
    time_overlaps,
)
from vquery.plan.matching import OVERLAP, Overlap, Range, Shared, Window, matching_of

TABLE = from_arrow(
    pa.table(
        {
            "video": ["a"],
            "start": [0],
            "end": [1],
            **{edge: [0.5] for edge in ("x1", "y1", "x2", "y2")},
            "name": ["Ann"],
            "track": [1],
            "score": [0.5],
        }
    ),
    name="faces",
).node
SECOND = 1_000_000


def split(predicate):
    return matching_of(as_predicate(predicate), TABLE, TABLE)


@pytest.mark.parametrize(
    ("predicate", "time"),
    [
        (time_overlaps, OVERLAP),
        (before, Window("end", "start", Range(0, None))),
        (after, Window("start", "end", Range(None, 0))),
        (before(max_gap=10), Window("end", "start", Range(0, 10 * SECOND))),
        (after(min_gap=1, max_gap=10), Window("start", "end", Range(-10 * SECOND, -SECOND))),
        (
            before(max_gap=9) & before(min_gap=3),
            Window("end", "start", Range(3 * SECOND, 9 * SECOND)),
        ),
        (meets, Window("end", "start", Range(0, 0))),
        (met_by(tolerance=0.5), Window("start", "end", Range(-500_000, 500_000))),
        (time_overlaps | before(max_gap=10) | after(max_gap=5), Overlap(5 * SECOND, 10 * SECOND)),
        (time_overlaps | meets | met_by, Overlap()),
        (time_overlaps | meets, Overlap(beyond_start=True)),
        (after(max_gap=1) | time_overlaps, Overlap(SECOND, 0, until_end=True)),
        (time_overlaps | before, Overlap(0, None, beyond_start=True)),
    ],
)
def test_what_a_kernel_answers_alone(predicate, time):
    matching = split(predicate)
    assert matching.time == time
    assert matching.rest is None
    assert not matching.fused
    assert matching.strategy == "sweep kernel on time"


@pytest.mark.parametrize(
    ("predicate", "time"),
    [
        (during, Overlap()),
        (contains, Overlap()),
        (overlaps, Overlap()),
        (equals, Window("start", "start", Range(0, 0))),
        (starts(tolerance=0.1), Window("start", "start", Range(-100_000, 100_000))),
        (started_by, Window("start", "start", Range(0, 0))),
        (finishes, Window("end", "end", Range(0, 0))),
        (time_overlaps & left_of, OVERLAP),
        (time_overlaps & during, OVERLAP),
        (during & same("x1"), Overlap()),
        ((time_overlaps | before(max_gap=2)) & during & left_of, Overlap(0, 2 * SECOND, True)),
        (time_overlaps & iou(at_least=0.5) & aligned(within=0.1), OVERLAP),
        (meets & (lambda a, b: a.center_x < b.center_x), Window("end", "start", Range(0, 0))),
        (
            meets & (lambda a, _: (a.score > 0.5) | a.name.is_null()),
            Window("end", "start", Range(0, 0)),
        ),
        (meets & (lambda a, b: a.name != b.name), Window("end", "start", Range(0, 0))),
    ],
)
def test_what_the_kernel_tests_on_pairs(predicate, time):
    matching = split(predicate)
    assert matching.time == time
    assert matching.rest is None
    assert matching.fused
    assert f"; fused: {matching.tested!r}" in str(matching)


@pytest.mark.parametrize(
    ("predicate", "time"),
    [
        (
            before(max_gap=9) | meets(tolerance=2),
            Window("end", "start", Range(-2 * SECOND, 9 * SECOND)),
        ),
        (time_overlaps | before(min_gap=1, max_gap=9), Overlap(0, 9 * SECOND)),
        (before & ~left_of, Window("end", "start", Range(0, None))),
        (time_overlaps & (lambda a, b: a.x1 + b.x1 < 1), OVERLAP),
        (time_overlaps & (lambda a, b: a.name < b.name), OVERLAP),
        (time_overlaps & udf(len, reads=["score"]), OVERLAP),
        (time_overlaps & iou(at_least=0.5) & iou(at_least=0.6), OVERLAP),
    ],
)
def test_what_is_pruned_and_then_checked(predicate, time):
    matching = split(predicate)
    assert matching.time == time
    assert matching.rest is not None


def test_a_condition_that_says_more_than_a_kernel_can_test_is_tested_in_part():
    matching = split(time_overlaps & (starts | overlaps) & left_of)
    assert (len(matching.fused), repr(matching.predicate)) == (1, "starts | overlaps")
    assert repr(matching.tested) == "left_of"


@pytest.mark.parametrize(
    ("limit", "low", "high"),
    [
        (lambda a, b: b.start_us - a.end_us <= 5, None, 5),
        (lambda a, b: b.start_us - a.end_us < 5.5, None, 5),
        (lambda a, b: b.start_us - a.end_us > -5.5, -5, None),
        (lambda a, b: a.end_us - b.start_us < 5, -4, None),
        (lambda a, b: a.end_us - b.start_us <= 5, -5, None),
        (lambda a, b: (a.end_us - b.start_us).abs() < 5, -4, 4),
    ],
)
def test_distances_in_whole_numbers_are_closed(limit, low, high):
    [condition] = split(limit).fused
    assert (condition.low, condition.high, condition.strict) == (low, high, False)
    assert repr(condition.left) == "left.end_us"


def test_distances_of_boxes_keep_their_type_and_sign():
    [condition] = split(lambda a, b: a.x2 - b.x1 > 0.1).fused
    assert (condition.low, condition.high, condition.strict) == (None, -0.1, True)
    assert condition.dtype == pa.float32()


def test_boxes_that_overlap_on_an_axis_are_found_by_the_kernel():
    matching = split(time_overlaps.on("x") & left_of)
    assert (matching.time, matching.rest) == (Shared("x"), None)
    assert matching.strategy == "sweep kernel on x"
    assert split(time_overlaps.on("x") & time_overlaps).time == OVERLAP


@pytest.mark.parametrize(
    "predicate",
    [
        left_of,
        iou(at_least=0.5),
        ~time_overlaps,
        time_overlaps | left_of,
        lambda a, b: a.score > b.score,
        udf(len, reads=["score"]),
    ],
)
def test_what_cannot_be_pruned_goes_video_by_video(predicate):
    matching = split(predicate)
    assert matching.time is None
    assert not matching.keys
    assert matching.strategy == "per-video blocks of all pairs"


def test_equalities_become_keys():
    matching = split(time_overlaps & same("track") & (lambda a, b: b.name == a.name))
    assert repr(matching.keys) == ("((left.track, right.track), (left.name, right.name))")
    assert matching.time == OVERLAP
    assert matching.rest is None
    only = split(same(row.name))
    assert (only.time, only.rest, only.strategy) == (None, None, "equality keys, blocks of pairs")


def test_equal_numbers_are_no_keys():
    # 0.0 and -0.0 are equal and have different bits
    assert not split(same("score")).keys
    assert not split(lambda a, b: a.start == b.end).keys


def test_no_predicate_is_every_pair():
    assert matching_of(None, TABLE, TABLE).strategy == "per-video blocks of all pairs"
