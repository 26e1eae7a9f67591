from __future__ import annotations

import json

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from vquery.errors import ExportError, SchemaError
from vquery.graph.edges import (
    MIX,
    Graph,
    TemporalCuts,
    from_pairs,
    given_edges,
    mixed,
    runs,
    temporal_edges,
    visual_edges,
)
from vquery.graph.edges.symmetric import symmetric
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


def switched(length):
    rng = np.random.default_rng(0)
    half = length // 2
    return unit(
        np.r_[np.tile([1.0, 0, 0], (half, 1)), np.tile([0, 1.0, 0], (length - half, 1))]
        + 0.01 * rng.normal(size=(length, 3))
    )


@pytest.mark.parametrize("length", [10, 200])
def test_time_links_neighbours_in_a_track_and_stops_at_a_switch(length):
    track, time, half = np.zeros(length, int), np.arange(length) / 25, length // 2
    edges, cuts = temporal_edges(switched(length), track, time)
    assert edges[half - 2, half - 1] == 1
    assert edges[half - 1, half] == 0  # the tracker went over to something else
    assert cuts == TemporalCuts(shot=0, switch=1)
    track[half:] = -1
    edges, cuts = temporal_edges(switched(length), track, time)
    assert edges[half:].nnz == 0
    assert cuts == (0, 0)  # where nothing is switched, nothing is cut at random


def test_few_pairs_and_copies_say_nothing_about_switches():
    edges, cuts = temporal_edges(switched(8), np.zeros(8, int), np.arange(8))
    assert (edges.nnz // 2, cuts) == (7, (0, 0))
    still = np.r_[np.tile([[1.0, 0.0]], (90, 1)), [[1, 0.1], [1, 0.0], [1, 0.1], [1, 0.2]]]
    edges, cuts = temporal_edges(unit(still), np.zeros(94, int), np.arange(94))
    assert cuts == (0, 0)  # it only began to move


def test_time_stops_at_shots():
    same = unit(np.ones((4, 2)))
    edges, cuts = temporal_edges(same, np.zeros(4, int), np.arange(4), shot=[1, 1, 2, 2])
    assert (edges[0, 1], edges[1, 2], edges[2, 3]) == (1, 0, 1)
    assert cuts == (1, 0)
    zeros = np.zeros(4, int)
    assert runs(same, zeros, np.arange(4.0)).tolist() == [0, 0, 0, 0]
    assert runs(same, zeros, np.arange(4.0), cuts=[1, 1, 2, 2]).tolist() == [0, 0, 1, 1]
    with pytest.raises(SchemaError, match="shot must have one value for each of 4 items"):
        temporal_edges(same, zeros, np.arange(4), shot=[1])


def test_time_follows_the_clock_not_the_rows():
    points = unit(np.ones((3, 2)))
    edges, _ = temporal_edges(points, np.array([7, 7, 7]), np.array([0.2, 0.0, 0.1]))
    assert sorted(zip(*(i.tolist() for i in edges.nonzero()), strict=True)) == [
        (0, 2),
        (1, 2),
        (2, 0),
        (2, 1),
    ]


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0, 1], [0, 0]], "must be symmetric: the edge of nodes 0 and 1"),
        ([[1, 0], [0, 0]], "linked with itself, node 0 is"),
        ([[0, -1], [-1, 0]], "not negative, the edge of nodes 0 and 1 has -1"),
        ([[0, 1], [np.inf, 0]], "finite and not negative, the edge of nodes 1 and 0 has inf"),
        ([[0]], r"shape \(2, 2\), got \(1, 1\)"),
        ([[0, 1j], [1j, 0]], "must be numbers, got complex128"),
    ],
)
def test_a_broken_graph_is_refused(matrix, message):
    with pytest.raises(SchemaError, match=f"visual edges.*{message}"):
        Graph(2, {"visual": sparse.csr_array(np.array(matrix))})


def test_an_edge_that_is_given_twice_is_refused():
    halves = sparse.coo_array(([1.0, 1, 1, 1], ([0, 1, 0, 1], [1, 0, 1, 0])), shape=(2, 2))
    twice = sparse.csr_array((2, 2))
    twice.data, twice.indices = halves.data[[0, 2, 1, 3]], np.array([1, 1, 0, 0], np.int32)
    twice.indptr = np.array([0, 2, 4], np.int32)
    with pytest.raises(SchemaError, match="the edge of nodes 0 and 1 is given twice"):
        Graph(2, {"visual": twice})


def test_a_graph_keeps_the_types_and_leaves_what_was_given_alone():
    data = np.array([2, 0, 1, 0, 1, 2], np.float32)  # unsorted rows with zeros in them
    given = sparse.csr_array(
        (data, np.array([2, 1, 2, 0, 1, 0], np.int32), np.array([0, 2, 4, 6], np.int32))
    )
    graph = Graph(3, {"visual": given})
    assert given.indices.tolist() == [2, 1, 2, 0, 1, 0]
    kept = graph.kinds["visual"]
    assert (kept.nnz, kept.data.dtype, kept.indices.dtype) == (4, np.float32, np.int32)
    assert graph.weights is kept  # one kind needs no copy
    assert graph.summary()["edges"] == 2
    wide = sparse.csr_array(kept)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    assert Graph(3, {"visual": wide}).weights.indices.dtype == np.int32
    counts = Graph(2, {"given": sparse.csr_array([[0, 3], [3, 0]])})
    assert counts.weights.dtype == np.float32


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


