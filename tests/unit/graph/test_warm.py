"""Scores corrected after labels changed, against solving anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from vquery.errors import LabelError
from vquery.graph.solve import Harmonic, limits, prepared, warm


def random_graph(rng, n, density):
    half = np.triu(rng.random((n, n)) * (rng.random((n, n)) < density), 1)
    return sparse.csr_array(half + half.T)


@st.composite
def stories(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(4, 30))
    weights = random_graph(rng, n, draw(st.sampled_from([0.08, 0.4])))
    seeds = rng.permutation(n)[: draw(st.integers(1, 3))]
    steps = draw(
        st.lists(st.sampled_from(["one", "several", "change", "mixed", "remove"]), max_size=4)
    )
    return rng, weights, seeds, steps, draw(st.sampled_from([0.0, 0.1]))


@pytest.mark.parametrize("most", [1000, 4, -1])  # factorised, in small parts, iterated on
@given(story=stories())
def test_corrected_scores_are_those_of_a_new_solve(most, story):
    rng, weights, seeds, steps, leak = story
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "DIRECT_NODES", most)
        patch.setattr(prepared, "NODES_EACH", 1)
        patch.setattr(prepared, "CLUSTERS", 3)
        patch.setattr(warm, "REFRESH", 2)
        problem = Harmonic(weights, seeds, leak, tol=1e-11)
        labels = {int(seed): np.eye(3)[rng.integers(3)] for seed in seeds}
        scores = problem.solve(np.array([labels[s] for s in problem.seeds]))
        for step in steps:
            other = np.setdiff1d(np.arange(weights.shape[0]), problem.seeds)
            if step == "remove" and len(labels) > 1:
                node = int(rng.choice(problem.seeds))
                del labels[node]
                problem, scores = problem.removed(node, scores)
            elif step != "remove":
                nodes = {
                    "one": other[:1],
                    "several": other[:2],
                    "change": problem.seeds[:1],
                    "mixed": np.r_[problem.seeds[:1], other[:1]],
                }[step]
                if not len(nodes):
                    continue
                rows = np.eye(3)[rng.integers(0, 3, len(nodes))]
                labels |= dict(zip(nodes.tolist(), rows, strict=True))
                before = scores.copy()
                problem, scores = problem.added(nodes, scores, rows)
                assert (before >= -1e-9).all()
            assert set(problem.seeds.tolist()) == set(labels)
            given_ = np.array([labels[s] for s in problem.seeds])
            fresh = Harmonic(weights, problem.seeds, leak, tol=1e-11)
            assert (problem.reached == fresh.reached).all()
            np.testing.assert_allclose(scores, fresh.solve(given_), atol=1e-6)
        assert problem.report.converged


def test_a_new_label_costs_one_column(monkeypatch):
    monkeypatch.setattr(limits, "DIRECT_NODES", 0)
    rng = np.random.default_rng(0)
    problem = Harmonic(random_graph(rng, 400, 0.02), np.arange(6), tol=1e-9)
    scores = problem.solve(np.eye(6))
    widths = []
    plain = type(problem._fast).solve

    def counted(self, right, **options):
        widths.append(right.shape[1])
        return plain(self, right, **options)

    monkeypatch.setattr(type(problem._fast), "solve", counted)
    after, corrected = problem.added(50, scores, np.eye(6)[2])
    after.added(3, corrected, np.eye(6)[0])
    after.removed(3, corrected)
    assert widths == [1, 1, 1]
    assert after.warm_steps == 1
    assert problem.seeds.tolist() == list(range(6))


def test_a_small_part_is_solved_by_itself(monkeypatch):
    monkeypatch.setattr(limits, "DIRECT_NODES", 10)
    parts = [random_graph(np.random.default_rng(i), n, 0.5) for i, n in enumerate((40, 9))]
    problem = Harmonic(sparse.csr_array(sparse.block_diag(parts)), np.array([0, 40]), tol=1e-11)
    scores = problem.solve(np.eye(2))
    monkeypatch.setattr(type(problem._fast), "solve", None)
    after, corrected = problem.added(44, scores, np.array([1.0, 0.0]))
    fresh = Harmonic(sparse.csr_array(parts[1]), np.array([0, 4])).solve(np.eye(2)[::-1])
    np.testing.assert_array_equal(corrected[:40], scores[:40])
    np.testing.assert_allclose(corrected[40:], fresh, atol=1e-12)
    assert after.report.converged


def test_after_many_corrections_the_scores_are_iterated_on(monkeypatch):
    monkeypatch.setattr(warm, "REFRESH", 1)
    problem = Harmonic(random_graph(np.random.default_rng(1), 30, 0.3), np.arange(3))
    once, scores = problem.added(10, problem.solve(np.eye(3)), np.eye(3)[0])
    twice, _ = once.added(11, scores, np.eye(3)[1])
    assert once.warm_steps == 1
    assert twice.warm_steps == 0


def test_misuse_is_refused():
    problem = Harmonic(random_graph(np.random.default_rng(2), 9, 0.5), np.array([0, 1]))
    scores = problem.solve(np.eye(2))
    with pytest.raises(LabelError, match="distinct and from 0 to 8"):
        problem.added(np.array([3, 3]), scores, np.eye(2))
    with pytest.raises(LabelError, match="distinct and from 0 to 8"):
        problem.added(9, scores, np.eye(2)[0])
    with pytest.raises(LabelError, match=r"label_row must have shape \(1, 2\), one row a node"):
        problem.added(3, scores, np.ones(3))
    with pytest.raises(LabelError, match="node 5 is no seed"):
        problem.removed(5, scores)
    same, unchanged = problem.added(np.empty(0, int), scores, np.empty((0, 2)))
    assert same is problem
    assert unchanged is scores
    alone = Harmonic(problem.weights, np.array([4]))
    with pytest.raises(LabelError, match="at least one seed"):
        alone.removed(4, scores)
