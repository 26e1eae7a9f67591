"""How far to believe each source, learnt on human labels that were left out.

One factor a source multiplies its evidence: stacking and temperature in one (D. Wolpert, Stacked
generalization, 1992; C. Guo et al., On Calibration of Modern Neural Networks, 2017). People label
some classes more than they occur, so factors are fitted with the shares of the labelled items in
place of the balance, and used with the balance: only how sharp the evidence is gets learnt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression, minimize

from vquery.metrics.bootstrap import group_codes
from vquery.metrics.confident import folds_of
from vquery.supervise.soft import softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

PRIOR_SPREAD = 0.7
"""Standard deviation of the logarithm of a factor before any label is seen: a factor of two."""
LEAST_EACH = 5
"""Labels of each of two classes without which nothing is learnt: with two or three of a rare class
factors follow chance (drawn data: log-loss up to .08 above the best source; with five, never)."""
SURE = 2.0
"""Standard errors by which left-out labels must prefer something to the default."""
FOLDS = 5
LEAST = 1e-12
"""Probabilities below this count as this in logarithms."""
ENOUGH_FOR_STEPS = 1000
"""Labels from which isotonic regression is tried: with fewer it overfits (A. Niculescu-Mizil and
R. Caruana, Predicting Good Probabilities With Supervised Learning, 2005)."""


class Labelled(NamedTuple):
    """Human-labelled items that sources speak of.

    ``evidence`` (m, s, k); ``truth``, ``fold`` and ``group``, each (m,).
    """

    evidence: Floats
    truth: Ints
    fold: Ints
    group: Ints


def learnable(truth: Ints, classes: int) -> bool:
    """Whether two classes have labels enough.

    >>> learnable(np.repeat([0, 1], [9, 4]), 2), learnable(np.repeat([0, 1], [5, 5]), 2)
    (False, True)
    """
    return int((np.bincount(truth, minlength=classes) >= LEAST_EACH).sum()) >= 2


def folds(groups: Ints, n_folds: int = FOLDS) -> Ints:
    """Give each item a fold, (n,); items of one group share it, and folds are about equally large.

    As `vquery.metrics.confident.folds_of`, but with at most one fold a group, and items of one
    group are cut into blocks in their order.

    >>> folds(np.array([7, 7, 7, 3, 3, 5]), 2).tolist()
    [0, 0, 0, 1, 1, 1]
    >>> folds(np.array([7, 7, 7, 7]), 2).tolist()
    [0, 0, 1, 1]
    """
    n, several = len(groups), group_codes(groups)[0]
    if several < 2:
        return np.asarray(np.arange(n) * n_folds // max(n, 1))
    return folds_of(groups, min(n_folds, several))


def shares(truth: Ints, classes: int) -> Floats:
    """Share of each class among labels, half a label added to each so that none is 0."""
    count = np.bincount(truth, minlength=classes) + 0.5
    return np.asarray(count / count.sum())


def surprise(chance: Floats, truth: Ints) -> Floats:
    """-log of the probability (m, k) of each true class, shape (m,)."""
    return np.asarray(-np.log(np.maximum(chance[np.arange(len(truth)), truth], LEAST)))


def losses(items: Labelled, factors: Floats, prior: Floats) -> Floats:
    """Surprise of each label under the factors, shape (m,)."""
    chance = softmax(np.einsum("s,nsk->nk", factors, items.evidence) + np.log(prior))
    return surprise(chance, items.truth)


def fit_factors(items: Labelled, prior: Floats) -> Floats:
    """Fit one factor a source, (s,): the most probable ones under a log-normal prior around 1.

    >>> none = np.zeros(0, np.int64)
    >>> nothing = Labelled(np.zeros((0, 2, 2)), none, none, none)
    >>> fit_factors(nothing, np.array([0.5, 0.5])).tolist()
    [1.0, 1.0]
    """
    rows = np.arange(len(items.truth))

    def objective(logs: Floats) -> tuple[float, Floats]:
        factors = np.exp(logs)
        chance = softmax(np.einsum("s,nsk->nk", factors, items.evidence) + np.log(prior))
        right = np.maximum(chance[rows, items.truth], np.finfo(np.float64).tiny)
        loss = -np.log(right).sum() + 0.5 * ((logs / PRIOR_SPREAD) ** 2).sum()
        apart = chance.copy()
        apart[rows, items.truth] -= 1.0
        slope = factors * np.einsum("nk,nsk->s", apart, items.evidence)
        return float(loss), np.asarray(slope + logs / PRIOR_SPREAD**2)

    start = np.zeros(items.evidence.shape[1])
    return np.asarray(np.exp(minimize(objective, start, jac=True, method="L-BFGS-B").x))


def beyond_noise(gain: Floats, groups: Ints) -> bool:
    """Whether what labels gain, (m,), is above 0 by more than `SURE` standard errors of its mean.

    Labels of one group (video) count as one observation; where all are of one, each counts.

    >>> beyond_noise(np.array([1.0, 1.1, 0.9]), np.arange(3))
    True
    >>> beyond_noise(np.array([1.0, -1.1, 0.9]), np.arange(3))
    False
    """
    several, code = group_codes(groups)
    if several < 2:
        code = np.arange(len(gain))
    total = np.bincount(code, gain - gain.mean())
    return bool(gain.mean() > SURE * np.sqrt((total**2).sum()) / len(gain))


def left_out_losses(items: Labelled, prior: Floats) -> Floats:
    """Surprise of each label under factors that were fitted without its fold, shape (m,)."""
    found = np.empty(len(items.truth))
    for fold in np.unique(items.fold):
        out = items.fold == fold
        kept, tested = (Labelled(*(column[rows] for column in items)) for rows in (~out, out))
        found[out] = losses(tested, fit_factors(kept, prior), prior)
    return found


class Steps(NamedTuple):
    """A rising step curve for each class: scores and what they become, (blocks,) each."""

    curves: tuple[tuple[Floats, Floats], ...]

    def apply(self, probability: Floats) -> Floats:
        """Put probabilities (n, k) on the curves, and make rows sum to 1."""
        columns = [
            np.interp(probability[:, k], score, share)
            for k, (score, share) in enumerate(self.curves)
        ]
        table = np.column_stack(columns)
        return np.asarray(table / table.sum(axis=1, keepdims=True))


def fit_steps(probability: Floats, truth: Ints, balance: Floats) -> Steps:
    """Fit isotonic curves, one class against the rest, to labels weighted back to the balance.

    Ends stay off 0 and 1 by a label's worth, so that no row is without any probability.
    """
    n, k = probability.shape
    weight = (balance / shares(truth, k))[truth]
    curves = []
    for code in range(k):
        order = np.argsort(probability[:, code], kind="stable")
        right = (truth[order] == code).astype(np.float64)
        found = isotonic_regression(right, weights=weight[order]).x
        edge = 1 / (n + 2)
        score, first = np.unique(probability[order, code], return_index=True)
        curves.append(
            (
                score,
                np.clip(np.add.reduceat(found, first) / np.diff(np.r_[first, n]), edge, 1 - edge),
            )
        )
    return Steps(tuple(curves))


def left_out_steps(probability: Floats, items: Labelled, balance: Floats) -> Floats:
    """Surprise of each label (m,) under curves that were fitted without its fold.

    ``probability`` (m, k) is with the balance; curves are judged weighted back to it too.
    """
    found = np.empty(len(items.truth))
    for fold in np.unique(items.fold):
        out = items.fold == fold
        steps = fit_steps(probability[~out], items.truth[~out], balance)
        chance = steps.apply(probability[out])
        found[out] = surprise(chance, items.truth[out])
    return found
