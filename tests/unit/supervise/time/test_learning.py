"""Transitions and durations from votes alone, on drawn chains whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import fractional_matrix_power

from tests.unit.supervise.time.chains import chain, fitted, spells, votes_on
from vquery.supervise.time import Transitions, decode
from vquery.supervise.time.durations import correlations
from vquery.supervise.time.transitions import powers

TWO = np.array([[0.95, 0.05], [0.1, 0.9]])
THREE = np.array([[0.9, 0.07, 0.03], [0.05, 0.93, 0.02], [0.1, 0.1, 0.8]])


@pytest.mark.parametrize(("matrix", "seed"), [(TWO, 0), (TWO, 1), (THREE, 2), (THREE, 3)])
def test_transitions_within_three_standard_errors(matrix, seed):
    rng, k = np.random.default_rng(seed), len(matrix)
    truth = chain(rng, 8000, matrix)
    votes = votes_on(rng, truth, k)
    model = fitted(votes, k)
    found = decode(votes, model)
    made = found.transitions
    assert made.method == "lags"
    assert (np.abs(made.matrix - matrix) < 3 * made.matrix_error).all()
    assert made.matrix_error.max() < 0.03
    assert not made.shortest.any()
    assert made.temper == 1
    before = (model.predict_proba(votes).argmax(axis=1) == truth).mean()
    assert (found.path == truth).mean() > before + 0.03


def test_rare_class():
    matrix = np.array([[0.995, 0.005], [0.095, 0.905]])  # 5 % of the time
    rng = np.random.default_rng(4)
    truth = chain(rng, 20_000, matrix)
    votes = votes_on(rng, truth, 2, (0.97, 0.95, 0.93, 0.9, 0.95))
    made = decode(votes, fitted(votes)).transitions
    assert (np.abs(made.matrix - matrix) < 3 * made.matrix_error).all()


def test_errors_that_last_bias_nothing_and_count_less():
    """Functions whose own errors last ten ticks: different functions still tell of the class."""
    rng = np.random.default_rng(5)
    truth = chain(rng, 20_000, TWO)
    votes = votes_on(rng, truth, 2, coverage=(1.0,) * 5, lasting=10)
    model = fitted(votes)
    found = decode(votes, model)
    assert (np.abs(found.transitions.matrix - TWO) < 3 * found.transitions.matrix_error).all()
    # an error that is seen ten times is a tenth of ten errors
    assert 0.05 < found.transitions.temper < 0.25
    sure = decode(votes, model, temper=1.0)
    right = np.arange(len(truth)), truth
    loss = [-np.log(each.probability[right]).mean() for each in (found, sure)]
    assert loss[0] < loss[1] - 0.02


@pytest.mark.parametrize(("least", "mean"), [((1, 30), (20.0, 40.0)), ((20, 10), (40.0, 30.0))])
def test_least_durations(least, mean):
    rng = np.random.default_rng(6)
    truth = spells(rng, 8000, least, mean)
    votes = votes_on(rng, truth, 2)
    model = fitted(votes)
    found = decode(votes, model)
    np.testing.assert_allclose(found.transitions.mean, mean, rtol=0.15)
    np.testing.assert_allclose(found.transitions.shortest, least, rtol=0.5, atol=2)
    free = decode(votes, model, min_duration=0)
    assert (found.path == truth).mean() >= (free.path == truth).mean() - 0.002
    told = decode(votes, model, durations={k: (least[k], mean[k]) for k in (0, 1)})
    assert told.transitions.mean.tolist() == list(mean)
    assert (told.path == truth).mean() > 0.98


def test_one_function_alone_goes_to_baum_welch():
    rng = np.random.default_rng(7)
    truth = chain(rng, 5000, TWO)
    votes = votes_on(rng, truth, 2, (0.9,), (1.0,))
    made = decode(votes, fitted(votes)).transitions
    assert made.method == "em"
    assert np.isfinite(made.matrix).all()
    both = votes_on(rng, truth, 2)
    model = fitted(both)
    other = decode(both, model, transitions="em").transitions
    np.testing.assert_allclose(other.matrix, TWO, atol=0.02)
    assert other.method == "em"
    assert np.isnan(other.matrix_error).all()


def test_correlations_are_those_of_drawn_spells():
    rng = np.random.default_rng(8)
    truth = spells(rng, 200_000, (12, 4), (20.0, 10.0)).astype(float)
    truth -= truth.mean()
    drawn = [(truth[: len(truth) - d] * truth[d:]).mean() / truth.var() for d in range(60)]
    jump = np.array([[0.0, 1.0], [1.0, 0.0]])
    made = correlations(np.array([12, 4]), np.array([20.0, 10.0]), jump, 59)
    np.testing.assert_allclose(made, drawn, atol=0.03)


def test_powers():
    place, tables = powers(THREE, np.array([1.0, 0.5, 7.0, 1e9, 0.5]))
    assert place.tolist() == [1, 0, 2, 3, 0]
    np.testing.assert_allclose(tables[0], fractional_matrix_power(THREE, 0.5), atol=1e-8)
    np.testing.assert_allclose(tables[1], THREE, atol=1e-9)
    np.testing.assert_allclose(tables[2], np.linalg.matrix_power(THREE, 7), atol=1e-8)
    np.testing.assert_allclose(tables[3], np.linalg.matrix_power(THREE, 10**6), atol=1e-8)
    for matrix in (np.ones((1, 1)), np.full((2, 2), 0.5), np.array([[0.1, 0.9], [0.8, 0.2]])):
        _, tables = powers(matrix, np.array([0.3, 2.7]))
        np.testing.assert_allclose(tables.sum(axis=2), 1)
        assert (tables >= 0).all()


def test_as_plain_values():
    rng = np.random.default_rng(9)
    votes = votes_on(rng, chain(rng, 1000, TWO), 2)
    made = decode(votes, fitted(votes)).transitions
    again = Transitions.from_dict(made.to_dict())
    assert again.to_dict() == made.to_dict()
    assert repr(again).startswith("<Transitions by lags, step 1 s, 0: ")
