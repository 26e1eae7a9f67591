from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery.errors import SchemaError
from vquery.graph.knn import Apart, cells, exact, neighbours, unit
from vquery.graph.knn import search as knn

WAYS = ("exact", "gpu", "cells")


def kept_apart(apart, i, j):
    if apart.group is not None and apart.group[i] == apart.group[j] >= 0:
        return True
    if apart.seconds == 0 or apart.video[i] != apart.video[j]:
        return False
    return bool(abs(apart.time[i] - apart.time[j]) <= apart.seconds)


def reference(points, k, apart, floor):
    """Every row against every row, in plain Python: the similarities of each list."""
    x = unit(points).astype(float)
    lists = []
    for i in range(len(x)):
        seen = []
        for j in range(len(x)):
            if i == j or not x[i].any() or not x[j].any() or kept_apart(apart, i, j):
                continue
            similarity = float(x[i] @ x[j])
            if similarity >= floor:
                seen.append(similarity)
        lists.append(sorted(seen, reverse=True)[:k])
    return lists


def check(found, k, apart):
    """The promises of the class."""
    assert (found.source != found.target).all()
    pairs = list(zip(found.source.tolist(), found.target.tolist(), strict=True))
    assert not any(kept_apart(apart, i, j) for i, j in pairs)
    assert found.target.min(initial=0) >= 0
    assert len(set(pairs)) == len(pairs)
    assert found.counts().max(initial=0) <= k
    assert np.isfinite(found.similarity).all()
    order = np.lexsort((found.target, -found.similarity, found.source))
    assert (order == np.arange(len(order))).all()


def equals(found, expected, floor):
    for i, wanted in enumerate(expected):
        got = found.similarity[found.source == i]
        # a value that rounding puts on the other side of the floor may be missing or extra
        size = min(len(got), len(wanted))
        doubtful = sum(abs(value - floor) < 1e-5 for value in wanted) + (got < floor + 1e-5).sum()
        assert abs(len(got) - len(wanted)) <= doubtful
        np.testing.assert_allclose(got[:size], wanted[:size], atol=1e-5)


def go(patch, way):
    """Force one way of searching, whatever the number of rows."""
    if way == "gpu":
        faiss = pytest.importorskip("faiss")
        alike = SimpleNamespace(
            IndexFlatIP=faiss.IndexFlatIP,
            index_cpu_to_all_gpus=lambda index: index,
            get_num_gpus=lambda: 1,
        )
        patch.setattr(knn, "_gpu_faiss", lambda: alike)
        patch.setattr(knn, "GPU_ROWS", 0)
    if way == "cells":
        patch.setattr(knn, "EXACT_ROWS", 0)
        patch.setattr(cells, "AFFORDABLE", 0)
        patch.setattr(cells, "MOST_CELLS", 1.0)
        patch.setattr(cells, "TRAINED_ROWS", 4)
        patch.setattr(cells, "ROWS", 7)
        patch.setattr(cells, "SAFETY", 0.0)  # the sample is everything, and none may be missed


