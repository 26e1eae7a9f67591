"""How long errors last: what makes many looks at the same error count as few.

A chain takes each look at the votes as news. Errors that last longer than one look are told again
and again, so that posteriors are too sure and short errors look like facts. What the likeliest path
leaves unexplained shows how long errors last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery.supervise.time.lags import grid_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.time.sequences import Sequences

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

FEWEST = 200
"""Looks below which nothing is estimated: a correlation by chance is then up to .14."""
NOISE = 2.0
"""Standard errors below which a correlation counts as none, and later ones are not looked at."""
LONGEST = 1000
"""Looks over which errors are followed at most."""


def temper_of(evidence: Floats, path: Ints, sequences: Sequences) -> float | None:
    """Share of the evidence that is news: variance of residuals over their long-run variance.

    Residuals are evidence less the mean evidence of items whose class on the path is the same. If
    they correlate by r_d after d looks, n looks are worth n / (1 + 2 Σ r_d) independent ones. The
    sum ends at the first r_d that noise explains (C. Geyer, Statistical Science 7, 1992).

    Parameters
    ----------
    evidence
        Shape (n, K): of one look at each item, as it is.
    path
        Shape (n,): classes.

    Returns
    -------
    Factor in (0, 1] on the evidence; None where there are too few looks to tell.

    >>> from vquery.supervise.time.sequences import sequences_of
    >>> from vquery.supervise.votes.matrix import LabelMatrix
    >>> rng = np.random.default_rng(0)
    >>> votes = rng.integers(0, 2, 1000)
    >>> rows = sequences_of(LabelMatrix.from_dense(votes[:, None], classes=[0, 1]))
    >>> temper_of(np.eye(2)[votes], np.zeros(1000, int), rows)
    1.0
    >>> slow = np.repeat(votes[:250], 4)  # every error is seen four times
    >>> round(temper_of(np.eye(2)[slow], np.zeros(1000, int), rows), 1)
    0.2
    """
    rows, bounds = looked_at(sequences)
    if np.count_nonzero(rows >= 0) < FEWEST:
        return None
    residual = evidence - evidence.mean(axis=1, keepdims=True)
    for code in np.unique(path):
        residual[path == code] -= residual[path == code].mean(axis=0)
    there = rows >= 0
    seen = residual[np.maximum(rows, 0)] * there[:, None]
    now = float((seen**2).sum() / there.sum())
    if now <= np.finfo(float).eps * float((evidence**2).max(initial=1.0)):
        return 1.0
    number = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    lasting = 0.0
    for lag in range(1, min(LONGEST, len(rows) // 4) + 1):
        pair = (number[lag:] == number[:-lag]) & there[lag:] & there[:-lag]
        count = int(pair.sum())
        if not count:
            break
        product = (seen[lag:] * seen[:-lag]).sum(axis=1)
        correlation = float(product[pair].sum()) / count / now
        if correlation <= NOISE / np.sqrt(count):
            break
        lasting += correlation
    return 1 / (1 + 2 * lasting)


def looked_at(sequences: Sequences) -> tuple[Ints, Ints]:
    """Rows of items in the order of looks (-1 in gaps), and the bounds of sequences."""
    if not sequences.by_time:
        return sequences.row, sequences.bounds
    rows, bounds, _ = grid_of(sequences)
    return rows, bounds
