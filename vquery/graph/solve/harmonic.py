"""Harmonic solutions on a graph: how likely a random walk from a node first meets which seed.

With affinities ``W``, degrees ``D`` and a leak ``Λ ≥ 0`` a node (a chance to be lost to "unknown"
at each step), the scores ``F`` solve ``(D + Λ - W) F = 0`` off the seeds and equal the labels on
them (X. Zhu, Z. Ghahramani, J. Lafferty 2003; the leak as in their dongle nodes). Small systems
are factorised, larger ones solved by conjugate gradients on all columns at once, stopped on the
relative residual: the size of the last step understates the error by far.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import splu

from vquery.errors import LabelError
from vquery.graph.solve.gradients import conjugate_gradients
from vquery.graph.solve.report import SolveReport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

DIRECT_NODES = 3_000
"""Up to here a factorisation is faster than iterating, and exact."""
CHUNK = 64
"""Columns that are solved together when there is one a seed."""
CALIBRATION_TOL = 1e-3
HELD_OUT, HELD_OUT_ITERATED = 512, CHUNK
"""Seeds that are left out in turn for a calibration, when factorised and when iterated."""


@dataclass(slots=True)
class Harmonic:
    """The harmonic problem of one graph and one set of seed nodes; labels may vary.

    Parameters
    ----------
    weights
        Shape (n, n): symmetric, non-negative, without a diagonal.
    seeds
        Shape (s,): distinct nodes, at least one.
    leak
        One number, or shape (n,): chance weight of being lost at each node.
    tol, max_iter
        Of the conjugate gradients, used above ``DIRECT_NODES`` free nodes.
    """

    weights: sparse.csr_array
    seeds: Ints
    leak: float | Weights = 0.0
    tol: float = 1e-5
    max_iter: int = 2_000
    reached: NDArray[np.bool_] = field(init=False)
    report: SolveReport = field(init=False, default_factory=SolveReport)
    _free: Ints = field(init=False)
    _inner: sparse.csr_array = field(init=False)
    _border: sparse.csr_array = field(init=False)
    _seeds_block: sparse.csr_array = field(init=False)
    _factor: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        if len(self.seeds) == 0 or len(np.unique(self.seeds)) < len(self.seeds):
            raise LabelError("propagation needs at least one seed, and each node only once")
        degree = np.asarray(self.weights.sum(axis=1, dtype=np.float64)).ravel()
        system = sparse.csr_array(sparse.diags_array(degree + self.leak) - self.weights)
        _, component = csgraph.connected_components(self.weights, directed=False)
        self.reached = np.isin(component, component[self.seeds])
        free = self.reached.copy()
        free[self.seeds] = False
        self._free = np.flatnonzero(free)
        rows = system[self._free]
        self._inner = sparse.csr_array(rows[:, self._free])
        self._border = sparse.csr_array(-rows[:, self.seeds])
        self._seeds_block = sparse.csr_array(system[self.seeds][:, self.seeds])
        if len(self._free) > DIRECT_NODES:
            self.report.method = "conjugate gradients"
        elif len(self._free):
            self._factor = splu(sparse.csc_array(self._inner))
        self.reached.setflags(write=False)

    def solve(self, labels: Weights) -> Weights:
        """Spread ``labels`` (s, c), one row a seed, over the graph.

        Returns
        -------
        ndarray
            Shape (n, c): the labels on the seeds, their harmonic mean elsewhere, 0 in components
            without a seed. Without a leak the rows of reached nodes sum to what the labels do.
        """
        out = np.zeros((self.weights.shape[0], labels.shape[1]))
        out[self.seeds] = labels
        out[self._free] = self._inner_solve(np.asarray(self._border @ labels))
        return out

    def received(self, weights: Weights) -> Weights:
        """Add up what each seed gives to all nodes, each counted ``weights`` (n,) times.

        ``received(w) @ labels`` is ``w @ solve(labels)`` for the cost of one column.

        Returns
        -------
        ndarray
            Shape (s,).
        """
        met = self._border.T @ self._inner_solve(weights[self._free][:, None])
        return np.asarray(weights[self.seeds] + met.ravel())

    def _inner_solve(self, right: Weights, *, tol: float | None = None) -> Weights:
        if not len(self._free):
            return right
        if self._factor is not None:
            return np.asarray(self._factor.solve(right))
        x, steps, left = conjugate_gradients(
            self._inner, right, tol=tol or self.tol, max_iter=self.max_iter
        )
        self.report.add(steps, left, tol or self.tol, final=tol is None)
        return x

    def _seed_columns(self, which: Ints, tol: float | None) -> Iterator[tuple[Ints, Weights]]:
        """For chunks of seed positions: the chance of each free node to meet that seed first."""
        for start in range(0, len(which), CHUNK):
            part = which[start : start + CHUNK]
            yield part, self._inner_solve(self._border[:, part].toarray(), tol=tol)

    def held_out(self) -> Ints:
        """Choose the seeds that are worth leaving out: all, or a sample; the same every time."""
        limit = HELD_OUT if self._factor is not None else HELD_OUT_ITERATED
        which = np.arange(len(self.seeds))
        if len(which) <= limit:
            return which
        return np.sort(np.random.default_rng(0).choice(which, limit, replace=False))

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
        for part, columns in self._seed_columns(which, max(self.tol, CALIBRATION_TOL)):
            reduced = self._seeds_block[:, part].toarray() - self._border.T @ columns
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
        for i, node in enumerate(nodes):
            hit = np.flatnonzero(self.seeds == node)
            if len(hit):
                best[i, 0], share[i, 0] = hit[0], 1.0
        inside = np.full(self.weights.shape[0], -1, np.int64)
        inside[self._free] = np.arange(len(self._free))
        rows = np.flatnonzero(inside[nodes] >= 0)
        if len(rows):
            by_seed = len(self.seeds) <= len(rows)
            fill = self._by_seed if by_seed else self._by_node
            best[rows], share[rows] = fill(inside[nodes[rows]], top)
        return best, share

    def _by_seed(self, free: Ints, top: int) -> tuple[Ints, Weights]:
        best = np.full((len(free), top), -1, np.int64)
        share = np.zeros((len(free), top))
        for part, columns in self._seed_columns(np.arange(len(self.seeds)), None):
            ids = np.c_[best, np.broadcast_to(part, (len(free), len(part)))]
            best, share = _largest(ids, np.c_[share, columns[free]], top)
        return best, share

    def _by_node(self, free: Ints, top: int) -> tuple[Ints, Weights]:
        best = np.full((len(free), top), -1, np.int64)
        share = np.zeros((len(free), top))
        every = np.arange(len(self.seeds))
        for start in range(0, len(free), CHUNK):
            part = free[start : start + CHUNK]
            unit = np.zeros((len(self._free), len(part)))
            unit[part, np.arange(len(part))] = 1.0
            chance = np.asarray(self._border.T @ self._inner_solve(unit)).T
            ids = np.c_[best[start : start + CHUNK], np.broadcast_to(every, chance.shape)]
            both = np.c_[share[start : start + CHUNK], chance]
            best[start : start + CHUNK], share[start : start + CHUNK] = _largest(ids, both, top)
        return best, share


def _largest(ids: Ints, values: Weights, top: int) -> tuple[Ints, Weights]:
    """Keep the ``top`` largest values of each row with their ids; zeros get id -1."""
    order = np.argsort(-values, axis=1, kind="stable")[:, :top]
    value = np.take_along_axis(values, order, 1)
    return np.where(value > 0, np.take_along_axis(ids, order, 1), -1), np.maximum(value, 0.0)
