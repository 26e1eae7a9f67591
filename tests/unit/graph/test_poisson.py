from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse import csgraph

from vquery.errors import LabelError
from vquery.graph.solve import Poisson, gradients, limits
from vquery.graph.solve.poisson import SHARPNESS


def dense_potential(weights, seeds, labels):
    """Solve each component with the pseudo-inverse of its Laplacian."""
    part = csgraph.connected_components(sparse.csr_array(weights), directed=False)[1]
    out = np.zeros((len(weights), labels.shape[1]))
    for c in np.unique(part[seeds]):
        nodes, mine = np.flatnonzero(part == c), np.flatnonzero(part[seeds] == c)
        if len(mine) < 2:
            continue
        inner = weights[np.ix_(nodes, nodes)]
        degree = inner.sum(1)
        source = np.zeros((len(weights), labels.shape[1]))
        source[seeds[mine]] = labels[mine] - labels[mine].mean(0)
        u = np.linalg.pinv(np.diag(degree) - inner) @ source[nodes]
        out[nodes] = u - degree @ u / degree.sum()
    return out, part


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 14))
    density = draw(st.sampled_from([0.1, 0.25, 0.7]))
    half = np.triu(rng.uniform(0.05, 1, (n, n)) * (rng.random((n, n)) < density), 1)
    seeds = rng.choice(n, draw(st.integers(1, min(n, 5))), replace=False)
    return half + half.T, seeds, np.eye(3)[rng.integers(0, 3, len(seeds))]


@pytest.mark.parametrize("direct", [True, False])
@given(problem=problems())
def test_everything_equals_the_pseudo_inverse(direct, problem):
    weights, seeds, labels = problem
    u, part = dense_potential(weights, seeds, labels)
    every = np.arange(len(seeds))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "DIRECT_NODES", 1000 if direct else -1)
        patch.setattr(limits, "CALIBRATION_TOL", 0.0)
        poisson = Poisson(sparse.csr_array(weights), seeds, tol=1e-11)
        np.testing.assert_allclose(poisson.potential(labels), u, atol=1e-7)
        scores = poisson.solve(labels)
        left = poisson.leave_one_out(labels, every)
        place, share = poisson.contributions(np.arange(len(weights)), top=2)
    assert (poisson.reached == np.isin(part, part[seeds])).all()
    np.testing.assert_allclose(scores.sum(1), poisson.reached, atol=1e-9)
    for node in np.flatnonzero(poisson.reached):
        mine = np.flatnonzero(part[seeds] == part[node])
        present = labels[mine].any(0)
        assert (scores[node][~present] == 0).all()
        depth = -u[part == part[node]].min()
        if depth > 1e-6:
            wanted = np.where(present, np.maximum(1 + u[node] / depth, 0), 0) ** SHARPNESS
            np.testing.assert_allclose(scores[node], wanted / wanted.sum(), atol=1e-5)
    for i, seed in enumerate(seeds):
        rest = np.delete(every, i)
        near = rest[part[seeds[rest]] == part[seed]]
        assert np.isnan(left[i]).all() == (len(near) == 0)
        if len(near):
            again, _ = dense_potential(weights, seeds[rest], labels[rest])
            present = labels[near].any(0)
            depth = -u[part == part[seed]].min()
            if present.sum() == 1:
                np.testing.assert_allclose(left[i], present, atol=1e-9)
            elif depth > 1e-6:
                wanted = np.where(present, np.maximum(1 + again[seed] / depth, 0), 0)
                wanted = wanted**SHARPNESS
                np.testing.assert_allclose(left[i], wanted / wanted.sum(), atol=1e-5)
    assert ((place >= 0) == (share > 0)).all()
    assert (share[seeds, 0] == 1).all()
    assert poisson.report.converged


def test_contributions_add_up_to_the_potential():
    rng = np.random.default_rng(0)
    half = np.triu(rng.random((12, 12)), 1)
    weights, seeds = half + half.T, np.arange(4)
    u, _ = dense_potential(weights, seeds, np.eye(4))
    place, share = Poisson(sparse.csr_array(weights), seeds).contributions(np.arange(4, 12), top=4)
    lift = np.maximum(u[4:], 0)
    best = np.sort(lift / lift.sum(1, keepdims=True), axis=1)[:, ::-1]
    np.testing.assert_allclose(share, best, atol=1e-9)
    assert (place[:, 0] == lift.argmax(1)).all()


def test_seeds_that_are_as_near_speak_alike():
    line = sparse.csr_array(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], float))
    place, share = Poisson(line, np.array([0, 2])).contributions(np.array([1]), top=2)
    assert place.tolist() == [[0, 1]]
    assert share.tolist() == [[0.5, 0.5]]


def test_compiled_iterations_converge_although_the_laplacian_is_singular(monkeypatch):
    n = 3_000
    node = np.arange(n)
    weight = np.random.default_rng(0).uniform(0.1, 1, (3, n))
    ring = sparse.coo_array(
        (weight.ravel(), (np.tile(node, 3), np.concatenate([(node + s) % n for s in (1, 2, 7)]))),
        shape=(n, n),
    )
    weights, seeds = sparse.csr_array(ring + ring.T), node[:: n // 4]
    labels = np.eye(2)[[0, 1, 0, 1]]
    exact = Poisson(weights, seeds).potential(labels)
    monkeypatch.setattr(limits, "DIRECT_NODES", -1)
    monkeypatch.setattr(gradients, "KERNEL_NODES", 0)
    poisson = Poisson(weights, seeds)
    found = poisson.potential(labels)
    assert poisson.report.converged
    assert poisson.report.iterations < 200
    np.testing.assert_allclose(found, exact, atol=1e-3 * np.abs(exact).max())


def test_a_graph_in_pieces_is_no_chance():
    rng = np.random.default_rng(1)
    block = np.triu(rng.random((10, 10)), 1)
    weights = sparse.block_diag([block + block.T] * 3, format="csr")
    seeds, labels = np.array([0, 9, 10, 20]), np.eye(3)[[0, 1, 1, 2]]
    scores = Poisson(sparse.csr_array(weights), seeds).solve(labels)
    assert scores[0].argmax() == 0
    assert scores[9].argmax() == 1
    assert (scores[10:20] == [0, 1, 0]).all()
    assert (scores[20:] == [0, 0, 1]).all()


def test_seeds_must_be_there_and_distinct():
    for seeds in ([], [1, 1], [5]):
        with pytest.raises(LabelError, match=r"each node only once|nodes from 0 to 2"):
            Poisson(sparse.csr_array((3, 3)), np.array(seeds, int))
