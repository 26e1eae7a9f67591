from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import MissingDependencyError, SchemaError
from vquery.graph.knn import Apart, neighbours, unit
from vquery.graph.knn import search as knn


def reference(points, k, apart, floor):
    """Every row against every row, in plain Python: lists of (target, similarity)."""
    x = unit(points).astype(float)
    lists = []
    for i in range(len(x)):
        seen = []
        for j in range(len(x)):
            if i == j or not x[i].any() or not x[j].any():
                continue
            if apart.group is not None and apart.group[i] == apart.group[j] >= 0:
                continue
            similarity = float(x[i] @ x[j])
            if similarity >= floor:
                seen.append(similarity)
        lists.append(sorted(seen, reverse=True)[:k])
    return lists


def check(found, n, k, apart):
    """The promises of the class."""
    assert (found.source != found.target).all()
    assert not apart.excludes(found.source, found.target).any()
    assert found.target.min(initial=0) >= 0
    assert len(set(zip(found.source.tolist(), found.target.tolist(), strict=True))) == len(
        found.source
    )
    assert found.counts().max(initial=0) <= k
    order = np.lexsort((found.target, -found.similarity, found.source))
    assert (order == np.arange(len(order))).all()


@st.composite
def collections(draw):
    n = draw(st.integers(2, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    points = rng.normal(size=(n, 4)).round(1)
    if draw(st.booleans()):  # copies and rows without a vector
        points[rng.integers(0, n, n // 2)] = points[0]
        points[rng.integers(0, n)] = 0
    group = rng.integers(-1, 4, n) if draw(st.booleans()) else None
    return points, draw(st.integers(1, 6)), Apart(group), draw(st.sampled_from([-1.0, 0.0, 0.5]))


@pytest.mark.parametrize("way", ["numpy", "flat"])
@given(case=collections())
def test_equals_the_reference(way, case):
    points, k, apart, floor = case
    with pytest.MonkeyPatch.context() as patch:
        if way == "flat":
            pytest.importorskip("faiss")
            patch.setattr(knn, "NUMPY_ROWS", 0)
        found = neighbours(points, k, apart=apart, floor=floor)
    check(found, len(points), k, apart)
    expected = reference(points, k, apart, floor)
    for i, wanted in enumerate(expected):
        got = found.similarity[found.source == i]
        # a value that rounding puts on the other side of the floor may be missing or extra
        size = min(len(got), len(wanted))
        assert (
            abs(len(got) - len(wanted))
            <= sum(abs(value - floor) < 1e-5 for value in wanted)
            + (found.similarity[found.source == i] < floor + 1e-5).sum()
        )
        np.testing.assert_allclose(got[:size], wanted[:size], atol=1e-5)


@given(case=collections())
def test_counts_bound_what_is_kept_apart(case):
    points, _, apart, _ = case
    rows = np.arange(len(points))
    excluded = apart.excludes(rows[:, None], rows[None, :])
    excluded[rows, rows] = True
    assert (apart.counts(len(points)) == excluded.sum(1)).all()


def test_long_track_of_copies_does_not_fill_the_lists(monkeypatch):
    pytest.importorskip("faiss")
    rng = np.random.default_rng(0)
    person = rng.normal(size=16)
    points = np.r_[
        person + 0.01 * rng.normal(size=(300, 16)), person + 0.2 * rng.normal(size=(9, 16))
    ]
    track = np.r_[np.zeros(300, int), np.arange(1, 10)]
    monkeypatch.setattr(knn, "NUMPY_ROWS", 0)
    for longest in (2048, 16):  # 16: the lists of the long track are searched exactly
        monkeypatch.setattr(knn, "LONGEST_LIST", longest)
        found = neighbours(points, 5, apart=Apart(track))
        assert (found.counts() == 5).all()
        assert (found.target[found.source < 300] >= 300).all()
        assert found.recall == 1.0


def test_inverted_file_reaches_the_recall_that_was_asked(monkeypatch):
    pytest.importorskip("faiss")
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(40, 24))
    points = centres[rng.integers(0, 40, 6000)] + 0.8 * rng.normal(size=(6000, 24))
    exact = neighbours(points, 8)
    monkeypatch.setattr(knn, "NUMPY_ROWS", 0)
    monkeypatch.setattr(knn, "EXACT_ROWS", 1000)
    found = neighbours(points, 8, recall=0.99)
    assert found.method.startswith("ivf")
    assert 0.99 <= found.recall <= 1
    same = np.isin(found.source * 6000 + found.target, exact.source * 6000 + exact.target)
    assert same.mean() > 0.98
    check(found, 6000, 8, Apart())


def test_without_faiss_small_searches_work_and_large_ones_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr(knn, "NUMPY_ROWS", 10)
    points = np.random.default_rng(0).normal(size=(50, 3))
    assert neighbours(points, 3).method == "numpy"
    monkeypatch.setattr(knn, "EXACT_ROWS", 20)
    with pytest.raises(MissingDependencyError, match=r"50 vectors .*vquery-video\[cpu\]"):
        neighbours(points, 3)


def test_bad_vectors_are_named():
    with pytest.raises(SchemaError, match="row 1: values must be finite"):
        neighbours([[0, 1], [np.nan, 0]], 1)
    with pytest.raises(SchemaError, match=r"shape \(n, d\), got shape \(3,\)"):
        neighbours([1, 2, 3], 1)
    with pytest.raises(SchemaError, match="'k' parameter"):
        neighbours([[0, 1]], 0)


def test_the_head_of_longer_lists_is_a_shorter_search():
    points = np.random.default_rng(0).normal(size=(40, 3))
    longer, shorter = neighbours(points, 9).head(4), neighbours(points, 4)
    assert longer.k == 4
    assert (longer.target == shorter.target).all()
    assert (longer.source == shorter.source).all()


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_find(n):
    found = neighbours(np.ones((n, 3)), 5)
    assert found.counts().tolist() == [0] * n
    assert neighbours(np.zeros((4, 3)), 5).counts().tolist() == [0] * 4
