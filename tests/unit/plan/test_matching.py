"""How a join predicate is split: keys, one range on time, the rest."""

from __future__ import annotations

import pyarrow as pa
import pytest

from vquery.engine.sources import from_arrow
from vquery.expr.boxes import iou, left_of
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
from vquery.plan.matching import Overlap, Range, Window, matching_of

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
        (time_overlaps, Overlap()),
        (before, Window("end", "start", Range(0, None))),
        (after, Window("start", "end", Range(None, 0))),
        (before(max_gap=10), Window("end", "start", Range(0, 10 * SECOND))),
        (after(min_gap=1, max_gap=10), Window("start", "end", Range(-10 * SECOND, -SECOND))),
        (meets, Window("end", "start", Range(0, 0))),
        (met_by(tolerance=0.5), Window("start", "end", Range(-500_000, 500_000))),
    ],
)
def test_what_a_kernel_answers_alone(predicate, time):
    matching = split(predicate)
    assert matching.time == time
    assert matching.rest is None
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
        (time_overlaps | before(max_gap=10) | after(max_gap=5), Overlap(5 * SECOND, 10 * SECOND)),
        (time_overlaps | meets, Overlap()),
        (
            before(max_gap=9) | meets(tolerance=2),
            Window("end", "start", Range(-2 * SECOND, 9 * SECOND)),
        ),
        (before & ~left_of, Window("end", "start", Range(0, None))),
        (time_overlaps & left_of, Overlap()),
        (during & same("x1"), Overlap()),
    ],
)
def test_what_is_pruned_and_then_checked(predicate, time):
    matching = split(predicate)
    assert matching.time == time
    assert matching.rest is not None


@pytest.mark.parametrize(
    "predicate",
    [
        left_of,
        iou(at_least=0.5),
        ~time_overlaps,
        time_overlaps | left_of,
        time_overlaps.on("x"),
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
    assert matching.time == Overlap()
    assert matching.rest is None
    only = split(same(row.name))
    assert (only.time, only.rest, only.strategy) == (None, None, "equality keys, blocks of pairs")


def test_equal_numbers_are_no_keys():
    # 0.0 and -0.0 are equal and have different bits
    assert not split(same("score")).keys
    assert not split(lambda a, b: a.start == b.end).keys


def test_no_predicate_is_every_pair():
    assert matching_of(None, TABLE, TABLE).strategy == "per-video blocks of all pairs"
