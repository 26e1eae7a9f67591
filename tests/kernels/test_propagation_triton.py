# ruff: noqa: E402 - what comes first sets the interpreter up
"""The propagation step in Triton against numpy; without a GPU in Triton's interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scipy import sparse

from vquery_kernels.propagation import reference

gpu = pytest.importorskip("vquery_kernels.gpu")  # before triton itself, which it sets up

from vquery_kernels.propagation import triton as on_gpu

few = settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def tile(monkeypatch):
    """Small tiles, so that a few nodes are several programs."""
    monkeypatch.setattr(on_gpu, "NODES", 16)


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 40))
    half = rng.random((n, n)) * (rng.random((n, n)) < draw(st.sampled_from([0.03, 0.4])))
    matrix = sparse.csr_array(half + half.T)
    places = draw(st.integers(1, 5))
    edges = reference.layout(matrix.indptr, matrix.indices, matrix.data, np.arange(n), places)
    gain = (rng.random(n) * (rng.random(n) < 0.8) / 10).astype(np.float32)
    columns = draw(st.sampled_from([1, 4, 16]))
    base, x = (rng.random((n, columns)).astype(np.float32) for _ in range(2))
    return edges, gain, base, x


@few
@given(problem=problems(), steps=st.integers(0, 2))
def test_steps(problem, steps):
    scores, change = on_gpu.propagate(*problem, steps)
    expected, moved = reference.propagate(*problem, steps)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(change, moved, rtol=1e-4, atol=1e-5)


@few
@given(problem=problems())
def test_one_step_into_given_memory(problem):
    out = np.full_like(problem[3], np.nan)
    change = on_gpu.spread(*problem, out)
    expected = np.empty_like(out)
    np.testing.assert_allclose(change, reference.spread(*problem, expected), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


@few
@given(problem=problems())
def test_scores_in_half_precision_are_summed_in_single(problem):
    edges, gain, base, x = problem
    scores, _ = on_gpu.propagate(*problem, 1, half=True)
    short = np.asarray(gpu.array(gpu.tensor(x).bfloat16().float()))  # what the gather sees
    expected, _ = reference.propagate(edges, gain, base, short, 1)
    np.testing.assert_allclose(scores, expected, rtol=2**-7, atol=1e-6)
