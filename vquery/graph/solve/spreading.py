"""Spreading: labels diffuse and fade, seeds may be wrong (D. Zhou and others 2004).

``F = (1 - a) (I - a S)⁻¹ C Y`` with ``S = D^-1/2 W D^-1/2``, seed labels ``Y`` and the seeds'
confidence ``C``. A seed is only a source: where its neighbours disagree strongly it changes its
label, so noisy votes are smoothed. Solved as ``(D/a - W) X = D^1/2 C Y``, which is symmetric
positive definite, with ``F = (1 - a)/a D^1/2 X``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from vquery.errors import LabelError
from vquery.graph.solve import limits
from vquery.graph.solve.system import System, check_seeds, top_shares

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from vquery.graph.solve.report import SolveReport

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

ALPHA = 0.99


@dataclass(slots=True)
class Spreading:
    """The spreading problem of one graph and one set of seed nodes; labels may vary.

    Parameters
    ----------
    weights
        Shape (n, n): symmetric, non-negative, without a diagonal.
    seeds
        Shape (s,): distinct nodes, at least one.
    confidence
        Shape (s,), above 0: how much each seed gives off, 1 by default.
    alpha
        Above 0, below 1: share of a score that comes from the neighbours at each step. .99 suits
        classes of hundreds, .8 to .9 those of ten; .999 loses.
    tol, max_iter
        Of the conjugate gradients, used for more than ``limits.DIRECT_NODES`` reached nodes.

    Raises
    ------
    LabelError
        For no seeds, seeds that repeat or do not exist, and numbers out of range.

    Notes
    -----
    Everything here is exact up to the tolerance, leaving out and contributions too, because the
    scores are a sum over the seeds. A solve costs O(edges · classes) an iteration.

    >>> from vquery.graph.edges import from_pairs
    >>> line = from_pairs(3, [0], [1], [1.0], kind="visual").weights
    >>> problem = Spreading(line, np.array([0, 2]), alpha=0.5)
    >>> problem.solve(np.eye(2)).round(3).tolist()        # no edge: a seed keeps what it has
    [[0.667, 0.0], [0.333, 0.0], [0.0, 0.5]]
    """

    weights: sparse.csr_array
    seeds: Ints
    confidence: ArrayLike | None = None
    alpha: float = ALPHA
    tol: float = 1e-5
    max_iter: int = 2_000
    reached: NDArray[np.bool_] = field(init=False)
    _component: Ints = field(init=False)
    _live: Ints = field(init=False)
    _place: Ints = field(init=False)
    _root: Weights = field(init=False)
    _trust: Weights = field(init=False)
    _system: System = field(init=False)

    def __post_init__(self) -> None:
        n = self.weights.shape[0]
        check_seeds(self.seeds, n)
        if not 0 < self.alpha < 1:
            raise LabelError(f"The 'alpha' parameter must be between 0 and 1. Got {self.alpha}.")
        self._trust = _trusted(self.confidence, len(self.seeds))
        _, component = csgraph.connected_components(self.weights, directed=False)
        self._component = component
        self.reached = np.isin(component, component[self.seeds])
        self.reached.setflags(write=False)
        self._live = np.flatnonzero(self.reached)
        self._place = np.full(n, -1, np.int64)
        self._place[self._live] = np.arange(len(self._live))
        inner = self.weights[self._live][:, self._live].astype(np.float64)
        degree = np.asarray(inner.sum(axis=1)).ravel()
        degree[degree == 0] = 1.0  # a seed without neighbours keeps its own score
        self._root = np.sqrt(degree)
        matrix = sparse.csr_array(sparse.diags_array(degree / self.alpha) - inner)
        self._system = System(matrix, self.tol, self.max_iter)

    @property
    def report(self) -> SolveReport:
        """What the solver did so far."""
        return self._system.report

    def solve(self, labels: Weights) -> Weights:
        """Spread ``labels`` (s, c), one row a seed, over the graph.

        Returns
        -------
        ndarray
            Shape (n, c), not negative but for the tolerance: how much of each class arrives. Rows
            do not sum to 1, and fade with the distance from the seeds.
        """
        right = np.zeros((len(self._live), labels.shape[1]))
        right[self._place[self.seeds]] = self._trust[:, None] * labels
        out = np.zeros((self.weights.shape[0], labels.shape[1]))
        out[self._live] = self._apply(right)
        return out

    def received(self, weights: Weights) -> Weights:
        """Add up what each seed gives to all nodes, each counted ``weights`` (n,) times.

        ``received(w) @ labels`` is ``w @ solve(labels)`` for the cost of one column.

        Returns
        -------
        ndarray
            Shape (s,).
        """
        given = self._apply(weights[self._live][:, None]).ravel()
        return np.asarray(given[self._place[self.seeds]] * self._trust)

    def _apply(self, right: Weights, *, tol: float | None = None) -> Weights:
        """Multiply columns over the reached nodes with ``(1 - a) (I - a S)⁻¹``."""
        root = self._root[:, None]
        return np.asarray((1 / self.alpha - 1) * root * self._system.solve(root * right, tol=tol))

    def _kernel(self, nodes: Ints, *, tol: float | None = None) -> Weights:
        """Tell what one unit at each seed gives to reached ``nodes`` (m,), shape (m, s).

        The kernel is symmetric, so these are the columns of ``nodes`` themselves.
        """
        right = np.zeros((len(self._live), len(nodes)))
        right[self._place[nodes], np.arange(len(nodes))] = 1.0
        return self._apply(right, tol=tol)[self._place[self.seeds]].T * self._trust

    def held_out(self) -> Ints:
        """Choose the seeds that are worth leaving out: all, or a sample; the same every time."""
        return limits.sampled(len(self.seeds), direct=len(self._live) <= limits.DIRECT_NODES)

    def leave_one_out(self, labels: Weights, which: Ints) -> Weights:
        """Score seeds as if they alone had no label: exact, one column a seed.

        Parameters
        ----------
        labels
            Shape (s, c), one row a seed.
        which
            Shape (m,): positions among the seeds.

        Returns
        -------
        ndarray
            Shape (m, c); NaN in all columns for a seed that no other seed reaches.
        """
        out = np.full((len(which), labels.shape[1]), np.nan)
        count = np.bincount(self._component[self.seeds])[self._component[self.seeds[which]]]
        rows = np.flatnonzero(count > 1)
        for some in limits.chunks(len(rows), len(self._live)):
            part = rows[some]
            chosen = which[part]
            given = self._kernel(self.seeds[chosen], tol=max(self.tol, limits.CALIBRATION_TOL))
            given[np.arange(len(part)), chosen] = 0.0
            out[part] = given @ labels
        return out

    def contributions(self, nodes: Ints, *, top: int = 3) -> tuple[Ints, Weights]:
        """Find the seeds that give most to each of ``nodes``.

        Returns
        -------
        (ndarray, ndarray)
            Positions among the seeds, -1 where there are fewer, and their shares of all that
            arrives at the node, both of shape (len(nodes), top), largest first. Exact; costs one
            column a node.
        """
        best = np.full((len(nodes), top), -1, np.int64)
        share = np.zeros((len(nodes), top))
        rows = np.flatnonzero(self.reached[nodes])
        best[rows], share[rows] = top_shares(
            self._kernel, self.seeds, nodes[rows], top, size=len(self._live)
        )
        return best, share


def _trusted(confidence: ArrayLike | None, count: int) -> Weights:
    if confidence is None:
        return np.ones(count)
    trust = np.asarray(confidence, np.float64)
    if trust.shape != (count,):
        raise LabelError(
            f"The 'confidence' parameter must have one number for each of {count} seeds, "
            f"got shape {trust.shape}"
        )
    bad = np.flatnonzero(~(np.isfinite(trust) & (trust > 0)))
    if len(bad):
        raise LabelError(f"confidence of seed {bad[0]} must be above 0, got {trust[bad[0]]}")
    return trust
