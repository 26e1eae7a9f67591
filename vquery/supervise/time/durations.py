"""How long classes last: what people state, and what correlations over time show.

If a class could end at any time, its correlation with itself would fall like a power. It falls more
slowly at first and may swing below zero where classes last at least a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vquery.errors import LabelError
from vquery.supervise.time.transitions import spent

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

PARTS = np.arange(10) / 10
"""Least durations that are tried, as parts of the mean ones."""
CYCLES = 1.05 ** np.arange(-6, 13)
"""Times between two starts of a class that are tried, as multiples of what the next tick shows.
Short errors that functions share make the next tick less alike, so more is tried above."""
FINEST = 100
"""Ticks of a cycle that are enough to tell durations apart."""
REACH = 3
"""Cycles over which correlations are compared; later ones are noise."""
NEEDED = 9.0
"""Fall of the squared standardised errors that makes a least duration believed: three standard
errors of one number."""
WITHIN = 4.0
"""The smallest least duration is taken whose errors are no more than this above the best: two
standard errors. Too short a one does little harm, too long a one swallows what is true."""
LEAST_ERROR = 1e-3
"""Standard errors of correlations are not believed below this."""


class Fitted(NamedTuple):
    """Part of the mean duration that is certain, ticks of a cycle, and how much it explains."""

    part: float
    cycle: float
    gain: float


def correlations(least: Ints, mean: Floats, jump: Floats, most: int) -> Floats:
    """Correlation of a class with itself 0 … most ticks later, averaged over classes.

    Classes last ``least`` ticks and then end by chance, so that they last ``mean`` ticks.
    O(most · K²) for one class to start in; the average weighs what sums of products weigh.

    >>> even = np.array([[0, 1.0], [1, 0]])
    >>> correlations(np.array([1, 1]), np.array([10.0, 10]), even, 2).round(2).tolist()
    [1.0, 0.8, 0.64]
    >>> correlations(np.array([9, 9]), np.array([10.0, 10]), even, 2).round(2).tolist()
    [1.0, 0.8, 0.6]
    """
    k = len(mean)
    share = spent(mean, jump)
    flow = share / mean
    end = 1 / np.maximum(mean - least + 1, 1.0)
    out = np.zeros(most + 1)
    history = int(least.max()) + most + 1
    for first in range(k):
        # into[t + offset]: what begins class l at tick t, given that the class is `first` at 0
        offset = int(least.max())
        into = np.zeros((history, k))
        into[offset - least[first] + 1 : offset, first] = flow[first] / share[first]
        ripe = np.zeros(k)
        ripe[first] = 1 - into[:, first].sum()
        held = np.zeros(k)
        held[first] = into[:, first].sum()
        for t in range(most + 1):
            out[t] += share[first] * (ripe[first] + held[first])
            if t == most:
                break
            leave = end * ripe
            begin = leave @ jump
            into[offset + t] = begin
            grown = into[offset + t + 1 - least, np.arange(k)]
            ripe += grown - leave
            held += begin - grown
    chance = (share**2).sum()
    return np.asarray((out - chance) / (1 - chance))


def fit_durations(
    lags: Ints, correlation: Floats, error: Floats, mean: Floats, jump: Floats
) -> Fitted:
    """Find which part of their mean duration classes last at least, from correlations by lag.

    Parameters
    ----------
    lags, correlation, error
        Shape (d,): ticks from 1 on, correlations and their standard errors.
    mean
        Shape (K,): ticks that classes last by the correlation after one tick.
    jump
        Shape (K, K): where classes go when they end.

    Notes
    -----
    Least squares over a grid of 10 parts and 19 cycles. A part above 0 is believed only where it
    explains correlations better by three standard errors, and then the smallest one within two.
    """
    cycle = float(mean.sum())
    near = (lags >= 1) & (lags <= max(REACH * cycle, 4.0))
    if not near.any():
        return Fitted(0.0, cycle, 0.0)
    # long cycles are told apart as well with a coarser tick
    tick = max(1.0, cycle / FINEST)
    at, seen, mean = lags[near] / tick, correlation[near], mean / tick
    most = int(np.ceil(at[-1]))
    weight = 1 / np.maximum(error[near], LEAST_ERROR) ** 2
    loss = np.full((PARTS.size, CYCLES.size), np.inf)
    for i, part in enumerate(PARTS):
        for j, times in enumerate(CYCLES):
            lasts = mean * times
            if lasts.min() < 1:
                continue
            least = np.maximum(np.rint(part * lasts), 1).astype(np.int64)
            made = np.interp(at, np.arange(most + 1), correlations(least, lasts, jump, most))
            loss[i, j] = (weight * (made - seen) ** 2).sum()
    best = loss.min(axis=1)
    gain = float(best[0] - best.min())
    if not np.isfinite(gain) or gain < NEEDED:
        return Fitted(0.0, cycle, gain)
    chosen = int(np.flatnonzero(best <= best.min() + WITHIN)[0])
    times = CYCLES[int(loss[chosen].argmin())]
    return Fitted(float(PARTS[chosen]), cycle * float(times), gain)


def read_seconds(given: Any, classes: tuple[Hashable, ...], name: str) -> dict[int, Any]:
    """Read what is stated by class; a single value holds for all classes.

    Raises
    ------
    LabelError
        If a class is not known, or a value is neither seconds of at least 0 nor a pair of them.

    >>> read_seconds({"b": 2, "a": (1, 5)}, ("a", "b"), "durations")
    {1: 2.0, 0: (1.0, 5.0)}
    """
    if given is None:
        return {}
    said = given if isinstance(given, Mapping) else dict.fromkeys(classes, given)
    unknown = [label for label in said if label not in classes]
    if unknown:
        raise LabelError(f"{name}: {unknown[0]!r} is no class; classes: {list(classes)}")
    return {classes.index(label): _seconds(each, label, name) for label, each in said.items()}


def _seconds(said: Any, label: Hashable, name: str) -> Any:
    numbers = said if isinstance(said, list | tuple) else (said,)
    good = len(numbers) <= 2 and all(
        isinstance(each, int | float | np.number) and 0 <= each < np.inf for each in numbers
    )
    if not good or not numbers:
        raise LabelError(f"{name} of {label!r} must be seconds of at least 0, got {said!r}")
    return tuple(map(float, numbers)) if numbers is said else float(said)


def read_durations(
    durations: Any, min_duration: Any, classes: tuple[Hashable, ...]
) -> tuple[dict[int, float], dict[int, float]]:
    """Give least and mean seconds by class of what is stated.

    Raises
    ------
    LabelError
        As for `read_seconds`; if a least duration is stated twice, or a mean is not above it.

    >>> read_durations({"a": (1, 5)}, {"b": 2}, ("a", "b"))
    ({1: 2.0, 0: 1.0}, {0: 5.0})
    """
    least, mean = read_seconds(min_duration, classes, "min_duration"), {}
    for code, said in least.items():
        if isinstance(said, tuple):
            raise LabelError(
                f"min_duration of {classes[code]!r} must be one number of seconds, got {said!r}; "
                "least and mean go together as durations={class: (least, mean)}"
            )
    for code, said in read_seconds(durations, classes, "durations").items():
        if isinstance(said, tuple) and len(said) == 2:
            if code in least:
                raise LabelError(f"the least duration of {classes[code]!r} is stated twice")
            least[code], said = said
        mean[code] = said[0] if isinstance(said, tuple) else said
        if not mean[code] > least.get(code, 0.0):
            raise LabelError(
                f"durations of {classes[code]!r}: a mean of {mean[code]:g} s is not above the "
                f"least duration of {least.get(code, 0.0):g} s"
            )
    return least, mean
