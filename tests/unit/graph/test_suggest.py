from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tests.bench.propagation.active import accuracy, digits, follow
from vquery.errors import LabelError, SchemaError
from vquery.graph.edges.graph import from_pairs
from vquery.graph.knowing import STRATEGIES, overview, suggest
from vquery.graph.knowing.overview import CELLS, coarsened
from vquery.graph.knowing.pool import POOL, Nearby, rings
from vquery.graph.knowing.ranking import disagreement
from vquery.graph.knowing.regions import LEAK, Regions
from vquery.graph.solve import Harmonic


def random_graph(seed: int, n: int = 40, links: int = 60) -> sparse.csr_array:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, n, (2, links))
    pairs = {(min(x, y), max(x, y)) for x, y in zip(a.tolist(), b.tolist(), strict=True) if x != y}
    ends = np.array(sorted(pairs)).reshape(-1, 2)
    weight = rng.uniform(0.1, 1.0, len(ends))
    return from_pairs(n, ends[:, 0], ends[:, 1], weight, kind="visual").weights


def solved(weights: sparse.csr_array, seeds: np.ndarray, classes: int = 3) -> np.ndarray:
    return Harmonic(weights, seeds).solve(np.eye(classes)[np.arange(len(seeds)) % classes])


@given(
    st.integers(0, 10**6),
    st.sampled_from(STRATEGIES),
    st.sampled_from(["neighbours", "all"]),
    st.integers(0, 6),
)
def test_suggestions_keep_their_promises(seed, strategy, candidates, seeds):
    weights = random_graph(seed)
    rng = np.random.default_rng(seed)
    given_ = rng.choice(40, seeds, replace=False)
    scores = solved(weights, given_) if seeds else np.zeros((40, 3))
    votes, video, time = (
        rng.integers(-1, 3, (40, 4)),
        rng.integers(0, 3, 40),
        rng.uniform(0, 60, 40),
    )
    arguments = {
        "item_count": rng.integers(1, 9, 40),
        "votes": votes,
        "video": video,
        "time": time,
        "apart_s": 3.0,
        "candidates": candidates,
    }
    found = suggest(weights, scores, given_, 8, strategy, **arguments)
    again = suggest(
        weights,
        scores,
        given_,
        8,
        strategy,
        **arguments,
        known=overview(weights, item_count=arguments["item_count"]),
    )
    assert found.nodes.tolist() == again.nodes.tolist()
    assert len(set(found.nodes.tolist())) == len(found.nodes) == 8 - found.missing
    assert len(found.nodes) == len(found.score) == len(found.reason) == len(found.items)
    dense, picked = weights.toarray(), found.nodes.tolist()
    for i, node in enumerate(picked):
        assert node not in given_
        for other in picked[:i]:
            assert dense[node, other] == 0
        for other in [*picked[:i], *given_.tolist()]:
            assert video[node] != video[other] or abs(time[node] - time[other]) > 3.0
    longer = suggest(weights, scores, given_, 40, strategy, **arguments)
    assert longer.missing > 0
    if strategy != "mixed" and strategy != "coverage":
        assert longer.nodes[: len(picked)].tolist() == picked


