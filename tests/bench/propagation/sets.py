"""Clustered unit vectors like embeddings, drawn: the sets that speed is measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEPARATED, OVERLAPPING = 0.35, 0.8
"""Spreads: clusters that stand apart like tracks, and clusters that run into each other."""

HIDDEN, WIDE = 24, 128
"""Dimensions that the points really have, and those of the fixed random map out of them."""

POINTS_PER_CENTRE, FEWEST_CENTRES = 200, 50
NOISE = 0.05
BLOCK = 1 << 16


def clustered(n: int, sigma: float, seed: int = 0, d: int = 256) -> NDArray[np.float32]:
    """Unit vectors (n, d) in ``max(50, n // 200)`` clusters of spread ``sigma``.

    >>> clustered(3, SEPARATED, d=4).shape
    (3, 4)
    """
    return clustered_with_centres(n, sigma, seed, d)[0]


def clustered_with_centres(
    n: int, sigma: float, seed: int = 0, d: int = 256
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Like :func:`clustered`, with the number of the centre that each point was drawn around.

    Centres from N(0, I) in 24 dimensions, points N(centre, sigma² I), then the random map
    ``tanh(x W1) W2`` into ``d`` dimensions, a little noise, and length 1. Drawn in blocks: memory
    is that of the result.
    """
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(FEWEST_CENTRES, n // POINTS_PER_CENTRE), HIDDEN))
    first = rng.standard_normal((HIDDEN, WIDE)) / np.sqrt(HIDDEN)
    second = rng.standard_normal((WIDE, d)) / np.sqrt(WIDE)
    of = rng.integers(0, len(centres), n)
    points = np.empty((n, d), np.float32)
    for start in range(0, n, BLOCK):
        near = centres[of[start : start + BLOCK]]
        hidden = near + sigma * rng.standard_normal(near.shape)
        made = np.tanh(hidden @ first) @ second + NOISE * rng.standard_normal((len(near), d))
        points[start : start + BLOCK] = made / np.linalg.norm(made, axis=1, keepdims=True)
    return points, of
