"""One symmetric system for many right-hand sides, and how seeds are left out and ranked.

What the solvers without a hard clamp have in common: each scores by a symmetric kernel between
nodes, of which only the columns of seeds, or of the nodes that are asked about, are ever computed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from vquery.errors import LabelError
from vquery.graph.solve import limits
from vquery.graph.solve.gradients import conjugate_gradients
from vquery.graph.solve.report import SolveReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]


@dataclass(slots=True)
class System:
    """A symmetric positive definite matrix, factorised when small, else iterated on.

    ``keep`` are the rows that are solved for: all, or all but one of each block that is only
    semi-definite; what is left out is 0. (With all rows the compiled iterations may diverge, since
    their coarse matrix is singular too, and inverted in float32.)
    """

    matrix: sparse.csr_array
    tol: float
    max_iter: int
    keep: Ints | None = None
    report: SolveReport = field(default_factory=SolveReport)
    _factor: Any = None

    def __post_init__(self) -> None:
        if self.keep is not None:
            self.matrix = sparse.csr_array(self.matrix[self.keep][:, self.keep])
        if self.matrix.shape[0] > limits.DIRECT_NODES:
            self.report.method = "conjugate gradients"
        elif self.matrix.shape[0]:
            self._factor = splu(sparse.csc_array(self.matrix))

    def solve(self, right: Weights, *, tol: float | None = None) -> Weights:
        """Solve for all columns of ``right`` (m, c); with ``tol`` only roughly."""
        if self.keep is None:
            return self._solve(right, tol)
        out = np.zeros_like(right)
        out[self.keep] = self._solve(right[self.keep], tol)
        return out

    def _solve(self, right: Weights, tol: float | None) -> Weights:
        if self._factor is not None:
            return np.asarray(self._factor.solve(right))
        if not len(right):
            return right
        x, steps, left = conjugate_gradients(
            self.matrix, right, tol=tol or self.tol, max_iter=self.max_iter
        )
        self.report.add(steps, left, tol or self.tol, final=tol is None)
        return x


def check_seeds(seeds: Ints, n: int) -> None:
    """Refuse no seeds, seeds that repeat, and nodes that do not exist."""
    if len(seeds) == 0 or len(np.unique(seeds)) < len(seeds):
        raise LabelError("propagation needs at least one seed, and each node only once")
    if seeds.min() < 0 or seeds.max() >= n:
        raise LabelError(f"seeds must be nodes from 0 to {n - 1}")


def top_shares(
    kernel: Callable[[Ints], Weights], seeds: Ints, nodes: Ints, top: int, *, size: int
) -> tuple[Ints, Weights]:
    """Find the seeds with the largest entries in the rows of ``nodes``, as shares of the row.

    Parameters
    ----------
    kernel
        Takes nodes (m,) and gives the entries of all seeds for them, shape (m, s). Entries below 0
        speak against a node's score and are not ranked.
    size
        Nodes of the graph, see `limits.chunks`.

    Returns
    -------
    (ndarray, ndarray)
        Positions among the seeds (-1: none), and shares, both (len(nodes), top), largest first.
    """
    best = np.full((len(nodes), top), -1, np.int64)
    share = np.zeros((len(nodes), top))
    width = min(top, len(seeds))
    for part in limits.chunks(len(nodes), size):
        entries = np.maximum(kernel(nodes[part]), 0.0)
        total = entries.sum(1, keepdims=True)
        entries = np.divide(entries, total, out=np.zeros_like(entries), where=total > 0)
        order = np.argsort(-entries, axis=1, kind="stable")[:, :width]
        value = np.take_along_axis(entries, order, 1)
        best[part, :width], share[part, :width] = np.where(value > 0, order, -1), value
    return best, share
