"""What votes alone show of transitions: covariances of different functions some time apart.

Errors of one function last, so a function compared with itself says little of the classes. Two
functions whose errors are independent agree some time later only as far as the class is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery.supervise.soft import softmax
from vquery.supervise.votes.matrix import ABSTAIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.time.run import Evidence
    from vquery.supervise.time.sequences import Sequences

    Ints = NDArray[np.int64]
    Codes = NDArray[np.int16]
    Floats = NDArray[np.float64]

EVERY = 8
"""Lags up to this are all taken, later ones in steps of about a tenth."""
LONGEST = 1000
"""Ticks of the longest lag."""
BLOCKS = 30
"""Blocks of time that standard errors leave out one by one."""
FEWEST = 200
"""Ticks below which nothing is estimated: two standard errors of a correlation are then .14."""
LARGEST = 4
"""Grid points for each node, at most: beyond this time is sampled more coarsely."""
WEAK = 1e-6
"""Least share of the class in the covariances of two functions that can be divided by."""


class Lagged(NamedTuple):
    """Covariances of the class with itself, by lag.

    ``lags`` (d,) ticks, the first 0. ``joint`` (d, K, K): covariance of being k and being l so
    many ticks later. ``left_out`` (blocks, d, K, K): the same without each block of time, and
    ``balance`` (blocks, K) the shares of the classes. ``step``: seconds of a tick here, a multiple
    of that of the sequences.
    """

    lags: Ints
    joint: Floats
    left_out: Floats
    balance: Floats
    step: float


def lag_covariances(given: Evidence, sequences: Sequences) -> Lagged | None:
    """Estimate how the class varies with itself over time, from pairs of different functions.

    Returns
    -------
    Lagged or None
        None where there are too few ticks, or no two functions that tell classes apart.

    Notes
    -----
    With Θ_j the confusion of function j and X_d the covariance of the class at lag d,
    Cov(vote of i, vote of j d ticks later) = Θ_iᵀ X_d Θ_j for i ≠ j. Least squares in the metric
    of Pearson's chi-square over all pairs need only sums over functions:
    O(items · functions · K² · lags), however many pairs there are.
    """
    votes, confusion, balance = given.votes, given.confusion, given.balance
    k = len(balance)
    grid, cuts, step = grid_of(sequences)
    if k < 2 or grid.size < FEWEST or votes.shape[1] < 2:
        return None
    basis = _contrasts(k)
    tables, weight = _scores(confusion, balance, basis)
    system = np.kron(weight.sum(0), weight.sum(0)) - sum(np.kron(each, each) for each in weight)
    if np.linalg.cond(system) > 1 / WEAK:
        return None
    lags = _lags(int(np.diff(cuts).max()))
    blocks = np.minimum(BLOCKS * np.arange(grid.size) // grid.size, BLOCKS - 1)
    pairs, first, second, sums = _sums(votes, tables, grid, cuts, blocks, lags)
    total = (pairs.sum(0), first.sum(0), second.sum(0), sums.sum(0))
    made = [_solved(system, basis, *total)]
    for block in range(BLOCKS):
        rest = (total[0] - pairs[block], total[1] - first[block], total[2] - second[block])
        made.append(_solved(system, basis, *rest, total[3] - sums[block]))
    shares = _shares(given, grid, blocks)
    return Lagged(lags, made[0], np.asarray(made[1:]), shares, step)


def _shares(given: Evidence, grid: Ints, blocks: Ints) -> Floats:
    """Shares of the classes without each block, (blocks, K), moved as mean probabilities move."""
    chance = softmax(given.evidence + np.log(given.balance))
    seen = grid >= 0
    inside, place = chance[grid[seen]], blocks[seen]
    sums = np.stack([np.bincount(place, column, BLOCKS) for column in inside.T], axis=1)
    count = np.bincount(place, minlength=BLOCKS)[:, None]
    total = sums.sum(axis=0)
    without = (total - sums) / np.maximum(count.sum() - count, 1)
    moved = np.maximum(given.balance + without - total / count.sum(), WEAK)
    return np.asarray(moved / moved.sum(axis=1, keepdims=True))


def grid_of(sequences: Sequences) -> tuple[Ints, Ints, float]:
    """Sample the items of all sequences at equal steps: rows (-1 in gaps), and bounds."""
    step = sequences.step
    span = float(sequences.length.sum())
    step *= max(1.0, span / (step * LARGEST * max(1, len(sequences.row))))
    rows, sizes = [], [0]
    for low, high in zip(sequences.bounds[:-1], sequences.bounds[1:], strict=True):
        ends = np.cumsum(sequences.length[low:high])
        times = np.arange(0.5 * step, ends[-1], step) if ends.size else np.empty(0)
        rows.append(sequences.row[low:high][np.searchsorted(ends, times, side="right")])
        sizes.append(times.size)
    return np.concatenate(rows or [np.empty(0, np.int64)]), np.cumsum(sizes), step


def _lags(longest: int) -> Ints:
    """Give lags from 0 on, all small ones and then ever fewer, up to a quarter of a sequence."""
    most = max(1, min(LONGEST, longest // 4))
    grown = np.rint(EVERY * 1.1 ** np.arange(100))
    return np.unique(np.concatenate((np.arange(EVERY + 1), grown[grown <= most]))).astype(np.int64)[
        : most + 1
    ]


def _contrasts(k: int) -> Floats:
    """Give an orthonormal basis of all that sums to 0, (K, K - 1)."""
    return np.asarray(np.linalg.qr(np.eye(k) - 1 / k)[0][:, : k - 1])


def _scores(confusion: Floats, balance: Floats, basis: Floats) -> tuple[Floats, Floats]:
    """Give each vote its score (m, K + 1, K - 1), and what scores say of classes (m, K-1, K-1)."""
    common = np.maximum(np.einsum("k,jkv->jv", balance, confusion), WEAK)
    tables = np.einsum("kc,jkv,jv->jvc", basis, confusion, 1 / common)
    weight = np.einsum("jvc,jkv,kd->jcd", tables, confusion, basis)
    return tables, weight


def _sums(
    votes: Codes, tables: Floats, grid: Ints, cuts: Ints, blocks: Ints, lags: Ints
) -> tuple[Floats, Floats, Floats, Floats]:
    """Add up, by block and lag: pairs, scores of either side, products of different functions.

    Shapes (blocks, d), (blocks, d, m + 1, c) twice (functions, then their sum) and
    (blocks, d, c, c).
    """
    m, c = len(tables), tables.shape[2]
    d = lags.size
    there = grid >= 0
    number = np.repeat(np.arange(len(cuts) - 1), np.diff(cuts))
    pairs = np.zeros((BLOCKS, d))
    first, second = np.zeros((BLOCKS, d, m + 1, c)), np.zeros((BLOCKS, d, m + 1, c))
    sums = np.zeros((BLOCKS, d, c, c))
    chosen = votes[np.maximum(grid, 0)]
    chosen[~there] = ABSTAIN
    total = np.zeros((grid.size, c))
    for j in range(m):
        total += tables[j][chosen[:, j]]
    spans = []
    for lag in lags.tolist():
        at = np.flatnonzero(
            (number[lag:] == number[: number.size - lag]) & there[lag:] & there[: number.size - lag]
        )
        spans.append(at)
        pairs[:, len(spans) - 1] = np.bincount(blocks[at], minlength=BLOCKS)
    for j in range(m + 1):
        score = total if j == m else tables[j][chosen[:, j]]
        sign = 1.0 if j == m else -1.0
        for place, (lag, at) in enumerate(zip(lags.tolist(), spans, strict=True)):
            one, other, block = score[at], score[at + lag], blocks[at]
            for a in range(c):
                first[:, place, j, a] = np.bincount(block, one[:, a], BLOCKS)
                second[:, place, j, a] = np.bincount(block, other[:, a], BLOCKS)
                for b in range(c):
                    product = np.bincount(block, one[:, a] * other[:, b], BLOCKS)
                    sums[:, place, a, b] += sign * product
    return pairs, first, second, sums


def _solved(
    system: Floats, basis: Floats, pairs: Floats, first: Floats, second: Floats, sums: Floats
) -> Floats:
    """Give the covariances of the class, (d, K, K), of sums over the ticks."""
    count = np.maximum(pairs, 1.0)[:, None, None]
    means, later = first / count[..., :1], second / count[..., :1]
    of_sum = np.einsum("da,db->dab", means[:, -1], later[:, -1])
    of_each = np.einsum("dja,djb->dab", means[:, :-1], later[:, :-1])
    moved = sums / count - (of_sum - of_each)
    found = np.linalg.solve(system, moved.reshape(len(pairs), -1).T).T.reshape(moved.shape)
    return np.asarray(basis @ found @ basis.T)
