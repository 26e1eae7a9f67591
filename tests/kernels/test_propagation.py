"""The propagation kernels: numpy against sums written out, numba and Triton against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from vquery_kernels import propagation, threads
from vquery_kernels.propagation import grouping, reference, width

pytest.importorskip("numba")

from vquery_kernels.propagation import cpu, exact

several = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
NUMBERS = {"rtol": 2e-5, "atol": 2e-5}


@pytest.fixture(autouse=True, params=[1, 3, 4096], ids=["chunk1", "chunk3", "whole"])
def chunk(request, monkeypatch):
    monkeypatch.setattr(reference, "CHUNK", request.param)
    monkeypatch.setattr(cpu, "CHUNK", request.param)
    monkeypatch.setattr(exact, "CHUNK", request.param)
    monkeypatch.setattr(threads, "CHUNK", request.param)
    monkeypatch.setenv("VQUERY_THREADS", "2")


@st.composite
def graphs(draw):
    """Symmetric, with a diagonal, empty rows and one hub."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 40))
    half = rng.random((n, n)) * (rng.random((n, n)) < draw(st.sampled_from([0.02, 0.15, 0.7])))
    if draw(st.booleans()):
        half[0] = rng.random(n)
    whole = sparse.csr_array((half + half.T).astype(draw(st.sampled_from([np.float32, float]))))
    return rng, whole


def rows_of(matrix):
    return matrix.indptr, matrix.indices, matrix.data


def dense(edges):
    """The matrix that the lists hold, by the meaning of each field."""
    n = edges.filled.size
    out = np.zeros((n, n))
    for i in range(n):
        for e in range(edges.filled[i]):
            out[i, edges.target[i, e]] += edges.weight[i, e]
        for e in range(edges.rest_start[i], edges.rest_start[i + 1]):
            out[i, edges.rest_target[e]] += edges.rest_weight[e]
    return out


