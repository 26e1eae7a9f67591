"""Candidates: compiled code against numpy, and both against all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery_kernels.candidates import cpu, descended, nobody, probed, reference, rules
from vquery_kernels.neighbours import all_top_k


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, k = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    points = rng.normal(size=(n, 5))
    points[rng.random(n) < 0.2] = points[0]  # copies
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    count = draw(st.integers(1, 5))
    starts = np.r_[0, np.sort(rng.integers(0, n + 1, count - 1)), n]
    probes = np.array([rng.permutation(count)[: draw(st.just(count // 2 + 1))] for _ in range(n)])
    probes = np.where(rng.random(probes.shape) < 0.2, -1, probes).astype(np.int32)
    columns = {}
    if draw(st.booleans()):
        columns["group"] = rng.integers(-1, 3, n)
    if draw(st.booleans()):
        columns |= {"video": rng.integers(0, 2, n), "time": rng.random(n) * 3, "seconds": 1.0}
    mates = rng.integers(-1, n, (n, draw(st.integers(0, 2)))).astype(np.int32)
    return points, starts, probes, columns, k, mates


def same(left, right):
    np.testing.assert_array_equal(left.ids, right.ids)
    np.testing.assert_array_equal(left.cosines, right.cosines)
    np.testing.assert_array_equal(left.fresh, right.fresh)


@given(case=cases())
def test_compiled_equals_numpy(case):
    points, starts, probes, columns, k, mates = case
    apart = rules(len(points), **columns)
    lists = nobody(len(points), k)
    for low in (0, 1):  # some cells, then the others
        named = probes[:, low::2]
        one = cpu.probed(points, starts, named, lists, apart, 0)
        # products in float32 may swap what is equal but for rounding
        np.testing.assert_allclose(
            one.cosines,
            reference.probed(points, starts, named, lists, apart, 0).cosines,
            atol=1e-6,
        )
        lists = one
    for _ in range(3):
        one = cpu.descended(points, lists, apart, mates)
        same(one, reference.descended(points, lists, apart, mates))
        lists = one


@given(case=cases())
def test_all_cells_are_all_rows(case):
    points, starts, _, columns, k, _ = case
    n, count = len(points), len(starts) - 1
    every = np.tile(np.arange(count, dtype=np.int32), (n, 1))
    found = probed(points, starts, every, nobody(n, k), rules(n, **columns))
    _, cosines = all_top_k(points, k, **columns)
    np.testing.assert_allclose(found.cosines, cosines, atol=1e-6)
    assert (np.sort(found.ids, 1)[:, 1:] != np.sort(found.ids, 1)[:, :-1])[
        np.sort(found.ids, 1)[:, 1:] >= 0
    ].all()


def test_rows_can_be_given_in_parts():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(90, 4))
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    starts, probes = [0, 30, 60, 90], rng.integers(0, 3, (90, 1)).astype(np.int32)
    whole = probed(points, starts, probes, nobody(90, 3), rules(90))
    for rows in (slice(0, 40), slice(40, 90)):
        lists = nobody(rows.stop - rows.start, 3)
        part = probed(points, starts, probes[rows], lists, rules(90), first=rows.start)
        same(part, whole.part(rows))


def test_hops_find_who_lies_in_another_cell():
    """On a circle cut into cells, lists that end at the border grow over it."""
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    points = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)
    own = np.repeat(np.arange(8, dtype=np.int32), 50)
    starts = np.arange(0, 401, 50)
    lists = probed(points, starts, own[:, None], nobody(400, 6), rules(400))
    # one row of each cell also knows the next cell
    bridge = np.full((400, 1), -1, np.int32)
    bridge[49::50, 0] = (own[49::50] + 1) % 8
    lists = probed(points, starts, bridge, lists, rules(400))
    _, wanted = all_top_k(points, 6)
    before = (lists.cosines >= wanted[:, -1:] - 1e-6).mean()
    for _ in range(4):
        lists = descended(points, lists, rules(400))
    assert before < 0.98
    assert (lists.cosines >= wanted[:, -1:] - 1e-6).all()


def test_bad_shapes_are_named():
    points, lists = np.eye(3, dtype=np.float32), nobody(3, 2)
    with pytest.raises(ValueError, match=r"starts must go from 0 to the number of rows, 3"):
        probed(points, [0, 2], np.zeros((3, 1)), lists, rules(3))
    with pytest.raises(ValueError, match=r"probes must be cells, -1 .. 0"):
        probed(points, [0, 3], np.ones((3, 1)), lists, rules(3))
    with pytest.raises(ValueError, match=r"lists.ids must have shape \(3, k\), got \(2, 2\)"):
        descended(points, nobody(2, 2), rules(3))
    with pytest.raises(ValueError, match=r"mates must have shape \(3, m\)"):
        descended(points, lists, rules(3), np.zeros(3))
    with pytest.raises(ValueError, match=r"group must have shape \(3,\), got \(2,\)"):
        rules(3, group=[0, 1])
