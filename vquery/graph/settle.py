"""From the scores of all classes to one label an item, in blocks of classes.

A thousand classes on a million nodes are 8 GB of scores, of which nobody reads more than the best
two of a row. Blocks of classes are solved one after another and only what a row needs is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vquery.errors import LabelError
from vquery.graph.solve import Poisson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray
    from scipy import sparse

    from vquery.graph.solve import Solver

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Weights = NDArray[np.float64]
    Block = tuple[int, NDArray[np.floating]]

BLOCK_BYTES = 128 << 20
"""Of scores that are solved at a time."""
STORED_BYTES = 1 << 30
"""Scores of all classes are kept, as float32, up to here; beyond it they are solved anew for who
asks for them."""


@dataclass(slots=True)
class Best:
    """The best class of each row, over all blocks of classes seen so far.

    Scores are scaled, clipped at 0 and compared; of equal ones the earlier class is best.
    ``probability`` is that of the best after all scores were raised to ``power`` and normalised,
    ``margin`` its distance from the second before the power; both 0 where all scores are 0.

    >>> best = Best.of([(0, np.array([[3.0, 1.0]])), (2, np.array([[4.0]]))], 1, np.ones(3), 2.0)
    >>> best.code.tolist(), best.margin.tolist(), best.probability.round(3).tolist()
    ([2], [0.125], [0.615])
    """

    code: Ints
    first: Weights
    second: Weights
    total: Weights
    raised: Weights

    @classmethod
    def of(cls, blocks: Iterable[Block], n: int, scale: Weights, power: float) -> Best:
        """Go through blocks of columns: the first column's class, and scores (n, width)."""
        out = cls(np.zeros(n, np.int64), *np.zeros((4, n)))
        for start, scores in blocks:
            out._add(start, scores * scale[start : start + scores.shape[1]], power)
        return out

    def _add(self, start: int, scores: Weights, power: float) -> None:
        np.maximum(scores, 0.0, out=scores)
        self.total += scores.sum(1)
        code = scores.argmax(1)
        top = np.take_along_axis(scores, code[:, None], 1)[:, 0]
        after = np.partition(scores, -2, axis=1)[:, -2] if scores.shape[1] > 1 else 0.0
        self.second = np.maximum(np.minimum(self.first, top), np.maximum(self.second, after))
        peak = np.maximum(self.first, top)
        safe = np.where(peak > 0, peak, 1.0)
        scores /= safe[:, None]
        np.power(scores, power, out=scores)
        self.raised = self.raised * (self.first / safe) ** power + scores.sum(1)
        self.code = np.where(top > self.first, start + code, self.code)
        self.first = peak

    def keep(self, rows: Ints, code: Ints) -> None:
        """Set rows to a class for certain."""
        self.code[rows] = code
        self.first[rows] = self.total[rows] = self.raised[rows] = 1.0
        self.second[rows] = 0.0

    @property
    def decided(self) -> NDArray[np.bool_]:
        """Shape (n,): some score is above 0."""
        return self.first > 0

    @property
    def probability(self) -> Weights:
        """Shape (n,)."""
        return np.divide(1.0, self.raised, out=np.zeros_like(self.raised), where=self.decided)

    @property
    def margin(self) -> Weights:
        """Shape (n,)."""
        gap = self.first - self.second
        return np.divide(gap, self.total, out=np.zeros_like(gap), where=self.decided)


def stored(solver: Solver, classes: int) -> bool:
    """Tell whether the scores of all classes are kept.

    Raises
    ------
    LabelError
        If they would not be, and the solver weighs all classes against each other.
    """
    n = solver.weights.shape[0]
    small = bool(4 * n * classes <= STORED_BYTES)
    if isinstance(solver, Poisson) and not small:
        raise LabelError(
            f"method='poisson' needs {8e-9 * n * classes:.1f} GB for {classes} classes over "
            f"{n} nodes at once: use method='harmonic', which goes class by class"
        )
    return small


def blocks_of(solver: Solver, labels: sparse.csr_array) -> Iterator[Block]:
    """Solve for blocks of classes: the first column's class, and scores (nodes, width)."""
    n, classes = solver.weights.shape[0], labels.shape[1]
    width = classes if isinstance(solver, Poisson) else width_of(n)
    for start in range(0, classes, width):
        yield start, solver.solve(labels[:, start : start + width].toarray())


def slices(scores: Floats) -> Iterator[Block]:
    """Cut scores of all classes into the same blocks."""
    for start in range(0, scores.shape[1], width := width_of(len(scores))):
        yield start, scores[:, start : start + width]


def width_of(n: int) -> int:
    """Say how many classes are solved at a time over n nodes."""
    return max(1, BLOCK_BYTES // max(8 * n, 1))


def scores_of(solver: Solver, labels: sparse.csr_array) -> Floats:
    """Solve for all classes, shape (nodes, classes)."""
    out = np.empty((solver.weights.shape[0], labels.shape[1]), np.float32)
    for start, scores in blocks_of(solver, labels):
        out[:, start : start + scores.shape[1]] = scores
    return out
