"""The linear model on soft labels: its optimum, its choice of penalty, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from vquery.errors import LabelError, SchemaError
from vquery.supervise.linear import LeftOut, fit_linear
from vquery.supervise.soft import lead


def blobs(n: int, d: int, k: int, seed: int, apart: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    centres = rng.normal(size=(k, d)) * apart
    return centres[truth] + rng.normal(size=(n, d)), truth


def scaled(points: np.ndarray) -> np.ndarray:
    rows = points - points.mean(0)
    return rows / np.sqrt((rows**2).sum(1).mean())


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.integers(2, 4), st.sampled_from([3, 60]))
def test_the_optimum_is_that_of_another_library(seed, k, d):
    """A soft target is the same as one row a class, weighted by its probability."""
    points, _ = blobs(40, d, k, seed)
    soft = np.random.default_rng(seed).dirichlet(np.ones(k), 40)
    penalty, count = 0.02, lead(soft)
    rows, labels = np.repeat(scaled(points), k, axis=0), np.tile(np.arange(k), 40)
    share = (count[:, None] * soft / count.sum()).ravel()
    peer = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000)
    peer.fit(rows, labels, sample_weight=share)
    ours = fit_linear(points, soft, penalty=penalty).predict_proba(points)
    theirs = peer.predict_proba(scaled(points))
    if k == 2:  # one weight vector there, two that share the penalty here
        peer = LogisticRegression(C=2 / penalty, tol=1e-10, max_iter=10_000)
        theirs = peer.fit(rows, labels, sample_weight=share).predict_proba(scaled(points))
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_more_dimensions_than_items_give_the_same_as_coordinates_that_matter():
    points, truth = blobs(30, 4, 2, 1)
    wide = (
        np.c_[points, np.zeros((30, 100))]
        @ np.linalg.qr(np.random.default_rng(0).normal(size=(104, 104)))[0]
    )
    soft = np.eye(2)[truth] * 0.8 + 0.1
    narrow, broad = fit_linear(points, soft), fit_linear(wide, soft)
    np.testing.assert_allclose(narrow.predict_proba(points), broad.predict_proba(wide), atol=1e-4)


def noisy_functions(truth: np.ndarray, m: int, seed: int) -> list[LeftOut]:
    """Functions that are right at four of five items; each fold has the vote of three others."""
    rng = np.random.default_rng(seed)
    votes = np.where(rng.random((len(truth), m)) < 0.8, truth[:, None], 1 - truth[:, None])
    share = np.stack([1 - votes.mean(1), votes.mean(1)], axis=1)
    confusion = np.array([[0.8, 0.2, 0.0], [0.2, 0.8, 0.0]])
    without = [(share * m - np.eye(2)[votes[:, j]]) / (m - 1) for j in range(m)]
    return [LeftOut(q, votes[:, j].astype(np.int16), confusion) for j, q in enumerate(without)]


def test_the_penalty_that_left_out_functions_like_is_good_for_the_truth():
    points, truth = blobs(300, 200, 2, 3, apart=0.12)
    folds = noisy_functions(truth, 4, 5)
    soft = np.mean([fold.probability for fold in folds], axis=0)
    chosen = fit_linear(points, soft, left_out=folds)
    new, new_truth = blobs(300, 200, 2, 3, apart=0.12)
    rng = np.random.default_rng(9)
    new = new + rng.normal(size=new.shape) * 0.5

    def right(penalty: float) -> float:
        model = fit_linear(points, soft, penalty=penalty)
        return float((model.predict_proba(new).argmax(1) == new_truth).mean())

    every = {penalty: right(penalty) for penalty, _, _ in chosen.choice}
    assert max(every.values()) > min(every.values())  # the choice matters here
    assert every[chosen.penalty] >= max(every.values()) - 0.03


def test_without_functions_to_leave_out_the_penalty_is_a_plain_one():
    points, truth = blobs(20, 3, 2, 0)
    soft = np.eye(2)[truth]
    assert fit_linear(points, soft).choice == ()
    silent = [LeftOut(soft, np.full(20, -1, np.int16), np.full((2, 3), 1 / 3))]
    assert fit_linear(points, soft, left_out=silent).choice == ()


def test_an_item_without_weight_teaches_nothing():
    points, truth = blobs(40, 3, 2, 2)
    soft = np.eye(2)[truth]
    soft[:10] = 1 - soft[:10]
    counts = np.r_[np.zeros(10), np.ones(30)]
    without = fit_linear(points, soft, weight=counts, penalty=0.1).predict_proba(points)
    soft[:10] = 0.5
    np.testing.assert_allclose(
        without, fit_linear(points, soft, penalty=0.1).predict_proba(points), atol=1e-6
    )


@pytest.mark.parametrize(
    ("points", "soft", "options", "error", "words"),
    [
        ([[1.0], [np.nan]], [[1, 0], [0, 1]], {}, SchemaError, "vectors, row 1"),
        ([[1.0], [2.0]], [[1, 0]], {}, SchemaError, "2 rows"),
        ([[1.0], [2.0]], [[0.5, 0.5], [0.5, 0.5]], {}, LabelError, "no item has any weight"),
        ([[1.0], [2.0]], [[1, 0], [0, 2]], {}, LabelError, "row 1"),
        ([[1.0], [2.0]], [[1, 0], [0, 1]], {"penalty": 0}, LabelError, "above 0"),
        ([[1.0], [2.0]], [[1, 0], [0, 1]], {"weight": [1, -1]}, SchemaError, "weight"),
        ([], [[1, 0]], {}, SchemaError, "shape"),
    ],
)
def test_what_cannot_be_is_refused(points, soft, options, error, words):
    with pytest.raises(error, match=words):
        fit_linear(points, soft, **options)


def test_one_class_and_equal_points_are_no_trouble():
    same = fit_linear([[1.0, 1.0]] * 3, [[1, 0], [1, 0], [0, 1]])
    np.testing.assert_allclose(same.predict_proba([[1.0, 1.0]]), [[2 / 3, 1 / 3]], atol=1e-3)
    assert fit_linear([[0.0], [1.0]], [[1.0], [1.0]]).predict_proba([[5.0]]).tolist() == [[1.0]]
    with pytest.raises(SchemaError, match="2 dimensions"):
        same.predict_proba([[1.0]])


def test_what_is_left_out_has_the_rows_of_the_vectors():
    short = LeftOut(np.array([[0.3, 0.7]]), np.array([0], np.int16), np.full((2, 3), 1 / 3))
    with pytest.raises(SchemaError, match=r"left_out, function 0: .* must have 2 rows"):
        fit_linear([[0.0], [1.0]], [[0.3, 0.7], [0.9, 0.1]], left_out=[short])


def test_what_are_no_numbers_is_named():
    with pytest.raises(SchemaError, match="vectors must be numbers"):
        fit_linear([["a"]], [[0.3, 0.7]])
    with pytest.raises(SchemaError, match="weight must be numbers"):
        fit_linear([[1.0]], [[0.3, 0.7]], weight=["a"])
    with pytest.raises(LabelError, match="penalty"):
        fit_linear([[1.0]], [[0.3, 0.7]], penalty="a")
