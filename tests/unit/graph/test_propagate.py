from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from vquery.errors import LabelError, SchemaError
from vquery.graph.items import knn_graph
from vquery.graph.propagate import propagate


@pytest.fixture(scope="module")
def digits():
    datasets = pytest.importorskip("sklearn.datasets")
    vectors, truth = datasets.load_digits(return_X_y=True)
    return vectors.astype(np.float32), truth


def draw(truth, per_class, seed):
    rng = np.random.default_rng(1000 * per_class + seed)
    return np.concatenate(
        [rng.choice(np.flatnonzero(truth == c), per_class, replace=False) for c in np.unique(truth)]
    )


def accuracy(table, truth, seeds):
    rest = np.ones(len(truth), bool)
    rest[seeds] = False
    label = np.array([-1 if x is None else x for x in table["label"].to_pylist()])
    return (label == truth)[rest].mean()


def test_one_label_a_class_beats_label_spreading(digits):
    from sklearn.semi_supervised import LabelSpreading

    vectors, truth = digits
    items = knn_graph(vectors)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    ours, theirs = [], {"rbf": [], "knn": []}
    for seed in range(6):
        rows = draw(truth, 1, seed)
        table = items.propagate({int(i): int(truth[i]) for i in rows}).table
        ours.append(accuracy(table, truth, rows))
        assert not table["calibrated"][0].as_py()
        given = np.full(len(truth), -1)
        given[rows] = truth[rows]
        for kernel, scores in theirs.items():
            model = LabelSpreading(kernel=kernel, max_iter=300).fit(vectors / length, given)
            rest = given < 0
            scores.append((model.transduction_ == truth)[rest].mean())
    assert np.mean(ours) >= 0.85
    assert np.mean(ours) > max(np.mean(scores) for scores in theirs.values()) + 0.03


def test_with_five_labels_a_class_the_probabilities_are_calibrated(digits):
    vectors, truth = digits
    items = knn_graph(vectors)
    errors = []
    for seed in range(3):
        rows = draw(truth, 5, seed)
        table = items.propagate({int(i): int(truth[i]) for i in rows}).table
        assert table["calibrated"][0].as_py()
        assert accuracy(table, truth, rows) > 0.93
        chance = table["probability"].to_numpy()
        right = np.array(table["label"].to_pylist()) == truth
        bins = np.minimum((chance * 10).astype(int), 9)
        errors.append(sum(abs((right - chance)[bins == b].sum()) for b in range(10)) / len(truth))
    assert np.mean(errors) < 0.05


def test_iteration_agrees_with_the_factorisation(digits, monkeypatch):
    from vquery.graph.solve import limits

    vectors, truth = digits
    items = knn_graph(vectors)
    seeds = {int(i): int(truth[i]) for i in draw(truth, 2, 0)}
    direct = items.propagate(seeds).table
    monkeypatch.setattr(limits, "DIRECT_NODES", 0)
    iterated = items.propagate(seeds).table
    facts = json.loads(iterated.schema.metadata[b"vquery.graph"])
    assert facts["solver"] == "conjugate gradients"
    assert facts["converged"]
    assert iterated["label"].equals(direct["label"])
    np.testing.assert_allclose(iterated["probability"], direct["probability"], atol=2e-3)


def test_the_table_has_the_promised_columns():
    table = propagate(np.eye(3), {0: "a", 1: "b"}, k=1)
    assert table.schema.names == ["label", "probability", "margin", "reached", "calibrated"]
    assert table.schema.field("label").type == pa.string()
    assert table.schema.field("probability").type == pa.float32()
    assert table.schema.field("reached").type == pa.bool_()
    assert table.num_rows == 3


def test_a_component_without_a_seed_stays_null_and_is_reported():
    points = np.array(
        [[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0, 0.9, 0.1], [0, 0.9, 0.12], [0, 0, 0]]
    )
    table = propagate(points, {0: "a"}, k=1)
    assert table["label"].to_pylist() == ["a", "a", None, None, None, None]
    assert table["reached"].to_pylist() == [True, True, False, False, False, False]
    assert table["probability"].to_pylist()[2:] == [0, 0, 0, 0]
    assert table["margin"].to_pylist()[2:] == [0, 0, 0, 0]
    facts = json.loads(table.schema.metadata[b"vquery.graph"])
    assert facts["unreached_items"] == 4
    assert facts["unreached_components"] == 2
    assert facts["suggested_items"][0] in (2, 3, 4)
    assert facts["without_vector"] == 1


def blobs(rng, sizes, noise=0.3):
    centres = rng.normal(size=(len(sizes), 10))
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return centres[truth] + noise * rng.normal(size=(len(truth), 10)), truth


