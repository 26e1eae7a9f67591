"""Chains compiled: long nodes by powers of matrices, and sequence after sequence of spells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vquery_kernels.chain.spells import both_ways, likeliest
from vquery_kernels.cpu import compiled

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s

Floats = npt.NDArray[np.float64]


def posterior(
    bounds: Int64s,
    ticks: Int64s,
    evidence: Floats,
    matrix: Int64s,
    matrices: Floats,
    start: Floats,
) -> tuple[Floats, Floats, Floats, Floats]:
    """See :func:`vquery_kernels.chain.posterior`."""
    n, k = evidence.shape
    probability, total, changes = np.empty((n, k)), np.empty(len(bounds) - 1), np.zeros((k, k))
    _chain(bounds, ticks, evidence, matrix, matrices, start, probability, total, changes)
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
    """See :func:`vquery_kernels.chain.spell_posterior`."""
    n, k = evidence.shape
    probability, total = np.empty((n, k)), np.empty(len(bounds) - 1)
    changes, held = np.zeros((k, k)), np.zeros(k)
    for s in range(len(bounds) - 1):
        low, high = bounds[s], bounds[s + 1]
        total[s] = both_ways(
            length[low:high], evidence[low:high], least, start, stay, switch,
            probability[low:high], changes, held,
        )  # fmt: skip
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
    """See :func:`vquery_kernels.chain.spell_path`."""
    code, total = np.empty(len(evidence), np.int64), np.empty(len(bounds) - 1)
    for s in range(len(bounds) - 1):
        low, high = bounds[s], bounds[s + 1]
        total[s] = likeliest(
            length[low:high], evidence[low:high], least, start, stay, switch, code[low:high]
        )
    return code, total


@compiled
def _times(left: Floats, right: Floats) -> Floats:
    """Product of two small matrices."""
    k = len(left)
    made = np.zeros((k, k))
    for i in range(k):
        for j in range(k):
            for l in range(k):  # noqa: E741
                made[i, l] += left[i, j] * right[j, l]
    return made


@compiled
def _power(base: Floats, ticks: int, middle: Floats) -> tuple[Floats, float, Floats]:
    """Give ``base ** ticks`` with its logarithmic scale, and the sum of ``base^s middle base^t``.

    The sum is over s + t = ticks - 1, up to a factor; both by doubling.
    """
    power, scale = base / base.max(), math.log(base.max())
    one = power.copy()
    unit = scale
    total, height = middle / middle.max(), 0.0
    bit = 1
    while bit * 2 <= ticks:
        bit *= 2
    bit //= 2
    while bit:
        total = _times(total, power) + _times(power, total)
        height += scale
        power, scale = _times(power, power), 2 * scale
        if ticks & bit:
            # the new tick stands behind the others, or before them with all behind it
            added = _times(power, middle / middle.max())
            most = max(height + unit, scale)
            total = _times(total, one) * math.exp(height + unit - most)
            total += added * math.exp(scale - most)
            height = most
            power, scale = _times(power, one), scale + unit
        top = power.max()
        power, scale = power / top, scale + math.log(top)
        top = total.max()
        total, height = total / top, height + math.log(top)
        bit //= 2
    return power, scale, total


@compiled
def _chain(
    bounds: Int64s,
    ticks: Int64s,
    evidence: Floats,
    matrix: Int64s,
    matrices: Floats,
    start: Floats,
    probability: Floats,
    total: Floats,
    changes: Floats,
) -> None:
    """Forward and backward over all sequences."""
    n, k = evidence.shape
    before = np.empty((n, k))
    weight, row = np.empty(k), np.empty(k)
    step, pairs = np.empty((k, k)), np.empty((k, k))
    for s in range(len(bounds) - 1):
        low, high = bounds[s], bounds[s + 1]
        total[s] = 0.0
        row[:] = start
        for i in range(low, high):
            before[i] = row
            shift = _step(evidence[i], matrices[matrix[i]], weight, step)
            total[s] += ticks[i] * shift
            power = step
            if ticks[i] > 1:
                power, scale, _ = _power(step, ticks[i], step)
                total[s] += scale
            most = 0.0
            for b in range(k):
                made = 0.0
                for a in range(k):
                    made += before[i, a] * power[a, b]
                row[b] = made
                most += made
            row /= most
            total[s] += math.log(most)
        row[:] = 1.0
        for i in range(high - 1, low - 1, -1):
            move = matrices[matrix[i]]
            _step(evidence[i], move, weight, step)
            for a in range(k):
                for b in range(k):
                    pairs[a, b] = before[i, a] * row[b]
            turned = step
            if ticks[i] > 1:
                back, _, gathered = _power(step.T.copy(), ticks[i], pairs)
                pairs[:] = gathered
                turned = back.T.copy()
            most = 0.0
            for a in range(k):
                for b in range(k):
                    pairs[a, b] *= step[a, b]
                    most += pairs[a, b]
            probability[i] = 0.0
            for a in range(k):
                for b in range(k):
                    share = pairs[a, b] / most
                    probability[i, b] += share
                    changes[a, b] += share * ticks[i]
            most = 0.0
            for a in range(k):
                made = 0.0
                for b in range(k):
                    made += turned[a, b] * row[b]
                weight[a] = made
                most = max(most, made)
            row[:] = weight / most


@compiled
def _step(evidence: Floats, move: Floats, weight: Floats, step: Floats) -> float:
    """Fill ``step`` with one tick of a node; return what its evidence was lowered by."""
    shift = evidence.max()
    for b in range(len(evidence)):
        weight[b] = math.exp(evidence[b] - shift)
    for a in range(len(evidence)):
        for b in range(len(evidence)):
            step[a, b] = move[a, b] * weight[b]
    return float(shift)
