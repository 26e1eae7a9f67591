"""Conjugate gradients in float64, for the columns on which iterations in float32 get nowhere.

A hub with tens of thousands of links, of which few lead to seeds, is such a case: its row is the
small difference of two large sums, of which float32 holds nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Weights = NDArray[np.float64]

PATIENCE = 200
"""Iterations without a smaller residual after which rounding is taken to have won."""


def corrections(
    product: Callable[[Weights], Weights],
    inverse: Weights,
    residual: Weights,
    goal: Weights,
    max_iter: int,
) -> tuple[Weights, int]:
    """Solve ``A x = residual``, each column until its residual is at most as long as its ``goal``.

    Parameters
    ----------
    product
        Takes and gives arrays (n, c): ``A`` times its columns; ``A`` is positive definite.
    inverse
        Shape (n,): inverse of the diagonal, the preconditioner.
    residual
        Shape (n, c).
    goal
        Shape (c,).

    Returns
    -------
    (ndarray, int)
        Of the x on the way those with the smallest residuals, (n, c): never worse than 0. And the
        iterations.

    >>> matrix = np.array([[2.0, 1.0], [1.0, 4.0]])
    >>> right = np.array([[3.0], [5.0]])
    >>> x, steps = corrections(lambda x: matrix @ x, np.ones(2), right, np.zeros(1), 9)
    >>> x.round(9).ravel().tolist()
    [1.0, 1.0]
    """
    x, left = np.zeros_like(residual), residual.copy()
    best, smallest = x.copy(), np.linalg.norm(left, axis=0)
    scaled = left * inverse[:, None]
    step, energy = scaled.copy(), np.einsum("ij,ij->j", left, scaled)
    count = since = 0
    while count < max_iter and since < PATIENCE and (smallest > goal).any():
        moved = product(step)
        length = _divided(energy, np.einsum("ij,ij->j", step, moved))
        x += length * step
        left -= length * moved
        norm = np.linalg.norm(left, axis=0)
        better = norm < smallest
        best[:, better], smallest[better] = x[:, better], norm[better]
        scaled = left * inverse[:, None]
        before, energy = energy, np.einsum("ij,ij->j", left, scaled)
        step = scaled + step * _divided(energy, before)
        count, since = count + 1, 0 if better.any() else since + 1
    return best, count


def _divided(above: Weights, below: Weights) -> Weights:
    return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0))
