from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from vquery.errors import LabelError
from vquery.graph.solve import Harmonic, conjugate_gradients, limits


def random_graph(rng, n, density=0.4):
    half = np.triu(rng.random((n, n)) * (rng.random((n, n)) < density), 1)
    return half + half.T


def walk(weights, seeds, leak):
    """Chance of each node to meet each seed first, by summing over steps of the walk."""
    n = len(weights)
    total = weights.sum(1) + leak
    step = np.divide(weights, total[:, None], out=np.zeros_like(weights), where=total[:, None] > 0)
    step[seeds] = 0
    hit = np.zeros((n, len(seeds)))
    hit[seeds, np.arange(len(seeds))] = 1
    now = hit.copy()
    for _ in range(20_000):
        now = step @ now
        hit += now
        if now.max() < 1e-13:
            break
    return hit


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, 14))
    s = draw(st.integers(1, min(n, 4)))
    weights = random_graph(rng, n, draw(st.sampled_from([0.15, 0.6])))
    seeds = rng.choice(n, s, replace=False)
    labels = np.eye(3)[rng.integers(0, 3, s)]
    return weights, seeds, labels, draw(st.sampled_from([0.0, 0.05, 1.0]))


@pytest.mark.parametrize("direct", [True, False])
@given(problem=problems())
def test_solution_and_contributions_equal_the_walk(direct, problem):
    weights, seeds, labels, leak = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "DIRECT_NODES", 1000 if direct else -1)
        harmonic = Harmonic(sparse.csr_array(weights), seeds, leak, tol=1e-10)
        scores = harmonic.solve(labels)
        place, chance = harmonic.contributions(np.arange(len(weights)), top=2)
        _, few_chance = harmonic.contributions(np.array([0]), top=2)  # by node, not by seed
        given = harmonic.received(np.arange(len(weights)) / 2)
    hit = walk(weights, seeds, leak)
    np.testing.assert_allclose(given, np.arange(len(weights)) / 2 @ hit, atol=1e-5)
    np.testing.assert_allclose(scores, hit @ labels, atol=1e-6)
    assert (scores[~harmonic.reached] == 0).all()
    best = np.sort(hit, axis=1)[:, ::-1][:, :2]
    np.testing.assert_allclose(chance[:, : best.shape[1]], best, atol=1e-6)
    np.testing.assert_allclose(few_chance[0], chance[0], atol=1e-6)
    assert ((place >= 0) == (chance > 0)).all()
    assert harmonic.report.converged


@given(problem=problems())
def test_leaving_one_out_equals_solving_without_it(problem):
    weights, seeds, labels, leak = problem
    left = Harmonic(sparse.csr_array(weights), seeds, leak).leave_one_out(
        labels, np.arange(len(seeds))
    )
    for i, seed in enumerate(seeds):
        rest = np.delete(np.arange(len(seeds)), i)
        if not len(rest):
            assert np.isnan(left[i]).all()
            continue
        again = Harmonic(sparse.csr_array(weights), seeds[rest], leak)
        if np.isnan(left[i]).any():
            assert again.solve(labels[rest])[seed].sum() < 1e-9
        else:
            np.testing.assert_allclose(left[i], again.solve(labels[rest])[seed], atol=1e-8)


def test_many_seeds_are_sampled_for_the_calibration(monkeypatch):
    weights = sparse.csr_array(random_graph(np.random.default_rng(0), 80, 0.2))
    harmonic = Harmonic(weights, np.arange(40))
    assert harmonic.held_out().tolist() == list(range(40))
    monkeypatch.setattr(limits, "HELD_OUT", 10)
    which = harmonic.held_out()
    assert len(set(which.tolist())) == 10
    assert (which == harmonic.held_out()).all()


def test_without_a_leak_reached_rows_sum_to_one():
    weights = random_graph(np.random.default_rng(3), 60, 0.1)
    harmonic = Harmonic(sparse.csr_array(weights), np.array([0, 1, 2]))
    total = harmonic.solve(np.eye(3)).sum(1)
    np.testing.assert_allclose(total[harmonic.reached], 1, atol=1e-9)


def test_single_precision_weights_are_summed_in_double():
    half = np.triu(np.random.default_rng(0).uniform(0.1, 1, (200, 200)), 1)
    half[100:, :100] = half[:100, 100:] = 0
    half[0, 199] = 0.001  # what one half says of the other goes through one weak link
    weights = sparse.csr_array((half + half.T).astype(np.float32))
    scores = Harmonic(weights, np.array([5])).solve(np.ones((1, 1)))
    np.testing.assert_allclose(scores, 1.0, atol=1e-9)


def test_iteration_reports_what_it_could_not_reach(monkeypatch):
    monkeypatch.setattr(limits, "DIRECT_NODES", 0)
    n = 400  # a long chain is slow for conjugate gradients
    chain = sparse.diags_array([np.ones(n - 1), np.ones(n - 1)], offsets=[-1, 1])
    harmonic = Harmonic(sparse.csr_array(chain), np.array([0, n - 1]), max_iter=5)
    harmonic.solve(np.eye(2))
    assert not harmonic.report.converged
    assert harmonic.report.iterations == 5
    assert harmonic.report.residual > 1e-5


def test_conjugate_gradients_reach_what_was_asked():
    rng = np.random.default_rng(0)
    weights = sparse.csr_array(random_graph(rng, 300, 0.05))
    matrix = sparse.csr_array(sparse.diags_array(weights.sum(axis=1) + 0.01) - weights)
    right = rng.random((300, 2))
    found, steps, left = conjugate_gradients(matrix, right, tol=1e-8)
    assert left <= 1e-8
    np.testing.assert_allclose(found, np.linalg.solve(matrix.toarray(), right), rtol=1e-6)
    assert conjugate_gradients(matrix, right, tol=1e-4)[1] < steps


def test_seeds_must_be_there_and_distinct():
    weights = sparse.csr_array(np.zeros((3, 3)))
    for seeds in ([], [1, 1]):
        with pytest.raises(LabelError, match="at least one seed, and each node only once"):
            Harmonic(weights, np.array(seeds, int))
