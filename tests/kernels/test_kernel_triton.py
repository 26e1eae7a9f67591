# ruff: noqa: E402 - what comes first sets the interpreter up
"""The Triton kernels against the numpy form; without a GPU they run in Triton's interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vquery_kernels import arrays, backend
from vquery_kernels.box_iou import reference as iou_reference
from vquery_kernels.coalesce import reference as coalesce_reference
from vquery_kernels.coverage import reference as coverage_reference
from vquery_kernels.intersect import reference as intersect_reference
from vquery_kernels.nearest import HIGHEST, Question
from vquery_kernels.nearest import reference as nearest_reference
from vquery_kernels.overlap_join import reference as overlap_reference
from vquery_kernels.residual import Compare, Distance, Iou, Present, residual_of
from vquery_kernels.subtract import reference as subtract_reference
from vquery_kernels.window_join import Windows
from vquery_kernels.window_join import reference as window_reference

gpu = pytest.importorskip("vquery_kernels.gpu")  # before triton itself, which it sets up

from vquery_kernels.box_iou import triton as iou_triton
from vquery_kernels.coalesce import triton as coalesce_triton
from vquery_kernels.coverage import triton as coverage_triton
from vquery_kernels.intersect import triton as intersect_triton
from vquery_kernels.nearest import triton as nearest_triton
from vquery_kernels.overlap_join import triton as overlap_triton
from vquery_kernels.subtract import triton as subtract_triton
from vquery_kernels.window_join import triton as window_triton

LOW, HIGH = -(2**63), 2**63 - 1
few = settings(
    max_examples=15,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # an interpreter takes long to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def tile(monkeypatch):
    """Small tiles, so that a few rows are several programs."""
    monkeypatch.setattr(gpu, "BLOCK", 16)


@st.composite
def sides(draw):
    seed = draw(st.integers(0, 2**32 - 1))
    offset = draw(st.sampled_from([0, -50, LOW, HIGH - 400]))
    groups, reach = draw(st.sampled_from([1, 3])), draw(st.sampled_from([4, 60]))
    rng = np.random.default_rng(seed)
    return tuple(
        spans_of(rng, draw(st.integers(0, 25)), groups, reach, offset) for _ in ("left", "right")
    )


def spans_of(rng, size, groups, reach, offset):
    group = rng.integers(0, groups, size) * rng.choice([1, 10**15])
    start = rng.integers(0, reach, size) + offset
    end = start + rng.integers(0, rng.choice([1, 3, 40]), size)
    return arrays.spans("", group.astype(np.int64), start, end)


def residual(rng, left, right):
    """Test a comparison, an inequality, a distance in float32, boxes and nulls."""
    numbers = [rng.integers(0, 4, each.start.size) for each in (left, right)]
    places = [rng.random(each.start.size, dtype=np.float32).round(1) for each in (left, right)]
    boxes = [edges_of(rng, each.start.size) for each in (left, right)]
    conditions = [
        Compare("<=", *numbers),
        Compare("!=", *places),
        Distance(*places, low=-0.5, high=0.3, strict=True),
        Iou(*boxes, 0.1),
        Present(rng.random(left.start.size) < 0.9, None),
    ]
    chosen = rng.random(len(conditions)) < 0.5
    wanted = [each for each, yes in zip(conditions, chosen, strict=True) if yes]
    return residual_of(wanted, left.start.size, right.start.size) if wanted else None


def edges_of(rng, size):
    x, y = rng.random((2, size), dtype=np.float32)
    wide, high = rng.random((2, size), dtype=np.float32)
    x[rng.random(size) < 0.1] = np.nan
    return x, y, x + wide, y + high


def same(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@few
@given(sides(), st.booleans(), st.integers(0, 99), st.integers(1, 9))
def test_overlap_join(given_sides, touching, seed, size):
    left, right = given_sides
    how = {"touching": touching, "residual": residual(np.random.default_rng(seed), left, right)}
    expected = overlap_reference.overlap_join(left, right, pool=None, **how)
    same(overlap_triton.overlap_join(left, right, pool=None, **how), expected)
    how_many = overlap_reference.overlap_count(left, right, **how)
    same([overlap_triton.overlap_count(left, right, **how)], [how_many])
    same([overlap_triton.overlap_any(left, right, **how)], [how_many > 0])
    blocks = overlap_triton.overlap_join_blocks(left, right, pool=None, max_pairs=size, **how)
    others = overlap_reference.overlap_join_blocks(left, right, pool=None, max_pairs=size, **how)
    for found, other in zip(blocks, others, strict=True):
        same(found, other)


@few
@given(sides(), st.integers(0, 99), st.integers(1, 9))
def test_window_join(given_sides, seed, size):
    left, right = given_sides
    test = residual(np.random.default_rng(seed), left, right)
    windows = Windows(left.group, left.start, left.end, right.group, right.start)
    expected = window_reference.window_join(windows, pool=None, residual=test)
    same(window_triton.window_join(windows, pool=None, residual=test), expected)
    counted = window_reference.window_count(windows, test)
    same([window_triton.window_count(windows, test)], [counted])
    same([window_triton.window_any(windows, test)], [counted > 0])
    blocks = window_triton.window_join_blocks(windows, pool=None, max_pairs=size, residual=test)
    others = window_reference.window_join_blocks(windows, pool=None, max_pairs=size, residual=test)
    for found, other in zip(blocks, others, strict=True):
        same(found, other)


@few
@given(sides(), st.sampled_from([0, 1, 7, HIGH]))
def test_coalesce(given_sides, gap):
    for each in given_sides:
        expected = coalesce_reference.coalesce(each, gap)
        same([coalesce_triton.coalesce(each, gap)], [expected])


@few
@given(sides())
def test_cutting(given_sides):
    same(subtract_triton.subtract(*given_sides), subtract_reference.subtract(*given_sides))
    same(intersect_triton.intersect(*given_sides), intersect_reference.intersect(*given_sides))
    expected = coverage_reference.coverage(*given_sides)
    same([coverage_triton.coverage(*given_sides)], [expected])


@few
@given(
    sides(),
    st.integers(1, 4),
    st.sampled_from([(True, True), (True, False), (False, True)]),
    st.booleans(),
    st.sampled_from([0, 5, HIGHEST]),
)
def test_nearest(given_sides, k, direction, overlapping, max_gap):
    question = Question(k, *direction, overlapping, max_gap)
    expected = nearest_reference.nearest(*given_sides, question)
    same(nearest_triton.nearest(*given_sides, question), expected)


@few
@given(st.integers(0, 99), st.integers(1, 20), st.integers(0, 50))
def test_box_iou(seed, size, pairs):
    rng = np.random.default_rng(seed)
    boxes = [np.stack(edges_of(rng, size), axis=1) for _ in range(2)]
    boxes[0][0] = boxes[1][0] = 0.5  # both empty
    rows = [rng.integers(0, size, pairs) for _ in range(2)]
    same([iou_triton.box_iou(*boxes, *rows)], [iou_reference.box_iou(*boxes, *rows)])


def test_many_tiles(monkeypatch):
    """A long stream and a row that meets everything, over thousands of pairs."""
    monkeypatch.setattr(gpu, "BLOCK", 256)
    rng = np.random.default_rng(0)
    start = np.sort(rng.integers(0, 20_000, 1_000))
    left = arrays.spans("", np.zeros(1_000, np.int64), start, start + rng.integers(0, 30, 1_000))
    right = arrays.spans("", np.zeros(2, np.int64), np.array([0, 500]), np.array([30_000, 900]))
    for one, other in ((left, right), (right, left)):
        expected = overlap_reference.overlap_join(one, other, touching=False, pool=None)
        same(overlap_triton.overlap_join(one, other, touching=False, pool=None), expected)
        same(subtract_triton.subtract(one, other), subtract_reference.subtract(one, other))
    monkeypatch.setattr(gpu, "BLOCK", 16)  # more tiles than a tile has rows
    same([coalesce_triton.coalesce(left, 5)], [coalesce_reference.coalesce(left, 5)])


def test_it_runs_when_asked_for(monkeypatch):
    monkeypatch.setenv("VQUERY_KERNELS", "triton")
    backend.backend.cache_clear()
    assert backend.implementation("coverage", 3) is coverage_triton
    assert backend.backend() == "triton"
    backend.backend.cache_clear()


def test_a_gpu_is_used_for_many_rows(monkeypatch):
    monkeypatch.delenv("VQUERY_KERNELS", raising=False)
    monkeypatch.setattr(backend, "has_gpu", lambda: True)
    assert backend.implementation("coverage", backend.HUGE) is coverage_triton
    assert backend.implementation("coverage", 3) is not coverage_triton