def test_masses_follow_the_prior():
    rng = np.random.default_rng(0)
    line = np.c_[np.linspace(0, 1, 61), np.linspace(1, 0, 61)]  # no gap between the classes
    vectors = line + 0.001 * rng.normal(size=line.shape)
    share = {}
    for prior in (None, "uniform", {"up": 0.8, "right": 0.2}):
        table = propagate(vectors, {0: "up", 40: "right"}, k=6, prior=prior)
        share[str(prior)] = table["label"].to_pylist().count("up") / 61
    assert share["None"] < share["uniform"] < share["{'up': 0.8, 'right': 0.2}"]
    with pytest.raises(LabelError, match="share for each of"):
        propagate(vectors, {0: "up", 60: "right"}, prior={"up": 1.0})
    with pytest.raises(LabelError, match="above 0"):
        propagate(vectors, {0: "up", 60: "right"}, prior={"up": 1.0, "right": 0.0})


def test_copies_share_a_node_and_cannot_contradict():
    vectors, _ = blobs(np.random.default_rng(0), [20, 20])
    vectors = np.r_[vectors, np.tile(vectors[3], (30, 1))]
    items = knn_graph(vectors, k=5)
    assert items.graph.n == 40
    assert items.graph.facts["copies"] == 30
    table = items.propagate({3: "a", 25: "b"}).table
    assert set(table["label"].to_pylist()[40:]) == {"a"}
    with pytest.raises(LabelError, match=r"rows 3 and 45 .* copies of one another"):
        items.propagate({3: "a", 45: "b"})


def turning(rng, tracks=8, length=20):
    """Objects of two classes that turn round: the ends of a track look like other objects."""
    vectors, truth, track = [], [], []
    views = rng.normal(size=(2, 2, 16))
    for t in range(tracks):
        kind = t % 2
        for step in np.linspace(0, 1, length):
            view = (1 - step) * views[kind, 0] + step * views[kind, 1]
            vectors.append(view + 0.25 * rng.normal(size=16))
            truth.append(kind)
            track.append(t)
    return np.array(vectors), np.array(truth), np.array(track)


def test_tracks_add_edges_in_time_and_keep_neighbours_outside():
    rng = np.random.default_rng(2)
    vectors, truth, track = turning(rng)
    time = np.tile(np.arange(20) / 25, 8)
    items = knn_graph(vectors, time=time, track=track, k=4)
    facts = items.graph.summary()
    assert set(facts["weight_share"]) == {"visual", "temporal"}
    visual = items.graph.kinds["visual"].tocoo()
    assert (track[visual.row] != track[visual.col]).all()
    temporal = items.graph.kinds["temporal"].tocoo()
    assert (track[temporal.row] == track[temporal.col]).all()
    assert (np.abs(temporal.row - temporal.col) == 1).all()
    mean = items.graph.kinds["visual"].data.mean()
    np.testing.assert_allclose(temporal.data, mean)
    table = items.propagate({0: "a", 20: "b"}).table
    label = np.array(table["label"].to_pylist())
    assert (label == np.array(["a", "b"])[truth]).mean() > 0.9


def test_time_alone_finds_the_runs():
    rng = np.random.default_rng(0)
    scenes = rng.normal(size=(6, 12))
    scene = np.repeat([0, 1, 2, 3, 4, 5, 0, 1, 2], 15)
    vectors = scenes[scene] + 0.1 * rng.normal(size=(len(scene), 12))
    time = np.arange(len(scene)) * 0.5
    items = knn_graph(vectors, time=time, k=4)
    visual = items.graph.kinds["visual"].tocoo()
    run = np.repeat(np.arange(9), 15)
    assert (run[visual.row] != run[visual.col]).all()
    temporal = items.graph.kinds["temporal"].tocoo()
    assert (run[temporal.row] == run[temporal.col]).all()
    two = knn_graph(vectors, time=time % 33, video=(time >= 33).astype(str), k=4)
    assert two.graph.kinds["temporal"].nnz > 0


def test_none_is_a_class_of_its_own():
    vectors, truth = blobs(np.random.default_rng(1), [15, 15], noise=0.2)
    table = propagate(vectors, {0: "cat", 20: None})
    assert table["label"].to_pylist() == ["cat" if t == 0 else None for t in truth]
    assert all(table["reached"].to_pylist())


def test_labels_may_be_numpy_numbers():
    vectors, truth = blobs(np.random.default_rng(1), [9, 9], noise=0.2)
    table = propagate(vectors, {np.int64(0): np.int64(4), np.int64(12): np.int64(6)})
    assert table["label"].to_pylist() == [4 if t == 0 else 6 for t in truth]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"seeds": {}}, LabelError, "at least one seed"),
        ({"seeds": {5: "a"}}, LabelError, "seed row 5 does not exist: there are 2 rows"),
        ({"seeds": {0: "a"}, "time": [0.0]}, SchemaError, "time must be 2 finite numbers"),
        ({"seeds": {0: "a"}, "time": [0.0, np.nan]}, SchemaError, "time must be 2 finite"),
        ({"seeds": {0: "a"}, "video": ["x"]}, SchemaError, "video must have one value"),
        ({"seeds": {0: "a"}, "track": [0.5, 1]}, SchemaError, "track must be 2 integers"),
    ],
)
def test_errors_name_the_argument(arguments, error, message):
    with pytest.raises(error, match=message):
        propagate(np.eye(2), **arguments)
