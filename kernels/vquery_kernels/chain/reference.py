"""Chains in numpy: tick by tick, and over all pairs of a first and a last node of a spell."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s


Floats = npt.NDArray[np.float64]
NEAR = 1e-6
"""Ticks by which a spell may miss its least duration: times are rounded."""


def posterior(
    bounds: Int64s,
    ticks: Int64s,
    evidence: Floats,
    matrix: Int64s,
    matrices: Floats,
    start: Floats,
) -> tuple[Floats, Floats, Floats, Floats]:
    """See :func:`vquery_kernels.chain.posterior`; O(K²) a tick."""
    n, k = evidence.shape
    probability, total = np.zeros((n, k)), np.zeros(len(bounds) - 1)
    changes = np.zeros((k, k))
    for s, (low, high) in enumerate(pairwise(bounds)):
        node = np.repeat(np.arange(low, high), ticks[low:high])
        shift = evidence[node].max(1)
        weight = np.exp(evidence[node] - shift[:, None])
        forward = np.empty((len(node) + 1, k))
        forward[0] = start
        for t, i in enumerate(node):
            made = (forward[t] @ matrices[matrix[i]]) * weight[t]
            forward[t + 1] = made / made.sum()
            total[s] += np.log(made.sum()) + shift[t]
        after = np.ones(k)
        for t in range(len(node) - 1, -1, -1):
            i = node[t]
            pairs = forward[t][:, None] * matrices[matrix[i]] * (weight[t] * after)
            pairs /= pairs.sum()
            changes += pairs
            probability[i] += pairs.sum(0) / ticks[i]
            after = matrices[matrix[i]] @ (weight[t] * after)
            after /= after.max()
    return probability, total, changes, np.diag(changes).copy()


def spell_posterior(
    bounds: Int64s,
    length: Floats,
    evidence: Floats,
    least: Floats,
    start: Floats,
    stay: Floats,
    switch: Floats,
) -> tuple[Floats, Floats, Floats, Floats]:
    """See :func:`vquery_kernels.chain.spell_posterior`; O(n² K²)."""
    n, k = evidence.shape
    probability, total = np.zeros((n, k)), np.zeros(len(bounds) - 1)
    changes, held = np.zeros((k, k)), np.zeros(k)
    for s, (low, high) in enumerate(pairwise(bounds)):
        score, extra = _spells(length[low:high], evidence[low:high], least, stay)
        size = high - low
        # into[a]: all that ends where a spell starts, with the change; rest[a]: from there on
        into, ended = np.full((size, k), -np.inf), np.full((size + 1, k), -np.inf)
        into[0] = start
        for b in range(1, size + 1):
            ended[b] = np.logaddexp.reduce(into[:b] + score[:b, b], axis=0)
            if b < size:
                into[b] = _changed(ended[b], switch)
        rest, follow = np.zeros((size + 1, k)), np.zeros((size + 1, k))
        for a in range(size - 1, -1, -1):
            rest[a] = np.logaddexp.reduce(score[a, a + 1 :] + follow[a + 1 :], axis=0)
            follow[a] = _changed(rest[a], switch.T)
        total[s] = np.logaddexp.reduce(ended[size])
        for a in range(size):
            for b in range(a + 1, size + 1):
                share = np.exp(into[a] + score[a, b] + follow[b] - total[s])
                probability[low + a : low + b] += share
                held += share * extra[a, b]
            if a:
                pairs = ended[a][:, None] + switch + rest[a][None] - total[s]
                changes += np.where(np.eye(k, dtype=bool), 0.0, np.exp(pairs))
    return probability, total, changes, held


def spell_path(
    bounds: Int64s,
    length: Floats,
    evidence: Floats,
    least: Floats,
    start: Floats,
    stay: Floats,
    switch: Floats,
) -> tuple[Int64s, Floats]:
    """See :func:`vquery_kernels.chain.spell_path`; O(n² K²)."""
    n, k = evidence.shape
    code, total = np.zeros(n, np.int64), np.zeros(len(bounds) - 1)
    for s, (low, high) in enumerate(pairwise(bounds)):
        score, _ = _spells(length[low:high], evidence[low:high], least, stay)
        size = high - low
        into, ended = np.full((size, k), -np.inf), np.full((size + 1, k), -np.inf)
        came, began = np.zeros((size, k), np.int64), np.zeros((size + 1, k), np.int64)
        into[0] = start
        for b in range(1, size + 1):
            each = into[:b] + score[:b, b]
            began[b], ended[b] = each.argmax(0), each.max(0)
            if b < size and k > 1:
                pairs = np.where(np.eye(k, dtype=bool), -np.inf, ended[b][:, None] + switch)
                came[b], into[b] = pairs.argmax(0), pairs.max(0)
        b, one = int(size), int(ended[size].argmax())
        total[s] = ended[size, one]
        while b:
            a = int(began[b, one])
            code[low + a : low + b] = one
            one, b = int(came[a, one]), a
    return code, total


def _spells(length: Floats, evidence: Floats, least: Floats, stay: Floats) -> tuple[Floats, Floats]:
    """Score of a spell on nodes ``[a, b)`` by class, and its ticks past the least duration."""
    size, k = evidence.shape
    time = np.concatenate(([0.0], np.cumsum(length)))
    summed = np.vstack((np.zeros(k), np.cumsum(evidence, axis=0)))
    score, extra = np.full((size, size + 1, k), -np.inf), np.zeros((size, size + 1, k))
    for a in range(size):
        for b in range(a + 1, size + 1):
            lasts = time[b] - time[a]
            # the first one may have begun before, so that it may end at any time
            tick = min(length[a], 1.0)
            past = np.maximum(lasts - (np.maximum(least, tick) if a else tick), 0.0)
            done = (lasts >= least - NEAR) | (a == 0)
            ok = done | (b == size)
            extra[a, b] = np.where(done, past, 0.0)
            score[a, b] = np.where(ok, summed[b] - summed[a] + stay * extra[a, b], -np.inf)
    return score, extra


def _changed(score: Floats, switch: Floats) -> Floats:
    """Sum over the other classes what lies on one side of a change, seen from the other."""
    k = len(score)
    pairs = np.where(np.eye(k, dtype=bool), -np.inf, score[:, None] + switch)
    return np.asarray(np.logaddexp.reduce(pairs, axis=0))
