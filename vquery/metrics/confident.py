"""Confident learning: which given labels contradict probabilities that did not see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery.errors import SchemaError
from vquery.metrics.bootstrap import group_codes
from vquery.metrics.calibration import judged

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


ROUNDING = 1e-9
"""A mean of equal numbers may lie this far above them, and they must still reach it."""


class Suspects(NamedTuple):
    """Items whose label is probably wrong, most suspicious first, and how many there may be.

    Attributes
    ----------
    rows
        (s,) row numbers.
    likely
        (s,) the class that they seem to be.
    margin
        (s,) probability of that class less that of the given one; above 0 is a contradiction.
    self_confidence
        (s,) probability of the given class.
    joint
        (K, K): estimated number of items given as the row and truly of the column; rows sum to
        the number of items given.
    threshold
        (K,): mean probability of a class over the items given as it, NaN without any.
    """

    rows: Ints
    likely: Ints
    margin: Floats
    self_confidence: Floats
    joint: Floats
    threshold: Floats

    @property
    def expected(self) -> float:
        """Estimated number of wrong labels: what lies beside the diagonal of ``joint``."""
        return float(self.joint.sum() - np.trace(self.joint))


def suspects(probability: ArrayLike, given: ArrayLike, *, rank: str = "margin") -> Suspects:
    """Find labels that are probably wrong.

    An item counts confidently for a class where its probability is at least the mean over the
    items given as that class; of several the most probable one. What counts for another class than
    the one given is suspected (C. Northcutt, L. Jiang, I. Chuang, Confident Learning, JAIR 70,
    2021).

    Parameters
    ----------
    probability
        Shape (n, K), or (n,) of class 1: from a model that did not see these labels, nor those of
        neighbouring frames. See `folds_of`.
    given
        Shape (n,): the labels to be checked, -1 for none; items without one are passed over.
    rank
        "margin" (greatest first) or "self" (lowest probability of the given class first).

    Raises
    ------
    SchemaError, LabelError
        As `judged`, and if ``rank`` is unknown.

    Notes
    -----
    Time O(n K). A class that no item is given as has no threshold and is never suspected.

    >>> chance = np.array([0.9, 0.8, 0.1, 0.2, 0.95])
    >>> found = suspects(chance, [1, 1, 0, 0, 0])
    >>> found.rows, found.likely, found.expected
    (array([4]), array([1]), 1.0)
    """
    if rank not in ("margin", "self"):
        raise SchemaError(f'rank must be "margin" or "self", got {rank!r}')
    items = judged(probability, given)
    table, codes = items.probability, items.truth
    at = np.flatnonzero(np.asarray(given).astype(np.int64) >= 0)
    threshold = _thresholds(table, codes)
    claimed = claims(table, threshold)
    joint = _joint(claimed, codes, len(threshold))
    wrong = np.flatnonzero((claimed >= 0) & (claimed != codes))
    own, other = table[wrong, codes[wrong]], table[wrong, claimed[wrong]]
    key = own if rank == "self" else own - other
    order = np.lexsort((at[wrong], key))
    wrong = wrong[order]
    return Suspects(at[wrong], claimed[wrong], (other - own)[order], own[order], joint, threshold)


def claims(probability: Floats, threshold: Floats) -> Ints:
    """Tell for which class each item counts confidently, -1 for none, shape (n,).

    >>> claims(np.array([[0.4, 0.6], [0.55, 0.45]]), np.array([0.7, 0.6]))
    array([ 1, -1])
    """
    enough = probability >= threshold - ROUNDING  # never against NaN
    best = np.where(enough, probability, -1.0).argmax(axis=1)
    return np.where(enough.any(axis=1), best, -1)


def folds_of(groups: ArrayLike, folds: int = 5) -> Ints:
    """Give whole groups, such as videos, to folds of nearly equal size.

    Largest groups first, each to the fold with the fewest rows so far; equal ones in sorted order,
    so that the same groups always give the same folds.

    Parameters
    ----------
    groups
        Shape (n,): the group of each row.
    folds
        At least 2, at most the number of groups.

    Returns
    -------
    (n,) int64
        Fold of each row, 0 to ``folds - 1``.

    Raises
    ------
    SchemaError
        If there are fewer groups than folds.

    >>> folds_of(["a", "b", "b", "c"], 2)
    array([1, 0, 0, 1])
    """
    names, code = group_codes(groups)
    if not isinstance(folds, int | np.integer) or not 2 <= folds <= names:
        raise SchemaError(
            f"folds must be 2 to the number of groups, which is {names}; got {folds!r}. Rows of "
            "one group cannot be told apart fairly"
        )
    sizes = np.bincount(code)
    fold = np.empty(names, np.int64)
    filled = np.zeros(folds, np.int64)
    for group in np.argsort(-sizes, kind="stable"):
        fold[group] = filled.argmin()
        filled[fold[group]] += sizes[group]
    return np.asarray(fold[code])


def _thresholds(table: Floats, codes: Ints) -> Floats:
    classes = table.shape[1]
    count = np.bincount(codes, minlength=classes)
    total = np.bincount(codes, table[np.arange(len(codes)), codes], minlength=classes)
    return np.asarray(np.divide(total, count, out=np.full(classes, np.nan), where=count > 0))


def _joint(claimed: Ints, codes: Ints, classes: int) -> Floats:
    """Count items by given and claimed class, scaled so that rows sum to the items given."""
    sure = claimed >= 0
    pairs = codes[sure] * classes + claimed[sure]
    counts = np.bincount(pairs, minlength=classes**2).reshape(classes, classes).astype(np.float64)
    given = np.bincount(codes, minlength=classes).astype(np.float64)
    total = counts.sum(axis=1)
    # without a confident item of a row nothing speaks against its labels
    counts[total == 0] = np.eye(classes)[total == 0]
    total[total == 0] = 1.0
    return np.asarray(counts * (given / total)[:, None])
