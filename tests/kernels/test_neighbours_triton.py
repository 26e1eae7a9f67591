"""Neighbours by Triton against numpy; without a GPU they run in Triton's interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vquery_kernels import neighbours
from vquery_kernels.neighbours import reference
from vquery_kernels.neighbours.question import Rules, Side, among

pytest.importorskip("vquery_kernels.gpu")  # before triton itself, which it sets up

from vquery_kernels.neighbours import triton

few = settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # an interpreter takes long to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def tile(monkeypatch):
    """Small tiles and short lists, so that a few rows are several programs and lists overflow."""
    for name, size in (("ROWS", 16), ("COLUMNS", 16), ("DEPTH", 16), ("SHORTEST", 16)):
        monkeypatch.setattr(triton, name, size)


@few
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 50),
    st.sampled_from([1, 20]),
    st.sampled_from([1, 3, 60]),
    st.booleans(),
    st.booleans(),
)
def test_triton_gives_what_numpy_gives(seed, n, d, k, repeated, ruled):
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((n, d)).astype(np.float32)
    if repeated and n:
        points = points[rng.integers(0, max(n // 20, 1), n)]  # more equal rows than a list holds
    points[rng.random(n) < 0.1] = 0
    rules = Rules()
    if ruled:
        times = np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 20, n))
        rules = Rules(rng.integers(-1, 9, n), rng.integers(0, 3, n), times, 2.0)
    question = among(points, k, rules)
    question = question._replace(queries=Side(*(each[::2] for each in question.queries)))
    wanted, found = reference.top_k(question), triton.top_k(question)
    assert np.array_equal(found[0], wanted[0])
    assert np.array_equal(found[1], wanted[1])


def test_rows_whose_lists_may_have_lost_some_are_searched_again(monkeypatch):
    """Of forty equal rows a list of 16 keeps any, so that only a second look finds the first."""
    again = []
    exactly = triton._exactly

    def counted(a, b, rows, k, seconds):
        again.extend(rows.tolist())
        return exactly(a, b, rows, k, seconds)

    monkeypatch.setattr(triton, "_exactly", counted)
    points = np.ones((42, 4), np.float32)
    points[40:] = [[1, -1, 1, -1], [1, -1, 1, -0.5]]
    question = among(points, 2, Rules(np.where(np.arange(42) < 40, -1, 7)))
    found = triton.top_k(question)
    assert np.array_equal(found[0], reference.top_k(question)[0])
    assert set(range(40)) <= set(again)


def test_triton_is_taken_when_asked_for(monkeypatch):
    monkeypatch.setenv("VQUERY_KERNELS", "triton")
    monkeypatch.setattr(triton, "all_top_k", str)
    assert "Question" in neighbours.all_top_k(np.eye(3), 1)
