"""Seeds scored without their own label, which tells how far to believe the scores of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vquery.graph.calibrate import apply_power
from vquery.graph.settle import BLOCK_BYTES, scores_of, stored
from vquery.graph.solve import Poisson

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from vquery.graph.seeds import Seeds
    from vquery.graph.solve import Solver

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Seeds as they were scored without their own label.

    Attributes
    ----------
    places
        Shape (m,): positions among the seeds.
    scores
        Shape (m, c): scaled to the prior, rows sum to 1, before the power.
    truth
        Shape (m,): the class that the seed has.
    """

    places: Ints
    scores: Weights
    truth: Ints


@dataclass(frozen=True, slots=True)
class Solved:
    """What a solver says for some columns of labels.

    Attributes
    ----------
    raw
        Shape (nodes, c), or None where that is too much to keep.
    which, left
        Seeds that were left out (m,), and what they got then (m, c), NaN where nothing.
    """

    raw: Floats | None
    which: Ints
    left: Weights

    def columns(self, part: slice) -> Solved:
        """Restrict to some columns."""
        raw = None if self.raw is None else self.raw[:, part]
        return Solved(raw, self.which, self.left[:, part])


def solve_columns(solver: Solver, labels: sparse.csr_array, *, left: bool) -> Solved:
    """Solve for labels (s, c), and leave seeds out where that is asked for."""
    raw = scores_of(solver, labels) if stored(solver, labels.shape[1]) else None
    if not left:
        return Solved(raw, np.empty(0, np.int64), np.empty((0, labels.shape[1])))
    which, given = solver.held_out(), labels
    if isinstance(solver, Poisson) or 8 * labels.shape[0] * labels.shape[1] <= BLOCK_BYTES:
        given = labels.toarray()
    return Solved(raw, which, solver.leave_one_out(given, which))


def seeds_twice(seeds: Seeds) -> bool:
    """Tell whether every class has two seeds, so that one can be left out."""
    return bool(np.bincount(seeds.truth, minlength=len(seeds.classes)).min() > 1)


def left_out(solved: Solved, seeds: Seeds, scale: Weights) -> LeftOut:
    """Bring seeds that were left out to the prior; none unless every class has another one."""
    truth, which, left = seeds.truth, solved.which, solved.left
    seen = np.isfinite(left).all(1) & seeds_twice(seeds)
    which = which[seen]
    left = regained(left[seen], truth[which], np.bincount(truth))
    return LeftOut(which, apply_power(left * scale, 1.0), truth[which])


def regained(left: Weights, truth: Ints, count: Ints) -> Weights:
    """Give the class of each left-out seed what it lost with that seed.

    A class that lost one of m seeds lost about that share of its mass, which it has where the
    scores are used.

    Parameters
    ----------
    left
        Shape (m, c): what the left-out seeds got.
    truth
        Shape (m,): the class that each has.
    count
        Shape (c,): seeds of each class; one of a class with a single seed regains nothing.

    >>> left = np.array([[0.3, 0.4], [0.3, 0.4]])
    >>> regained(left, np.array([0, 1]), np.array([2, 1])).tolist()
    [[0.6, 0.4], [0.3, 0.4]]
    """
    own, out = count[truth], left.copy()
    out[np.arange(len(truth)), truth] *= own / np.maximum(own - 1, 1)
    return out
