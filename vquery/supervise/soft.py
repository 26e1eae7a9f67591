"""Soft labels: rows of class probabilities, made of log-odds, checked, and how far they lead."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from vquery.errors import LabelError, SchemaError
from vquery.metrics.calibration import numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

SUM_ERROR = 1e-6
"""Shares may miss 1 by so much in sum."""


def softmax(joint: Floats) -> Floats:
    """Turn logarithms (n, K) into rows that sum to 1.

    >>> softmax(np.array([[1000.0, 1000.0]])).tolist()
    [[0.5, 0.5]]
    """
    return posterior_of(joint.copy())[0]


def posterior_of(joint: Floats) -> tuple[Floats, Floats]:
    """Normalise log joint probabilities (n, K) in place: probabilities, and log sums (n,).

    >>> posterior_of(np.log([[0.1, 0.3]]))[0].round(2).tolist()
    [[0.25, 0.75]]
    """
    top = reduce(np.maximum, joint.T)  # columns are few: numpy sums short rows slowly
    joint -= top[:, None]
    np.exp(joint, out=joint)
    total = row_sums(joint)
    joint /= total[:, None]
    return joint, np.log(total) + top


def row_sums(rows: Floats) -> Floats:
    """Sum each row of few columns, which numpy does faster column by column."""
    return np.asarray(reduce(np.add, rows.T))


def lead(soft: Floats) -> Floats:
    """How far the best class leads the second, shape (n,); 1 where there is only one class.

    >>> lead(np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0]])).round(6).tolist()
    [0.5, 0.0]
    """
    if soft.shape[1] < 2:
        return np.ones(len(soft))
    top = np.partition(soft, -2, axis=1)
    return np.asarray(top[:, -1] - top[:, -2])


def checked_soft(probability: ArrayLike) -> Floats:
    """Check that rows are distributions over classes.

    Raises
    ------
    SchemaError, LabelError
        Naming the first row that is none.

    >>> checked_soft([[0.5, 0.4]])
    Traceback (most recent call last):
    vquery.errors.LabelError: probability, row 0: a distribution over 2 classes sums to 1,
    got [0.5, 0.4]
    """
    soft = numbers(probability, "probability")
    if soft.ndim != 2 or not soft.shape[1]:
        raise SchemaError(f"probability must have shape (items, classes), got {soft.shape}")
    good = np.isfinite(soft).all(1) & (soft >= 0).all(1) & (np.abs(soft.sum(1) - 1) < SUM_ERROR)
    bad = np.flatnonzero(~good)
    if len(bad):
        raise LabelError(
            f"probability, row {bad[0]}: a distribution over {soft.shape[1]} classes sums to 1, "
            f"got {soft[bad[0]].tolist()}"
        )
    return soft