def test_a_star_has_a_hub():
    n = 40
    graph = from_pairs(
        n, [7] * 38, [i for i in range(n) if i not in (7, 9)], [1.0] * 38, kind="given"
    )
    facts = graph.summary()
    assert facts["hubs"] == {"count": 1, "above": 5.0, "nodes": [7], "degrees": [38]}
    assert facts["degree_skew"] > 5
    assert facts["isolated"] == 1
    assert facts["memory_bytes"] == 76 * 8 + 41 * 4
    assert json.loads(json.dumps(facts)) == facts
    assert "1 hub with more than 5 neighbours: node 7 (38)" in str(graph)
    assert repr(graph) == "Graph(40 nodes; given: 38 edges)"
    assert repr(Graph(0, {})) == "Graph(0 nodes; no edges)"


def test_graphml_carries_attributes_and_is_never_written_over(tmp_path):
    graph = from_pairs(3, [0], [1], [0.5], kind="a<&>b")
    table = pa.table(
        {"label": ['x\x00 <&"', None, "ü"], "time": [0.5, None, 2.0], "on": [True, None, False]}
    )
    path = graph.to_graphml(tmp_path / "g.graphml", table)
    read = nx.read_graphml(path, node_type=int)
    assert read.nodes[0] == {"label": 'x\ufffd <&"', "time": 0.5, "on": True}
    assert read.nodes[1] == {}
    assert read.nodes[2] == {"label": "ü", "time": 2.0, "on": False}
    assert read.edges[0, 1] == {"weight": 0.5, "kind": "a<&>b"}
    assert graph.to_networkx(table).nodes[1] == {}
    before = path.read_bytes()
    with pytest.raises(ExportError, match="exists already"):
        graph.to_graphml(path)
    with pytest.raises(ExportError, match="cannot be written"):
        graph.to_graphml(tmp_path / "none" / "g.graphml")
    with pytest.raises(SchemaError, match="column 'label': must have 3 values, got 2"):
        graph.to_graphml(tmp_path / "h.graphml", {"label": ["x", "y"]})
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["g.graphml"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([0, 1], [1, 1]), "row 1: node 1 is linked with itself"),
        (([0, 5], [1, 2]), "row 1: source must be from 0 to 2, got 5"),
        (([0, 1], [1, -1]), "row 1: target must be from 0 to 2, got -1"),
        (([0], [1, 2]), "source has 1 rows, target has 2"),
        (([0.0], [1]), "source must be one row of integers, got float64"),
        (([0, 1], [1, 2], [1, np.nan]), "row 1: a weight must be a finite number .* got nan"),
        (([0, 1], [1, 2], [-1, 1]), "row 0: a weight must be .* not negative, got -1.0"),
        (([0, 1], [1, 2], [1, 1e39]), "row 1: a weight must be a finite"),
        (([0, 1], [1, 2], [1]), r"weight must have shape \(2,\), got \(1,\)"),
        (([0], [1], ["heavy"]), "weights must be numbers"),
    ],
)
def test_a_wrong_row_of_given_edges_is_named(columns, message):
    with pytest.raises(SchemaError, match=f"edges.*{message}"):
        given_edges(3, *columns)


def test_given_edges_weigh_one_by_default():
    assert given_edges(2, [0], [1]).toarray().tolist() == [[0, 1], [1, 0]]
    assert given_edges(0, [], []).shape == (0, 0)


def test_a_mix_names_the_kinds_that_exist():
    kinds = {"visual": given_edges(2, [0], [1], [4.0]), "sound": given_edges(2, [0], [1], [2.0])}
    with pytest.raises(
        SchemaError, match=r"no kind of edges 'txt'\. Kinds: 'visual', 'sound', 'temporal'"
    ):
        mixed(2, kinds, {"txt": 1.0})
    for wrong in (-1.0, np.nan, np.inf, "1", True):
        with pytest.raises(SchemaError, match="the weight of 'visual' must be 0 or more"):
            mixed(2, kinds, {"visual": wrong})
    graph = mixed(2, kinds, {**MIX, "sound": 0.5})
    assert graph.weights[0, 1] == 6.0
    assert graph.facts == {
        "mix": {"visual": 1.0, "sound": 0.5},
        "scale": {"visual": 1.0, "sound": 1.0},
    }
    nothing = mixed(2, kinds, {"visual": 0, "sound": 0})
    assert nothing.summary()["edges"] == 0
    assert kinds["sound"][0, 1] == 2.0  # what was given is left alone


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ([0, 1], [1, -1], "row 1 names -1, which is no row of 3"),
        ([0, 1], [1, 3], "row 1 names 3, which is no row of 3"),
        ([0, 2], [1, 2], "row 2 names itself"),
        ([0, 0], [1, 1], "names one neighbour twice"),
        ([1, 0], [0, 1], "sorted by source"),
    ],
)
def test_broken_lists_are_refused(source, target, message):
    with pytest.raises(SchemaError, match=message):
        symmetric(3, np.array(source), np.array(target), np.ones(2, np.float32))
