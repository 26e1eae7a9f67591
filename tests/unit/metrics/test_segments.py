"""Runs and segment scores against loops over rows and cases made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import SchemaError
from vquery.metrics.segments import class_groups, matches, runs_of, segment_score
from vquery.metrics.spans import Spans

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(-1, 2), st.integers(0, 3)), max_size=14)


def slow_runs(groups, codes, start, end, gap):
    found, before = [], None
    for row, (group, code) in enumerate(zip(groups, codes, strict=True)):
        if code == 1:
            joins = before is not None and before[0] == group and start[row] - before[1] <= gap
            if joins:
                found[-1][2] = end[row]
            else:
                found.append([group, start[row], end[row]])
            before = (group, end[row])
        else:
            before = None
    return found


@given(ROWS, st.integers(0, 2))
def test_runs_are_those_of_a_loop(rows, gap):
    rows = sorted(rows, key=lambda row: row[0])
    groups, codes = [row[0] for row in rows], [row[1] for row in rows]
    start = np.cumsum([row[2] + 1 for row in rows]).astype(np.int64)
    end = start + 1
    found = runs_of(codes, np.array(groups, np.int64), start=start, end=end, gap=gap)
    wanted = slow_runs(groups, codes, start.tolist(), end.tolist(), gap)
    assert np.stack(found, axis=1).tolist() == wanted


def slow_score(found, truth, tiou):
    """The protocol in words: in time order each takes the best unused true one."""
    used, hits = set(), 0
    for group, start, end in sorted(zip(*(each.tolist() for each in found), strict=True)):
        best, at = 0.0, None
        for row, (other, low, high) in enumerate(zip(*(e.tolist() for e in truth), strict=True)):
            shared = min(end, high) - max(start, low)
            ratio = shared / (max(end, high) - min(start, low)) if shared > 0 else 0.0
            if other == group and row not in used and ratio > best and ratio >= tiou:
                best, at = ratio, row
        if at is not None:
            used.add(at)
            hits += 1
    return hits


BITS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=30)


@given(BITS, st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.integers(0, 30))
def test_hits_are_those_of_the_protocol(bits, tiou, border):
    groups = (np.arange(len(bits)) >= border).astype(np.int64)
    found, truth = (runs_of([bit[side] for bit in bits], groups) for side in (0, 1))
    score = segment_score(found, truth, tiou)
    assert score.found_hits == score.true_hits == slow_score(found, truth, tiou)
    assert (score.found, score.true) == (found.start.size, truth.start.size)
    if score.f1 is not None:
        assert score.f1 == pytest.approx(2 * score.found_hits / (score.found + score.true))


def test_order_of_segments_changes_nothing():
    truth = runs_of([1, 1, 0, 1, 1, 1])
    found = runs_of([1, 0, 0, 1, 1, 0])
    turned = Spans(*(each[::-1] for each in found))
    assert segment_score(turned, truth).f1 == segment_score(found, truth).f1 == 1.0
    assert matches(turned, truth).tolist() == [1, 0]


def test_nothing_found_and_nothing_true():
    nothing, one = runs_of([0, -1]), runs_of([1, 0])
    assert segment_score(nothing, nothing).f1 is None
    assert segment_score(nothing, one).f1 == 0.0
    assert segment_score(one, nothing).precision == 0.0


def test_classes_never_meet():
    spans = [runs_of([1, 1], class_groups([0, 0], code, 2)) for code in (0, 1)]
    assert segment_score(*spans).found_hits == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"codes": [[1]]}, "one dimension"),
        ({"codes": [1, 1], "groups": [0]}, "groups must have shape"),
        ({"codes": [1, 1], "groups": [0.5, 1.5]}, "whole numbers"),
        ({"codes": [1], "start": [0]}, "needs start and end"),
        ({"codes": [1, 1], "start": [5, 0], "end": [6, 1]}, "row 1 starts before row 0"),
    ],
)
def test_what_cannot_be_is_named(arguments, said):
    with pytest.raises(SchemaError, match=said):
        runs_of(**arguments)


@pytest.mark.parametrize("tiou", [0, 1.1, float("nan")])
def test_tiou_must_be(tiou):
    with pytest.raises(SchemaError, match="tiou"):
        segment_score(runs_of([1]), runs_of([1]), tiou)


def test_empty_lists_have_no_runs():
    assert runs_of([], [], start=[], end=[]).start.tolist() == []