def same(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.asarray(a).dtype == np.asarray(b).dtype


@several
@given(graph=graphs(), places=st.integers(1, 6))
def test_the_layout_is_the_matrix_in_another_order(graph, places):
    rng, matrix = graph
    order = rng.permutation(matrix.shape[0])
    edges = reference.layout(*rows_of(matrix), order, places)
    expected = matrix.toarray()[np.ix_(order, order)]
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(dense(edges), expected, rtol=1e-6)
    same(cpu.layout(*rows_of(matrix), order, places), edges)


@several
@given(graph=graphs(), most=st.integers(0, 45))
def test_clusters_are_connected_and_contiguous(graph, most):
    _, matrix = graph
    n = matrix.shape[0]
    found = reference.clusters(*rows_of(matrix), most)
    same(cpu.clusters(*rows_of(matrix), most), found)
    assert sorted(found.order.tolist()) == list(range(n))
    assert found.number <= most
    assert (np.diff(found.group) >= 0).all()
    assert set(found.group.tolist()) <= set(range(found.number + 1))
    for cluster in range(found.number):
        members = found.order[found.group == cluster]
        assert sparse.csgraph.connected_components(matrix[members][:, members])[0] == 1
    assert found.cuts[0] == 0
    assert found.cuts[-1] == n
    inner = found.cuts[1:-1]
    apart = found.group[inner] != found.group[inner - 1]
    assert (apart | (found.group[inner] == found.number)).all()


def test_clusters_follow_strong_links():
    """Two tight groups with a weak link between them stay two, though one could hold both."""
    tight = np.ones((6, 6)) - np.eye(6)
    both = np.block([[tight, np.zeros((6, 6))], [np.zeros((6, 6)), tight]])
    both[0, 6] = both[6, 0] = 0.05
    mixed = np.random.default_rng(0).permutation(12)
    found = grouping.clusters(*rows_of(sparse.csr_array(both[np.ix_(mixed, mixed)])), 2)
    assert {frozenset((mixed[found.order[found.group == g]] // 6).tolist()) for g in (0, 1)} == {
        frozenset({0}),
        frozenset({1}),
    }


@st.composite
def problems(draw):
    rng, matrix = draw(graphs())
    n = matrix.shape[0]
    found = reference.clusters(*rows_of(matrix), draw(st.integers(0, 8)))
    edges = reference.layout(*rows_of(matrix), found.order, draw(st.integers(1, 5)))
    diagonal = (dense(edges).sum(1) + 0.5).astype(np.float32)
    free = rng.random(n) < draw(st.sampled_from([0.0, 0.7, 1.0]))
    inverse = np.where(free, 1 / diagonal, 0).astype(np.float32)
    columns = draw(st.sampled_from(propagation.WIDTHS))
    rows = [rng.standard_normal((n, columns)).astype(np.float32) for _ in range(4)]
    rows[0][~free] = 0
    return edges, found, diagonal, inverse, rows


@pytest.mark.parametrize("module", [reference, cpu])
@several
@given(problem=problems())
def test_product(module, problem):
    edges, found, diagonal, inverse, (x, before, *_) = problem
    out = before.copy()
    dots = module.product(edges, diagonal, inverse, x, out, found.cuts)
    expected = (np.diag(diagonal) - dense(edges)) @ x
    free = inverse > 0
    np.testing.assert_allclose(out[free], expected[free], **NUMBERS)
    np.testing.assert_array_equal(out[~free], before[~free])
    np.testing.assert_allclose(dots, (x * expected)[free].sum(0), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("module", [reference, cpu])
@several
@given(problem=problems())
def test_update_and_turn(module, problem):
    _, found, _, inverse, rows = problem
    free = inverse > 0
    x, residual, step, moved = (each.copy() for each in rows)
    length = np.linspace(-1, 2, x.shape[1]).astype(np.float32)
    norm, energy, sums = module.update(x, residual, step, moved, inverse, length, found)
    ahead = rows[0] + free[:, None] * length * rows[2]
    left = rows[1] - free[:, None] * length * rows[3]
    np.testing.assert_allclose(x, ahead, **NUMBERS)
    np.testing.assert_allclose(residual, left, **NUMBERS)
    np.testing.assert_allclose(norm, (left[free] ** 2).sum(0), **NUMBERS)
    np.testing.assert_allclose(energy, (inverse[:, None] * left**2).sum(0), **NUMBERS)
    for cluster in range(found.number):
        members = free & (found.group == cluster)
        np.testing.assert_allclose(sums[cluster], left[members].sum(0), **NUMBERS)
    lift = np.zeros((found.number + 1, x.shape[1]), np.float32)
    lift[:-1] = sums
    keep = length[::-1].copy()
    module.turn(residual, step, inverse, keep, lift, found)
    fresh = inverse[:, None] * left + lift[found.group] + keep * rows[2]
    np.testing.assert_allclose(step, np.where(free[:, None], fresh, rows[2]), **NUMBERS)


@pytest.mark.parametrize("module", [reference, cpu])
@several
@given(problem=problems())
def test_coarse_is_the_matrix_between_clusters(module, problem):
    edges, found, diagonal, inverse, _ = problem
    free = inverse > 0
    member = np.array([(found.group == g) & free for g in range(found.number)], float)
    member = member.reshape(found.number, len(free))
    expected = member @ (np.diag(diagonal) - dense(edges)) @ member.T
    np.testing.assert_allclose(module.coarse(edges, diagonal, inverse, found), expected, **NUMBERS)


@pytest.mark.parametrize("module", [reference, cpu])
@pytest.mark.parametrize("size", [0, 1, 7, 40])
def test_inverse(module, size):
    given_ = np.random.default_rng(size).standard_normal((size, size))
    matrix = given_ @ given_.T + np.eye(size)
    found = module.inverse(matrix.copy())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found @ matrix, np.eye(size), atol=1e-4)
    np.testing.assert_array_equal(found, found.T)
    if size > 1:
        with pytest.raises(np.linalg.LinAlgError):
            module.inverse(matrix - (np.linalg.eigvalsh(matrix)[0] + 0.1) * np.eye(size))


@pytest.mark.parametrize("module", [reference, cpu])
@pytest.mark.parametrize("columns", propagation.WIDTHS)
@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 128, 300])
def test_times(module, columns, size):
    rng = np.random.default_rng(size)
    matrix = rng.standard_normal((size, size)).astype(np.float32)
    x = rng.standard_normal((size, columns)).astype(np.float32)
    out = np.full((size + 1, columns), 7, np.float32)
    module.times(matrix, x, out[:-1])
    np.testing.assert_allclose(out[:-1], matrix.astype(float) @ x, rtol=1e-4, atol=1e-4)
    assert (out[-1] == 7).all()


@pytest.mark.parametrize("module", [reference, cpu])
@several
@given(problem=problems(), steps=st.integers(0, 3))
def test_propagation_steps(module, problem, steps):
    edges, _, _, inverse, (x, base, *_) = problem
    scores, change = module.propagate(edges, inverse, base, x, steps)
    expected, before = x.astype(float), x.astype(float)
    for _ in range(steps):
        before, expected = expected, base + inverse[:, None] * (dense(edges) @ expected)
    np.testing.assert_allclose(scores, expected, **NUMBERS)
    np.testing.assert_allclose(change, ((expected - before) ** 2).sum(0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("module", [reference, cpu])
@several
@given(graph=graphs(), columns=st.integers(0, 17))
def test_remainder(module, graph, columns):
    rng, matrix = graph
    n = matrix.shape[0]
    diagonal, x, right = rng.random(n), rng.random((n, columns)), rng.random((n, columns))
    if columns % 2:
        matrix.indptr, matrix.indices = (i.astype(np.int64) for i in rows_of(matrix)[:2])
    found = module.remainder(*rows_of(matrix), diagonal, x, right, rng.permutation(n))
    expected = right - diagonal[:, None] * x + matrix.astype(float).toarray() @ x
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("module", [reference, cpu])
@several
@given(seed=st.integers(0, 2**32 - 1))
def test_corrected(module, seed):
    rng = np.random.default_rng(seed)
    n, c, m = rng.integers(0, 7, 3)
    scores, columns, change = rng.random((n, c)), rng.random((n, m)), rng.random((m, c))
    before = scores.copy()
    expected = scores + np.einsum("im,mc->ic", columns, change)
    np.testing.assert_allclose(module.corrected(scores, columns, change), expected, rtol=1e-12)
    np.testing.assert_array_equal(scores, before)


@pytest.mark.parametrize("module", [reference, cpu])
@several
@given(seed=st.integers(0, 2**32 - 1), columns=st.integers(0, 5))
def test_unsure(module, seed, columns):
    rng = np.random.default_rng(seed)
    x, late, residual = rng.random((3, rng.integers(1, 20), columns)) * [[[1]], [[0.2]], [[0.3]]]
    diagonal = rng.random(len(x))
    found = module.unsure(x, late, residual, diagonal, 1.5, 0.4)
    for i, row in enumerate(x):
        expected = any(r > 0.4 * diagonal[i] * sum(row) for r in residual[i])
        if columns > 1:
            second, best = sorted(row)[-2:]
            expected |= best - second < 1.5 * max(late[i])
        assert found[i] == expected


def test_widths_hold_the_columns():
    assert [width(columns) for columns in (0, 1, 2, 3, 5, 9, 16, 40)] == [1, 1, 2, 4, 8, 16, 16, 16]


@pytest.mark.parametrize("module", [reference, cpu])
@several
@given(seed=st.integers(0, 2**32 - 1), add=st.booleans())
def test_pack_and_unpack(module, seed, add):
    rng = np.random.default_rng(seed)
    n, c = rng.integers(1, 20, 2)
    given_, order = rng.random((n, c)), rng.permutation(n)
    columns = np.flatnonzero(rng.random(c) < 0.6)[:16]
    factor = rng.random(len(columns)) + 0.5
    block = np.zeros((n, width(len(columns))), np.float32)
    module.pack(given_, order, columns, factor, block)
    into = rng.random((n, c))
    back = into.copy()
    module.unpack(block, order, columns, 1 / factor, back, add)
    expected = into.copy()
    for column in columns:
        expected[:, column] = given_[:, column] + (into[:, column] if add else 0)
    np.testing.assert_allclose(back, expected, rtol=1e-6)
    assert (block[:, len(columns) :] == 0).all()
