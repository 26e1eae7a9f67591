"""Spells compiled: forward and backward over borders, each taking in the spells that ripen there.

A spell that starts at border ``a`` can end from the first border on that is its least duration
later; what it gathers until then is a difference of running sums. So no border looks back over a
duration.
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
def both_ways(
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
def likeliest(
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
