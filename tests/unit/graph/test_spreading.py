from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse import csgraph

from vquery.errors import LabelError
from vquery.graph.solve import Spreading, limits


def dense_kernel(weights, alpha):
    """What one unit at each node gives to every node, by the formula of the paper."""
    degree = weights.sum(1)
    root = np.sqrt(np.where(degree > 0, degree, 1.0))
    smooth = weights / root[:, None] / root[None, :]
    return (1 - alpha) * np.linalg.inv(np.eye(len(weights)) - alpha * smooth)


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 14))
    density = draw(st.sampled_from([0.1, 0.25, 0.7]))
    half = np.triu(rng.random((n, n)) * (rng.random((n, n)) < density), 1)
    seeds = rng.choice(n, draw(st.integers(1, min(n, 5))), replace=False)
    labels = rng.dirichlet(np.ones(3), len(seeds))
    trust = rng.uniform(0.1, 1.0, len(seeds))
    return half + half.T, seeds, labels, trust, draw(st.sampled_from([0.2, 0.9, 0.99]))


@pytest.mark.parametrize("direct", [True, False])
@given(problem=problems())
def test_everything_equals_the_formula(direct, problem):
    weights, seeds, labels, trust, alpha = problem
    kernel = dense_kernel(weights, alpha)[:, seeds] * trust
    every = np.arange(len(seeds))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "DIRECT_NODES", 1000 if direct else -1)
        patch.setattr(limits, "CALIBRATION_TOL", 0.0)
        spreading = Spreading(sparse.csr_array(weights), seeds, trust, alpha, tol=1e-10)
        scores = spreading.solve(labels)
        left = spreading.leave_one_out(labels, every)
        place, share = spreading.contributions(np.arange(len(weights)), top=2)
        given = spreading.received(np.arange(len(weights)) / 2)
    np.testing.assert_allclose(scores, kernel @ labels, atol=1e-8)
    part = csgraph.connected_components(sparse.csr_array(weights), directed=False)[1]
    assert (spreading.reached == np.isin(part, part[seeds])).all()
    for i, seed in enumerate(seeds):
        rest = np.delete(every, i)
        if (part[seeds[rest]] == part[seed]).any():
            np.testing.assert_allclose(left[i], kernel[seed, rest] @ labels[rest], atol=1e-8)
        else:
            assert np.isnan(left[i]).all()
    np.testing.assert_allclose(given, np.arange(len(weights)) / 2 @ kernel, atol=1e-7)
    total = np.maximum(kernel.sum(1, keepdims=True), 1e-300)
    best = np.sort(np.c_[kernel / total, np.zeros(len(kernel))], axis=1)[:, ::-1][:, :2]
    np.testing.assert_allclose(share, best, atol=1e-7)
    assert ((place >= 0) == (share > 0)).all()
    assert spreading.report.converged


def test_trusted_neighbours_overrule_a_wrong_vote():
    near = np.ones((5, 5)) - np.eye(5)
    votes = np.eye(2)[[0, 0, 0, 0, 1]]
    weights = sparse.csr_array(near)
    assert (Spreading(weights, np.arange(5)).solve(votes).argmax(1) == 0).all()
    trust = [0.1, 0.1, 0.1, 0.1, 1.0]
    assert (Spreading(weights, np.arange(5), trust).solve(votes).argmax(1) == 1).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seeds": np.array([], int)}, "at least one seed"),
        ({"seeds": np.array([1, 1])}, "each node only once"),
        ({"seeds": np.array([3])}, "nodes from 0 to 2"),
        ({"alpha": 1.0}, "'alpha' parameter must be between 0 and 1. Got 1.0"),
        ({"alpha": 0.0}, "'alpha' parameter"),
        ({"confidence": [0.5, 0.5]}, "one number for each of 1 seeds"),
        ({"confidence": [-0.5]}, "confidence of seed 0 must be above 0, got -0.5"),
        ({"confidence": [np.nan]}, "confidence of seed 0"),
    ],
)
def test_errors_name_the_argument(arguments, message):
    with pytest.raises(LabelError, match=message):
        Spreading(**{"weights": sparse.csr_array((3, 3)), "seeds": np.array([0]), **arguments})
