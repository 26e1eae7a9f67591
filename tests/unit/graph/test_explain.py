from __future__ import annotations

import heapq
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from vquery.errors import LabelError, SchemaError
from vquery.graph.edges.graph import from_pairs
from vquery.graph.knowing import gaps, strongest_path, why
from vquery.graph.solve import Harmonic, Poisson, Spreading


def random_graph(seed: int, n: int = 24, links: int = 40) -> sparse.csr_array:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, n, (2, links))
    pairs = {(min(x, y), max(x, y)) for x, y in zip(a.tolist(), b.tolist(), strict=True) if x != y}
    ends = np.array(sorted(pairs)).reshape(-1, 2)
    weight = rng.uniform(0.1, 1.0, len(ends))
    return from_pairs(n, ends[:, 0], ends[:, 1], weight, kind="visual").weights


def slow_path(weights: sparse.csr_array, source: int, target: int, blocked: set[int]) -> float:
    """Largest product of weight / degree over all paths, 0 for none: one node at a time."""
    dense = weights.toarray()
    degree = dense.sum(1)
    best, queue = {source: 1.0}, [(-1.0, source)]
    while queue:
        chance, node = heapq.heappop(queue)
        for other in np.flatnonzero(dense[node]).tolist():
            value = -chance * dense[node, other] / degree[node]
            if other not in blocked and value > best.get(other, 0.0):
                best[other] = value
                heapq.heappush(queue, (-value, other))
    return best.get(target, 0.0)


def product(weights: sparse.csr_array, path: list[int]) -> float:
    dense = weights.toarray()
    steps = itertools.pairwise(path)
    return float(np.prod([dense[a, b] / dense[a].sum() for a, b in steps]))


@given(st.integers(0, 10**6))
def test_the_strongest_path_is_that_of_a_plain_search(seed):
    weights = random_graph(seed)
    source, target, other = 0, 1, 2
    path = strongest_path(weights, source, target, around=np.array([target, other]))
    free = slow_path(weights, source, target, {other})
    wanted = free or slow_path(weights, source, target, set())
    if wanted == 0:
        assert path == []
    else:
        assert (path[0], path[-1]) == (source, target)
        assert product(weights, path) == pytest.approx(wanted)
        assert (other in path) == (free == 0)


@given(st.integers(0, 10**6))
def test_a_neighbourhood_holds_a_path_whenever_there_is_one(seed):
    weights = random_graph(seed)
    path = strongest_path(weights, 0, 1, limit=2)
    whole = strongest_path(weights, 0, 1)
    assert bool(path) <= bool(whole)
    if path:
        dense = weights.toarray()
        assert all(dense[a, b] > 0 for a, b in itertools.pairwise(path))
    big = strongest_path(weights, 0, 1, limit=23)  # below the 24 nodes: rings until they meet
    assert bool(big) == bool(whole)


def test_no_way_out_of_a_neighbourhood_that_is_too_small():
    n = 50
    line = from_pairs(n, np.arange(n - 1), np.arange(1, n), np.ones(n - 1), kind="visual").weights
    assert strongest_path(line, 0, n - 1, limit=5) == []
    assert strongest_path(line, 0, n - 1) == list(range(n))
    assert strongest_path(line, 7, 7, limit=5) == [7]


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.05]))
def test_shares_and_the_rest_add_up_to_the_score(seed, leak):
    weights = random_graph(seed)
    seeds = np.array([3, 5, 7, 11, 13])
    solver = Harmonic(weights, seeds, leak)
    truth = np.array([0, 1, 0, 1, 1])
    scores = solver.solve(np.eye(2)[truth])
    for node in np.flatnonzero(solver.reached).tolist():
        answer = why(weights, solver, node, top=5)
        total = np.zeros(2)
        for reason in answer.reasons:
            assert reason.seed == seeds[reason.position]
            total[truth[reason.position]] += reason.share
        assert total == pytest.approx(scores[node], abs=1e-9)
        short = why(weights, solver, node, top=1)
        assert short.reasons == answer.reasons[:1]
        assert short.rest == pytest.approx(scores[node].sum() - short.reasons[0].share, abs=1e-9)


