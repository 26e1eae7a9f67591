"""Numbers and extents of groups: compiled against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vquery_kernels.groups import extents, numbered, reference

pytest.importorskip("numba")

from vquery_kernels.groups import cpu

CODES = st.lists(st.integers(0, 9), max_size=30).map(lambda given: np.array(given, np.int64))


@given(CODES, st.integers(0, 99))
def test_compiled(codes, seed):
    made = cpu.numbered(codes)
    np.testing.assert_array_equal(made, reference.numbered(codes))
    seen = list(dict.fromkeys(codes.tolist()))
    assert made.tolist() == [seen.index(code) for code in codes.tolist()]
    start = np.random.default_rng(seed).integers(-9, 9, codes.size)
    for found, expected in zip(
        cpu.extents(made, start, start + 2),
        reference.extents(made, start, start + 2),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_misuse():
    with pytest.raises(ValueError, match="codes must be at least 0, got -1"):
        numbered([-1])
    with pytest.raises(ValueError, match="groups must be at least 0, got -2"):
        extents([-2], [0], [1])
    with pytest.raises(ValueError, match="as many elements"):
        extents([0, 1], [0], [1])
