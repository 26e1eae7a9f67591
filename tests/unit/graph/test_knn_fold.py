from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import SchemaError
from vquery.graph.knn import COPY_SIMILARITY, folded, unit
from vquery.graph.knn import fold as module


def reference(points, similarity):
    """Components of all pairs that are alike, numbered by their first rows."""
    x = unit(points).astype(float)
    node = list(range(len(x)))
    for i in range(len(x)):
        for j in range(i):
            if x[i] @ x[j] >= similarity and x[i].any():
                old, new = max(node[i], node[j]), min(node[i], node[j])
                node = [new if each == old else each for each in node]
    return np.unique(node, return_inverse=True)[1]


@st.composite
def sets(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, d = draw(st.integers(1, 40)), draw(st.sampled_from([3, 40]))
    heaps = rng.normal(size=(draw(st.integers(1, 8)), d))
    points = heaps[rng.integers(0, len(heaps), n)]
    noise = draw(st.sampled_from([0.0, 1e-7, 1e-3]))
    points = points * rng.uniform(0.5, 2, (n, 1)) + noise * rng.normal(size=(n, d))
    points[rng.random(n) < 0.1] = 0
    return points


@given(points=sets())
def test_equals_the_components_of_all_pairs(points):
    node, first = folded(points)
    x = unit(points).astype(float)
    near = np.abs(x @ x.T - COPY_SIMILARITY) < 1e-7
    if near.any():  # rounding decides
        return
    assert node.tolist() == reference(points, COPY_SIMILARITY).tolist()
    assert first.tolist() == np.unique(node, return_index=True)[1].tolist()
    assert (np.diff(first) > 0).all()


def test_heaps_of_copies_are_one_node_each_however_they_differ():
    rng = np.random.default_rng(0)
    person = rng.normal(size=64)
    other = rng.normal(size=(50, 64))
    for copies in (
        np.repeat(person[None], 10_000, 0),
        person * rng.uniform(0.1, 9, (10_000, 1)),
        person + 1e-4 * rng.normal(size=(10_000, 64)),
        person + 1e-3 * rng.normal(size=(10_000, 64)),  # up to a third of what a copy may differ
    ):
        node, first = folded(np.r_[other, copies])
        assert np.bincount(node).tolist() == [1] * 50 + [10_000]
        assert first.tolist() == list(range(51))


def test_chains_end_where_they_have_drifted():
    angle = np.arange(200) * 0.003  # each a copy of the one before
    node, _ = folded(np.stack([np.cos(angle), np.sin(angle)], 1))
    first = np.unique(node, return_index=True)[1]
    drift = np.cos(angle - angle[first][node])
    assert drift.min() >= module.DRIFT_SIMILARITY - 1e-6
    assert (np.diff(node) >= 0).all()
    assert 10 < len(first) < 20


def test_a_chain_may_drift_any_number_of_times():
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    node, first = folded(np.stack([np.cos(angle), np.sin(angle)], 1))
    drift = np.cos(angle - angle[first][node])
    assert drift.min() >= module.DRIFT_SIMILARITY - 1e-6
    assert 70 < len(first) < 150  # a label for each would be 2 ** 70


def test_frames_of_one_video_fold_sooner_than_others():
    rng = np.random.default_rng(0)
    still = rng.normal(size=(1, 128)) + 0.008 * rng.normal(size=(10, 128))
    alike = unit(still) @ unit(still).T
    assert alike.min() > module.FRAME_SIMILARITY
    assert alike[~np.eye(10, dtype=bool)].max() < COPY_SIMILARITY
    video, time = np.repeat([0, 1], 5), np.tile(np.arange(5.0), 2)
    assert len(folded(still)[1]) == 10
    node, first = folded(still, video=video, time=time)
    assert node.tolist() == [0] * 5 + [1] * 5
    assert first.tolist() == [0, 5]
    # too far apart in time to follow each other
    assert len(folded(still, video=video, time=time * 10)[1]) == 10
    # a slow pan: each frame is like the one before, but runs end where they leave their first
    angle = np.arange(60) * 0.008
    pan = np.stack([np.cos(angle), np.sin(angle)], 1)
    node, first = folded(pan, time=np.arange(60.0))
    assert np.cos(angle - angle[first][node]).min() >= module.FRAME_SIMILARITY - 1e-6
    assert len(first) == 30


def test_rows_in_another_order_fold_alike():
    rng = np.random.default_rng(4)
    points = rng.normal(size=(30, 20))[rng.integers(0, 30, 300)] + 1e-5 * rng.normal(size=(300, 20))
    order = rng.permutation(300)
    node, _ = folded(points)
    again, _ = folded(points[order])
    assert (np.equal.outer(node[order], node[order]) == np.equal.outer(again, again)).all()


def test_edges_of_the_map():
    assert [each.tolist() for each in folded(np.zeros((3, 2)))] == [[0, 1, 2], [0, 1, 2]]
    assert [each.tolist() for each in folded(np.zeros((0, 2)))] == [[], []]
    assert folded([[1.0, 0.0], [0.999999, 0.0]])[0].tolist() == [0, 0]
    assert folded([[0.0, 1.0], [-0.0, 1.0]], similarity=1.0)[0].tolist() == [0, 0]
    with pytest.raises(SchemaError, match="row 1: values must be finite"):
        folded([[1, 0], [np.nan, 0]])
    with pytest.raises(SchemaError, match="'similarity' parameter"):
        folded([[1, 0]], similarity=0)
    with pytest.raises(SchemaError, match="time must have one value for each of 2 items"):
        folded([[1, 0], [0, 1]], time=[0.0])
