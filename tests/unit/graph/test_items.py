from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vquery.errors import LabelError, SchemaError
from vquery.graph import settle
from vquery.graph.calibrate import apply_power
from vquery.graph.items import knn_graph
from vquery.graph.propagate import propagate
from vquery.graph.settle import Best

METHODS = ("harmonic", "spreading", "poisson")


def blobs(rng, sizes, noise=0.3, dim=10):
    centres = rng.normal(size=(len(sizes), dim))
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return (centres[truth] + noise * rng.normal(size=(len(truth), dim))).astype(np.float32), truth


@st.composite
def tasks(draw):
    """Items of some classes in pieces, some of them labelled, and how to solve them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = [draw(st.integers(2, 12)) for _ in range(draw(st.integers(1, 4)))]
    vectors, truth = blobs(rng, sizes, noise=draw(st.sampled_from([0.1, 0.6])))
    rows = rng.choice(len(truth), draw(st.integers(1, min(8, len(truth)))), replace=False)
    seeds = {int(row): f"class {truth[row]}" for row in rows}
    prior = draw(st.sampled_from(["uniform", None]))
    return rng, vectors, seeds, {"method": draw(st.sampled_from(METHODS)), "prior": prior}


def numbers(table):
    return {name: table[name].to_numpy() for name in ("probability", "margin", "reached")}


def same(one, other):
    """Equal tables; labels may differ where two classes are as good as each other."""
    for name, values in numbers(one).items():
        np.testing.assert_allclose(numbers(other)[name], values, atol=1e-4)
    clear = numbers(one)["margin"] > 1e-4
    assert one["label"].filter(clear).equals(other["label"].filter(clear))


@settings(max_examples=40)
@given(task=tasks())
def test_rows_are_probabilities_and_order_and_copies_change_nothing(task):
    rng, vectors, seeds, options = task
    items = knn_graph(vectors, k=3)
    found = items.propagate(seeds, **options)
    scores, table = found.scores, found.table
    np.testing.assert_allclose(scores.sum(1)[items.node], found.solver.reached[items.node], 1e-5)
    assert (scores >= 0).all()
    assert table["probability"].to_numpy().max() <= 1 + 1e-6
    assert table["label"].is_null().to_numpy().tolist() == (~numbers(table)["reached"]).tolist()
    sharp = apply_power(scores.astype(np.float64), found.power)
    np.testing.assert_allclose(sharp.max(1)[items.node], table["probability"], atol=1e-5)
    order = rng.permutation(len(vectors))
    place = np.argsort(order)
    moved = knn_graph(vectors[order], k=3)
    again = moved.propagate({int(place[row]): label for row, label in seeds.items()}, **options)
    same(table.take(pa.array(order)), again.table)
    copied = knn_graph(np.r_[vectors, vectors[:2]], k=3)
    if options["prior"] is None or len(set(seeds.values())) == 1:
        same(table, copied.propagate(seeds, **options).table.slice(0, len(vectors)))


def test_copies_count_in_the_masses():
    line = np.c_[np.linspace(0, 1, 41), np.linspace(1, 0, 41)]
    heavy = np.r_[line, np.tile(line[10], (400, 1))]  # 400 copies on the side of "up"
    once = knn_graph(line, k=6).propagate({0: "up", 40: "right"})
    often = knn_graph(heavy, k=6).propagate({0: "up", 40: "right"})
    assert often.items.graph.n == 41
    assert often.items.multiplicity[10] == 401
    assert often.classes == ("right", "up")
    assert often.scale[0] / often.scale[1] > 1.5 * once.scale[0] / once.scale[1]


@pytest.mark.parametrize("method", METHODS)
def test_why_names_the_seeds_and_the_way(method):
    vectors, _ = blobs(np.random.default_rng(0), [12, 12], noise=0.3)
    vectors = np.r_[vectors, np.zeros((1, 10), np.float32)]
    found = knn_graph(vectors, k=4).propagate({3: "a", 20: "b"}, method=method)
    why = found.why(7)
    assert (why["item"], why["label"], why["reached"], why["add"]) == (7, "a", True, None)
    assert why["reasons"][0]["item"] == 3
    assert why["reasons"][0]["label"] == "a"
    assert why["reasons"][0]["path"][-1]["item"] == 3
    assert why["reasons"][0]["path"][0]["kind"] == "visual"
    total = sum(reason["share"] for reason in why["reasons"]) + why["rest"]
    assert total == pytest.approx(1)
    assert found.why(24) == {
        "item": 24,
        "label": None,
        "probability": 0.0,
        "reached": False,
        "reasons": [],
        "rest": 0.0,
        "add": 24,
    }
    for item in (25, "a", 1.0, True):
        with pytest.raises(LabelError, match=f"item {item!r} does not exist: there are 25 items"):
            found.why(item)
    assert found.why(np.int64(1)) == found.why(1)


def test_unreached_components_come_with_an_item_each():
    parts = [np.eye(4)[[c]] + 0.01 * np.random.default_rng(c).normal(size=(6, 4)) for c in range(4)]
    vectors = np.concatenate([*parts, np.tile(parts[3][:1], (5, 1))])
    found = knn_graph(vectors, k=2, symmetry="sum").propagate({0: "a", 7: "b"})
    table = found.unreached()
    assert table["items"].to_pylist() == [11, 6]
    assert table["item"][0].as_py() // 6 == 3
    assert found.report["suggested_items"] == table["item"].to_pylist()
    assert found.report["unreached_items"] == 17
    every = {0: "a", 7: "b", **dict.fromkeys(table["item"].to_pylist(), "c")}
    assert found.items.propagate(every).unreached().num_rows == 0


def test_the_curve_is_measured_on_seeds_left_out_or_on_the_truth():
    vectors, truth = blobs(np.random.default_rng(3), [40, 40], noise=0.9)
    seeds = {int(i): int(truth[i]) for i in [*range(8), *range(40, 48)]}
    found = knn_graph(vectors).propagate(seeds)
    curve = found.curve()
    assert curve["checked"].to_pylist()[-1] <= 16
    assert curve["items"].to_pylist()[-1] == 64
    known = found.curve({i: int(truth[i]) for i in range(80)})
    assert known["checked"].to_pylist()[-1] == 64
    right = (np.array(found.table["label"].to_pylist()) == truth)[
        [i for i in range(80) if i not in seeds]
    ]
    assert known["precision"].to_pylist()[-1] == pytest.approx(right.mean())
    few = found.curve({i: int(truth[i]) for i in range(10)}, thresholds=[0.0])
    assert few["checked"].to_pylist() == [2]
    assert knn_graph(vectors).propagate({0: 0, 40: 1}).curve()["checked"].to_pylist()[-1] == 0
    with pytest.raises(LabelError, match=r"truth must be a mapping .* got ndarray: .*enumerate"):
        found.curve(truth)
    with pytest.raises(LabelError, match="truth: item 80 does not exist: there are 80 items"):
        found.curve({80: 0})


@given(seed=st.integers(0, 2**32 - 1), power=st.sampled_from([0.5, 1.0, 3.0]))
def test_blocks_of_classes_settle_as_all_at_once(seed, power):
    rng = np.random.default_rng(seed)
    scores = rng.random((6, 7)) * (rng.random((6, 7)) < 0.6) - 0.01
    scale = rng.uniform(0.5, 2, 7)
    cuts = np.sort(rng.choice(8, 3))
    pieces = [p for p in np.split(np.arange(7), cuts) if len(p)]
    best = Best.of([(p[0], scores[:, p].copy()) for p in pieces], 6, scale, power)
    ranked = apply_power(scores * scale, 1.0)
    ordered = np.sort(ranked, axis=1)
    assert (best.decided == (ranked.max(1) > 0)).all()
    assert (best.code == np.where(best.decided, ranked.argmax(1), 0)).all()
    np.testing.assert_allclose(best.margin, ordered[:, -1] - ordered[:, -2], atol=1e-12)
    np.testing.assert_allclose(best.probability, apply_power(ranked, power).max(1), atol=1e-12)


@pytest.mark.parametrize("method", ["harmonic", "spreading"])
def test_scores_that_are_not_kept_are_the_same(method, monkeypatch):
    vectors, truth = blobs(np.random.default_rng(4), [9] * 6, noise=0.5)
    items = knn_graph(vectors, k=4)
    seeds = {int(i): int(truth[i]) for i in np.flatnonzero(np.arange(54) % 9 < 2)}
    kept = items.propagate(seeds, method=method)
    monkeypatch.setattr(settle, "STORED_BYTES", 0)
    monkeypatch.setattr(settle, "BLOCK_BYTES", 1)
    again = items.propagate(seeds, method=method)
    assert again.raw is None
    same(kept.table, again.table)
    np.testing.assert_allclose(again.scores, kept.scores, atol=1e-6)
    with pytest.raises(LabelError, match=r"'poisson' needs .* GB for 6 classes over 54 nodes"):
        items.propagate(seeds, method="poisson")


def test_votes_of_copies_are_averaged_by_confidence():
    vectors, _ = blobs(np.random.default_rng(5), [10, 10], noise=0.3)
    vectors = np.r_[vectors, vectors[:1], vectors[:1]]
    items = knn_graph(vectors, k=4)
    votes = {0: "a", 20: "b", 21: "a", 12: "b"}
    found = items.propagate(votes, method="spreading", confidence={0: 0.5, 20: 1.0, 21: 0.5})
    assert found.seeds.labels.toarray().tolist() == [[0.5, 0.5], [0.0, 1.0]]
    np.testing.assert_allclose(found.seeds.confidence, [2 / 3, 1])
    sure = items.propagate(votes, method="spreading", confidence={20: 0.01})
    assert sure.table["label"][5].as_py() == "a"


def test_noisy_votes_are_smoothed():
    vectors, truth = blobs(np.random.default_rng(6), [60, 60], noise=0.6)
    rng = np.random.default_rng(7)
    votes = {i: int(truth[i] if rng.random() < 0.75 else 1 - truth[i]) for i in range(0, 120, 2)}
    items = knn_graph(vectors)
    wrong = {}
    for method in ("harmonic", "spreading"):
        label = np.array(items.propagate(votes, method=method).table["label"].to_pylist())
        wrong[method] = int((label != truth)[list(votes)].sum())
    assert wrong["harmonic"] >= 10
    assert wrong["spreading"] <= 2


def test_spaces_are_kinds_of_edges_and_copies_agree_in_all():
    rng = np.random.default_rng(8)
    face, scene = rng.normal(size=(20, 6)), rng.normal(size=(20, 5))
    face[1], scene[1] = face[0], scene[0]
    face[3] = face[2]
    items = knn_graph({"face": face, "scene": scene}, k=3, mix={"scene": 0.5})
    assert items.graph.n == 19
    assert items.node[1] == items.node[0]
    assert items.node[3] != items.node[2]
    assert set(items.graph.kinds) == {"face", "scene"}
    means = {kind: part.data.mean() for kind, part in items.graph.kinds.items()}
    assert means["scene"] == pytest.approx(0.5 * means["face"], rel=1e-5)
    alone = knn_graph({"face": face}, k=3)
    assert set(alone.graph.kinds) == {"face"}


def test_a_caption_of_half_the_items_changes_nothing():
    rng = np.random.default_rng(4)
    vectors, _ = blobs(rng, [60, 60], noise=0.9)
    said = [f"only {i}" if i % 2 else "[Music]" for i in range(120)]
    plain, with_words = (
        knn_graph(vectors, texts=texts).propagate({0: "a", 119: "b"}) for texts in (None, said)
    )
    assert with_words.table["label"].equals(plain.table["label"])
    assert with_words.report["text_linked"] == 0


def test_words_and_given_edges_reach_what_looks_cannot():
    vectors = np.eye(8)[[0, 0, 1, 1, 2, 2, 3, 3]] + 0.05 * np.arange(8)[:, None]
    vectors = np.r_[vectors, vectors[:1]]  # a copy of item 0
    texts = [None] * 9
    texts[1] = texts[4] = "buy one and get one for free today"
    edges = pa.table({"source": [3, 0], "target": [8, 8], "weight": [2.0, 1.0]})
    items = knn_graph(vectors, k=1, texts=texts, edges=edges)
    assert set(items.summary()["weight_share"]) == {"visual", "text", "given"}
    assert items.graph.kinds["given"].nnz == 2  # 0 and 8 are one node
    table = items.propagate({0: "a"}).table
    assert table["reached"].to_pylist() == [True] * 6 + [False] * 2 + [True]
    pairs = knn_graph(vectors, k=1, edges=([3], [8]))
    assert pairs.graph.kinds["given"].nnz == 2


def test_seconds_apart_keep_neighbours_out_of_the_list():
    rng = np.random.default_rng(9)
    vectors = np.cumsum(rng.normal(size=(60, 8)), axis=0)
    time = np.arange(60.0)
    items = knn_graph(vectors, time=time, video=time >= 30, k=3, apart_s=5)
    visual = items.graph.kinds["visual"].tocoo()
    near = np.abs(time[visual.row] - time[visual.col]) <= 5
    assert not (near & ((visual.row < 30) == (visual.col < 30))).any()


def test_concepts_are_solved_together_and_alone_alike():
    vectors, truth = blobs(np.random.default_rng(10), [15, 15, 15], noise=0.4)
    rows = [0, 1, 15, 16, 30, 31]
    concepts = {f"is {c}": {row: bool(truth[row] == c) for row in rows} for c in range(3)}
    concepts["late"] = {2: False, 40: True}
    items = knn_graph(vectors, k=5)
    for method in METHODS:
        found = items.propagate_concepts(concepts, method=method)
        assert list(found) == list(concepts)
        for name, seeds in concepts.items():
            alone = items.propagate(seeds, method=method, prior=None)
            same(alone.table, found[name].table)
            assert found[name].power == pytest.approx(alone.power)
            assert found[name].table["label"].type == pa.bool_()
    assert found["is 0"].solver is not found["late"].solver
    assert found["is 0"].report["classes"] == 2


def test_tracks_may_have_large_numbers():
    track = np.array([2**63, 2**63 + 1, 2**63, 2**63 + 1], np.uint64)
    follow = knn_graph(np.eye(4), track=track, time=range(4)).graph.kinds["temporal"]
    assert sorted(zip(*follow.nonzero(), strict=True)) == [(0, 2), (1, 3), (2, 0), (3, 1)]


def test_the_report_says_how_it_was_built_and_solved():
    vectors, _ = blobs(np.random.default_rng(11), [20, 20])
    found = knn_graph(vectors, k=5).propagate({0: "a", 30: "b"}, method="poisson")
    report = json.loads(found.table.schema.metadata[b"vquery.graph"])
    assert report == found.report
    assert report["items"] == 40
    assert report["k"] == 5
    assert report["recall"] == 1.0
    assert report["propagation"] == "poisson"
    assert report["seeds"] == report["classes"] == 2
    assert report["converged"]
    assert report["undecided_items"] == 0
    assert found.classes == ("a", "b")
    assert repr(found) == "<Labelled: 40 of 40 items from 2 seeds (a: 20, b: 20)>"
    assert repr(found.items).startswith("<ItemGraph: 40 items as Graph(40 nodes; visual: ")
    assert all(type(value) is float for value in report["scale"].values())


def test_many_labels_are_not_all_shown():
    found = knn_graph(np.eye(20), k=3).propagate({i: f"label {i:02}" for i in range(20)})
    assert "label 11: 1, 8 more)" in repr(found)


def test_edges_in_time_end_at_shots():
    turn = np.linspace(0, 0.5, 12)
    vectors = np.c_[np.cos(turn), np.sin(turn)]
    time, shot = np.arange(12) / 5, np.repeat(["a", "b", "c"], 4)
    items = knn_graph(vectors, time=time, track=np.zeros(12, int), shot=shot, k=2)
    edges = items.graph.kinds["temporal"].tocoo()
    assert (shot[edges.row] == shot[edges.col]).all()
    assert edges.nnz == 2 * 9
    assert items.summary()["temporal_cut"] == {"shot": 2, "switch": 0}
    alone = knn_graph(vectors, time=time, shot=shot, k=2)  # runs end at shots too
    temporal = alone.graph.kinds["temporal"].tocoo()
    assert (shot[temporal.row] == shot[temporal.col]).all()
    table = propagate(vectors, {0: "x", 11: "y"}, time=time, track=[0] * 12, shot=shot, k=2)
    assert json.loads(table.schema.metadata[b"vquery.graph"])["temporal_cut"]["shot"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"time": [0.0]}, r"time must be 4 finite numbers of seconds, got shape \(1,\)"),
        ({"time": [0.0, 1, np.nan, 3]}, "got nan for item 2"),
        ({"time": np.arange(4).astype("M8[ns]")}, "numbers of seconds: got datetime64"),
        ({"time": ["a", "b", "c", "d"]}, "time must be 4 finite numbers of seconds: "),
        ({"shot": [1, 1, 2, 2]}, "shot .* needs the time"),
        ({"shot": [1], "time": range(4)}, "shot must have one value for each of 4 items"),
        ({"video": ["x"]}, "video must have one value for each of 4 items"),
        ({"video": ["x", None, "y", "y"]}, "video must have values of one type, none missing"),
        ({"track": [0.5, 1, 1, 1]}, "track must be 4 integers"),
        ({"track": [1, 1]}, "track must be 4 integers"),
        ({"texts": ["a"]}, "texts must be 4 texts or nulls"),
        ({"texts": "abcd"}, "texts must be 4 texts or nulls"),
        ({"texts": ["a", 3, None, None]}, "text"),
        ({"texts": ["a", "\ud83d", None, None]}, "texts must be texts or None.* surrogates"),
        ({"edges": ([0], [4])}, "edges, row 0: target must be from 0 to 3, got 4"),
        ({"edges": ([0], [1], [-1.0])}, "edges, row 0: a weight must be a finite number"),
        ({"edges": {"from": [0], "to": [1]}}, "the columns source, target and perhaps weight"),
        ({"edges": ([0],)}, r"\(source, target\[, weight\]\), got 1 arrays"),
        ({"edges": 3}, "edges must be a table"),
        ({"mix": {"visul": 1.0}}, "mix: there is no kind of edges 'visul'"),
        ({"mix": {"visual": -1.0}}, "mix: the weight of 'visual' must be 0 or more"),
        ({"mix": {"visual": 1e38}}, "mix: with a weight of 1e.38 edges of kind 'visual' would"),
        ({"mix": {"visual": 1e-300}}, "mix: with a weight of 1e-300 edges of kind 'visual' would"),
        ({"k": 0}, "'k' parameter"),
        ({"k": 2.5}, "'k' parameter of neighbours must be a whole number .* Got 2.5"),
        ({"k": True}, "'k' parameter"),
        ({"symmetry": "both"}, "'mutual' or 'sum'"),
        ({"apart_s": -1.0, "time": range(4)}, "'apart_s' parameter must be 0 or more"),
        ({"apart_s": 1.0}, "apart_s needs the time"),
        ({"vectors": {}}, "got no array"),
        ({"vectors": {"text": np.eye(4)}}, "'text' is the name of another kind of edge"),
        ({"vectors": {"a": np.eye(4), "b": np.eye(3)}}, "one row for each item in every space"),
        ({"vectors": {"a": np.full((4, 2), np.inf)}}, r"vectors\['a'\], row 0"),
        ({"vectors": [1.0, 2.0]}, r"shape \(n, d\)"),
    ],
)
def test_errors_name_the_argument(arguments, message):
    with pytest.raises(SchemaError, match=message):
        knn_graph(**{"vectors": np.eye(4) + 0.1, **arguments})
