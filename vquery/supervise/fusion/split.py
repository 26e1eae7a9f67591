"""What each label function adds to the evidence of the votes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.supervise.models.majority import MAJORITY
from vquery.supervise.votes.matrix import ABSTAIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Codes = NDArray[np.int16]

TINY = np.finfo(np.float64).tiny
BLOCK = 1 << 16
"""Items at a time, so that a million of them need no more memory than they do as votes."""


def by_function(
    model: Any, votes: Codes, best: Ints, rival: Ints, together: Floats
) -> tuple[Floats, Floats]:
    """Split the evidence of the votes for one class over another among the functions.

    A function adds its own log-likelihood ratio, an abstention too, all made smaller alike where
    the model believes them less together than each for itself. Where the model counts votes, those
    for the two classes share the evidence alike.

    Parameters
    ----------
    model
        Fitted: ``confusion_`` (m, k, k + 1), ``method_``.
    votes
        Shape (n, m): codes, -1 abstains.
    best, rival
        Shape (n,): the classes, as codes of the model; -1 where the model does not know the class.
    together
        Shape (n,): evidence of all votes for the best class over the rival.

    Returns
    -------
    (ndarray, ndarray)
        Shape (n, m), and the rest (n,): rows of both sum to ``together``.
    """
    n, m = votes.shape
    found = np.zeros((n, m))
    known = (best >= 0) & (rival >= 0)
    rows = np.flatnonzero(known & (votes != ABSTAIN).any(axis=1))
    if model.method_ == MAJORITY:
        found[rows] = _alike(votes[rows], best[rows], rival[rows], together[rows])
        return found, together - found.sum(axis=1)
    logs = np.log(np.maximum(np.asarray(model.confusion_), TINY))
    functions = np.arange(m)
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        seen = votes[part].astype(np.int64)  # -1 is the last column, the abstention
        apart = logs[functions, best[part, None], seen] - logs[functions, rival[part, None], seen]
        alone = apart.sum(axis=1)
        smaller = np.divide(together[part], alone, out=np.zeros(len(part)), where=alone != 0)
        found[part] = apart * np.clip(smaller, 0.0, 1.0)[:, None]
    return found, together - found.sum(axis=1)


def _alike(votes: Codes, best: Ints, rival: Ints, together: Floats) -> Floats:
    """Share evidence alike among the votes for the two classes; none where they balance."""
    side = (votes == best[:, None]).astype(np.float64) - (votes == rival[:, None])
    sides = side.sum(axis=1)
    each = np.divide(together, sides, out=np.zeros(len(sides)), where=sides != 0)
    return np.asarray(side * each[:, None])
