"""Conjugate gradients on the compiled kernels, for large graphs.

The inner iteration is in float32 on at most 16 columns, one cache line a node; the outer one takes
the true residual in float64 and solves for the correction, so that any tolerance can be asked for.
The preconditioner is the diagonal plus a coarse problem: one unknown for each cluster of nodes
that hang together (a two-level additive Schwarz method). Weakly linked clusters, which make plain
iterations slow, are what it solves exactly: on 200,000 nodes in 1,000 separated clusters 20
iterations instead of 300.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery.errors import SchemaError
from vquery.graph.solve.patient import PATIENCE, corrections
from vquery_kernels import propagation as kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from vquery.graph.solve.prepared import Prepared

    Floats = NDArray[np.float32]
    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

FLOOR = 1e-5
"""Smallest relative residual that is asked of one inner iteration in float32."""
MARGIN = 0.9
"""The inner iteration goes this much below the goal, so that rounding does not cost a round."""
STALLED = 0.5
"""A round that leaves more of the residual than this is the last."""
LOST = 1e-12
"""A larger relative residual, and more than was asked for, is worth iterating on in float64."""
LOOK_BACK = 10.0
"""The error is judged by what changed while the residual fell by this factor."""
RIDGE = 1e-6
"""Added to the coarse diagonal in its own units: a part without seeds stays solvable."""


class Own(NamedTuple):
    """What residuals are compared with, instead of with the length of the right-hand side.

    Of each column the score of one node, times a number.
    """

    nodes: Ints
    scale: Weights


@dataclass(slots=True)
class Solved:
    """A solution with its account.

    Attributes
    ----------
    x, residual
        Shape (n, c): the solution, and what is left of the right-hand side, taken in float64.
    late
        Shape (n, c), or empty: how far each score may still be off, judged by the last iterations.
    left
        Shape (c,): the relative residuals.
    iterations
        How many, all rounds together.
    """

    x: Weights
    residual: Weights
    late: Weights
    left: Weights
    iterations: int = 0

    @property
    def worst(self) -> float:
        """The largest relative residual of any column."""
        return float(self.left.max(initial=0.0))


@dataclass(slots=True)
class Fast:
    """The system ``(diag(diagonal) - W) x = b`` on the free nodes; ``x`` is 0 on all others.

    Parameters
    ----------
    matrix
        Shape (n, n), symmetric: ``W`` without a diagonal, or, with ``whole``, the whole matrix.
    made
        What was prepared of it.
    diagonal
        Shape (n,), above 0 on free nodes.
    free
        Shape (n,).
    whole
        Whether ``matrix`` is the system itself rather than ``W``.
    """

    matrix: sparse.csr_array
    made: Prepared
    diagonal: Weights
    free: NDArray[np.bool_]
    whole: bool = False
    _diagonal: Floats = field(init=False)
    _inverse: Floats = field(init=False)
    _lift: Floats | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        order = self.made.found.order
        inverse = np.zeros(len(self.diagonal))
        np.divide(1.0, self.diagonal, out=inverse, where=self.free)
        self._inverse = inverse[order].astype(np.float32)
        self._diagonal = self.diagonal[order].astype(np.float32)

    def solve(
        self,
        right: Weights,
        *,
        start: Weights | None,
        tol: float,
        max_iter: int,
        own: Own | None = None,
        watch: bool = False,
    ) -> Solved:
        """Solve for all columns of ``right`` (n, c); what it holds on clamped nodes is ignored.

        Only with ``watch`` is it noted how far each score may be off.
        """
        free = self.free[:, None]
        right = right if self.free.all() else np.where(free, right, 0.0)
        x = np.zeros_like(right) if start is None else np.where(free, start, 0.0)
        residual = right if start is None else self.remainder(x, right)
        size = _lengths(right)
        size[size == 0] = 1.0
        late = np.zeros_like(x) if watch else np.empty((0, x.shape[1]))
        done = Solved(x, residual, late, _lengths(residual) / size)
        stuck = np.zeros(right.shape[1], bool)
        while done.iterations < max_iter:
            active = np.flatnonzero((done.left > tol) & ~stuck)
            if not len(active):
                break
            before = done.left[active] * size[active]
            first = own if done.iterations == 0 and start is None else None
            still_zero = start is None and done.iterations == 0
            old = None if still_zero else done.x.copy(), done.residual
            left_steps = max_iter - done.iterations
            self._correct(done, active, size[active], tol, left_steps, first, watch=watch)
            done.residual = self.remainder(done.x, right)
            left = _lengths(done.residual)
            worse = left[active] > before
            if worse.any():
                back = active[worse]
                done.x[:, back] = 0.0 if old[0] is None else old[0][:, back]
                done.residual[:, back] = old[1][:, back]
                left[back] = before[worse]
            if own is not None:
                size = own.scale * np.abs(done.x[own.nodes, np.arange(len(size))])
                size[size == 0] = 1.0
            done.left = left / size
            stuck[active] = left[active] > STALLED * before
        lost = np.flatnonzero(done.left > max(tol, LOST))
        if len(lost) and done.iterations < max_iter:
            self._patiently(done, lost, size[lost], tol, max_iter - done.iterations)
        return done

    def _patiently(
        self, done: Solved, columns: Ints, size: Weights, tol: float, steps: int
    ) -> None:
        """Solve in float64 for what is left of columns with which float32 got nowhere."""
        inverse = np.zeros(len(self.diagonal))
        np.divide(1.0, self.diagonal, out=inverse, where=self.free)
        nothing = np.zeros_like(done.residual[:, columns])
        more, used = corrections(
            lambda x: -self.remainder(x, nothing),
            inverse,
            done.residual[:, columns],
            MARGIN * tol * size,
            steps,
        )
        done.x[:, columns] += more
        done.residual[:, columns] += self.remainder(more, nothing)
        fallen = _lengths(done.residual[:, columns]) / size
        if len(done.late):
            part = np.minimum(_divided(fallen, done.left[columns]), 1.0)
            done.late[:, columns] = np.abs(more) * part
        done.left[columns] = fallen
        done.iterations += used

    def follow(self, other: Fast) -> None:
        """Take over the coarse problem of a system with nearly the same free nodes."""
        self._lift = other._lift

    def remainder(self, x: Weights, right: Weights) -> Weights:
        """``b - A x`` on the free nodes, in float64 and with the weights as they were given."""
        data, own = self.matrix.data, self.diagonal
        if self.whole:
            data, own = -data, np.zeros_like(own)
        rows = self.matrix.indptr, self.matrix.indices, data, own
        left = kernel.remainder(*rows, x, right, self.made.found.order)
        left[~self.free] = 0.0
        return left

    def _correct(
        self,
        done: Solved,
        active: Ints,
        size: Weights,
        tol: float,
        steps: int,
        own: Own | None,
        *,
        watch: bool,
    ) -> None:
        """Add to the columns ``active`` what solves for their residual."""
        order, most, used = self.made.found.order, kernel.WIDTHS[-1], 0
        goal = np.maximum(MARGIN * tol / done.left[active], FLOOR)
        norms = done.left[active] * size
        for begin in range(0, len(active), most):
            part = slice(begin, begin + most)
            columns = active[part]
            given = kernel.pack(done.residual, order, columns, 1 / norms[part])
            run = _Run(self, given, goal[part])
            if own is not None:
                place = np.empty(len(order), np.int64)
                place[order] = np.arange(len(order))
                run.own = Own(place[own.nodes[columns]], MARGIN * tol * own.scale[columns])
            used = max(used, run.go(steps))
            back = order, columns, norms[part]
            kernel.unpack(run.x, *back, done.x, add=True)
            if watch:
                kernel.unpack(run.late(), *back, done.late, add=False)
        done.iterations += used

    def lift(self, sums: Weights) -> Floats:
        """Solve the coarse problem for ``sums`` (clusters, w); one row of zeros is added."""
        out = np.zeros((len(sums) + 1, sums.shape[1]), np.float32)
        if len(sums):
            kernel.times(self._coarse(), sums.astype(np.float32), out[:-1])
        return out

    def _coarse(self) -> Floats:
        """Invert the coarse matrix."""
        if self._lift is None:
            found = self.made.found
            matrix = kernel.coarse(self.edges, self._diagonal, self._inverse, found)
            own = matrix.diagonal().copy()
            own[own <= 0] = 1.0  # a cluster without free nodes
            matrix[np.diag_indices_from(matrix)] = own * (1 + RIDGE)
            try:
                self._lift = kernel.inverse(matrix)
            except np.linalg.LinAlgError as error:
                raise SchemaError("the system of a graph must be positive definite") from error
        return self._lift

    @property
    def edges(self) -> kernel.Edges:
        """The neighbour lists with the signs of ``W``."""
        edges = self.made.edges
        if self.whole:
            return edges._replace(weight=-edges.weight, rest_weight=-edges.rest_weight)
        return edges


class _Run:
    """One inner iteration in float32 on at most 16 columns, from 0."""

    def __init__(self, system: Fast, right: Floats, goal: Weights) -> None:
        self.system, self.goal, self.residual = system, goal, right
        self.x, self.step, self.moved = (np.zeros_like(right) for _ in range(3))
        self.own: Own | None = None
        self.before: Floats | None = None
        self.fallen = np.ones(right.shape[1])
        self.norm = np.zeros(right.shape[1])

    def go(self, steps: int) -> int:
        """Iterate until every column is below its goal; return the iterations."""
        system, found = self.system, self.system.made.found
        inverse, edges = system._inverse, system.edges
        goal = np.ones(len(self.norm))
        goal[: len(self.goal)] = self.goal
        energy = self._advance(np.zeros(len(goal)), None)
        smallest, since = self.norm.copy(), 0
        for count in range(steps):
            if self.own is not None:
                found_ = self.x[self.own.nodes, np.arange(len(self.own.nodes))]
                goal[: len(found_)] = np.maximum(self.own.scale * np.abs(found_), FLOOR)
            left = np.sqrt(self.norm)
            if (left <= goal).all():
                return count
            if self.before is None and (left <= LOOK_BACK * goal).all():
                self.before, self.fallen = self.x.copy(), left
            given = edges, system._diagonal, inverse, self.step, self.moved
            curvature = kernel.product(*given, found.cuts)
            length = _divided(energy, curvature)
            energy = self._advance(length, energy)
            since = 0 if (self.norm < smallest).any() else since + 1
            if since == PATIENCE:
                return count + 1
            smallest = np.minimum(smallest, self.norm)
        return steps

    def _advance(self, length: Weights, energy: Weights | None) -> Weights:
        """Go along the step and choose the next; return the new energy ``r · z``."""
        system, found = self.system, self.system.made.found
        inverse = system._inverse
        state = self.x, self.residual, self.step, self.moved, inverse
        self.norm, plain, sums = kernel.update(*state, length.astype(np.float32), found)
        lift = system.lift(sums)
        fresh: Weights = plain + np.einsum("ij,ij->j", sums, lift[:-1])
        keep = np.zeros_like(fresh) if energy is None else _divided(fresh, energy)
        keep32 = keep.astype(np.float32)
        kernel.turn(self.residual, self.step, inverse, keep32, lift, found)
        return fresh

    def late(self) -> Floats:
        """How far each score may be off: the last changes, less as the residual fell since."""
        if self.before is None:
            return np.abs(self.x)
        share = np.minimum(_divided(np.sqrt(self.norm), self.fallen), 1.0)
        late = np.subtract(self.x, self.before, out=self.before)
        np.abs(late, out=late)
        late *= share.astype(np.float32)
        return late


def _lengths(columns: Weights) -> Weights:
    return np.asarray(np.sqrt(np.einsum("ij,ij->j", columns, columns)))


def _divided(above: Weights, below: Weights) -> Weights:
    return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0))
