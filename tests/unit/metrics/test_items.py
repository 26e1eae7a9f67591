"""Matching, average precision and boundaries against slow references and cases made by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.metrics.items import ItemScore, Overlaps, boundaries, one_to_one, overlaps, segmentation
from vquery.metrics.ranking import average_precision, ranks
from vquery.metrics.spans import Spans, covered, time_by_group

ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12), st.integers(0, 6)), max_size=10)
SCORES = st.lists(st.sampled_from([None, 0.1, 0.5, 0.7, 0.9]), min_size=10, max_size=10)


def spans(rows):
    given = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Spans(given[:, 0], given[:, 1], given[:, 1] + given[:, 2])


def ticks(rows):
    return [(group, {*range(start, start + max(length, 1))}) for group, start, length in rows]


@given(ROWS, ROWS)
def test_tiou_is_that_of_the_ticks(found, truth):
    pairs = overlaps(spans(found), spans(truth))
    wanted = {
        (i, j): len(a & b) / len(a | b)
        for i, (g, a) in enumerate(ticks(found))
        for j, (h, b) in enumerate(ticks(truth))
        if g == h and a & b
    }
    got = zip(pairs.found.tolist(), pairs.truth.tolist(), strict=True)
    assert dict(zip(got, pairs.tiou.tolist(), strict=True)) == pytest.approx(wanted)


def slow_matching(pairs, rank):
    matched = [-1] * len(rank)
    for row in sorted(range(len(rank)), key=lambda each: rank[each]):
        mine = [i for i in range(pairs.found.size) if pairs.found[i] == row]
        mine.sort(key=lambda i: (-pairs.tiou[i], pairs.truth[i]))
        free = [pairs.truth[i] for i in mine if pairs.truth[i] not in matched]
        matched[row] = free[0] if free else -1
    return matched


@given(ROWS, ROWS, st.permutations(range(10)), st.sampled_from([0.0, 0.3, 0.6]))
def test_all_at_once_match_as_one_after_the_other(found, truth, order, least):
    pairs = overlaps(spans(found), spans(truth))
    pairs = Overlaps(*(each[pairs.tiou >= least] for each in pairs))
    rank = np.argsort(np.argsort(order[: len(found)])).astype(np.int64)
    assert one_to_one(pairs, rank).tolist() == slow_matching(pairs, rank)


def slow_ap(score, hit, true):
    """Precision and recall at each threshold, highest precision at any greater recall."""
    values = [-1.0 if each is None else each for each in score]
    curve = []
    for threshold in sorted(set(values), reverse=True):
        kept = [hit[i] for i in range(len(values)) if values[i] >= threshold]
        curve.append((sum(kept) / true, sum(kept) / len(kept)))
    area, before = 0.0, 0.0
    for place, (recall, _) in enumerate(curve):
        area += (recall - before) * max(precision for _, precision in curve[place:])
        before = recall
    return area


@given(SCORES, st.lists(st.booleans(), min_size=10, max_size=10), st.integers(10, 12))
def test_average_precision_of_ties_and_missing_scores(score, hit, true):
    given_scores = np.array([np.nan if each is None else each for each in score])
    found = average_precision(given_scores, np.array(hit), true)
    assert found == pytest.approx(slow_ap(score, hit, true))


def test_average_precision_without_anything():
    nothing = np.zeros(0)
    assert average_precision(nothing, nothing.astype(bool), 0) is None
    assert average_precision(nothing, nothing.astype(bool), 3) == 0.0
    assert average_precision(np.ones(2), np.zeros(2, bool), 3) == 0.0


@given(ROWS, ROWS)
def test_time_by_group_counts_ticks(found, truth):
    ours, theirs, both = time_by_group(spans(found), spans(truth), 3)
    for group in range(3):
        sets = [
            {t for g, start, length in rows if g == group for t in range(start, start + length)}
            for rows in (found, truth)
        ]
        counted = (len(sets[0]), len(sets[1]), len(sets[0] & sets[1]))
        assert (ours[group], theirs[group], both[group]) == counted


@given(ROWS)
def test_covered_time_is_disjoint_and_does_not_touch(rows):
    result = covered(spans(rows))
    same = np.diff(result.group) == 0
    assert (result.start[1:][same] > result.end[:-1][same]).all()
    assert (np.diff(result.group) >= 0).all()
    assert (result.end > result.start).all()


def test_segmentation_by_hand():
    truth = spans([(0, 0, 10), (0, 20, 10), (0, 40, 5)])
    found = spans([(0, 1, 2), (0, 5, 2), (0, 8, 14), (0, 60, 5)])
    counts = segmentation(overlaps(found, truth), 4, 3)
    assert (counts.split, counts.extra) == (1, 2)
    assert (counts.merged, counts.swallowed) == (1, 1)
    assert (counts.missed, counts.false) == (1, 1)


def test_boundaries_without_a_pair():
    nothing = spans([])
    assert boundaries(nothing, nothing, np.zeros(0, np.int64)).start_error is None
    assert ItemScore(0, 0, 0, 0).precision is None


def activity_net(score, tiou_of, true, threshold):
    """Follow the published evaluation: one prediction after the other, best overlap first."""
    order = sorted(range(len(score)), key=lambda row: -score[row])
    locked, hits = set(), []
    for row in order:
        candidates = sorted(tiou_of.get(row, []), key=lambda each: -each[0])
        hit = False
        for tiou, label in candidates:
            if tiou < threshold:
                break
            if label not in locked:
                locked.add(label)
                hit = True
                break
        hits.append(hit)
    right = np.cumsum(hits)
    recall = np.concatenate(([0], right / true, [1]))
    precision = np.concatenate(([0], right / np.arange(1, len(hits) + 1), [0]))
    for place in range(len(precision) - 2, -1, -1):
        precision[place] = max(precision[place], precision[place + 1])
    changes = np.flatnonzero(recall[1:] != recall[:-1]) + 1
    return float(((recall[changes] - recall[changes - 1]) * precision[changes]).sum())


@pytest.mark.data
def test_average_precision_of_activity_net_detections(data):
    """Real detections against moved copies of themselves, with scores that differ."""
    path = data / "events" / "activitynet" / "sample_detection_prediction.json"
    results = json.loads(path.read_text())["results"]
    rng = np.random.default_rng(3)
    found, truth, score = [], [], []
    for video, each in enumerate(results.values()):
        for one in each:
            start, end = (round(t * 1e6) for t in sorted(one["segment"]))
            found.append((video, start, end - start))
            score.append(float(rng.random()))
            if rng.random() < 0.7:
                length = end - start
                moved = start + round(length * rng.uniform(0, 0.6))
                truth.append((video, moved, round(length * rng.uniform(0.5, 1.5))))
    pairs = overlaps(spans(found), spans(truth))
    tiou_of = {}
    for row, label, value in zip(*(each.tolist() for each in pairs), strict=True):
        tiou_of.setdefault(row, []).append((value, label))
    best = np.zeros(len(found))
    np.maximum.at(best, pairs.found, pairs.tiou)
    rank = ranks(np.array(score), best)
    assert len(found) == 7654
    for threshold in (0.3, 0.5, 0.7):
        near = Overlaps(*(each[pairs.tiou >= threshold] for each in pairs))
        hit = one_to_one(near, rank) >= 0
        wanted = activity_net(score, tiou_of, len(truth), threshold)
        assert 0.01 < wanted < 0.9
        assert average_precision(np.array(score), hit, len(truth)) == pytest.approx(wanted)
