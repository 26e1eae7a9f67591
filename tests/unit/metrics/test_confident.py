"""Confident learning on injected errors, against a loop over items, and its folds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import SchemaError
from vquery.metrics.confident import folds_of, suspects

CHANCE = st.sampled_from([0.0, 0.1, 0.25, 0.5])
ITEMS = st.lists(st.tuples(CHANCE, CHANCE, st.integers(-1, 2)), max_size=12)


def slow(table, codes):
    """Thresholds, confident joint and suspects in plain loops."""
    classes = range(3)
    own = {
        k: [row[k] for row, code in zip(table, codes, strict=True) if code == k] for k in classes
    }
    threshold = {k: sum(own[k]) / len(own[k]) for k in classes if own[k]}
    joint = [[0.0] * 3 for _ in classes]
    wrong = []
    for at, (row, code) in enumerate(zip(table, codes, strict=True)):
        over = [k for k in threshold if row[k] >= threshold[k] - 1e-9]
        if code < 0 or not over:
            continue
        best = max(over, key=lambda k: (row[k], -k))
        joint[code][best] += 1
        if best != code:
            wrong.append((row[code] - row[best], at, best))
    for k in classes:
        if not sum(joint[k]):
            joint[k][k] = 1.0
        joint[k] = [each * len(own[k]) / sum(joint[k]) for each in joint[k]]
    return joint, sorted(wrong)


@given(ITEMS)
def test_suspects_are_those_of_a_loop(items):
    table = [[one, two, 1 - one - two] for one, two, _ in items]
    codes = [code for _, _, code in items]
    joint, wrong = slow(table, codes)
    found = suspects(np.array(table).reshape(-1, 3), np.array(codes, np.int64))
    order = sorted(range(len(wrong)), key=lambda at: (wrong[at][0], wrong[at][1]))
    assert found.rows.tolist() == [wrong[at][1] for at in order]
    assert found.likely.tolist() == [wrong[at][2] for at in order]
    assert found.margin == pytest.approx([-wrong[at][0] for at in order])
    assert found.joint == pytest.approx(np.array(joint))


def drawn(rng, n=3000, classes=3, noise=0.1):
    """Labels of which some are wrong, and probabilities of a fair model that never saw them."""
    truth = rng.integers(0, classes, n)
    scores = rng.normal(size=(n, classes)) + 3 * np.eye(classes)[truth]
    table = np.exp(scores)
    table /= table.sum(axis=1, keepdims=True)
    wrong = rng.random(n) < noise
    given_codes = np.where(wrong, (truth + rng.integers(1, classes, n)) % classes, truth)
    return table, given_codes, wrong


@pytest.mark.parametrize("rank", ["margin", "self"])
def test_injected_errors_are_found_first(rank):
    table, codes, wrong = drawn(np.random.default_rng(0))
    found = suspects(table, codes, rank=rank)
    errors = int(wrong.sum())
    assert wrong[found.rows].sum() / errors > 0.75
    assert wrong[found.rows].mean() > 0.9
    assert wrong[found.rows[:100]].mean() == 1.0
    assert found.expected == pytest.approx(errors, rel=0.35)
    assert found.joint.sum(axis=1) == pytest.approx(np.bincount(codes))


def test_clean_labels_raise_little_suspicion():
    table, codes, _ = drawn(np.random.default_rng(1), noise=0.0)
    assert len(suspects(table, codes).rows) < 0.05 * len(codes)


def test_unknown_labels_and_missing_classes_pass():
    found = suspects([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.0, 0.0, 1.0]], [0, 0, -1])
    assert found.rows.size == 0
    assert np.isnan(found.threshold[1:]).all()
    assert found.expected == 0.0
    assert suspects(np.zeros((0, 2)), []).rows.size == 0


def test_rank_must_be():
    with pytest.raises(SchemaError, match="rank"):
        suspects([0.5], [1], rank="best")


@given(st.lists(st.integers(0, 6), min_size=8, max_size=40))
def test_folds_keep_groups_whole_and_even(groups):
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < 2:
        return
    fold = folds_of(groups, 2)
    assert all(len(set(fold[np.array(groups) == name])) == 1 for name in names)
    filled = np.bincount(fold, minlength=2)
    assert abs(filled[0] - filled[1]) <= sizes.max()
    assert (fold == folds_of(groups, 2)).all()


def test_folds_need_groups():
    with pytest.raises(SchemaError, match="number of groups, which is 1"):
        folds_of(["a", "a"], 2)


@pytest.mark.parametrize("groups", [["a", None, "b"], [["a"], ["b"]]])
def test_groups_that_cannot_be_are_named(groups):
    with pytest.raises(SchemaError, match="groups must"):
        folds_of(groups, 2)
    with pytest.raises(SchemaError, match="folds must be 2"):
        folds_of(["a", "b", "c"], 2.5)
