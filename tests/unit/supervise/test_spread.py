"""Soft labels spread over likeness."""

from __future__ import annotations

import numpy as np
import pytest

from vquery.errors import LabelError, SchemaError
from vquery.graph.items import knn_graph
from vquery.supervise.spread import spread_labels


def clusters(k: int, each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(k), each)
    return np.eye(k, 8)[truth] + rng.normal(size=(k * each, 8)) * 0.08, truth


@pytest.mark.parametrize("k", [2, 4])
def test_neighbours_outvote_wrong_and_missing_votes(k):
    points, truth = clusters(k, 30)
    rng = np.random.default_rng(1)
    said = np.where(rng.random(len(truth)) < 0.7, truth, rng.integers(0, k, len(truth)))
    soft = np.full((len(truth), k), 0.3 / k)
    soft[np.arange(len(truth)), said] += 0.7
    voted = rng.random(len(truth)) < 0.6
    found = spread_labels(soft, points, voted=voted)
    assert (found.probability.argmax(1) == truth).mean() > 0.97
    assert (soft.argmax(1) == truth).mean() < 0.9
    np.testing.assert_allclose(found.probability.sum(1), 1)
    assert found.reached.all()


def test_no_votes_leave_the_balance():
    points, _ = clusters(2, 5)
    found = spread_labels(np.full((10, 2), 0.5), points, balance=[0.8, 0.2])
    assert found.labelled is None
    assert not found.reached.any()
    np.testing.assert_allclose(found.probability, np.tile([0.8, 0.2], (10, 1)))


def test_a_class_that_nobody_votes_for_gets_nothing():
    points, truth = clusters(2, 5)
    soft = np.c_[np.eye(2)[truth], np.zeros(10)]
    found = spread_labels(soft, points, balance=[0.4, 0.4, 0.2])
    assert (found.probability[:, 2] == 0).all()
    assert (found.probability.argmax(1) == truth).all()


def test_copies_that_contradict_each_other_speak_with_one_voice():
    points, truth = clusters(2, 12)
    points[:3] = points[0]
    soft = np.eye(2)[truth] * 0.8 + 0.1
    soft[2] = [0.2, 0.8]
    found = spread_labels(soft, points)
    assert found.probability.argmax(1).tolist() == truth.tolist()
    np.testing.assert_array_equal(found.probability[:3], found.probability[[0, 0, 0]])


def test_graphs_made_before_are_used():
    points, truth = clusters(2, 10)
    soft = np.eye(2)[truth] * 0.8 + 0.1
    graph = knn_graph(points)
    one, two = spread_labels(soft, points), spread_labels(soft, graph=graph)
    np.testing.assert_allclose(one.probability, two.probability)
    with pytest.raises(SchemaError, match="not both"):
        spread_labels(soft, points, graph=graph)


@pytest.mark.parametrize(
    ("soft", "options", "error", "words"),
    [
        ([[0.5, 0.5]], {}, SchemaError, "needs vectors"),
        ([[0.5, 0.5]], {"vectors": [[1.0], [2.0]]}, SchemaError, "1 rows"),
        ([[np.nan, 0.5]], {"vectors": [[1.0]]}, LabelError, "row 0"),
        ([[0.5, 0.5]], {"vectors": [[1.0]], "voted": [1, 0]}, SchemaError, "voted"),
        ([[0.5, 0.5]], {"vectors": [[1.0]], "balance": [1.0]}, SchemaError, "balance"),
        ([[0.5, 0.5]], {"vectors": [[1.0]], "balance": [2.0, -1.0]}, LabelError, "row 0"),
    ],
)
def test_what_cannot_be_is_refused(soft, options, error, words):
    with pytest.raises(error, match=words):
        spread_labels(soft, **options)
