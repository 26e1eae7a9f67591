"""What solvers share: when they factorise, which seeds are left out, how many columns at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

DIRECT_NODES = 3_000
"""Up to here a factorisation is faster than iterating, and exact."""
CHUNK, CHUNK_BYTES = 64, 128 << 20
"""Columns that are solved together when there is one a seed: on large graphs fewer."""
CALIBRATION_TOL = 1e-3
HELD_OUT, HELD_OUT_ITERATED = 512, CHUNK
"""Seeds that are left out in turn for a calibration, when factorised and when iterated."""


def sampled(count: int, *, direct: bool) -> Ints:
    """Choose which of ``count`` seeds to leave out in turn: all, or a sample, always the same."""
    limit = HELD_OUT if direct else HELD_OUT_ITERATED
    if count <= limit:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, limit, replace=False))


def chunks(count: int, nodes: int) -> Iterator[slice]:
    """Cut ``count`` columns over so many nodes into runs that are solved together.

    >>> [part.stop for part in chunks(100, 10)], [part.stop for part in chunks(3, 10**8)]
    ([64, 128], [1, 2, 3])
    """
    step = max(1, min(CHUNK, CHUNK_BYTES // max(8 * nodes, 1)))
    for start in range(0, count, step):
        yield slice(start, start + step)
