from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vquery.graph.calibrate import SLIPS, apply_power, fit_power, log_likelihood


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_finds_the_power_that_made_the_labels(power):
    rng = np.random.default_rng(0)
    scores = rng.dirichlet(np.ones(4), 4000)
    chance = apply_power(scores, power)
    truth = np.array([rng.choice(4, p=row) for row in chance])
    assert fit_power(scores, truth) == pytest.approx(power, rel=0.25)


def test_a_handful_of_right_seeds_does_not_make_certainty():
    scores = np.tile([0.6, 0.4], (4, 1))
    assert 1 < fit_power(scores, np.zeros(4, int)) < 6


def test_one_lost_seed_does_not_flatten_the_rest():
    scores = np.r_[np.tile([0.7, 0.2, 0.1], (19, 1)), [[0.0, 0.0, 1.0]]]
    assert fit_power(scores, np.zeros(20, int), prior=2.0) > 2


@given(arrays(float, (5, 3), elements=st.floats(0, 1)), st.floats(0.125, 16))
def test_rows_sum_to_one_and_keep_their_order(scores, power):
    out = apply_power(scores, power)
    total = out.sum(1)
    np.testing.assert_allclose(total[scores.any(1)], 1)
    assert (total[~scores.any(1)] == 0).all()
    np.testing.assert_allclose(
        np.take_along_axis(out, scores.argmax(1)[:, None], 1)[:, 0], out.max(1)
    )


@given(
    arrays(float, (6, 3), elements=st.floats(0, 1)),
    arrays(np.int64, 6, elements=st.integers(0, 2)),
    st.floats(0.125, 16),
)
def test_likelihood_is_that_of_the_power(scores, truth, power):
    scores = np.maximum(scores, 1e-9)
    chance = apply_power(scores, power)[np.arange(6), truth]
    expected = np.log((1 - SLIPS) * chance + SLIPS / 3)
    np.testing.assert_allclose(log_likelihood(scores, truth, power), expected, atol=1e-6)


def test_more_seeds_move_the_power_further_from_the_prior():
    certain = [fit_power(np.tile([0.6, 0.4], (m, 1)), np.zeros(m, int)) for m in (1, 4, 16, 64)]
    assert certain == sorted(certain)
    assert certain[0] < certain[-1] <= 16
