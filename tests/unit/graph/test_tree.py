from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import SchemaError
from vquery.graph.edges import Graph, visual_edges
from vquery.graph.edges.symmetric import symmetric
from vquery.graph.edges.tree import shortest_tree
from vquery.graph.knn import neighbours


def as_graph(n, found, length):
    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    for a, b, value in zip(found.source, found.target, length, strict=True):
        graph.add_edge(int(a), int(b), weight=float(value))
    return graph


@given(seed=st.integers(0, 10_000), n=st.integers(1, 25), k=st.integers(1, 4))
def test_it_is_as_short_as_a_tree_can_be(seed, n, k):
    points = np.random.default_rng(seed).normal(size=(n, 3))
    found = neighbours(points, k)
    length = 2 - 2 * found.similarity.astype(float)
    kept = shortest_tree(n, found.source, found.target, length)
    graph = as_graph(n, found, length)
    parts = nx.number_connected_components(graph)
    assert kept.sum() == n - parts
    own = nx.Graph(zip(found.source[kept].tolist(), found.target[kept].tolist(), strict=True))
    own.add_nodes_from(range(n))
    assert nx.number_connected_components(own) == parts
    best = nx.minimum_spanning_tree(graph).size(weight="weight")
    assert length[kept].sum() == pytest.approx(best, abs=1e-5)


@given(seed=st.integers(0, 10_000), n=st.integers(2, 25), k=st.integers(1, 4))
def test_tree_lies_between_mutual_and_sum_and_has_the_components_of_sum(seed, n, k):
    points = np.random.default_rng(seed).normal(size=(n, 3))
    found = neighbours(points, k)
    mutual, tree, every = (
        visual_edges(found, symmetry=symmetry) for symmetry in ("mutual", "tree", "sum")
    )
    for fewer, more in ((mutual, tree), (tree, every)):
        there = fewer.toarray() > 0
        np.testing.assert_array_equal(more.toarray()[there], fewer.toarray()[there])
    graph = Graph(n, {"visual": tree})
    np.testing.assert_array_equal(
        graph.components()[1], Graph(n, {"visual": every}).components()[1]
    )


def test_islands_that_no_list_leaves_stay_islands():
    points = np.r_[np.eye(4)[[0, 0, 1, 1]], np.eye(4)[[2, 2, 3, 3]]] + np.tile(
        [[0.0], [0.01]], (4, 4)
    )
    edges = visual_edges(neighbours(points, 1), symmetry="tree")
    assert Graph(8, {"visual": edges}).components()[0] == 4


def test_edges_of_length_zero_hold():
    lists = np.array([0, 1, 2]), np.array([1, 2, 1])
    assert shortest_tree(3, *lists, np.zeros(3)).tolist() == [True, True, False]


def test_no_lists_have_no_tree():
    none = np.empty(0, np.int64)
    assert shortest_tree(3, none, none, np.empty(0)).tolist() == []


def test_the_tree_needs_lengths():
    with pytest.raises(SchemaError, match="needs the length"):
        symmetric(2, np.array([0]), np.array([1]), np.ones(1, np.float32), "tree")