@given(st.integers(0, 10**6))
def test_large_components_without_a_seed_come_first(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.permutation([9, 6, 4])
    start = np.cumsum([0, *sizes])
    circles = [
        np.c_[np.arange(a, b), np.roll(np.arange(a, b), 1)]
        for a, b in itertools.pairwise(start.tolist())
    ]
    ends = np.concatenate(circles)
    weights = from_pairs(20, ends[:, 0], ends[:, 1], np.ones(len(ends)), kind="visual").weights
    found = suggest(weights, np.zeros((20, 2)), [], 4, "coverage")
    assert found.reason[:3] == ("unreached component",) * 3
    assert found.items[:3].tolist() == [9, 6, 4]
    labelled = suggest(weights, solved(weights, start[:1], 1), start[:1], 2, "margin")
    assert labelled.items.tolist() == sorted(sizes[1:].tolist(), reverse=True)


def test_many_items_on_a_node_outweigh_many_nodes():
    weights = from_pairs(7, [0, 1, 2, 3, 5], [1, 2, 3, 4, 6], np.ones(5), kind="visual").weights
    count = np.array([1, 1, 1, 1, 1, 500, 500])
    found = suggest(weights, np.zeros((7, 1)), [], 1, "coverage", item_count=count)
    assert (found.nodes[0] in (5, 6), found.items.tolist()) == (True, [1000])


def test_margin_takes_the_least_sure_and_density_the_one_with_more_links():
    # 0 and 1 are seeds; 2 and 3 lie between them, 3 also has 4 and 5; 6 is sure
    weights = from_pairs(
        7, [0, 1, 0, 1, 3, 3, 0], [2, 2, 3, 3, 4, 5, 6], np.ones(7), kind="visual"
    ).weights
    scores = np.array([[1, 0], [0, 1], [0.5, 0.5], [0.52, 0.48], [0.6, 0.4], [0.6, 0.4], [1, 0]])
    margin = suggest(weights, scores, [0, 1], 9, "margin")
    assert margin.nodes.tolist() == [2, 3, 6]  # 4 and 5 are neighbours of 3
    assert margin.margin == pytest.approx([0, 0.04, 1])
    assert margin.missing == 6
    assert suggest(weights, scores, [0, 1], 1, "density").nodes.tolist() == [3]


def test_disputed_nodes_come_in_order_and_agreed_ones_not_at_all():
    weights = from_pairs(5, [0, 0, 0, 0], [1, 2, 3, 4], np.ones(4), kind="visual").weights
    scores = np.array([[1, 0], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0, 0]])
    votes = np.array([[0, 0], [1, 1], [0, 1], [0, 0], [1, -1]])
    found = suggest(weights, scores, [0], 5, "disagreement", votes=votes)
    assert found.nodes.tolist() == [2, 1, 3]
    pairs = [(1 + 0.1 + 0.9) / 3, (0 + 0.9 + 0.9) / 3, (0 + 0.1 + 0.1) / 3]
    assert found.score == pytest.approx(pairs)
    assert set(found.reason) == {"sources disagree"}


@given(st.integers(0, 10**6))
def test_disagreement_is_the_share_of_pairs(seed):
    rng = np.random.default_rng(seed)
    votes, scores = (
        rng.integers(-1, 3, (6, 4)),
        rng.uniform(0, 1, (6, 3)) * (rng.random((6, 1)) > 0.3),
    )
    for row, value in enumerate(disagreement(votes, scores).tolist()):
        sources = [np.eye(3)[v] for v in votes[row] if v >= 0]
        if scores[row].sum():
            sources.append(scores[row] / scores[row].sum())
        pairs = [(a, b) for i, a in enumerate(sources) for b in sources[:i]]
        slow = np.mean([1 - a @ b for a, b in pairs]) if pairs else 0.0
        assert value == pytest.approx(slow, abs=1e-12)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_a_gain_is_what_walks_would_newly_meet(seed):
    weights = random_graph(seed, n=12, links=20)
    rng = np.random.default_rng(seed)
    size, count = rng.integers(0, 5, (2, 12)).astype(float)
    regions = Regions(weights, size, count, [3])
    degree = np.asarray(weights.sum(axis=1)).ravel()
    leak = LEAK * degree.sum() / max(count.sum(), 1) * np.maximum(count, 1)
    meets = np.eye(12)  # a column for each label: the chance that a walk from the row meets it
    for node in range(12):
        rest = np.delete(np.arange(12), node)
        inner = (np.diag(degree + leak) - weights.toarray())[np.ix_(rest, rest)]
        meets[rest, node] = np.linalg.solve(inner, weights.toarray()[rest, node])
    chosen, before = [3], np.inf
    for _ in range(3):
        gain = regions.gain()
        known = meets[:, chosen].max(1)
        slow = [size @ np.maximum(meets[:, node], known) - size @ known for node in range(12)]
        assert gain == pytest.approx(slow, rel=1e-4, abs=1e-4)
        assert (gain[chosen] == 0).all()
        assert (gain <= before + 1e-9).all()
        best, before = int(np.argmax(gain)), gain
        regions.choose(best)
        chosen.append(best)


