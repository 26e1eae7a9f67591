"""Harmonic solutions on a graph: how likely a random walk from a node first meets which seed.

With affinities ``W``, degrees ``D`` and a leak ``Λ ≥ 0`` a node (a chance to be lost to "unknown"
at each step), the scores ``F`` solve ``(D + Λ - W) F = 0`` off the seeds and equal the labels on
them (X. Zhu, Z. Ghahramani, J. Lafferty 2003; the leak as in their dongle nodes). Small systems
are factorised, larger ones solved by conjugate gradients on all columns at once, stopped on the
relative residual: the size of the last step understates the error by far.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import splu

from vquery.errors import LabelError
from vquery.graph.solve import limits, warm
from vquery.graph.solve.fast import Fast, Own
from vquery.graph.solve.prepared import prepared, row_sums
from vquery.graph.solve.report import SolveReport
from vquery.graph.solve.unsure import unsure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vquery.graph.solve.fast import Solved

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

UNSURE_SHARE = 0.01
TIGHTEST = 1e-3
"""Looking at single nodes never asks for less than this part of the tolerance: ties stay open."""


@dataclass(slots=True)
class Harmonic:
    """The harmonic problem of one graph and one set of seed nodes; labels may vary.

    All nodes stay in the system and seeds are clamped in it, so that another set of seeds on the
    same graph costs no new matrix: what iterations need of the graph is prepared once and kept with
    it. Memory is that of the graph and some copies of the scores.

    Parameters
    ----------
    weights
        Shape (n, n): symmetric, non-negative, without a diagonal. Not to be changed in place.
    seeds
        Shape (s,): distinct nodes, at least one.
    leak
        One number, or shape (n,): chance weight of being lost at each node.
    tol, max_iter
        Of the conjugate gradients, used above ``limits.DIRECT_NODES`` free nodes: the relative
        residual of every column.
    unsure_share
        Iterate on, up to a thousandth of ``tol``, while the order of classes is open at more than
        this share of the nodes (see `unsure`).

    Raises
    ------
    LabelError
        For no seeds, and for seeds that repeat.

    >>> from vquery.graph.edges import from_pairs
    >>> line = from_pairs(4, [0, 1], [1, 2], [1.0, 1.0], kind="visual").weights
    >>> Harmonic(line, np.array([0, 2])).solve(np.eye(2)).tolist()      # nothing reaches node 3
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.0, 0.0]]
    """

    weights: sparse.csr_array
    seeds: Ints
    leak: float | Weights = 0.0
    tol: float = 1e-5
    max_iter: int = 2_000
    unsure_share: float = UNSURE_SHARE
    reached: NDArray[np.bool_] = field(init=False)
    report: SolveReport = field(init=False, default_factory=SolveReport)
    total: Weights = field(init=False)
    border: sparse.csr_array = field(init=False)
    warm_steps: int = field(init=False, default=0)
    _free: NDArray[np.bool_] = field(init=False)
    _nodes: Ints = field(init=False)
    _component: Ints = field(init=False)
    _direct: Any = field(init=False, default=None)
    _fast: Fast | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if len(self.seeds) == 0 or len(np.unique(self.seeds)) < len(self.seeds):
            raise LabelError("propagation needs at least one seed, and each node only once")
        n = self.weights.shape[0]
        made = prepared(self.weights) if n > limits.DIRECT_NODES else None
        if made is None:
            self.total = row_sums(self.weights) + self.leak
            _, component = csgraph.connected_components(self.weights, directed=False)
        else:
            self.total, component = made.degree + self.leak, made.component
        self._component = component
        seen = np.zeros(n + 1, bool)
        seen[component[self.seeds]] = True
        self.reached = seen[component]
        self._free = self.reached.copy()
        self._free[self.seeds] = False
        self._nodes = np.flatnonzero(self._free)
        self.border = sparse.csr_array(self.weights[self.seeds], dtype=np.float64)
        if made is not None and len(self._nodes) > limits.DIRECT_NODES:
            self.report.method = "conjugate gradients"
            self._fast = Fast(self.weights, made, self.total, self._free)
        elif len(self._nodes):
            self._direct = self._factor(self._nodes)
        self.reached.setflags(write=False)

    def _factor(self, nodes: Ints) -> Any:
        """Factorise the system of some free nodes."""
        inner = -self.weights[nodes][:, nodes].astype(np.float64)
        inner += sparse.diags_array(self.total[nodes])
        return splu(sparse.csc_array(inner))

    def solve(self, labels: Weights, *, start: Weights | None = None) -> Weights:
        """Spread ``labels`` (s, c), one row a seed, over the graph.

        Parameters
        ----------
        labels
            Shape (s, c).
        start
            Shape (n, c): scores that are nearly right, where iterations begin.

        Returns
        -------
        ndarray
            Shape (n, c): the labels on the seeds, their harmonic mean elsewhere, 0 in components
            without a seed. Without a leak the rows of reached nodes sum to what the labels do.
        """
        right = np.asarray(self.border.T @ labels, np.float64)
        out = self.inner(right, start=start, watch=True)
        out[self.seeds] = labels
        return out

    def received(self, weights: Weights) -> Weights:
        """Add up what each seed gives to all nodes, each counted ``weights`` (n,) times.

        ``received(w) @ labels`` is ``w @ solve(labels)`` for the cost of one column.

        Returns
        -------
        ndarray
            Shape (s,).
        """
        met = self.border @ self.inner(weights[:, None].astype(np.float64))
        return np.asarray(weights[self.seeds] + met.ravel())

    def inner(
        self,
        right: Weights,
        *,
        start: Weights | None = None,
        tol: float | None = None,
        watch: bool = False,
    ) -> Weights:
        """Solve for the free nodes; what ``right`` (n, c) holds elsewhere is ignored.

        Parameters
        ----------
        right
            Shape (n, c).
        start
            Where iterations begin.
        tol
            For a rough solution, whose residual is not reported.
        watch
            Whether to look at single nodes too, and iterate on where too many are unsure.

        Returns
        -------
        ndarray
            Shape (n, c), 0 on all but the free nodes.
        """
        if self._fast is None:
            out = np.zeros_like(right)
            if self._direct is not None:
                out[self._nodes] = self._direct.solve(right[self._nodes])
            return out
        goal = tol or self.tol
        done = self._fast.solve(right, start=start, tol=goal, max_iter=self.max_iter, watch=watch)
        open_, steps = self._open(done) if watch else 0, done.iterations
        while (
            open_ > self.unsure_share * len(self._nodes)
            and done.worst <= goal > self.tol * TIGHTEST
            and steps < self.max_iter
        ):
            goal /= 10
            left = self.max_iter - steps
            done = self._fast.solve(right, start=done.x, tol=goal, max_iter=left, watch=True)
            open_, steps = self._open(done), steps + done.iterations
        self.report.add(steps, done.worst, tol or self.tol, final=tol is None, unsure=open_)
        return done.x

    def columns(self, nodes: Ints) -> Weights:
        """Solve for columns of the inverse, one for each of the free ``nodes`` (m,): (n, m).

        To the tolerance that clamping the node needs: its new label moves the scores by
        ``g / g_i``, and the right-hand side by ``w_i``, so that is what the residual of ``g`` is
        taken against: ``g_i |w_i|``. Where the parts of the graph that hold the nodes are small,
        the system of those alone is factorised.
        """
        unit = np.zeros((self.weights.shape[0], len(nodes)))
        unit[nodes, np.arange(len(nodes))] = 1.0
        if self._fast is None:
            return self.inner(unit)
        theirs = np.zeros(len(unit) + 1, bool)
        theirs[self._component[nodes]] = True
        inside = np.flatnonzero(theirs[self._component] & self._free)
        if len(inside) <= limits.DIRECT_NODES:
            unit[inside] = self._factor(inside).solve(unit[inside])
            return unit
        pull = np.sqrt(np.asarray(self.weights[nodes].power(2).sum(axis=1, dtype=np.float64)))
        own = Own(nodes, pull.ravel())
        done = self._fast.solve(unit, start=None, tol=self.tol, max_iter=self.max_iter, own=own)
        self.report.add(done.iterations, done.worst, self.tol, final=True)
        return done.x

    def _open(self, done: Solved) -> int:
        """Count the free nodes whose order of classes is open."""
        open_ = unsure(done.x, done.late, done.residual, self.total)
        return int((open_ & self._free).sum())

    def added(
        self, node: int | Ints, scores: Weights, label_row: Weights
    ) -> tuple[Harmonic, Weights]:
        """Give a node a label, or several nodes, and correct the scores: see `warm.added`."""
        return warm.added(self, node, scores, label_row)

    def removed(self, node: int, scores: Weights) -> tuple[Harmonic, Weights]:
        """Take the label of a seed away and correct the scores: see `warm.removed`."""
        return warm.removed(self, node, scores)

    def near(self, seeds: Ints) -> Harmonic:
        """Pose the problem of other seeds, of which nearly all are the same.

        The coarse problem is taken over: it only has to be nearly right.
        """
        made = replace(self, seeds=seeds)
        if made._fast is not None and self._fast is not None:
            made._fast.follow(self._fast)
        return made

    def _seed_columns(self, which: Ints, tol: float | None) -> Iterator[tuple[Ints, Weights]]:
        """For chunks of seed positions: the chance of each free node to meet that seed first."""
        for some in limits.chunks(len(which), self.weights.shape[0]):
            part = which[some]
            yield part, self.inner(self.border[part].toarray().T, tol=tol)

    def held_out(self) -> Ints:
        """Choose the seeds that are worth leaving out: all, or a sample; the same every time."""
        return limits.sampled(len(self.seeds), direct=self._fast is None)

    def leave_one_out(self, labels: Weights, which: Ints) -> Weights:
        """Score seeds as if they alone had no label, from one column a seed, without solving anew.

        Eliminating the free nodes leaves ``M = A_ss - A_su A_uu⁻¹ A_us`` on the seeds; a seed that
        loses its label takes ``-Σ_t M_st y_t / M_ss`` over the others ``t``.

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
        out = np.zeros((len(which), labels.shape[1]))
        place = {int(seed): i for i, seed in enumerate(which)}
        for part, columns in self._seed_columns(which, max(self.tol, limits.CALIBRATION_TOL)):
            reduced = -self.border[:, self.seeds[part]].toarray() - self.border @ columns
            reduced[part, np.arange(len(part))] += self.total[self.seeds[part]]
            own = reduced[part, np.arange(len(part))].copy()
            reduced[part, np.arange(len(part))] = 0.0
            linked = np.abs(reduced).sum(0) > 1e-12 * np.maximum(own, 1e-300)
            rows = [place[int(seed)] for seed in part]
            safe = np.where(linked, own, 1.0)[:, None]
            out[rows] = np.where(linked[:, None], -(reduced.T @ labels) / safe, np.nan)
        return out

    def contributions(self, nodes: Ints, *, top: int = 3) -> tuple[Ints, Weights]:
        """Find the seeds that a walk from each of ``nodes`` meets first most often.

        Returns
        -------
        (ndarray, ndarray)
            Positions among the seeds, -1 where there are fewer, and their chances, both of shape
            (len(nodes), top), largest first. A seed's own chance is 1 for itself. Costs one
            column a seed or one a node, whichever is less.
        """
        best = np.full((len(nodes), top), -1, np.int64)
        share = np.zeros((len(nodes), top))
        place = np.full(self.weights.shape[0], -1)
        place[self.seeds] = np.arange(len(self.seeds))
        best[:, 0], share[:, 0] = place[nodes], place[nodes] >= 0
        rows = np.flatnonzero(self._free[nodes])
        if len(rows):
            by_seed = len(self.seeds) <= len(rows)
            fill = self._by_seed if by_seed else self._by_node
            best[rows], share[rows] = fill(nodes[rows], top)
        return best, share

    def _by_seed(self, nodes: Ints, top: int) -> tuple[Ints, Weights]:
        best = np.full((len(nodes), top), -1, np.int64)
        share = np.zeros((len(nodes), top))
        for part, columns in self._seed_columns(np.arange(len(self.seeds)), None):
            ids = np.c_[best, np.broadcast_to(part, (len(nodes), len(part)))]
            best, share = _largest(ids, np.c_[share, columns[nodes]], top)
        return best, share

    def _by_node(self, nodes: Ints, top: int) -> tuple[Ints, Weights]:
        best = np.full((len(nodes), top), -1, np.int64)
        share = np.zeros((len(nodes), top))
        every = np.arange(len(self.seeds))
        for part in limits.chunks(len(nodes), self.weights.shape[0]):
            asked = nodes[part]
            unit = np.zeros((self.weights.shape[0], len(asked)))
            unit[asked, np.arange(len(asked))] = 1.0
            chance = np.asarray(self.border @ self.inner(unit)).T
            ids = np.c_[best[part], np.broadcast_to(every, chance.shape)]
            best[part], share[part] = _largest(ids, np.c_[share[part], chance], top)
        return best, share


def _largest(ids: Ints, values: Weights, top: int) -> tuple[Ints, Weights]:
    """Keep the ``top`` largest values of each row with their ids; zeros get id -1."""
    order = np.argsort(-values, axis=1, kind="stable")[:, :top]
    value = np.take_along_axis(values, order, 1)
    return np.where(value > 0, np.take_along_axis(ids, order, 1), -1), np.maximum(value, 0.0)
