"""Every kind of edge against loops that are obviously right."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from vquery.errors import SchemaError
from vquery.expr.wording import folded, words_of
from vquery.graph.edges import Graph, given_edges, mixed, runs, temporal_edges, text_edges
from vquery.graph.edges.symmetric import symmetric
from vquery.graph.edges.wordings import alike, wordings
from vquery.graph.knn import Apart, bulk_floor, unit

SEEDS = st.integers(0, 10_000)
SAID = "call now and save the news today ♪ it's weather sports again".split()


def drawn(rng, n, most=12):
    """Texts of few words, some the same, some null, empty or without a word."""
    pool = [" ".join(rng.choice(SAID, rng.integers(1, most))) for _ in range(max(n // 2, 1))]
    pool += [None, "", "♪ ♪", pool[0].upper()]
    return [pool[i] for i in rng.integers(0, len(pool), n)]


def tfidf(texts):
    """Vectors as dicts, and evidence, by the words of the docstring."""
    cut = [Counter(folded(w) for w in words_of(t or "")) for t in texts]
    distinct = {t: words for t, words in zip(texts, cut, strict=True) if words}
    u = len(distinct)
    spread = Counter(word for words in distinct.values() for word in words)
    vectors, evidence = [], []
    for words in cut:
        vector = {w: (1 + math.log(f)) * math.log((u + 1) / spread[w]) for w, f in words.items()}
        total = sum(x * x for x in vector.values())
        vectors.append({w: x / math.sqrt(total) for w, x in vector.items()})
        evidence.append(total / (total + math.log(u + 1) ** 2) if total else 0.0)
    return vectors, evidence


def cosine(one, other):
    return sum(x * other.get(word, 0.0) for word, x in one.items())


@given(seed=SEEDS, n=st.integers(0, 14), least=st.sampled_from([0.05, 0.3, 0.5, 0.9, 1.0]))
def test_texts_that_are_alike_equal_all_pairs(seed, n, least):
    texts = drawn(np.random.default_rng(seed), n)
    vectors, evidence = tfidf(texts)
    said = wordings(texts)
    found = {}
    for first, second, value in alike(said.vectors, least):
        assert len(first)
        found |= dict(zip(zip(first.tolist(), second.tolist(), strict=True), value, strict=True))
    for i in range(n):
        if said.code[i] >= 0:
            assert said.evidence[said.code[i]] == pytest.approx(evidence[i], abs=1e-5)
        for j in range(n):
            value = cosine(vectors[i], vectors[j])
            pair = (int(said.code[i]), int(said.code[j]))
            if value >= least + 1e-5:
                assert found[pair] == pytest.approx(value, abs=1e-5)
            elif value < least - 1e-5:
                assert pair not in found


def utterances(texts, apart):
    """Lists of items with one text that follow each other and are kept apart."""
    keys = {
        "timed": lambda i: (apart.video[i], apart.time[i], i),
        "group": lambda i: (apart.group[i], i),
    }
    key = keys["timed"] if apart.seconds else keys["group"] if apart.group is not None else int
    out = []
    for text in dict.fromkeys(t for t in texts if words_of(t or "")):
        last = None
        for i in sorted((i for i, t in enumerate(texts) if t == text), key=key):
            if last is not None and apart.excludes(np.array([last]), np.array([i]))[0]:
                out[-1].append(i)
            else:
                out.append([i])
            last = i
    return out


def text_reference(texts, k, least, apart):
    """Dense weights; only right while no text has more utterances than an item looks at."""
    n = len(texts)
    vectors, evidence = tfidf(texts)
    spoken = utterances(texts, apart)
    mine = {i: u for u in spoken for i in u}
    first = {}
    for number, u in enumerate(spoken):
        first.setdefault(texts[u[0]], number)
    directed, nearest = np.zeros((n, n)), set()
    for i, own in mine.items():
        near = []
        for text in first:
            ring = [u for u in spoken if texts[u[0]] == text]
            siblings = [u for u in spoken if texts[u[0]] == texts[i]]
            at = siblings.index(own) * len(ring) // len(siblings)
            value = 1.0 if text == texts[i] else cosine(vectors[i], vectors[mine_of(ring)])
            if value < least:
                continue
            for step in range(len(ring)):
                move = (step + 1) // 2 if step % 2 else -(step // 2)
                other = ring[(at + move) % len(ring)]
                j = other[(2 * own.index(i) + 1) * len(other) // (2 * len(own))]
                if other is own or apart.excludes(np.array([i]), np.array([j]))[0]:
                    continue
                near.append((-np.float32(min(value, 1.0)), step, j))
        near = sorted(near)[:k]
        squared = [max(2 + 2 * float(value), 0.0) for value, _, _ in near]
        reach = squared[-1] if len(near) == k else 2 - 2 * least
        for (_, _, j), d in zip(near, squared, strict=True):
            trust = math.sqrt(evidence[i] * evidence[j])
            directed[i, j] = 0.5 * trust * math.exp(-4 * d / max(reach, 1e-12))
        nearest |= {frozenset((i, near[0][2]))} if near else set()
    both = directed + directed.T
    keep = (directed > 0) & (directed.T > 0)
    for pair in nearest:
        a, b = pair
        keep[a, b] = keep[b, a] = True
    return np.where(keep, both, 0)


def mine_of(ring):
    return ring[0][0]


@settings(max_examples=30)
@given(
    seed=SEEDS,
    n=st.integers(1, 16),
    k=st.integers(1, 4),
    how=st.sampled_from(["none", "group", "time"]),
)
def test_text_edges_equal_the_reference(seed, n, k, how):
    rng = np.random.default_rng(seed)
    # words of different lengths in lists of different lengths: cosines that are not equal by chance
    texts = drawn(rng, n)
    video, time = rng.integers(0, 2, n), rng.integers(0, 12, n).astype(float)
    apart = {
        "none": Apart(),
        "group": Apart(rng.integers(-1, 3, n)),
        "time": Apart(video=video, time=time, seconds=2.0),
    }[how]
    k = max(k, math.ceil(n / 8))  # so that an item looks at all utterances of a text
    edges = text_edges(texts, k=k, least=0.4, apart=apart)
    Graph(n, {"text": edges})
    expected = text_reference(texts, k, 0.4, apart)
    row, col = edges.nonzero()
    assert not apart.excludes(row, col).any()
    # where two neighbours are equally near up to rounding, either may be named
    if not ties(texts, apart):
        np.testing.assert_allclose(edges.toarray(), expected, atol=2e-4)


def ties(texts, apart):
    """Whether different texts, or texts in other words, are equally like a third one."""
    vectors, _ = tfidf(texts)
    distinct = {t: v for t, v in zip(texts, vectors, strict=True) if v}
    for one in distinct.values():
        values = sorted(cosine(one, other) for other in distinct.values())
        if any(b - a < 1e-5 for a, b in pairwise(values) if b >= 0.39):
            return True
        if any(abs(value - 0.4) < 1e-5 for value in values):
            return True
    return False


@given(seed=SEEDS, n=st.integers(0, 30), shots=st.booleans())
def test_time_equals_a_walk_along_each_run(seed, n, shots):
    rng = np.random.default_rng(seed)
    points = unit(rng.normal(size=(n, 2)))
    run, time = rng.integers(-1, 3, n), rng.permutation(n) / 25
    shot = rng.integers(0, 2, n) if shots else None
    edges, cuts = temporal_edges(points, run, time, shot=shot)
    pairs = []
    for number in range(3):
        walk = sorted(np.flatnonzero(run == number), key=lambda i: time[i])
        pairs += list(pairwise(walk))
    inside = [(a, b) for a, b in pairs if shot is None or shot[a] == shot[b]]
    far = {(a, b): math.sqrt(max(0.0, 2 - 2 * float(points[a] @ points[b]))) for a, b in inside}
    usual = [d for d in far.values() if 1 - d * d / 2 < 1 - 1e-5]
    low, high = np.quantile(usual, [0.25, 0.75]) if len(usual) >= 8 else (0, np.inf)
    limit = high + 3 * (high - low) if len(usual) >= 8 else np.inf
    dense = np.zeros((n, n))
    for (a, b), d in far.items():
        if d <= limit or 1 - d * d / 2 >= 1 - 1e-5:
            dense[a, b] = dense[b, a] = 1
    np.testing.assert_array_equal(edges.toarray(), dense)
    assert cuts == (len(pairs) - len(inside), len(inside) - np.count_nonzero(dense) // 2)


@given(seed=SEEDS, n=st.integers(0, 25), cut=st.booleans())
def test_runs_equal_a_walk_along_each_video(seed, n, cut):
    rng = np.random.default_rng(seed)
    points = unit(rng.normal(size=(n, 2)))
    video, time = rng.integers(0, 2, n), rng.integers(0, 30, n) / 2
    cuts = rng.integers(0, 2, n) if cut else None
    found = runs(points, video, time, cuts=cuts)
    floor, _ = bulk_floor(points, np.arange(n))
    number, last = -1, None
    for i in sorted(range(n), key=lambda i: (video[i], time[i], i)):
        follows = last is not None and video[i] == video[last]
        follows = follows and 0 < time[i] - time[last] <= 2 and points[i] @ points[last] >= floor
        if cuts is not None and last is not None:
            follows = follows and cuts[i] == cuts[last]
        number += not follows
        assert found[i] == number
        last = i


PAIRS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 4)).filter(
        lambda edge: edge[0] != edge[1]
    ),
    max_size=30,
)


@given(table=PAIRS)
def test_given_edges_keep_the_largest_weight_of_a_pair(table):
    best: dict = {}
    for a, b, weight in table:
        pair = (min(a, b), max(a, b))
        best[pair] = max(best.get(pair, 0), weight / 4)
    dense = np.zeros((7, 7))
    for (a, b), weight in best.items():
        dense[a, b] = dense[b, a] = weight
    columns = [list(column) for column in zip(*table, strict=True)] or [[], [], []]
    edges = given_edges(7, columns[0], columns[1], np.array(columns[2]) / 4)
    np.testing.assert_array_equal(edges.toarray(), dense)
    assert edges.nnz == np.count_nonzero(dense)
    assert (edges.data.dtype, edges.indices.dtype) == (np.float32, np.int32)


@given(
    seed=SEEDS,
    n=st.integers(1, 12),
    k=st.integers(1, 4),
    symmetry=st.sampled_from(["mutual", "sum"]),
)
def test_lists_become_symmetric_as_sets_of_pairs_do(seed, n, k, symmetry):
    rng = np.random.default_rng(seed)
    lists = [
        rng.permutation([j for j in range(n) if j != i])[: rng.integers(0, k + 1)] for i in range(n)
    ]
    source = np.array([i for i, row in enumerate(lists) for _ in row], np.int64)
    target = np.array([j for row in lists for j in row], np.int64)
    weight = rng.integers(1, 8, len(source)).astype(np.float32)
    dense = np.zeros((n, n))
    dense[source, target] = weight
    both = dense + dense.T
    if symmetry == "mutual":
        for i in range(n):
            for j in range(n):
                first = [(a, lists[a][0]) for a in (i, j) if len(lists[a])]
                mutual = j in lists[i] and i in lists[j]
                both[i, j] *= mutual or (i, j) in first or (j, i) in first
    edges = symmetric(n, source, target, weight, symmetry)
    np.testing.assert_array_equal(edges.toarray(), both)
    assert edges.has_canonical_format
    assert (edges.data.dtype, edges.indices.dtype) == (np.float32, np.int32)
    assert edges.data.all()


def random_kinds(rng, n, kinds):
    out = {}
    for kind in kinds:
        dense = np.triu(rng.integers(0, 5, (n, n)) * (rng.random((n, n)) < 0.3), 1) / 4
        out[kind] = sparse.csr_array((dense + dense.T).astype(np.float32))
    return out


@given(seed=SEEDS, n=st.integers(0, 9), visual=st.booleans(), text=st.sampled_from([0.0, 0.5, 3.0]))
def test_a_mix_has_the_stated_mean_weights(seed, n, visual, text):
    rng = np.random.default_rng(seed)
    kinds = random_kinds(rng, n, ("visual", "text", "given") if visual else ("text", "given"))
    graph = mixed(n, kinds, {"text": text}, {"recall": 1.0})
    mean = {kind: part.data.mean() if part.nnz else 0.0 for kind, part in kinds.items()}
    base = mean.get("visual", 0.0) or 1.0
    weight = {"visual": 1.0, "text": text, "given": 1.0}
    assert set(graph.kinds) == {kind for kind in kinds if weight[kind]}
    assert graph.facts["mix"] == {kind: weight[kind] for kind in kinds}
    assert graph.facts["recall"] == 1.0
    total = np.zeros((n, n))
    for kind, part in graph.kinds.items():
        expected = kinds[kind].toarray() * (base * weight[kind] / (mean[kind] or 1.0))
        np.testing.assert_allclose(part.toarray(), expected, rtol=1e-5)
        if part.nnz:
            assert part.data.mean() == pytest.approx(base * weight[kind], rel=1e-5)
        total += expected
    np.testing.assert_allclose(graph.weights.toarray(), total, rtol=1e-5)
    assert graph.weights is graph.weights


@settings(max_examples=25)
@given(seed=SEEDS, n=st.integers(1, 9), count=st.integers(0, 3))
def test_summary_and_copies_equal_the_dense_matrix(seed, n, count, tmp_path_factory):
    rng = np.random.default_rng(seed)
    kinds = random_kinds(rng, n, ("visual", "text", "given")[:count])
    graph = Graph(n, kinds)
    dense = {kind: part.toarray() for kind, part in kinds.items()}
    total = sum(dense.values(), np.zeros((n, n)))
    reference = nx.from_numpy_array(total)
    facts = graph.summary()
    parts = sorted(map(len, nx.connected_components(reference)))
    degree = [d for _, d in reference.degree()]
    assert facts["edges"] == reference.number_of_edges()
    assert facts["edges_by_kind"] == {k: np.count_nonzero(d) // 2 for k, d in dense.items()}
    assert (facts["components"], facts["largest_component"]) == (len(parts), parts[-1])
    assert facts["isolated"] == parts.count(1)
    assert (facts["degree_median"], facts["degree_max"]) == (np.median(degree), max(degree))
    assert facts["degree_mean"] == pytest.approx(np.mean(degree))
    if total.any():
        shares = {kind: part.sum() / total.sum() for kind, part in dense.items()}
        assert facts["weight_share"] == pytest.approx(shares)
    copy = graph.to_networkx({"row": np.arange(n)})
    path = tmp_path_factory.mktemp("graph") / "g.graphml"
    read = nx.read_graphml(graph.to_graphml(path, {"row": np.arange(n)}), node_type=int)
    for each in (copy, read):
        assert dict(each.nodes(data=True)) == {i: {"row": i} for i in range(n)}
        assert {frozenset(e) for e in each.edges} == {frozenset(e) for e in reference.edges}
        for a, b, data in each.edges(data=True):
            assert data["weight"] == pytest.approx(total[a, b])
            assert dense[data["kind"]][a, b] == max(part[a, b] for part in dense.values())


@given(
    seed=SEEDS,
    n=st.integers(2, 8),
    harm=st.sampled_from(["nan", "infinite", "negative", "loop", "one way", "twice", "outside"]),
)
def test_harm_to_one_entry_is_found_and_named(seed, n, harm):
    rng = np.random.default_rng(seed)
    source, target = (axis.ravel() for axis in np.triu_indices(n, 1))
    half = sparse.coo_array((rng.random(len(source)) + 0.1, (source, target)), shape=(n, n))
    good = sparse.csr_array(half + half.T)
    Graph(n, {"visual": good})
    at = int(rng.integers(good.nnz))
    parts = SimpleNamespace(data=good.data.copy(), indices=good.indices.copy())
    row = int(np.searchsorted(good.indptr, at, side="right")) - 1
    if harm in ("nan", "infinite", "negative", "one way"):
        change = {"nan": np.nan, "infinite": np.inf, "negative": -1.0}
        parts.data[at] = change.get(harm, parts.data[at] * 1.01)
    else:
        others = np.arange(good.indptr[row], good.indptr[row + 1])
        twin = parts.indices[others[0]] if len(others) > 1 else row
        at = int(others[-1])
        parts.indices[at] = {"loop": row, "outside": n, "twice": twin}[harm]
    bad = sparse.csr_array((parts.data, parts.indices, good.indptr), shape=(n, n))
    words = {
        "one way": "symmetric",
        "twice": "twice|itself",
        "outside": "no valid",
        "loop": "itself",
    }
    with pytest.raises(SchemaError, match=words.get(harm, "finite and not negative")) as error:
        Graph(n, {"visual": bad})
    assert harm == "outside" or str(row) in str(error.value)
