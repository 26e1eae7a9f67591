"""Votes drawn from known parameters, and the standard errors that any estimate of them has."""

from __future__ import annotations

import numpy as np


def symmetric(classes: int, cover: float, right: float) -> np.ndarray:
    """P(vote | class) of a function that votes on a share of items and is right on a share."""
    out = np.full((classes, classes + 1), cover * (1 - right) / (classes - 1))
    out[np.arange(classes), np.arange(classes)] = cover * right
    out[:, classes] = 1 - cover
    return out


def one_sided(classes: int, voted: int, hit: float, false: float) -> np.ndarray:
    """P(vote | class) of a function that votes for one class only."""
    out = np.zeros((classes, classes + 1))
    out[:, voted] = false
    out[voted, voted] = hit
    out[:, classes] = 1 - out[:, voted]
    return out


def draw(n, balance, confusion, *, seed=0, copies=None):
    """Votes (n, m), truth (n,), and P(vote | class) as drawn.

    ``copies`` (a, b, share): function b says what a says on that share of items.
    """
    rng = np.random.default_rng(seed)
    k = len(balance)
    truth = rng.choice(k, n, p=balance)
    votes = np.empty((n, len(confusion)), int)
    for j, table in enumerate(confusion):
        votes[:, j] = (rng.random(n)[:, None] > np.cumsum(table, axis=1)[truth][:, :k]).sum(1)
    confusion = np.array(confusion)
    if copies:
        a, b, share = copies
        same = rng.random(n) < share
        votes[same, b] = votes[same, a]
        confusion[b] = share * confusion[a] + (1 - share) * confusion[b]
    return np.where(votes == k, -1, votes), truth, confusion


def errors_away(votes, balance, confusion, found_balance, found_confusion) -> np.ndarray:
    """How many standard errors off the parameters found are, all free ones that may be nonzero.

    The errors are those of maximum likelihood when the class is *not* seen: from the squares of the
    scores of all items (their information), at the true parameters. Functions are independent.
    """
    rows, counts = np.unique(votes, axis=0, return_counts=True)
    k = len(balance)
    seen = np.where(rows < 0, k, rows)
    joint = np.tile(np.asarray(balance, float), (len(rows), 1))
    for j, table in enumerate(confusion):
        joint *= table[:, seen[:, j]].T
    posterior = joint / joint.sum(1, keepdims=True)
    scores = [posterior[:, c] / balance[c] - posterior[:, 0] / balance[0] for c in range(1, k)]
    off = [found_balance[c] - balance[c] for c in range(1, k)]
    for j, table in enumerate(confusion):
        for c in range(k):
            rest = int(table[c].argmax())
            for v in np.flatnonzero(table[c] > 0):
                if v != rest:
                    score = (seen[:, j] == v) / table[c, v] - (seen[:, j] == rest) / table[c, rest]
                    scores.append(posterior[:, c] * score)
                    off.append(found_confusion[j, c, v] - table[c, v])
    stacked = np.array(scores)
    covariance = np.linalg.inv((stacked * counts) @ stacked.T)
    return np.array(off) / np.sqrt(np.diag(covariance))
