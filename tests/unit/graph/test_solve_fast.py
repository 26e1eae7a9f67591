"""Large systems: float32 inside, float64 outside, against factorised solutions."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import spsolve

from vquery.errors import SchemaError
from vquery.graph.solve import Harmonic, conjugate_gradients, gradients, limits, prepared
from vquery.graph.solve.fast import Fast
from vquery.graph.solve.unsure import unsure


def graph(rng, n, degree=6, islands=1):
    """A random graph without edges between islands."""
    source = np.repeat(np.arange(n), degree)
    target = rng.integers(0, n, source.size)
    target += (source - target) % islands  # the same island
    keep = (source != target) & (target < n)
    weight = rng.random(source.size)[keep] + 0.01
    half = sparse.coo_array((weight, (source[keep], target[keep])), shape=(n, n))
    return sparse.csr_array(half + half.T)


def system(rng, n, columns, islands=1):
    weights = graph(rng, n, islands=islands)
    matrix = sparse.csr_array(sparse.diags_array(weights.sum(axis=1) + 0.05) - weights)
    return matrix, rng.standard_normal((n, columns)) * 10.0 ** rng.integers(-9, 9, columns)


@given(
    seed=st.integers(0, 2**32 - 1),
    columns=st.sampled_from([1, 3, 10, 17]),
    tol=st.sampled_from([1e-2, 1e-5, 1e-11]),
    clusters=st.sampled_from([1, 20, 1024]),
)
def test_every_tolerance_is_honoured_in_float64(seed, columns, tol, clusters):
    rng = np.random.default_rng(seed)
    matrix, right = system(rng, 300, columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradients, "KERNEL_NODES", 0)
        patch.setattr(prepared, "NODES_EACH", 1)
        patch.setattr(prepared, "CLUSTERS", clusters)
        x, steps, left = conjugate_gradients(matrix, right, tol=tol)
        again, none, _ = conjugate_gradients(matrix, right, start=x, tol=tol)
    each = np.linalg.norm(right - matrix @ x, axis=0) / np.linalg.norm(right, axis=0)
    assert left == pytest.approx(each.max(), rel=1e-3, abs=1e-15)
    assert left <= tol
    assert steps > 0
    assert none == 0
    assert (again == x).all()
    exact = spsolve(sparse.csc_array(matrix), right).reshape(right.shape)
    assert np.abs(x - exact).max() <= 500 * tol * np.abs(exact).max()


def test_a_right_hand_side_of_zeros_and_no_columns(monkeypatch):
    monkeypatch.setattr(gradients, "KERNEL_NODES", 0)
    matrix, right = system(np.random.default_rng(0), 50, 2)
    right[:, 1] = 0.0
    x, _, left = conjugate_gradients(matrix, right, tol=1e-9)
    assert left <= 1e-9
    assert (x[:, 1] == 0).all()
    assert conjugate_gradients(matrix, right[:, :0])[0].shape == (50, 0)


def test_what_cannot_be_reached_is_reported(monkeypatch):
    monkeypatch.setattr(gradients, "KERNEL_NODES", 0)
    monkeypatch.setattr(prepared, "NODES_EACH", 1)
    monkeypatch.setattr(prepared, "CLUSTERS", 1)
    matrix, right = system(np.random.default_rng(1), 400, 2)
    _, steps, left = conjugate_gradients(matrix, right, tol=1e-9, max_iter=3)
    assert steps == 3
    assert left > 1e-9
    _, steps, left = conjugate_gradients(matrix, right, tol=1e-30)  # below what float64 holds
    assert steps < 2_000
    assert 1e-30 < left < 1e-12


def test_a_matrix_that_is_not_positive_is_refused(monkeypatch):
    monkeypatch.setattr(gradients, "KERNEL_NODES", 0)
    monkeypatch.setattr(prepared, "NODES_EACH", 1)
    indefinite = sparse.csr_array(np.array([[1.0, 3.0], [3.0, 1.0]]))
    with pytest.raises(SchemaError, match="must be positive definite"):
        conjugate_gradients(indefinite, np.ones((2, 1)))


def test_the_coarse_problem_saves_iterations_where_clusters_hang_together_loosely(monkeypatch):
    rng = np.random.default_rng(2)
    n = 2_000
    weights = sparse.csr_array(graph(rng, n, islands=40) + 1e-4 * graph(rng, n, degree=1))
    matrix = sparse.csr_array(sparse.diags_array(weights.sum(axis=1) + 1e-6) - weights)
    right = rng.standard_normal((n, 2))
    steps = {}
    monkeypatch.setattr(gradients, "KERNEL_NODES", 0)
    for clusters in (0, 60):
        monkeypatch.setattr(prepared, "NODES_EACH", 1)
        monkeypatch.setattr(prepared, "CLUSTERS", clusters)
        _, steps[clusters], left = conjugate_gradients(matrix.copy(), right, tol=1e-6)
        assert left <= 1e-6
    assert steps[60] < steps[0] / 3


def test_a_hub_that_float32_cannot_sum_is_solved_in_float64():
    n = 20_000
    spokes = sparse.coo_array((np.ones(n - 1), (np.zeros(n - 1, int), np.arange(1, n))), (n, n))
    weights = sparse.csr_array(spokes + spokes.T)
    problem = Harmonic(weights, np.arange(1, 4))
    scores = problem.solve(np.eye(2)[[0, 1, 1]])
    assert problem.report.converged
    np.testing.assert_allclose(scores[[0, 4, n - 1]], [[1 / 3, 2 / 3]] * 3, atol=1e-5)
    _, share = problem.contributions(np.array([n - 1]), top=3)
    np.testing.assert_allclose(share, 1 / 3, atol=1e-5)


def test_results_do_not_depend_on_the_threads(monkeypatch):
    monkeypatch.setattr(gradients, "KERNEL_NODES", 0)
    matrix, right = system(np.random.default_rng(3), 10_000, 3)
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("VQUERY_THREADS", threads)
        found.append(conjugate_gradients(matrix.copy(), right, tol=1e-7)[0])
    assert (found[0] == found[1]).all()


def test_what_was_prepared_lives_as_long_as_the_matrix_and_its_numbers():
    matrix, _ = system(np.random.default_rng(4), 30, 1)
    made = prepared.prepared(matrix)
    assert prepared.prepared(matrix) is made
    assert prepared.prepared(matrix.copy()) is not made
    matrix.data[3] *= 2
    assert prepared.prepared(matrix) is not made
    key = id(matrix)
    assert key in prepared._kept
    del matrix
    gc.collect()
    assert key not in prepared._kept


@pytest.mark.parametrize("leak", [0.0, 0.02])
def test_large_harmonic_problems_equal_small_ones(monkeypatch, leak):
    rng = np.random.default_rng(5)
    weights = graph(rng, 900, islands=6)
    seeds = np.flatnonzero(np.arange(900) % 6 < 4)[::61]  # two islands have none
    labels = np.eye(3)[rng.integers(0, 3, len(seeds))]
    nodes = np.r_[seeds[:2], rng.choice(900, 20, replace=False)]
    every = np.arange(len(seeds))
    given = rng.random(900)
    found = []
    for limit in (1000, 0):
        monkeypatch.setattr(limits, "DIRECT_NODES", limit)
        monkeypatch.setattr(limits, "CALIBRATION_TOL", 1e-9)
        monkeypatch.setattr(limits, "CHUNK_BYTES", 1)  # narrow blocks of columns
        monkeypatch.setattr(prepared, "NODES_EACH", 1)
        monkeypatch.setattr(prepared, "CLUSTERS", 30)
        problem = Harmonic(weights, seeds, leak, tol=1e-9)
        found.append(
            [
                problem.solve(labels),
                problem.leave_one_out(labels, every),
                problem.contributions(nodes, top=3)[1],
                problem.contributions(nodes[:3], top=3)[1],
                problem.received(given),
            ]
        )
    assert problem.report.method == "conjugate gradients"
    assert problem.report.converged
    assert problem.reached.sum() == 600
    for direct, iterated in zip(*found, strict=True):
        np.testing.assert_allclose(iterated, direct, atol=1e-6, rtol=1e-6)


def test_weights_in_float32_give_the_same(monkeypatch):
    rng = np.random.default_rng(6)
    weights = sparse.csr_array(graph(rng, 400), dtype=np.float32)
    monkeypatch.setattr(limits, "DIRECT_NODES", 0)
    iterated = Harmonic(weights, np.arange(5), tol=1e-10).solve(np.eye(5))
    monkeypatch.setattr(limits, "DIRECT_NODES", 1000)
    np.testing.assert_allclose(
        iterated, Harmonic(weights, np.arange(5)).solve(np.eye(5)), atol=1e-8
    )


def test_open_nodes_are_counted_and_iterated_on(monkeypatch):
    monkeypatch.setattr(limits, "DIRECT_NODES", 0)
    monkeypatch.setattr(prepared, "NODES_EACH", 1)
    monkeypatch.setattr(prepared, "CLUSTERS", 1)
    rng = np.random.default_rng(7)
    weights = graph(rng, 3_000, degree=4)
    seeds, labels = np.arange(10), np.eye(10)
    exact = Harmonic(weights, seeds, tol=1e-10).solve(labels).argmax(1)
    rough = Harmonic(weights, seeds, tol=1e-1, unsure_share=1.0)
    wrong = (rough.solve(labels).argmax(1) != exact).sum()
    assert 0 < wrong <= rough.report.unsure_nodes
    better = Harmonic(weights, seeds, tol=1e-1, unsure_share=0.002)
    assert (better.solve(labels).argmax(1) != exact).sum() <= 6
    assert better.report.unsure_nodes <= 6
    assert better.report.iterations > rough.report.iterations


def test_ties_stay_open_and_end(monkeypatch):
    monkeypatch.setattr(limits, "DIRECT_NODES", 0)
    monkeypatch.setattr(prepared, "NODES_EACH", 1)
    monkeypatch.setattr(prepared, "CLUSTERS", 1)
    two = sparse.csr_array(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], float))
    problem = Harmonic(two, np.array([0, 2]), unsure_share=0.0)
    assert problem.solve(np.eye(2))[1].tolist() == [0.5, 0.5]
    assert problem.report.converged


def test_a_node_that_no_iteration_has_come_to_is_unsure():
    nothing = np.zeros((2, 2))
    residual = np.array([[0.0, 0.0], [1e-9, 0.0]])
    assert unsure(nothing, nothing, residual, np.ones(2)).tolist() == [False, True]
    assert unsure(np.ones((1, 1)), np.ones((1, 1)), nothing[:1, :1], np.ones(1)).tolist() == [False]


def test_clamped_rows_are_left_alone():
    rng = np.random.default_rng(8)
    weights = graph(rng, 200)
    free = np.arange(200) > 20
    total = np.asarray(weights.sum(axis=1)).ravel()
    right, start = rng.random((200, 2)), rng.random((200, 2))
    done = Fast(weights, prepared.prepared(weights), total, free).solve(
        right, start=start, tol=1e-9, max_iter=100
    )
    assert (done.x[~free] == 0).all()
    inner = sparse.csr_array(sparse.diags_array(total) - weights)[free][:, free]
    np.testing.assert_allclose(inner @ done.x[free], right[free], atol=1e-7)
