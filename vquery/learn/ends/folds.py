"""Predictions for items that a model did not learn from, and what they calibrate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from vquery.metrics.confident import folds_of
from vquery.supervise.soft import softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.learn.ends.targets import Targets

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

COOLEST, HOTTEST = 0.05, 20.0
FEW_GROUPS = 10
FEW = 20
"""Items below which a temperature is not learnt."""
LEAST_FOLDS = 3
"""With fewer, there is no fold to stop by beside the one that is left out."""


def folds(given: Targets, wanted: int) -> Ints:
    """Give whole groups to folds, at most as many as asked for, by the items that count.

    Returns
    -------
    (n,) int64
        Fold of each item, from 0; all 0 where there is nothing to leave out.
    """
    counted = np.unique(given.group[given.weight > 0])
    number = min(wanted, len(counted))
    if number < 2:
        return np.zeros(given.n, np.int64)
    rows = np.flatnonzero(given.weight > 0)
    fold_of = dict(
        zip(given.group[rows].tolist(), folds_of(given.group[rows], number), strict=True)
    )
    # groups without a label lie anywhere: nothing was learnt from them
    return np.array([fold_of.get(one, one % number) for one in given.group.tolist()], np.int64)


def taught(given: Targets, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say of which items some rows teach the class, (n,): nothing else could tell it."""
    best = given.soft.argmax(1)
    return np.isin(best, np.unique(best[rows & (given.weight > 0)]))


def stop_of(fold: int, number: int) -> int:
    """Choose the fold that says when a model that leaves out another one stops; -1 for none."""
    return (fold + 1) % number if number >= LEAST_FOLDS else -1


def fair(given: Targets, fold: Ints, *, stops: bool) -> Floats:
    """Return weights, 0 for items whose class no model that left them out can know.

    They say nothing of how sure the model of all may be, nor of penalties: where each person is in
    one video only, what is said of a video that was left out is always wrong. Where one class alone
    remains all weights are 0: to say that class always would be right, and the surer the better.

    Parameters
    ----------
    stops
        Whether such a model leaves out a second fold, to stop by.
    """
    weight, number = given.weight.copy(), int(fold.max()) + 1
    for one in range(number):
        rows = (fold != one) & (fold != (stop_of(one, number) if stops else -1))
        weight[(fold == one) & ~taught(given, rows)] = 0.0
    if len(np.unique(given.soft.argmax(1)[weight > 0])) < 2:
        weight[:] = 0.0
    return weight


def surprises(logits: Floats, soft: Floats) -> Floats:
    """Cross-entropy of each row, (n,), expected under its soft label."""
    return np.asarray(-(soft * log_softmax(logits, axis=1)).sum(1))


def temperature(logits: Floats, soft: Floats, weight: Floats) -> float:
    """Find what to divide logits by so that left-out items surprise least.

    C. Guo, G. Pleiss, Y. Sun, K. Weinberger, On Calibration of Modern Neural Networks (2017), with
    the cross-entropy expected under soft labels. 1 where fewer than `FEW` items count: see
    `enough`.

    >>> temperature(np.array([[8.0, 0.0]] * 30), np.array([[0.9, 0.1]] * 30), np.ones(30)) > 3
    True
    """
    if not enough(logits, weight):
        return 1.0
    rows = np.flatnonzero((weight > 0) & np.isfinite(logits).all(1))
    told, mine, counts = logits[rows], soft[rows], weight[rows]

    def loss(log: float) -> float:
        return float((surprises(told / np.exp(log), mine) * counts).sum())

    bounds = (np.log(COOLEST), np.log(HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def enough(logits: Floats, weight: Floats) -> bool:
    """Say whether there are items enough to learn a temperature from."""
    return int(((weight > 0) & np.isfinite(logits).all(1)).sum()) >= FEW


def left_out(logits: Floats, soft: Floats, weight: Floats, fold: Ints) -> Floats:
    """Return probabilities of left-out items, (n, k): what calibrates a fold are the other ones.

    One temperature for all would have been learnt from the items that it is judged by.
    """
    found = np.full(logits.shape, np.nan)
    for one in np.unique(fold):
        mine = (fold == one) & np.isfinite(logits).all(1)
        degree = temperature(logits, soft, np.where(fold == one, 0.0, weight))
        found[mine] = softmax(logits[mine] / degree)
    return found


def strongest(losses: Floats, weight: Floats, groups: Ints) -> int:
    """Choose among models from strong to weak penalties by what left-out items say.

    With fewer than `FEW_GROUPS` groups nobody knows the standard error, and it would let penalties
    pass that leave nothing but the balance of the classes: the best is taken then.

    Parameters
    ----------
    losses
        Shape (models, n): the surprise of each item, NaN for those without a fold.
    weight, groups : (n,)
        Of the items; 0 where one does not count.

    Returns
    -------
    int
        The first within one standard error, over groups, of the best (L. Breiman et al. 1984).
    """
    rows = np.flatnonzero((weight > 0) & np.isfinite(losses).all(0))
    weight, group = weight[rows], np.unique(groups[rows], return_inverse=True)[1]
    mean = (losses[:, rows] * weight).sum(1) / weight.sum()
    best = int(mean.argmin())
    if group.max() + 1 < FEW_GROUPS:
        return best
    for at, each in enumerate(losses[:, rows]):
        apart = np.bincount(group, weight * (each - losses[best, rows]))
        error = np.sqrt((apart**2).sum()) / weight.sum()
        if mean[at] - mean[best] <= error:
            return at
    return best
