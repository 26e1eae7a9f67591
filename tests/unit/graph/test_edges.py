from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from vquery.errors import SchemaError
from vquery.graph.edges import Graph, from_pairs, temporal_edges, visual_edges
from vquery.graph.knn import neighbours, unit


def reference(points, k, symmetry):
    x = unit(points).astype(float)
    n = len(x)
    lists = []
    found = neighbours(points, k)
    for i in range(n):
        mine = found.source == i
        lists.append(list(zip(found.target[mine].tolist(), found.similarity[mine], strict=True)))
    weights = np.zeros((n, n))
    for i, mine in enumerate(lists):
        reach = max((2 - 2 * float(s) for _, s in mine), default=0)
        for j, s in mine:
            weight = np.exp(-4 * (2 - 2 * float(s)) / max(reach, 1e-12))
            weights[i, j] += weight
            weights[j, i] += weight
    if symmetry == "mutual":
        named = [{j for j, _ in mine} for mine in lists]
        for i in range(n):
            for j in range(n):
                mutual = j in named[i] and i in named[j]
                nearest = (lists[i] and lists[i][0][0] == j) or (lists[j] and lists[j][0][0] == i)
                if not mutual and not nearest:
                    weights[i, j] = 0
    return weights


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 20),
    k=st.integers(1, 5),
    symmetry=st.sampled_from(["mutual", "sum"]),
)
def test_visual_edges_equal_the_reference(seed, n, k, symmetry):
    points = np.random.default_rng(seed).normal(size=(n, 3))
    edges = visual_edges(neighbours(points, k), symmetry=symmetry)
    np.testing.assert_allclose(edges.toarray(), reference(points, k, symmetry), atol=1e-6)
    Graph(n, {"visual": edges})  # symmetric, not negative, no loops


def test_copies_get_finite_weights():
    edges = visual_edges(neighbours(np.ones((6, 2)), 3))
    assert np.isfinite(edges.data).all()
    assert edges.nnz > 0


def test_time_links_neighbours_in_a_track_and_stops_at_a_switch():
    rng = np.random.default_rng(0)
    points = unit(
        np.r_[np.tile([1.0, 0, 0], (100, 1)), np.tile([0, 1.0, 0], (100, 1))]
        + 0.01 * rng.normal(size=(200, 3))
    )
    track, time = np.zeros(200, int), np.arange(200) / 25
    edges, cut = temporal_edges(points, track, time, weight=0.5)
    assert edges[98, 99] == 0.5
    assert edges[99, 100] == 0  # the tracker went over to something else
    assert cut == (0, 1)
    track[100:] = -1
    edges, _ = temporal_edges(points, track, time, weight=0.5)
    assert edges[100:].nnz == 0


def test_time_follows_the_clock_not_the_rows():
    points = unit(np.ones((3, 2)))
    edges, _ = temporal_edges(points, np.array([7, 7, 7]), np.array([0.2, 0.0, 0.1]), weight=1.0)
    assert sorted(zip(*(i.tolist() for i in edges.nonzero()), strict=True)) == [
        (0, 2),
        (1, 2),
        (2, 0),
        (2, 1),
    ]


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0, 1], [0, 0]], "symmetric"),
        ([[1, 0], [0, 0]], "itself"),
        ([[0, -1], [-1, 0]], "not negative"),
        ([[0, np.inf], [np.inf, 0]], "finite"),
        ([[0]], "shape"),
    ],
)
def test_a_broken_graph_is_refused(matrix, message):
    with pytest.raises(SchemaError, match=message):
        Graph(2, {"visual": sparse.csr_array(np.array(matrix, float))})


def test_symmetry_is_named():
    with pytest.raises(SchemaError, match=r"'tree', 'mutual' or 'sum'\. Got 'max'"):
        visual_edges(neighbours(np.eye(3), 1), symmetry="max")


def test_summary_and_networkx_tell_the_kinds_apart():
    a = from_pairs(4, [0, 1], [1, 2], [3.0, 1.0], kind="visual").kinds["visual"]
    b = from_pairs(4, [1], [2], [4.0], kind="temporal").kinds["temporal"]
    graph = Graph(4, {"visual": a, "temporal": b}, {"floor": 0.7})
    facts = graph.summary()
    assert (facts["nodes"], facts["edges"], facts["components"], facts["isolated"]) == (4, 2, 2, 1)
    assert facts["weight_share"] == {"visual": 0.5, "temporal": 0.5}
    assert facts["floor"] == 0.7
    copy = graph.to_networkx()
    assert copy.number_of_nodes() == 4
    assert copy.edges[1, 2] == {"weight": 5.0, "kind": "temporal"}
    assert copy.edges[0, 1] == {"weight": 3.0, "kind": "visual"}


def test_an_empty_graph_has_a_summary():
    assert Graph(0, {}).summary()["nodes"] == 0