@pytest.mark.parametrize("method", [Harmonic, Spreading, Poisson])
def test_every_solver_can_be_asked(method):
    weights = random_graph(4, links=80)
    solver = method(weights, np.array([2, 9]))
    answer = why(weights, solver, 0)
    assert {reason.seed for reason in answer.reasons} <= {2, 9}
    assert answer.reasons
    for reason in answer.reasons:
        assert reason.steps[-1].node == reason.seed


def test_steps_name_weight_kind_and_chance():
    visual = from_pairs(3, [0, 1], [1, 2], [0.5, 0.2], kind="visual").weights
    temporal = from_pairs(3, [1], [2], [0.8], kind="temporal").weights
    weights = sparse.csr_array(visual + temporal)
    answer = why(
        weights, Harmonic(weights, np.array([2])), 0, kinds={"visual": visual, "temporal": temporal}
    )
    first, second = answer.reasons[0].steps
    assert (first.node, first.weight, first.kind, first.chance) == (1, 0.5, "visual", 1.0)
    assert (second.node, second.weight, second.kind) == (2, 1.0, "temporal")
    assert second.chance == pytest.approx(1 / 1.5)


def test_a_seed_speaks_for_itself():
    weights = random_graph(1)
    answer = why(weights, Harmonic(weights, np.array([3, 4])), 3)
    assert [(reason.seed, reason.share, reason.steps) for reason in answer.reasons] == [
        (3, 1.0, ())
    ]


def test_an_unreached_node_is_told_its_component_and_whom_to_label():
    weights = from_pairs(6, [0, 2, 3], [1, 3, 4], [1, 1, 1], kind="visual").weights
    counts = [1, 1, 5, 1, 1, 9]
    solver = Harmonic(weights, np.array([0]))
    answer = why(weights, solver, 4, item_count=counts)
    assert (answer.reached, answer.nodes, answer.items, answer.add) == (False, 3, 7, 3)
    assert answer.reasons == ()
    alone = why(weights, solver, 5, item_count=counts)
    assert (alone.nodes, alone.items, alone.add) == (1, 9, 5)


def test_wrong_questions_are_refused():
    weights = random_graph(0)
    solver = Harmonic(weights, np.array([0]))
    with pytest.raises(
        LabelError, match=r"'node' parameter of why must be one of 24 nodes\. Got 24"
    ):
        why(weights, solver, 24)
    with pytest.raises(LabelError, match="'top' parameter of why must be at least 1"):
        why(weights, solver, 1, top=0)


@given(st.integers(0, 10**6))
def test_gaps_are_those_of_a_plain_loop(seed):
    weights = random_graph(seed, links=16)
    rng = np.random.default_rng(seed)
    size = rng.integers(0, 5, 24)
    solver = Harmonic(weights, np.array([0, 1]))
    found = gaps(weights, solver.reached, item_count=size)
    dense, seen, slow = weights.toarray(), set(np.flatnonzero(solver.reached).tolist()), []
    for start in range(24):
        if start in seen:
            continue
        members, queue = {start}, [start]
        while queue:
            for other in np.flatnonzero(dense[queue.pop()]).tolist():
                if other not in members:
                    members.add(other)
                    queue.append(other)
        seen |= members
        degree = {node: dense[node].sum() for node in members}
        head = min(n for n in members if np.isclose(degree[n], max(degree.values())))
        slow.append((-int(size[list(members)].sum()), start, len(members), head))
    slow.sort()
    assert found.items.tolist() == [-row[0] for row in slow]
    assert found.nodes.tolist() == [row[2] for row in slow]
    assert found.add.tolist() == [row[3] for row in slow]


def test_gaps_without_any_and_without_a_seed():
    weights = random_graph(0, links=200)
    assert len(gaps(weights, np.ones(24, bool))) == 0
    assert gaps(weights, np.zeros(24, bool)).items.sum() == 24
    assert len(gaps(sparse.csr_array((0, 0)), np.zeros(0, bool))) == 0
    with pytest.raises(SchemaError, match="reached must be 24 booleans"):
        gaps(weights, np.ones(3, bool))
    with pytest.raises(SchemaError, match="item_count must be 24 integers"):
        gaps(weights, np.ones(24, bool), item_count=np.ones(24))
