"""Block conjugate gradients: one symmetric positive definite system, many right-hand sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery.graph.solve.fast import Fast
from vquery.graph.solve.prepared import prepared

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    Weights = NDArray[np.float64]

KERNEL_NODES = 20_000
"""From here on the compiled kernels run; below, numpy is done before they are prepared."""


def conjugate_gradients(
    matrix: sparse.csr_array,
    right: Weights,
    *,
    start: Weights | None = None,
    tol: float = 1e-6,
    max_iter: int = 2_000,
) -> tuple[Weights, int, float]:
    """Solve ``matrix @ X = right`` for a symmetric positive definite matrix, all columns at once.

    Each column runs its own iteration with the diagonal as preconditioner; only the products with
    the matrix are shared. Above ``KERNEL_NODES`` rows the compiled kernels run (see
    `vquery.graph.solve.fast`): in float32, with the residual taken in float64 and corrected until
    the tolerance is met, and a coarse problem in the preconditioner. What they need of the matrix
    is kept as long as it lives.

    Parameters
    ----------
    matrix
        Shape (m, m).
    right
        Shape (m, c).
    start
        Shape (m, c): where to begin, zero unless given. The residual is taken against ``right``
        all the same.
    tol
        Stop when ``|right - matrix @ X| <= tol · |right|`` in every column.
    max_iter
        Stop after so many iterations in any case.

    Returns
    -------
    (ndarray, int, float)
        X of the shape of ``right`` (m, c); the iterations; the largest relative residual
        ``|right - matrix @ X| / |right|`` of any column, computed anew at the end.

    >>> from scipy import sparse
    >>> matrix = sparse.csr_array(np.diag([2.0, 4.0]))
    >>> x, steps, left = conjugate_gradients(matrix, np.ones((2, 1)))
    >>> x.ravel().tolist(), steps, left
    ([0.5, 0.25], 1, 0.0)
    >>> conjugate_gradients(matrix, np.ones((2, 1)), start=x)[1]
    0
    """
    if len(right) >= KERNEL_NODES:
        free = np.ones(len(right), bool)
        system = Fast(matrix, prepared(matrix, whole=True), matrix.diagonal(), free, whole=True)
        done = system.solve(right, start=start, tol=tol, max_iter=max_iter)
        return done.x, done.iterations, done.worst
    diagonal = matrix.diagonal()[:, None]
    size = np.linalg.norm(right, axis=0)
    size[size == 0] = 1.0
    x = np.zeros_like(right) if start is None else np.array(start, right.dtype)
    residual = right - matrix @ x if start is not None else right.copy()
    step = scaled = residual / diagonal
    energy = np.einsum("ij,ij->j", residual, scaled)
    count = 0
    while count < max_iter and (np.linalg.norm(residual, axis=0) > tol * size).any():
        moved = matrix @ step
        curvature = np.einsum("ij,ij->j", step, moved)
        length = np.divide(energy, curvature, out=np.zeros_like(energy), where=curvature > 0)
        x += length * step
        residual = residual - length * moved
        scaled = residual / diagonal
        before, energy = energy, np.einsum("ij,ij->j", residual, scaled)
        step = scaled + step * np.divide(
            energy, before, out=np.zeros_like(energy), where=before > 0
        )
        count += 1
    left = np.linalg.norm(right - matrix @ x, axis=0) / size
    return x, count, float(left.max(initial=0.0))
