"""Average precision of scored intervals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def ranks(score: Floats, tiou: Floats) -> Ints:
    """Rank rows: highest score first, of equal ones the one that overlaps a true row most.

    A missing score (NaN) comes after all others; what is still tied stays in order.

    >>> ranks(np.array([0.5, np.nan, 0.9, 0.5]), np.array([0.1, 1.0, 0.0, 0.8]))
    array([2, 3, 0, 1])
    """
    order = np.lexsort((-tiou, np.where(np.isnan(score), np.inf, -score)))
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    return rank


def average_precision(score: Floats, hit: npt.NDArray[np.bool_], true: int) -> float | None:
    """Area below the curve of precision over recall, as in the ActivityNet evaluation.

    The curve is interpolated at all points: the precision at a recall is the highest at this or
    any greater recall (M. Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 88,
    2010). Rows of equal scores are one point of the curve, since no threshold tells them apart;
    so the result does not depend on the order of rows. Rows without a score share the last point.

    Parameters
    ----------
    score
        (n,) of what was found; NaN where missing.
    hit
        (n,) whether each has a true counterpart of its own.
    true
        Number of true rows.

    Returns
    -------
    float or None
        None where nothing is true.

    >>> average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), 2)
    0.8333333333333333
    >>> average_precision(np.array([0.5, 0.5]), np.array([True, False]), 1)
    0.5
    """
    if not true:
        return None
    if not hit.size:
        return 0.0
    key = np.where(np.isnan(score), np.inf, -score)
    order = np.argsort(key, kind="stable")
    key, right = key[order], np.cumsum(hit[order])
    points = np.flatnonzero(np.append(key[1:] != key[:-1], True))
    precision = right[points] / (points + 1)
    recall = right[points] / true
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * best).sum())
