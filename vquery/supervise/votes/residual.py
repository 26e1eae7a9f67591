"""Which functions err together: correlation of two functions beyond what the class explains."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.int16]
    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

MOST_ITEMS = 20_000
"""Items that are looked at, drawn with a fixed seed: their correlations are known to ±.007."""
LEFT_OUT_UP_TO = 40
"""Functions up to which each pair is left out of its own majority. Among more, a pair is at most
one vote in twenty, and leaving it out changes little and takes the square of their number."""
LEAST = 1e-12
"""Variance below which a function counts as constant."""


class Residual(NamedTuple):
    """Correlations given the class.

    ``correlation`` is (m, m), NaN where a function never varies; ``given`` says what stood for the
    class, ``items`` how many were looked at.
    """

    correlation: Floats
    given: str
    items: int


def residual_correlation(votes: Codes, truth: Ints, classes: int) -> Residual:
    """Correlate how functions answer on items of one class.

    Each answer counts 1 where it names the item's class, −1 where it names another and 0 where the
    function abstains; the mean of the class is taken off, and all classes are pooled. What is left
    is 0 on average for functions that err and abstain independently given the class. For two
    classes it is the correlation of votes of −1, 0 and 1 given the class.

    Where the class is not known, that which most of the other functions vote stands for it, without
    the two in question; items where these tie or say nothing are left out. A majority errs too, and
    where it does, two functions that are right look as if they erred together: correlations come
    out too high by as much, so trust those given true classes more.

    Parameters
    ----------
    votes
        Shape (n, m): class or -1.
    truth
        Shape (n,): class, -1 where it is not known.

    Notes
    -----
    Takes O(m² p) for p different rows of votes, at most `MOST_ITEMS`.

    >>> truth = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    >>> first = np.array([0, 0, 1, 1, 1, 1, 0, 0])  # errs with the second, not with the third
    >>> third = np.array([0, 1, 0, 1, 1, 0, 1, 0])
    >>> found = residual_correlation(np.stack([first, first, third], 1), truth, 2).correlation
    >>> (found.round(3) + 0.0).tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    n, m = votes.shape
    if n > MOST_ITEMS:
        chosen = np.sort(np.random.default_rng(0).choice(n, MOST_ITEMS, replace=False))
        votes, truth = votes[chosen], truth[chosen]
    seen = len(votes)
    rows, weight = np.unique(
        np.column_stack([votes, truth]).astype(np.int16), axis=0, return_counts=True
    )
    votes, truth = rows[:, :m], rows[:, m].astype(np.int64)
    row, column = np.nonzero(votes >= 0)
    heard = np.bincount(row * classes + votes[row, column], minlength=len(votes) * classes)
    counts = heard.reshape(len(votes), classes)
    pairwise = m <= LEFT_OUT_UP_TO and bool((truth < 0).any())
    fill = _pair_by_pair if pairwise else _all_at_once
    found = fill(votes, truth, counts, weight.astype(np.float64))
    return Residual(found, _given(truth, pairwise=pairwise), seen)


def _given(truth: Ints, *, pairwise: bool) -> str:
    majority = "the majority of the other functions" if pairwise else "the majority of all"
    known = truth >= 0
    if known.all() and known.size:
        return "the true class"
    return f"the true class where it is known, else {majority}" if known.any() else majority


def _majority(counts: Ints, truth: Ints) -> Ints:
    """Class that most vote for, -1 for none and ties; the true class where it is known."""
    best = counts.argmax(axis=1)
    most = counts.max(axis=1, initial=0)
    alone = (counts == most[:, None]).sum(axis=1) == 1
    return np.where(truth >= 0, truth, np.where(alone & (most > 0), best, -1))


def _all_at_once(votes: Codes, truth: Ints, counts: Ints, weight: Floats) -> Floats:
    return _correlated(votes, _majority(counts, truth), weight)


def _pair_by_pair(votes: Codes, truth: Ints, counts: Ints, weight: Floats) -> Floats:
    m, classes = votes.shape[1], counts.shape[1]
    found = np.full((m, m), np.nan)
    own = [(votes[:, [j]] == np.arange(classes)).astype(np.int64) for j in range(m)]
    for j in range(m):
        alone = _majority(counts - own[j], truth)
        found[j, j] = _correlated(votes[:, [j]], alone, weight)[0, 0]
        for k in range(j):
            others = _majority(counts - own[j] - own[k], truth)
            pair = _correlated(votes[:, [j, k]], others, weight)
            found[j, k] = found[k, j] = pair[0, 1]
    return found


def _correlated(votes: Codes, given: Ints, weight: Floats) -> Floats:
    """Correlate columns of answers, the mean of each given class taken off."""
    use = given >= 0
    votes, given, weight = votes[use], given[use], weight[use]
    answers = np.where(votes < 0, 0.0, np.where(votes == given[:, None], 1.0, -1.0))
    for k in np.unique(given).tolist():
        mine = given == k
        answers[mine] -= np.average(answers[mine], axis=0, weights=weight[mine])
    together = answers.T @ (answers * weight[:, None])
    spread = np.sqrt(np.diag(together))
    spread = np.where(spread**2 > LEAST * weight.sum(), spread, np.nan)
    found: Floats = np.clip(together / np.outer(spread, spread), -1.0, 1.0)
    return found