@st.composite
def collections(draw):
    n = draw(st.integers(2, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    points = rng.normal(size=(n, 4)).round(1)
    if draw(st.booleans()):  # copies and rows without a vector
        points[rng.integers(0, n, n // 2)] = points[0]
        points[rng.integers(0, n)] = 0
    group = rng.integers(-1, 4, n) if draw(st.booleans()) else None
    apart = Apart(group)
    if draw(st.booleans()):
        time = rng.integers(0, 12, n) / 2
        time[rng.random(n) < 0.1] = np.nan
        apart = Apart(group, rng.integers(-1, 2, n), time, draw(st.sampled_from([0.5, 2.0])))
    return points, draw(st.integers(1, 6)), apart, draw(st.sampled_from([-1.0, 0.0, 0.5]))


@pytest.mark.parametrize("way", WAYS)
@given(case=collections())
def test_equals_the_reference(way, case):
    points, k, apart, floor = case
    with pytest.MonkeyPatch.context() as patch:
        go(patch, way)
        found = neighbours(points, k, apart=apart, floor=floor)
    check(found, k, apart)
    equals(found, reference(points, k, apart, floor), floor)
    assert found.recall == 1.0


@given(case=collections())
def test_counts_bound_what_is_kept_apart(case):
    points, _, apart, _ = case
    rows = np.arange(len(points))
    excluded = apart.excludes(rows[:, None], rows[None, :])
    expected = [[kept_apart(apart, i, j) for j in rows] for i in rows]
    off = ~np.eye(len(rows), dtype=bool)
    assert (excluded == np.array(expected))[off].all()
    excluded[rows, rows] = True
    exactly = apart.group is None or apart.seconds == 0
    counts = apart.counts(len(points))
    assert (counts == excluded.sum(1)).all() if exactly else (counts >= excluded.sum(1)).all()


@pytest.mark.parametrize("way", WAYS)
def test_a_long_track_of_copies_does_not_fill_the_lists(monkeypatch, way):
    rng = np.random.default_rng(0)
    person = rng.normal(size=16)
    points = np.r_[
        person + 0.01 * rng.normal(size=(300, 16)), person + 0.2 * rng.normal(size=(9, 16))
    ]
    track = np.r_[np.zeros(300, int), np.arange(1, 10)]
    go(monkeypatch, way)
    in_time = Apart(video=np.minimum(track, 1), time=np.arange(309.0), seconds=299.0)
    for longest, apart in ((2048, Apart(track)), (16, Apart(track)), (2048, in_time)):
        monkeypatch.setattr(exact, "LONGEST_LIST", longest)  # 16: all lists are too long for it
        found = neighbours(points, 5, apart=apart)
        assert (found.counts() == 5).all() if apart.group is not None else True
        assert (found.counts()[:300] == 5).all()
        assert (found.target[found.source < 300] >= 300).all()
        assert found.recall == 1.0


def clustered(n, centres, spread, seed=1, d=24):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(centres, d))[rng.integers(0, centres, n)] + spread * rng.normal(
        size=(n, d)
    )


@pytest.mark.parametrize("wanted", [0.9, 0.99])
def test_cells_reach_the_recall_that_was_asked(monkeypatch, wanted):
    points = clustered(6000, 60, 0.8)
    whole = neighbours(points, 8)
    monkeypatch.setattr(knn, "EXACT_ROWS", 1000)
    monkeypatch.setattr(cells, "AFFORDABLE", 0)
    seen = []
    found = neighbours(points, 8, recall=wanted, progress=seen.append)
    assert "cells" in found.method
    assert wanted <= found.recall <= 1
    same = np.isin(found.source * 6000 + found.target, whole.source * 6000 + whole.target)
    assert abs(same.mean() - found.recall) < 0.01
    check(found, 8, Apart())
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_tracks_find_each_other_across_cells(monkeypatch):
    """Frames of one track are alike and kept apart; their neighbours are those of the twin."""
    rng = np.random.default_rng(3)
    track = np.repeat(np.arange(200), 30)
    scene = rng.normal(size=(100, 12))[track // 2]
    points = scene + 0.3 * rng.normal(size=(6000, 12))
    apart = Apart(track)
    monkeypatch.setattr(knn, "EXACT_ROWS", 1000)
    monkeypatch.setattr(cells, "AFFORDABLE", 0)
    found = neighbours(points, 8, apart=apart)
    assert found.recall >= 0.99
    assert (found.counts() == 8).all()
    assert (track[found.source] // 2 == track[found.target] // 2).mean() > 0.95


def test_rows_without_structure_are_searched_exactly_while_that_can_be_paid(monkeypatch):
    points = np.random.default_rng(0).normal(size=(3000, 200))
    monkeypatch.setattr(knn, "EXACT_ROWS", 1000)
    found = neighbours(points, 4)
    assert (found.method, found.recall) == ("exact", 1.0)
    monkeypatch.setattr(cells, "AFFORDABLE", 2000)
    less = neighbours(points, 4)
    assert 0.2 < less.recall < 0.99  # told, not hidden
    assert "cells" in less.method


def test_copies_are_as_good_as_each_other(monkeypatch):
    points = np.repeat(clustered(40, 10, 0.5), 100, axis=0)
    monkeypatch.setattr(knn, "EXACT_ROWS", 1000)
    found = neighbours(points, 5)
    assert found.recall == 1.0
    assert (found.similarity > 1 - 1e-6).all()
    assert (found.counts() == 5).all()


def test_no_size_needs_faiss(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr(knn, "GPU_ROWS", 0)
    points = np.random.default_rng(0).normal(size=(50, 3))
    assert neighbours(points, 3).method == "exact"
    monkeypatch.setattr(knn, "EXACT_ROWS", 20)
    assert neighbours(points, 3).counts().tolist() == [3] * 50


def test_bad_input_is_named():
    with pytest.raises(SchemaError, match="row 1: values must be finite"):
        neighbours([[0, 1], [np.nan, 0]], 1)
    with pytest.raises(SchemaError, match=r"shape \(n, d\), got shape \(3,\)"):
        neighbours([1, 2, 3], 1)
    for odd in ([["a", "b"]], [[1], [1, 2]], np.ones((2, 2)) * 1j, np.zeros((2, 2), "M8[s]")):
        with pytest.raises(SchemaError, match=r"vectors must be an array of .*numbers"):
            neighbours(odd, 1)
    with pytest.raises(SchemaError, match="some are masked"):
        neighbours(np.ma.masked_less(np.eye(2), 1), 1)
    with pytest.raises(SchemaError, match="'k' parameter"):
        neighbours([[0, 1]], 0)
    with pytest.raises(SchemaError, match="'recall' parameter"):
        neighbours([[0, 1]], 1, recall=0)
    with pytest.raises(SchemaError, match="group must have one value for each of 1 rows"):
        neighbours([[0, 1]], 1, apart=Apart(np.arange(2)))
    with pytest.raises(SchemaError, match="both 'video' and 'time'"):
        Apart(seconds=1)
    with pytest.raises(SchemaError, match="'seconds' parameter"):
        Apart(seconds=-1)


@pytest.mark.parametrize("scale", [1e-300, 1e-42, 1e39, 1e300])
def test_a_direction_has_no_size(scale):
    points = np.random.default_rng(0).normal(size=(30, 4))
    plain, scaled = unit(points), unit(np.asfortranarray(points * scale))
    np.testing.assert_allclose(scaled, plain, atol=1e-6)
    assert not unit(np.r_[points * scale, np.zeros((1, 4))])[-1].any()


def test_the_head_of_longer_lists_is_a_shorter_search():
    points = np.random.default_rng(0).normal(size=(40, 3))
    longer, shorter = neighbours(points, 9).head(4), neighbours(points, 4)
    assert longer.k == 4
    assert (longer.target == shorter.target).all()
    assert (longer.source == shorter.source).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_find(monkeypatch, n, way):
    go(monkeypatch, way)
    found = neighbours(np.ones((n, 3)), 5)
    assert found.counts().tolist() == [0] * n
    assert neighbours(np.zeros((4, 3)), 5).counts().tolist() == [0] * 4
