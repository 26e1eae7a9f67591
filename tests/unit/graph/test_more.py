from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vquery.errors import LabelError
from vquery.graph.items import knn_graph
from vquery.graph.leaving import LeftOut

CLASSES = ("b", "d", "a", None)


def close(one, other):
    """Equal but for the power, which is kept where it was fitted before."""
    assert one.classes == other.classes
    at = np.argsort(one.solver.seeds)
    assert one.solver.seeds[at].tolist() == other.solver.seeds.tolist()
    assert one.seeds.truth[at].tolist() == other.seeds.truth.tolist()
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)
    left, right = one.table, other.table
    assert left["reached"].equals(right["reached"])
    assert left["calibrated"].equals(right["calibrated"])
    clear = right["margin"].to_numpy() > 1e-3
    assert left["label"].filter(clear).equals(right["label"].filter(clear))
    for name in ("seeds", "classes", "unreached_items", "suggested_items"):
        assert one.report[name] == other.report[name]


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), prior=st.sampled_from(["uniform", None]))
def test_labels_one_by_one_are_as_labels_at_once(seed, prior):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(4), rng.integers(4, 12, 4))
    centres = rng.normal(size=(4, 6)) * rng.choice([1.0, 5.0])
    vectors = centres[truth] + rng.normal(size=(len(truth), 6))
    items = knn_graph(np.r_[vectors, vectors[:3]], k=3)  # three nodes of two items
    rows = rng.permutation(len(truth))[:8].tolist()
    labels = {row: CLASSES[truth[row]] for row in rows}
    first = dict(list(labels.items())[:2])
    found = items.propagate(first, prior=prior)
    for row in rows[2:]:
        before = found.table
        found, earlier = found.added(row, labels[row]), found
        assert earlier.table is before
        first[row] = labels[row]
        close(found, items.propagate(first, prior=prior))


def small():
    items = knn_graph([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [-1, 0], [-0.9, 0.1]], k=1)
    return items, items.propagate({0: "right", 2: "up"})


def test_an_item_may_get_another_label():
    items, found = small()
    close(found.added(0, "left"), items.propagate({0: "left", 2: "up"}))  # "right" is gone
    three = found.added(4, "right").added(0, "left")
    close(three, items.propagate({0: "left", 2: "up", 4: "right"}))
    assert three.why(1)["reasons"][0]["label"] == "left"
    assert three.report["seeds"] == 3


def test_a_fitted_power_is_kept_and_the_first_one_is_fitted():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 40)
    vectors = rng.normal(size=(2, 8))[truth] + 0.6 * rng.normal(size=(80, 8))
    items = knn_graph(vectors)
    one = items.propagate({0: 0, 40: 1, 41: 1})
    assert not one.table["calibrated"][0].as_py()
    two = one.added(1, 0)
    close(two, items.propagate({0: 0, 1: 0, 40: 1, 41: 1}))
    assert two.power == pytest.approx(items.propagate({0: 0, 1: 0, 40: 1, 41: 1}).power, rel=1e-3)
    three = two.added(2, 0)
    assert three.power == two.power
    assert isinstance(three.left_out, LeftOut)
    assert three.curve(thresholds=[0.0])["checked"].to_pylist() == [4]
    other = three.added(79, 2)  # a class of one seed
    assert not other.table["calibrated"][0].as_py()
    close(other, items.propagate({0: 0, 1: 0, 2: 0, 40: 1, 41: 1, 79: 2}))


def test_scores_that_were_not_kept_are_solved_anew(monkeypatch):
    items, _ = small()
    monkeypatch.setattr("vquery.graph.settle.STORED_BYTES", 0)
    found = items.propagate({0: "right"})
    assert found.raw is None
    close(found.added(2, "up"), items.propagate({0: "right", 2: "up"}))


def test_what_cannot_be_added_is_named():
    items, found = small()
    for item in (6, -1, "a", True):
        with pytest.raises(LabelError, match=f"item {item!r} does not exist: there are 6 items"):
            found.added(item, "up")
    with pytest.raises(LabelError, match="labels must be of one type"):
        found.added(1, 3)
    with pytest.raises(LabelError, match="scores, and these are of 'poisson'"):
        items.propagate({0: "a", 2: "b"}, method="poisson").added(4, "a")
    given = items.propagate({0: "a", 2: "b"}, prior={"a": 3, "b": 1})
    assert given.added(4, "a").wanted.tolist() == [0.75, 0.25]
    with pytest.raises(LabelError, match="a share for each of"):
        given.added(4, "c")
