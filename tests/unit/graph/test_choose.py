from __future__ import annotations

import json

import numpy as np
import pytest

from vquery.errors import LabelError, SchemaError
from vquery.graph.choose import choose_graph
from vquery.graph.items import knn_graph
from vquery.graph.propagate import propagate


def blobs(rng, classes=3, size=40, noise=0.8, dims=6):
    truth = np.repeat(np.arange(classes), size)
    return rng.normal(size=(classes, dims))[truth] + noise * rng.normal(
        size=(len(truth), dims)
    ), truth


def some_seeds(rng, truth, count):
    rows = np.concatenate(
        [rng.choice(np.flatnonzero(truth == c), count, replace=False) for c in np.unique(truth)]
    )
    return {int(row): f"class {truth[row]}" for row in rows}


@pytest.fixture
def drawn():
    rng = np.random.default_rng(4)
    vectors, truth = blobs(rng)
    return vectors, truth, some_seeds(rng, truth, 8)


def test_the_table_says_how_left_out_seeds_fared(drawn):
    vectors, _, seeds = drawn
    choice = choose_graph(vectors, seeds, candidates=[{"k": 3}, {"symmetry": "sum"}])
    rows = choice.table.to_pylist()
    assert [json.loads(row["candidate"]) for row in rows] == list(choice.candidates)
    assert choice.candidates[0] == {"k": 10, "symmetry": "tree", "method": "harmonic"}
    assert choice.candidates[2] == {"k": 10, "symmetry": "sum", "method": "harmonic"}
    assert [row["left_out"] for row in rows] == [24] * 3
    hits = []
    for row, arguments in zip(rows, ({}, {"k": 3}, {"symmetry": "sum"}), strict=True):
        left = knn_graph(vectors, **arguments).propagate(seeds).left_out
        hits.append(np.zeros(len(seeds)))
        hits[-1][left.places] = left.scores.argmax(1) == left.truth
        gain = hits[-1] - hits[0]
        assert row["right"] == pytest.approx(hits[-1].mean())
        assert row["right_gain"] == pytest.approx(gain.mean())
        assert row["right_gain_error"] == pytest.approx(gain.std(ddof=1) / np.sqrt(24))
        assert row["likelihood"] < 0
        assert row["reached"] == 1
    assert rows[0]["likelihood_gain"] == rows[0]["right_gain"] == 0
    assert sum(row["chosen"] for row in rows) == 1


def test_edges_that_mislead_are_left_out(drawn):
    vectors, truth, seeds = drawn
    rng = np.random.default_rng(0)
    wrong = rng.integers(0, len(truth), (2, 600))
    wrong = wrong[:, truth[wrong[0]] != truth[wrong[1]]]
    choice = choose_graph(vectors, seeds, edges=tuple(wrong))
    assert choice.best["mix"] == {"given": 0.0}
    assert "points more" in choice.reason
    right = {}
    for name, arguments in (("default", choice.candidates[0]), ("chosen", choice.best)):
        table = propagate(vectors, seeds, edges=tuple(wrong), **arguments)
        label = np.array(table["label"].to_pylist())
        right[name] = (label == np.array([f"class {c}" for c in truth])).mean()
    assert right["chosen"] > right["default"] + 0.1


def test_noise_chooses_nothing():
    kept = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        vectors, truth = rng.normal(size=(90, 5)), rng.integers(0, 3, 90)
        choice = choose_graph(vectors, some_seeds(rng, truth, 6))
        kept += choice.best == choice.candidates[0]
        assert choice.best == choice.candidates[0] or "points more" in choice.reason
    assert kept >= 7


def test_a_class_with_one_seed_keeps_the_default(drawn):
    vectors, _, seeds = drawn
    lone = {**{row: name for row, name in seeds.items() if name != "class 2"}, 100: "class 2"}
    choice = choose_graph(vectors, lone)
    assert choice.best == choice.candidates[0]
    assert choice.reason == "default kept: class 'class 2' has one seed, which cannot be left out"
    rows = choice.table.to_pylist()
    assert len(rows) == len(choice.candidates) > 4
    assert all(row["right"] is None for row in rows)
    assert [row["chosen"] for row in rows] == [True] + [False] * (len(rows) - 1)


def test_copies_of_one_item_are_one_seed():
    vectors = np.r_[np.eye(3), np.eye(3)[[0]]]
    choice = choose_graph(vectors, {0: "a", 3: "a", 1: "b", 2: "b"})
    assert "class 'a' has one seed" in choice.reason


def test_a_labelled_copy_may_come_late(drawn):
    vectors, truth, seeds = drawn
    vectors = np.r_[vectors, vectors[[0]]]
    seeds = {row: name for row, name in seeds.items() if row}
    choice = choose_graph(vectors, {**seeds, len(truth): "class 0"}, candidates=[{"k": 3}])
    rows = choice.table.to_pylist()
    for row, k in zip(rows, (10, 3), strict=True):
        left = knn_graph(vectors, k=k).propagate({**seeds, len(truth): "class 0"}).left_out
        assert row["right"] == (left.scores.argmax(1) == left.truth).mean()


def test_a_seed_that_no_other_reaches_counts_as_wrong():
    points = np.repeat(np.eye(4), 5, axis=0) + 0.01 * np.arange(20)[:, None] % 0.05
    seeds = {0: "a", 1: "a", 5: "b", 6: "b", 10: "a", 15: "b"}
    choice = choose_graph(points, seeds, candidates=[{"k": 2}])
    row = choice.table.to_pylist()[1]
    assert row["left_out"] == 6
    assert row["right"] == pytest.approx(4 / 6)


def test_one_class_is_no_choice():
    vectors, _ = blobs(np.random.default_rng(0), classes=1)
    choice = choose_graph(vectors, {0: "a", 1: "a"})
    assert choice.best == choice.candidates[0]


def test_kinds_are_tried_by_name():
    rng = np.random.default_rng(0)
    vectors, truth = blobs(rng)
    other, _ = blobs(rng)
    choice = choose_graph(
        {"face": vectors, "scene": other}, some_seeds(rng, truth, 2), texts=["a"] * len(truth)
    )
    tried = [each["mix"] for each in choice.candidates if "mix" in each]
    assert {"scene": 0.0} in tried
    assert {"face": 4.0} in tried
    assert {"text": 1.0} in tried


def test_what_is_there_twice_counts_once(drawn):
    vectors, _, seeds = drawn
    choice = choose_graph(vectors, seeds, candidates=[{"k": 10}, {}, {"k": 3}, {"k": 3}])
    assert [each["k"] for each in choice.candidates] == [10, 3]


def test_other_arguments_are_refused(drawn):
    vectors, _, seeds = drawn
    with pytest.raises(
        SchemaError, match=r"candidates\[1\]: 'neighbours' cannot be chosen, only k"
    ):
        choose_graph(vectors, seeds, candidates=[{}, {"neighbours": 3}])
    with pytest.raises(LabelError, match="'method' parameter"):
        choose_graph(vectors, seeds, candidates=[{"method": "magic"}])
