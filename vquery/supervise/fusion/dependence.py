"""How much two sources repeat one another, told from what they say alone.

If two calibrated sources are independent given the class, the covariance of their probabilities
follows from how sharp each is: the mean of one under class y is E[p p_y] / share of y. What they
agree beyond this they have from the same place. No label is needed.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from vquery.supervise.soft import softmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vquery.supervise.fusion.sources import Source

    Floats = NDArray[np.float64]

LEAST_SHARE = 1e-9
"""Classes of a smaller share are never spoken for, and explain nothing."""
ROUNDING = 1e-12
"""What is left to explain counts as nothing up to this."""
LEAST_SHARED = 50
"""Items that two sources must both speak of: the noise of a correlation is then below .15."""


def repetition(first: Floats, second: Floats) -> float:
    """Tell how much of what two sources share is more than their class explains.

    Parameters
    ----------
    first, second
        Shape (n, k): probabilities of the same items.

    Returns
    -------
    float
        0: they agree as independent sources would, or less; 1: they say the same.

    >>> same = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> round(repetition(same, same), 6)
    1.0
    """
    n = len(first)
    mean_first, mean_second = first.mean(axis=0), second.mean(axis=0)
    share = np.maximum((mean_first + mean_second) / 2, LEAST_SHARE)
    means = float(mean_first @ mean_second)
    seen = float((first * second).sum() / n) - means
    by_class = ((first.T @ first) * (second.T @ second)).sum(axis=0) / n**2
    explained = float((by_class / share).sum()) - means
    most = float((first.std(axis=0) * second.std(axis=0)).sum())
    if most - explained <= ROUNDING:
        return 0.0
    return float(np.clip((seen - explained) / (most - explained), 0.0, 1.0))


def discounts(
    sources: Sequence[Source], balance: Floats
) -> tuple[Floats, dict[tuple[str, str], float]]:
    """Weigh each source at each item by how much the others that speak there repeat it.

    Returns
    -------
    (ndarray, dict)
        Shape (n, sources): 1 / (1 + sum of repetitions by the others that speak of the item), so
        that two that say the same count as one; and the repetition of each pair.
    """
    n, prior = len(sources[0].says), np.log(balance)
    repeated = np.zeros((len(sources), len(sources)))
    found: dict[tuple[str, str], float] = {}
    for a, b in combinations(range(len(sources)), 2):
        both = sources[a].says & sources[b].says
        if both.sum() >= LEAST_SHARED:
            first, second = (softmax(sources[i].evidence[both] + prior) for i in (a, b))
            repeated[a, b] = repeated[b, a] = repetition(first, second)
            found[sources[a].name, sources[b].name] = float(repeated[a, b])
    says = np.column_stack([one.says for one in sources]).astype(np.float64)
    weight = np.ones((n, len(sources)))
    np.divide(1.0, 1.0 + says @ repeated, out=weight)
    return weight, found
