"""Calibration against loops over items, scikit-learn and cases made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from vquery.errors import LabelError, SchemaError
from vquery.metrics.calibration import (
    brier,
    calibration_sums,
    ece,
    log_loss,
    reliability,
    wilson,
)

CHANCES = st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.5, 0.55, 0.9, 0.999, 1.0])
ITEMS = st.lists(
    st.tuples(CHANCES, st.integers(-1, 1), st.sampled_from([0.0, 0.5, 2.0])), max_size=12
)


def slow(items):
    """Log-loss, Brier and ECE of ten bins, one item after the other."""
    known = [(p, y, w) for p, y, w in items if y >= 0]
    total = sum(w for _, _, w in known)
    if not total:
        return None, None, None
    loss = square = 0.0
    bins = [[0.0, 0.0] for _ in range(10)]
    for p, y, w in known:
        right = p if y else 1 - p
        loss -= w * math.log(min(max(right, 1e-6), 1 - 1e-6))
        square += w * (p - y) ** 2
        into = bins[min(int(p * 10), 9)]
        into[0] += w * p
        into[1] += w * y
    return loss / total, square / total, sum(abs(one - two) for one, two in bins) / total


@given(ITEMS)
def test_scores_are_those_of_a_loop(items):
    p, y, w = (np.array(each) for each in zip(*items, strict=True)) if items else ([], [], [])
    found = log_loss(p, y, w), brier(p, y, w), ece(p, y, weights=w)
    assert found == tuple(None if one is None else pytest.approx(one) for one in slow(items))


def test_scores_agree_with_scikit_learn():
    rng = np.random.default_rng(5)
    p, y, w = rng.random(200), rng.integers(0, 2, 200), rng.random(200)
    assert log_loss(p, y, w) == pytest.approx(metrics.log_loss(y, p, sample_weight=w))
    assert brier(p, y, w) == pytest.approx(metrics.brier_score_loss(y, p, sample_weight=w))
    table = rng.dirichlet(np.ones(4), 200)
    codes = rng.integers(0, 4, 200)
    assert log_loss(table, codes) == pytest.approx(metrics.log_loss(codes, table))


def test_two_columns_are_one():
    rng = np.random.default_rng(6)
    p, y = rng.random(50), rng.integers(-1, 2, 50)
    both = np.stack([1 - p, p], axis=1)
    for score in (log_loss, brier, ece):
        assert score(both, y) == pytest.approx(score(p, y))


def test_many_classes_are_judged_by_the_most_probable():
    table = [[0.75, 0.25, 0.0], [0.75, 0.0, 0.25], [0.25, 0.75, 0.0], [0.0, 0.25, 0.75]]
    assert ece(table, [0, 0, 1, 1]) == 0.0
    assert ece(table, [1, 2, 0, 0]) == 0.75


def test_sums_of_parts_are_those_of_the_whole():
    rng = np.random.default_rng(7)
    p, y = rng.random(60), rng.integers(-1, 2, 60)
    parts = sum(calibration_sums(p[at::3], y[at::3]) for at in range(3))
    assert parts == pytest.approx(calibration_sums(p, y))


def test_reliability_has_every_bin_and_nothing_in_empty_ones():
    table = reliability([0.25, 0.25, 0.25, 0.25, 1.0], [1, 0, 0, 0, 1], bins=4).to_pydict()
    assert table["items"] == [0, 4, 0, 1]
    assert table["probability"] == [None, 0.25, None, 1.0]
    assert table["share"] == [None, 0.25, None, 1.0]
    assert table["share_low"][1] == pytest.approx(0.0456, abs=1e-4)
    assert table["share_high"][1] == pytest.approx(0.6994, abs=1e-4)
    assert table["share_high"][0] is None


def test_wilson_holds_the_share_and_narrows():
    share = np.linspace(0, 1, 11)
    few, many = wilson(share, np.full(11, 5)), wilson(share, np.full(11, 500))
    for low, high in (few, many):
        assert ((low <= share) & (share <= high)).all()
    assert (many[1] - many[0] < few[1] - few[0]).all()


@pytest.mark.parametrize(
    ("probability", "truth", "weights", "error", "said"),
    [
        ([0.5, 1.5], [0, 1], None, SchemaError, "row 1: expected 0 to 1, got 1.5"),
        ([0.5, np.nan], [0, 1], None, SchemaError, "row 1: expected 0 to 1, got nan"),
        ([[0.5, 0.4]], [0], None, SchemaError, "row 0: the classes must sum to 1, got 0.9"),
        (0.5, [1], None, SchemaError, "shape"),
        ([0.5], [2], None, LabelError, "row 0: expected 0 to 1"),
        ([0.5], [0.5], None, LabelError, "numbers of classes"),
        ([0.5], [0, 1], None, SchemaError, "truth must have shape"),
        ([0.5], [1], [-1], SchemaError, "weights, row 0"),
        ([0.5], [1], [1, 1], SchemaError, "weights must have shape"),
    ],
)
def test_what_cannot_be_is_named(probability, truth, weights, error, said):
    with pytest.raises(error, match=said):
        log_loss(probability, truth, weights)


def test_bins_must_be():
    with pytest.raises(SchemaError, match="bins must be a whole number of at least 1"):
        ece([0.5], [1], bins=0)


@pytest.mark.parametrize("bins", [2.5, None, "3"])
def test_bins_are_whole_numbers(bins):
    with pytest.raises(SchemaError, match="bins must be a whole number"):
        ece([0.5], [1], bins=bins)


def test_what_are_no_numbers_is_named():
    with pytest.raises(SchemaError, match="probability must be numbers"):
        log_loss(["a"], [1])
    with pytest.raises(SchemaError, match="probability must be numbers, in rows of one length"):
        log_loss([[0.1, 0.9], [1.0]], [1, 1])
    with pytest.raises(SchemaError, match="weights must be numbers"):
        log_loss([0.5], [1], ["a"])


def test_reliability_without_a_known_truth_is_empty():
    found = reliability([0.2, 0.9], [-1, -1], bins=2)
    assert found["items"].to_pylist() == [0, 0]
    assert found["share"].to_pylist() == [None, None]
