"""The edges of the map: what is odd about labels or items, and what propagation says then."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import vquery as vq
from vquery.errors import LabelError, SchemaError
from vquery.graph import settle

METHODS = ("harmonic", "spreading", "poisson")
ALL = pytest.mark.parametrize("method", METHODS)


def blobs(sizes, noise=0.2, seed=0, dim=16):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(sizes), dim))
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return (centres[truth] + noise * rng.normal(size=(len(truth), dim))).astype(np.float32), truth


@ALL
def test_one_class_only_labels_all_that_it_reaches(method):
    vectors, _ = blobs([6])
    table = vq.propagate(np.r_[vectors, np.zeros((1, 16))], {0: "a", 3: "a"}, method=method)
    assert table["label"].to_pylist() == ["a"] * 6 + [None]
    assert table["probability"].to_pylist() == [1.0] * 6 + [0.0]
    assert table["margin"].to_pylist() == [1.0] * 6 + [0.0]
    assert table["reached"].to_pylist() == [True] * 6 + [False]


@ALL
@pytest.mark.parametrize("prior", ["uniform", None])
def test_all_labelled_stay_as_they_are(method, prior):
    vectors, truth = blobs([8, 8])
    seeds = {i: int(c) for i, c in enumerate(truth)}
    table = vq.propagate(vectors, seeds, method=method, prior=prior)
    assert table["label"].to_pylist() == truth.tolist()
    if method != "spreading":
        assert set(table["probability"].to_pylist()) == {1.0}


@ALL
def test_ten_thousand_identical_vectors_are_one_node(method):
    vectors = np.r_[np.tile([[1.0, 2.0, 3.0]], (10_000, 1)), [[-3.0, 1.0, 0.0], [-3.0, 1.2, 0.0]]]
    items = vq.knn_graph(vectors)
    assert items.graph.n == 3
    assert items.summary()["copies"] == 9_999
    assert items.multiplicity.tolist() == [10_000, 1, 1]
    table = items.propagate({77: "a", 10_000: "b"}, method=method, prior=None).table
    label = table["label"].to_pylist()
    assert len(set(label[:10_000])) == 1
    assert label[10_000:] == ["b", "b"]
    if method != "spreading":  # which may change a label that its neighbours outweigh
        assert label[0] == "a"


def test_ten_thousand_identical_vectors_and_nothing_else():
    items = vq.knn_graph(np.ones((10_000, 3)))
    assert items.graph.n == 1
    found = items.propagate({5: "a"})
    assert found.table["label"].unique().to_pylist() == ["a"]
    assert found.unreached().num_rows == 0


@ALL
def test_zero_vectors_have_no_label_but_their_own(method):
    vectors, _ = blobs([5, 5])
    vectors[[2, 7]] = 0
    table = vq.propagate(vectors, {0: "a", 5: "b", 7: "c"}, k=2, method=method, prior=None)
    label = table["label"].to_pylist()
    assert label[2] is None
    assert label[7] == "c"
    assert not table["reached"][2].as_py()
    assert label[:2] == ["a", "a"]
    nothing = vq.propagate(np.zeros((3, 4)), {1: "a"}, method=method)
    assert nothing["label"].to_pylist() == [None, "a", None]


def test_a_value_that_is_no_number_names_the_item():
    vectors, _ = blobs([5, 5])
    vectors[6, 3] = np.nan
    with pytest.raises(SchemaError, match=r"vectors, row 6: values must be finite numbers"):
        vq.propagate(vectors, {0: "a"})


@ALL
@pytest.mark.parametrize("k", [5, 6, 100])
def test_more_neighbours_than_items_are_all_others(method, k):
    vectors, truth = blobs([3, 3])
    table = vq.propagate(vectors, {0: 0, 3: 1}, k=k, method=method)
    assert table["label"].to_pylist() == truth.tolist()


@ALL
def test_islands_without_a_seed_have_no_label(method):
    parts, _ = blobs([10] * 6, noise=0.02)
    items = vq.knn_graph(parts, k=3, symmetry="sum")
    found = items.propagate({0: "a", 10: "b", 20: "a", 29: "b"}, method=method)
    label, reached = (found.table[name].to_pylist() for name in ("label", "reached"))
    assert label[:20] == ["a"] * 10 + ["b"] * 10
    assert set(label[20:30]) <= {"a", "b"}
    assert label[30:] == [None] * 30
    assert reached == [True] * 30 + [False] * 30
    assert found.report["unreached_components"] == 3
    assert found.unreached()["items"].to_pylist() == [10, 10, 10]
    assert [item // 10 for item in sorted(found.unreached()["item"].to_pylist())] == [3, 4, 5]


@ALL
def test_contradicting_labels_of_copies(method):
    vectors, _ = blobs([5, 5])
    vectors = np.r_[vectors, vectors[2:3]]
    seeds = {2: "a", 10: "b", 7: "b"}
    if method == "spreading":
        assert vq.propagate(vectors, seeds, method=method)["reached"].to_pylist() == [True] * 11
        return
    with pytest.raises(LabelError, match=r"rows 2 and 10 are copies .* 'a' and 'b'"):
        vq.propagate(vectors, seeds, method=method)


@ALL
def test_a_thousand_classes(method, monkeypatch):
    monkeypatch.setattr(settle, "BLOCK_BYTES", 2_000_000)  # a hundred classes at a time
    vectors, truth = blobs([3] * 1000, noise=0.05, dim=48)
    seeds = {int(i): f"class {truth[i]}" for i in range(0, 3000, 3)}
    table = vq.propagate(vectors, seeds, method=method)
    label = np.array(table["label"].to_pylist())
    assert (label == np.char.add("class ", truth.astype(str))).mean() > 0.99
    assert table["probability"].to_numpy().max() <= 1.0


@ALL
def test_ten_to_one(method):
    vectors, truth = blobs([200, 20], noise=0.45, seed=3)
    seeds = {**dict.fromkeys(range(5), 0), **dict.fromkeys(range(200, 205), 1)}
    items = vq.knn_graph(vectors)
    for prior in ("uniform", None, {0: 10, 1: 1}):
        label = np.array(items.propagate(seeds, method=method, prior=prior).table["label"])
        each = [(label[truth == c] == c).mean() for c in (0, 1)]
        assert np.mean(each) > 0.9, prior


@ALL
def test_no_items_and_one_item(method):
    none = vq.knn_graph(np.empty((0, 4)))
    assert none.graph.n == 0
    assert none.summary()["items"] == 0
    with pytest.raises(LabelError, match="seed row 0 does not exist: there are 0 rows"):
        none.propagate({0: "a"}, method=method)
    with pytest.raises(LabelError, match="at least one seed"):
        none.propagate({}, method=method)
    one = vq.propagate([[1.0, 2.0]], {0: "a"}, method=method)
    assert one["label"].to_pylist() == ["a"]
    assert one["probability"].to_pylist() == [1.0]


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ({}, "at least one seed"),
        ([(0, "a")], "seeds must be a mapping"),
        (np.array([-1, 0, -1, 1]), "got ndarray: give the labelled items alone, as in"),
        ({4: "a"}, "seed row 4 does not exist: there are 4 rows"),
        ({-1: "a"}, "seed row -1 does not exist"),
        ({1.5: "a"}, "1.5 is no row number"),
        ({"one": "a"}, "'one' is no row number"),
        ({True: "a"}, "True is no row number"),
        ({0: "a", 1: 2}, "labels must be of one type, got int, str"),
        ({0: True, 1: 1}, "labels must be single values of one type, got bool, int"),
        ({0: b"a", 1: "a"}, "labels must be single values of one type, got bytes, str"),
        ({0: ("a", 1), 1: ("b", 2)}, "labels must be of one type, got tuple"),
        ({0: (1, 2), 1: (3, 4)}, "labels must be single values of one type, got tuple"),
        ({0: 2**70}, "labels must be of one type, got int: .* too large"),
        ({0: "\ud83d"}, "labels must be of one type, got str: .* surrogates"),
        ({0: ["a"]}, "seed row 0: a label must be a single value .* got list"),
        ({0: "a", 2: float("nan")}, "seed row 2: the label is NaN"),
        ({0: "a", 2: np.float32("nan")}, "seed row 2: the label is NaN"),
    ],
)
def test_odd_seeds_are_refused_before_anything_is_built(seeds, message, monkeypatch):
    monkeypatch.setattr("vquery.graph.propagate.knn_graph", None)
    with pytest.raises(LabelError, match=message):
        vq.propagate(np.eye(4), seeds)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "magic"}, "must be one of 'harmonic', 'spreading', 'poisson'. Got 'magic'"),
        ({"confidence": {0: 0.5}}, "confidence needs method='spreading'"),
        ({"method": "poisson", "confidence": {0: 0.5}}, "confidence needs method='spreading'"),
        ({"method": "spreading", "confidence": {0: -0.5}}, "confidence of row 0 must be above 0"),
        ({"method": "spreading", "confidence": {0: 1.5}}, "at most 1, got 1.5"),
        ({"method": "spreading", "confidence": {0: np.nan}}, "confidence of row 0"),
        ({"method": "spreading", "confidence": {3: 0.5}}, "row 3 is not among the seeds"),
        ({"method": "spreading", "confidence": [0.5]}, "confidence must be a mapping"),
        ({"method": "spreading", "confidence": {0: "high"}}, "confidence must be numbers"),
        (
            {"alpha": 0.9},
            "'alpha' parameter must be .* with method='spreading'. Got 0.9 with 'harm",
        ),
        ({"method": "spreading", "alpha": 1.0}, "'alpha' parameter must be between 0 and 1"),
        ({"prior": "even"}, "'prior' parameter must be 'uniform', None or a share for each"),
        ({"prior": {"a": 1.0}}, r"a share for each of \['a', 'b'\]. Got"),
        ({"prior": {"a": 1.0, "b": 0.0}}, "shares in 'prior' must be numbers above 0"),
        ({"prior": {"a": 1.0, "b": np.nan}}, "shares in 'prior' must be numbers above 0"),
        ({"prior": {"a": 1.0, "b": "x"}}, "shares in 'prior' must be numbers above 0"),
        ({"prior": [0.5, 0.5]}, "'prior' parameter"),
    ],
)
def test_odd_arguments_are_named(arguments, message):
    with pytest.raises(LabelError, match=message):
        vq.propagate(np.eye(4), {0: "a", 1: "b"}, **arguments)


def test_large_shares_are_shares():
    vectors, _ = blobs([6, 6])
    seeds, prior = {0: "a", 6: "b"}, {"a": 1e308, "b": 1e308}
    assert (
        vq.propagate(vectors, seeds, prior=prior)["label"]
        == (vq.propagate(vectors, seeds)["label"])
    )


def test_numpy_scalars_are_plain_labels():
    vectors, truth = blobs([6, 6])
    for kind, names in ((np.int64, [3, 9]), (np.str_, ["x", "y"]), (np.bool_, [False, True])):
        seeds = {np.int32(0): kind(names[0]), np.uint8(6): kind(names[1])}
        prior = {kind(names[0]): np.float32(0.5), names[1]: 0.5}
        table = vq.propagate(vectors, seeds, prior=prior, k=np.int64(3))
        assert table["label"].to_pylist() == [names[c] for c in truth]


@ALL
def test_none_of_them_is_a_class(method):
    vectors, truth = blobs([8, 8])
    table = vq.propagate(vectors, {0: "cat", 8: None}, method=method)
    assert table["label"].to_pylist() == ["cat" if c == 0 else None for c in truth]
    assert table["reached"].to_pylist() == [True] * 16
    only = vq.propagate(vectors, {0: None}, k=15, symmetry="sum", method=method)
    assert only["label"].null_count == 16
    assert only["reached"].to_pylist() == [True] * 16


@ALL
def test_concepts_with_gaps(method):
    vectors, truth = blobs([12, 12, 12])
    concepts = {
        "first": {0: True, 12: False, 24: False},
        "not last": {np.int64(0): np.True_, 13: True, 25: np.False_},
    }
    table = vq.propagate_concepts(vectors, concepts, method=method, k=12)
    assert table.schema.names[:3] == ["item", "concept", "label"]
    assert table["concept"].to_pylist() == ["first"] * 36 + ["not last"] * 36
    assert table["item"].to_pylist() == [*range(36)] * 2
    right = np.array(table["label"].to_pylist()) == np.r_[truth == 0, truth != 2]
    # spreading and Poisson lean to the side with more labels, since masses are left alone
    assert right.mean() > (0.99 if method == "harmonic" else 0.8)
    assert table["label"].type == pa.bool_()
    alone = vq.propagate_concepts(np.zeros((3, 2)), {"a": {0: True, 1: False}}, method=method)
    assert alone["label"].to_pylist() == [True, False, None]
    assert alone["reached"].to_pylist() == [True, True, False]


@pytest.mark.parametrize(
    ("concepts", "message"),
    [
        ({}, "must be a mapping"),
        ([], "must be a mapping"),
        ({"a": {}}, "concept 'a': propagate needs at least one seed"),
        ({"a": [0, 1]}, "concept 'a': seeds must be a mapping"),
        ({3: {0: True, 1: False}}, "concepts must have texts as names, got 3"),
        ({"a": {0: True}}, "concept 'a': no item is labelled False"),
        ({"a": {0: True, 1: False}, "b": {2: False}}, "concept 'b': no item is labelled True"),
        ({"a": {0: True, 1: "no"}}, "concept 'a', row 1: must be True or False, got 'no'"),
        ({"a": {0: True, 1: None}}, "concept 'a', row 1: must be True or False, got None"),
        ({"a": {0: True, 4: False}}, "concept 'a': seed row 4 does not exist"),
    ],
)
def test_odd_concepts_are_named(concepts, message):
    with pytest.raises(LabelError, match=message):
        vq.propagate_concepts(np.eye(4), concepts)


def test_copies_that_contradict_name_the_concept():
    with pytest.raises(LabelError, match="concept 'a': rows 0 and 1 are copies"):
        vq.propagate_concepts(np.ones((3, 2)), {"a": {0: True, 1: False}})
