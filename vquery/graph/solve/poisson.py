"""Poisson learning: seeds as sources and sinks, for one label a class (J. Calder and others 2020).

``L U = Σ_j (y_j - ȳ) δ_j`` with the Laplacian ``L = D - W``, where ``ȳ`` is the mean label and each
column of ``U`` has mean 0 weighted by degree. With very few labels the harmonic solution is nearly
the same everywhere but at the seeds; here the seeds' labels are taken against each other and the
difference spreads.

The equation has a solution only where sources and sinks sum to 0, so it is posed in each component
by itself, with the mean over the seeds of that component. (With one mean over all seeds, as in the
paper, a graph that falls apart gives answers no better than chance.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from vquery.graph.solve import limits
from vquery.graph.solve.system import System, check_seeds, top_shares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.graph.solve.report import SolveReport

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

SHARPNESS = 8
"""Power of the potential in the scores. Sources are far deeper than what differs between classes
elsewhere, so that without it all scores are nearly equal and a prior of 4:1 leaves one class. It
changes no label unless a prior is given."""
TINY = 1e-12


@dataclass(slots=True)
class Poisson:
    """The Poisson problem of one graph and one set of seed nodes; labels may vary.

    Parameters
    ----------
    weights
        Shape (n, n): symmetric, non-negative, without a diagonal.
    seeds
        Shape (s,): distinct nodes, at least one.
    tol, max_iter
        Of the conjugate gradients, used for more than ``limits.DIRECT_NODES`` nodes.

    Raises
    ------
    LabelError
        For no seeds and seeds that repeat or do not exist.

    Notes
    -----
    Leaving out is exact but for the scale of the potential, which stays that of all seeds; a
    contribution is exact as a part of the potential.

    >>> from vquery.graph.edges import from_pairs
    >>> line = from_pairs(4, [0, 1, 2], [1, 2, 3], [1.0, 1.0, 1.0], kind="visual").weights
    >>> Poisson(line, np.array([0, 3])).solve(np.eye(2)).round(3).tolist()
    [[1.0, 0.0], [0.996, 0.004], [0.004, 0.996], [0.0, 1.0]]
    """

    weights: sparse.csr_array
    seeds: Ints
    tol: float = 1e-5
    max_iter: int = 2_000
    reached: NDArray[np.bool_] = field(init=False)
    _code: Ints = field(init=False)
    _part: Ints = field(init=False)
    _count: Ints = field(init=False)
    _members: sparse.csr_array = field(init=False)
    _live: Ints = field(init=False)
    _place: Ints = field(init=False)
    _degree: Weights = field(init=False)
    _system: System = field(init=False)

    def __post_init__(self) -> None:
        n = self.weights.shape[0]
        check_seeds(self.seeds, n)
        _, component = csgraph.connected_components(self.weights, directed=False)
        names, self._part = np.unique(component[self.seeds], return_inverse=True)
        parts, count = len(names), np.bincount(self._part)
        code = np.full(component.max(initial=0) + 1, -1, np.int64)
        code[names] = np.arange(parts)
        self._code, self._count = code[component], count
        each = (np.ones(len(self.seeds)), (self._part, np.arange(len(self.seeds))))
        self._members = sparse.csr_array(each, shape=(parts, len(self.seeds)))
        self.reached = self._code >= 0
        self.reached.setflags(write=False)
        # where one seed is alone there is nothing to tell it from
        self._live = np.flatnonzero(self.reached & (count[self._code] > 1))
        self._place = np.full(n, -1, np.int64)
        self._place[self._live] = np.arange(len(self._live))
        inner = self.weights[self._live][:, self._live].astype(np.float64)
        self._degree = np.asarray(inner.sum(axis=1)).ravel()
        matrix = sparse.csr_array(sparse.diags_array(self._degree) - inner)
        self._system = System(matrix, self.tol, self.max_iter, keep=self._ungrounded())

    def _ungrounded(self) -> Ints:
        """All live nodes but one of each component, which fixes the constant."""
        _, first = np.unique(self._code[self._live], return_index=True)
        return np.setdiff1d(np.arange(len(self._live)), first)

    @property
    def report(self) -> SolveReport:
        """What the solver did so far."""
        return self._system.report

    def potential(self, labels: Weights) -> Weights:
        """Solve the equation for ``labels`` (s, c): U of the module, shape (n, c).

        In components with one seed or none it is 0.
        """
        place = self._place[self.seeds]
        inside = place >= 0
        right = np.zeros((len(self._live), labels.shape[1]))
        right[place[inside]] = (labels - self._mean(labels)[self._part])[inside]
        out = np.zeros((self.weights.shape[0], labels.shape[1]))
        out[self._live] = self._centred(self._system.solve(right))
        return out

    def _mean(self, labels: Weights) -> Weights:
        """Mean label in each part (component with seeds), shape (parts, c)."""
        return np.asarray(self._members @ labels) / self._count[:, None]

    def _share(self) -> Weights:
        """Each live node's part of its component's degrees, shape (live,)."""
        code = self._code[self._live]
        volume = np.bincount(code, weights=self._degree, minlength=len(self._count))
        return np.asarray(self._degree / volume[code])

    def _centred(self, x: Weights) -> Weights:
        """Make the mean of each component, weighted by degree, 0."""
        code = self._code[self._live]
        each = (self._share(), (code, np.arange(len(code))))
        mean = sparse.csr_array(each, shape=(len(self._count), len(code))) @ x
        return np.asarray(x - mean[code])

    def solve(self, labels: Weights) -> Weights:
        """Score every class at every node by the potential.

        Returns
        -------
        ndarray
            Shape (n, c): ``(1 + u / t) ** SHARPNESS`` over the classes with seeds in the node's
            component, ``t`` the depth of its deepest sink, scaled so that the rows of reached nodes
            sum to 1. The best class is that of the potential. All 0 where there is no seed.
        """
        u, code = self.potential(labels), self._code
        scores = np.zeros_like(u)
        live = self._live
        scores[live] = _sharp(
            u[live], self._depth(u)[code[live]], self._present(labels)[code[live]]
        )
        alone = np.flatnonzero(self.reached & (self._place < 0))
        scores[alone] = self._mean(labels)[code[alone]]
        return scores

    def _present(self, labels: Weights) -> NDArray[np.bool_]:
        return np.asarray(self._mean(labels) > 0)

    def _depth(self, u: Weights) -> Weights:
        """Depth of the deepest sink of each part; 1 where nothing differs."""
        depth = np.zeros(len(self._count))
        np.maximum.at(depth, self._code[self._live], -u[self._live].min(axis=1, initial=0.0))
        depth[depth == 0] = 1.0
        return depth

    def _kernel(self, nodes: Ints, *, tol: float | None = None) -> Weights:
        """Tell what a source at each seed gives to live ``nodes`` (m,), shape (m, s)."""
        code = self._code[self._live]
        same = code[:, None] == self._code[nodes]
        right = np.where(same, -self._share()[:, None], 0.0)
        right[self._place[nodes], np.arange(len(nodes))] += 1.0
        columns = self._centred(self._system.solve(right, tol=tol))
        near = self._code[nodes][:, None] == self._part
        return np.asarray(np.where(near, columns[self._place[self.seeds]].T, 0.0))

    def held_out(self) -> Ints:
        """Choose the seeds that are worth leaving out: all, or a sample; the same every time."""
        return limits.sampled(len(self.seeds), direct=len(self._live) <= limits.DIRECT_NODES)

    def leave_one_out(self, labels: Weights, which: Ints) -> Weights:
        """Score seeds as if they alone had no label, from one column a seed.

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
        rows = np.flatnonzero(self._count[self._part[which]] > 1)
        depth = self._depth(self.potential(labels)) if len(rows) else np.empty(0)
        for some in limits.chunks(len(rows), len(self._live)):
            part = rows[some]
            chosen = which[part]
            code, at = self._part[chosen], np.arange(len(part))
            given = self._kernel(self.seeds[chosen], tol=max(self.tol, limits.CALIBRATION_TOL))
            given[at, chosen] = 0.0
            count = self._count[code][:, None]
            rest = (self._mean(labels)[code] * count - labels[chosen]) / (count - 1)
            u = given @ labels - given.sum(1, keepdims=True) * rest
            out[part] = _sharp(u, depth[code], rest > TINY)
        return out

    def contributions(self, nodes: Ints, *, top: int = 3) -> tuple[Ints, Weights]:
        """Find the seeds that lift the potential of each of ``nodes`` most.

        Returns
        -------
        (ndarray, ndarray)
            Positions among the seeds, -1 where there are fewer, and their shares of all that lifts
            the node, both of shape (len(nodes), top), largest first; a seed's own share is 1. Costs
            one column a node.
        """
        best = np.full((len(nodes), top), -1, np.int64)
        share = np.zeros((len(nodes), top))
        rows = np.flatnonzero(self.reached[nodes])
        best[rows], share[rows] = top_shares(
            self._lift, self.seeds, nodes[rows], top, size=len(self._live)
        )
        return best, share

    def _lift(self, nodes: Ints) -> Weights:
        """Part of each seed in the potential of ``nodes`` for its own class, shape (m, s)."""
        same = self._code[nodes][:, None] == self._part
        own = nodes[:, None] == self.seeds
        out: Weights = np.where(own.any(1, keepdims=True), own, same).astype(np.float64)
        rows = np.flatnonzero((self._place[nodes] >= 0) & ~own.any(1))
        if len(rows):
            given = self._kernel(nodes[rows])
            mean = given.sum(1) / self._count[self._code[nodes[rows]]]
            lift = np.where(same[rows], given - mean[:, None], 0.0)
            even = np.abs(lift).max(axis=1, initial=0.0) <= TINY * np.abs(given).max(initial=0.0)
            lift[even] = same[rows[even]]  # all seeds are as near: each speaks for it alike
            out[rows] = lift
        return out


def _sharp(u: Weights, depth: Weights, present: NDArray[np.bool_]) -> Weights:
    """Turn potentials (m, c) into scores whose rows sum to 1 over the classes that are present."""
    lifted: Weights = np.where(present, np.maximum(1 + u / depth[:, None], 0.0), 0.0)
    lifted /= np.maximum(lifted.max(axis=1, keepdims=True, initial=0.0), TINY)
    lifted **= SHARPNESS
    lifted /= np.maximum(lifted.sum(1, keepdims=True), TINY)
    return np.asarray(lifted)
