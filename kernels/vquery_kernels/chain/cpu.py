"""Chains compiled: powers of matrices for long nodes, and spells by the border where they ripen.

A spell that starts at border ``a`` can end from the first border on that is its least duration
later; what it gathers until then is a difference of running sums. So each border takes in the
spells that ripen there, and no border looks back over a duration.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vquery_kernels.chain.reference import NEAR as NEAR_TICKS
from vquery_kernels.cpu import compiled

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s

Floats = npt.NDArray[np.float64]
NEAR = NEAR_TICKS
NEVER = -np.inf


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
        total[s] = _spells(
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
        total[s] = _path(
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


@compiled
def _add(one: float, other: float) -> float:
    """Logarithm of a sum."""
    most, fewest = max(one, other), min(one, other)
    return most if fewest == NEVER else most + math.log1p(math.exp(fewest - most))


@compiled
def _layout(length: Floats, least: Floats) -> tuple[Floats, Int64s]:
    """Lay out times of the borders, and for each start and class where a spell ripens.

    A border behind the last one says that it does not.
    """
    size, k = len(length), len(least)
    time = np.zeros(size + 1)
    for i in range(size):
        time[i + 1] = time[i] + length[i]
    ripe = np.full((size, k), size + 1, np.int64)
    for c in range(k):
        a = 1
        for b in range(2, size + 1):
            while a < b and time[b] - time[a] >= least[c] - NEAR:
                ripe[a, c] = b
                a += 1
    return time, ripe


@compiled
def _gathered(
    a: int, b: int, c: int, time: Floats, summed: Floats, least: Floats, stay: Floats
) -> float:
    """Score of a spell of class ``c`` from border ``a`` to the border ``b`` where it ripens."""
    past = max(time[b] - time[a] - max(least[c], min(time[a + 1] - time[a], 1.0)), 0.0)
    return float(summed[b, c] - summed[a, c] + stay[c] * past)


@compiled
def _running(evidence: Floats) -> Floats:
    size, k = evidence.shape
    summed = np.zeros((size + 1, k))
    for i in range(size):
        for c in range(k):
            summed[i + 1, c] = summed[i, c] + evidence[i, c]
    return summed


@compiled
def _went_on(i: int, c: int, length: Floats, evidence: Floats, stay: Floats) -> float:
    """Score of node ``i`` in a spell that could have ended before it."""
    lasts = max(length[i] - 1.0, 0.0) if i == 0 else length[i]
    return float(evidence[i, c] + stay[c] * lasts)


@compiled
def _spells(
    length: Floats,
    evidence: Floats,
    least: Floats,
    start: Floats,
    stay: Floats,
    switch: Floats,
    probability: Floats,
    changes: Floats,
    held: Floats,
) -> float:
    """Forward and backward over the borders of one sequence; return its log-likelihood."""
    size, k = evidence.shape
    time, ripe = _layout(length, least)
    summed = _running(evidence)
    # ended[b]: paths whose last spell could end at b; into[b]: those that start another one there
    ended, into = np.full((size + 1, k), NEVER), np.full((size + 1, k), NEVER)
    ended[0] = start
    waits = np.ones(k, np.int64)
    for b in range(1, size + 1):
        for c in range(k):
            ended[b, c] = ended[b - 1, c] + _went_on(b - 1, c, length, evidence, stay)
            while waits[c] < b and ripe[waits[c], c] <= b:
                a = waits[c]
                came = into[a, c] + _gathered(a, b, c, time, summed, least, stay)
                ended[b, c] = _add(ended[b, c], came)
                waits[c] += 1
        if b < size:
            for c in range(k):
                for d in range(k):
                    if d != c:
                        into[b, c] = _add(into[b, c], ended[b, d] + switch[d, c])
    rest, begun = np.zeros((size + 1, k)), np.zeros((size + 1, k))
    for b in range(size - 1, -1, -1):
        for c in range(k):
            at = ripe[b, c]
            if b and at <= size:
                begun[b, c] = _gathered(b, at, c, time, summed, least, stay) + rest[at, c]
            elif b:
                begun[b, c] = summed[size, c] - summed[b, c]
        for c in range(k):
            rest[b, c] = _went_on(b, c, length, evidence, stay) + rest[b + 1, c]
            if b:
                for d in range(k):
                    if d != c:
                        rest[b, c] = _add(rest[b, c], switch[c, d] + begun[b, d])
    total = NEVER
    for c in range(k):
        total = _add(total, start[c] + rest[0, c])
    _share(
        length, evidence, least, stay, switch, time, ripe, ended, into, rest, begun, total,
        probability, changes, held,
    )  # fmt: skip
    return total


@compiled
def _share(
    length: Floats,
    evidence: Floats,
    least: Floats,
    stay: Floats,
    switch: Floats,
    time: Floats,
    ripe: Int64s,
    ended: Floats,
    into: Floats,
    rest: Floats,
    begun: Floats,
    total: float,
    probability: Floats,
    changes: Floats,
    held: Floats,
) -> None:
    """Turn what lies before and behind each border into probabilities."""
    size, k = evidence.shape
    young = np.zeros((size + 1, k))  # differences of the probability of spells that are not ripe
    for b in range(1, size):
        for c in range(k):
            share = math.exp(into[b, c] + begun[b, c] - total)
            at = min(ripe[b, c], size)
            young[b, c] += share
            young[at, c] -= share
            if ripe[b, c] <= size:
                first = max(least[c], min(length[b], 1.0))
                held[c] += share * max(time[at] - time[b] - first, 0.0)
            for d in range(k):
                if d != c:
                    changes[d, c] += math.exp(ended[b, d] + switch[d, c] + begun[b, c] - total)
    green = np.zeros(k)
    for i in range(size):
        most = 0.0
        for c in range(k):
            green[c] += young[i, c]
            on = _went_on(i, c, length, evidence, stay)
            share = math.exp(ended[i, c] + on + rest[i + 1, c] - total)
            held[c] += share * (max(length[i] - 1.0, 0.0) if i == 0 else length[i])
            probability[i, c] = share + max(green[c], 0.0)
            most += probability[i, c]
        for c in range(k):
            probability[i, c] /= most


@compiled
def _path(
    length: Floats,
    evidence: Floats,
    least: Floats,
    start: Floats,
    stay: Floats,
    switch: Floats,
    code: Int64s,
) -> float:
    """Fill the likeliest classes of one sequence; return their log-probability."""
    size, k = evidence.shape
    time, ripe = _layout(length, least)
    summed = _running(evidence)
    ended, into = np.full((size + 1, k), NEVER), np.full((size + 1, k), NEVER)
    ended[0] = start
    # where the spell that can end here ripened from (-1: it went on), and what class was before
    began, came = np.full((size + 1, k), -1, np.int64), np.zeros((size + 1, k), np.int64)
    waits = np.ones(k, np.int64)
    for b in range(1, size + 1):
        for c in range(k):
            ended[b, c] = ended[b - 1, c] + _went_on(b - 1, c, length, evidence, stay)
            while waits[c] < b and ripe[waits[c], c] <= b:
                a = waits[c]
                score = into[a, c] + _gathered(a, b, c, time, summed, least, stay)
                if score > ended[b, c]:
                    ended[b, c], began[b, c] = score, a
                waits[c] += 1
        if b < size:
            for c in range(k):
                for d in range(k):
                    if d != c and ended[b, d] + switch[d, c] > into[b, c]:
                        into[b, c], came[b, c] = ended[b, d] + switch[d, c], d
    best, one, first = NEVER, 0, size
    for c in range(k):
        if ended[size, c] > best:
            best, one, first = ended[size, c], c, size
    for c in range(k):
        for a in range(waits[c], size):  # spells that the sequence cuts off
            score = into[a, c] + summed[size, c] - summed[a, c]
            if score > best:
                best, one, first = score, c, a
    b = size
    if first < size:
        code[first:size] = one
        b, one = first, came[first, one]
    while b > 0:
        a = began[b, one]
        if a < 0:
            b -= 1
            code[b] = one
        else:
            code[a:b] = one
            b, one = a, came[a, one]
    return best
