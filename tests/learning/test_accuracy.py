"""Accuracy and calibration with few labels, held to bounds; the figures are from a benchmark."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from tests.bench.propagation import accuracy, labelled_sets
from vquery.graph.choose import choose_graph

DRAWS, BESIDE = 10, 3
"""Draws of labels, and how many of them scikit-learn gets too, which takes most of the time."""


@pytest.fixture(scope="module")
def digits():
    return labelled_sets.digits()


@pytest.fixture(scope="module")
def items(digits):
    return accuracy.items_of(digits)


@pytest.mark.parametrize(
    ("labels", "right", "points", "error"),
    [(1, 0.91, 5, 0.11), (5, 0.96, 2, 0.05)],
)
def test_digits(digits, items, labels, right, points, error):
    scores, errors, gains = [], [], []
    for seed in range(DRAWS):
        rows = digits.draw(labels, seed)
        score, off, fitted = accuracy.ours(digits, items, rows)
        assert fitted == (labels > 1)
        scores.append(score)
        errors.append(off)
        if seed < BESIDE:
            rivals = accuracy.theirs(digits, rows)
            gains.append([100 * (score - rival) for rival in rivals.values()])
    assert np.mean(scores) >= right
    assert np.mean(errors) <= error
    assert np.mean(gains, axis=0).min() >= points


def test_rare_classes_are_found():
    data = labelled_sets.imbalanced_digits()
    items = accuracy.items_of(data)
    scores = [accuracy.ours(data, items, data.draw(5, seed))[0] for seed in range(DRAWS)]
    rivals = [list(accuracy.theirs(data, data.draw(5, seed)).values()) for seed in range(BESIDE)]
    assert np.mean(scores) >= 0.86
    assert np.mean(scores) > np.mean(rivals, axis=0).max() + 0.03


def test_choosing_by_the_seeds_keeps_what_is_good(digits):
    seeds = accuracy.seeds_of(digits, digits.draw(5, 0))
    candidates = [{"symmetry": "mutual"}, {"k": 24, "symmetry": "sum"}]
    choice = choose_graph(digits.vectors, seeds, candidates=candidates)
    assert choice.best == choice.candidates[0]
    assert choice.table["left_out"].to_pylist() == [50] * 3