def test_a_large_region_with_a_label_waits_for_the_small_ones():
    # a ring of 60 nodes and two of 20 hang together by one weak link each
    sizes, start = [60, 20, 20], [0, 60, 80]
    rings_ = [
        np.c_[np.arange(size), np.roll(np.arange(size), -step)] + first
        for size, first in zip(sizes, start, strict=True)
        for step in (1, 2, 3)
    ]
    ends = np.concatenate([*rings_, [[0, 60], [30, 80]]])
    weight = np.r_[np.ones(len(ends) - 2), 0.1, 0.1]
    weights = from_pairs(100, ends[:, 0], ends[:, 1], weight, kind="visual").weights
    found = suggest(weights, np.zeros((100, 1)), [], 3, "coverage").nodes
    assert np.searchsorted(start, found, side="right").tolist()[0] == 1
    assert sorted(np.searchsorted(start, found, side="right").tolist()) == [1, 2, 3]
    later = suggest(weights, np.ones((100, 1)), found[:1], 2, "coverage").nodes
    assert sorted(np.searchsorted(start, later, side="right").tolist()) == [2, 3]


def test_labels_of_one_cell_count_as_one():
    n = 3_000
    step = np.arange(n)
    ends = np.concatenate([np.c_[step[:-d], step[d:]] for d in (1, 2, 3)])
    weights = from_pairs(n, ends[:, 0], ends[:, 1], np.ones(len(ends)), kind="visual").weights
    labelled = np.arange(n - 1_200, n)
    found = suggest(weights, np.ones((n, 1)), labelled, 5, "coverage")
    assert found.missing == 0
    assert found.nodes.max() < n - 1_200


@given(st.integers(0, 10**6), st.integers(1, 30))
def test_an_overview_keeps_every_item_and_every_link_between_cells(seed, cells):
    weights = random_graph(seed, links=80 if seed % 2 else 200)
    small = overview(weights, cells=cells)
    assert len(small.nodes) <= cells
    if small.component.max() == 0:
        assert len(small.nodes) == cells
    kept = small.owner >= 0
    assert small.items.sum() == small.count.sum() == kept.sum()
    assert (small.owner[small.nodes] == np.arange(len(small.nodes))).all()
    flat = sparse.coo_array(weights)
    slow = np.zeros((len(small.nodes),) * 2)
    for a, b, weight in zip(small.owner[flat.row], small.owner[flat.col], flat.data, strict=True):
        if a != b and min(a, b) >= 0:
            slow[a, b] += weight
    assert small.weights.toarray() == pytest.approx(slow)
    for part in np.unique(small.owner[kept]):  # no cell holds nodes of two components
        assert len(set(small.component[small.owner == part].tolist())) == 1


@given(st.integers(0, 10**6))
def test_cells_are_a_maximal_independent_set(seed):
    weights = random_graph(seed)
    place, heads = coarsened(weights)
    dense = weights.toarray() > 0
    assert not dense[np.ix_(heads, heads)].any()
    for node in np.setdiff1d(np.arange(40), heads).tolist():
        assert dense[node, heads[place[node]]]
        strongest = weights.toarray()[node, heads].max()
        assert weights.toarray()[node, heads[place[node]]] == strongest


def test_the_candidates_do_not_grow_with_the_graph():
    for n in (3_000, 60_000):
        step = np.arange(n)
        ends = np.concatenate([np.c_[step[:-d], step[d:]] for d in (1, 2, 3)])
        weights = from_pairs(n, ends[:, 0], ends[:, 1], np.ones(len(ends)), kind="visual").weights
        scores = np.c_[step / n, 1 - step / n]
        for strategy in ("mixed", "margin"):
            found = suggest(weights, scores, [0, n - 1], 5, strategy)
            assert found.missing == 0
            assert found.candidates <= POOL + CELLS + 10


@given(st.integers(0, 10**6), st.integers(1, 20))
def test_rings_are_whole_rings_by_steps(seed, enough):
    weights = random_graph(seed)
    steps = sparse.csgraph.shortest_path(weights, unweighted=True, indices=[0, 1]).min(0)
    found = rings(weights, np.array([0, 1]), enough)
    far = 0
    while (np.isfinite(steps) & (steps > 0) & (steps <= far)).sum() < enough and far < 40:
        far += 1
    assert found.tolist() == np.flatnonzero((steps > 0) & (steps <= far)).tolist()


@given(st.integers(0, 10**6))
def test_nearby_is_that_of_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    video, time = rng.integers(0, 3, 20), rng.integers(0, 20, 20).astype(float)
    nodes, others = rng.choice(20, 8, replace=False), rng.choice(20, rng.integers(0, 5))
    near = Nearby(video, time, 2.0).to(nodes, others)
    slow = [
        any(video[a] == video[b] and abs(time[a] - time[b]) <= 2 for b in others) for a in nodes
    ]
    assert near.tolist() == slow


def test_nothing_to_suggest():
    weights = random_graph(0)
    everything = suggest(weights, np.ones((40, 2)), np.arange(40), 3)
    assert (everything.nodes.tolist(), everything.missing) == ([], 3)
    empty = suggest(sparse.csr_array((0, 0)), np.zeros((0, 1)), [], 3)
    assert empty.missing == 3
    close = suggest(weights, np.zeros((40, 2)), [0], 40, "coverage", time=np.zeros(40))
    assert close.nodes.tolist() == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": 0}, LabelError, "'n' parameter of suggest must be at least 1"),
        ({"strategy": "best"}, LabelError, "'strategy' .* mixed, coverage, .* Got 'best'"),
        ({"candidates": "few"}, LabelError, "'candidates' .* neighbours, all"),
        ({"seeds": [40]}, LabelError, "seeds: node 40 does not exist, there are 40"),
        ({"scores": np.ones((3, 2))}, SchemaError, "scores must have 40 rows"),
        ({"scores": np.full((40, 2), np.nan)}, SchemaError, "scores, node 0: must be finite"),
        ({"strategy": "disagreement"}, LabelError, "'votes' parameter of suggest is needed"),
        ({"strategy": "disagreement", "votes": np.zeros(40, int)}, SchemaError, "votes must be"),
        (
            {"strategy": "disagreement", "votes": np.full((40, 1), 2)},
            LabelError,
            "node 0, function 0",
        ),
        ({"time": np.zeros(3)}, SchemaError, "time must be 40 finite numbers"),
        ({"time": np.zeros(40), "video": ["a"] * 40}, SchemaError, "video must be 40 integers"),
        ({"time": np.zeros(40), "apart_s": -1}, LabelError, "'apart_s' parameter of suggest"),
        (
            {"known": overview(random_graph(0, n=5))},
            SchemaError,
            "known must be the overview of 40",
        ),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    usual = {"scores": np.ones((40, 2)), "seeds": [0], "n": 3}
    with pytest.raises(error, match=message):
        suggest(random_graph(0), **{**usual, **arguments})


def test_the_default_finds_classes_that_chance_does_not():
    weights, truth = digits()
    runs = [follow(weights, truth, how, run=0, upto=12) for how in ("mixed", "random")]
    chosen, chance = (accuracy(weights, truth, seeds) for seeds in runs)
    assert chosen > chance + 0.15
