"""Intervals of any figure by drawing groups, such as videos, with replacement."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

DRAWS = 1000
LEVEL = 0.95
SEED = 0
TOGETHER = 2**22
"""Entries of multiplicities that are held at a time: 32 MiB."""


class Interval(NamedTuple):
    """A figure and what it would be on other groups of the same kind.

    ``low`` and ``high`` are null with fewer than two groups, or where no draw has a value;
    ``draws`` counts those that have one.
    """

    value: float | None
    low: float | None
    high: float | None
    draws: int
    groups: int


def interval(
    statistic: Callable[[Ints], float | None],
    groups: ArrayLike,
    draws: int = DRAWS,
    seed: int = SEED,
    level: float = LEVEL,
) -> Interval:
    """Give the percentile interval of a figure over draws of whole groups.

    Neighbouring frames are alike, so single rows must never be drawn: a group is a video, an
    episode or a block of time (B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993,
    chapters 8 and 13). With fewer than about ten groups such intervals are too narrow.

    Parameters
    ----------
    statistic
        From row numbers to the figure, None where it has no value. Rows of a group that is drawn
        twice come twice, one group after the other: what looks at neighbouring rows, such as a
        score of segments, goes with `interval_of_sums`.
    groups
        Shape (n,): of which group each row is.
    draws, seed
        How many samples, from which start; the same seed gives the same interval.
    level
        Share of draws inside the interval.

    Raises
    ------
    SchemaError
        If an option cannot be.

    >>> ones = np.array([1.0, 1.0, 0.0, 0.0])
    >>> interval(lambda rows: float(ones[rows].mean()), [0, 0, 1, 1], draws=200)
    Interval(value=0.5, low=0.0, high=1.0, draws=200, groups=2)
    >>> interval(lambda rows: 1.0, [7, 7])
    Interval(value=1.0, low=None, high=None, draws=0, groups=1)
    """
    _check(draws, level)
    names, code = group_codes(groups)
    value = statistic(np.arange(len(code)))
    if names < 2:
        return Interval(plain(value), None, None, 0, names)
    members = np.split(np.argsort(code, kind="stable"), np.cumsum(np.bincount(code))[:-1])
    rng = np.random.default_rng(seed)
    found = np.full(draws, np.nan)
    for draw in range(draws):
        picked = np.sort(rng.integers(0, names, names))
        figure = statistic(np.concatenate([members[each] for each in picked]))
        found[draw] = np.nan if figure is None else figure
    return Interval(plain(value), *ends(found, level), names)


def interval_of_sums(
    statistic: Callable[[Floats], Floats],
    sums: ArrayLike,
    draws: int = DRAWS,
    seed: int = SEED,
    level: float = LEVEL,
) -> Interval:
    """Give the interval of a figure that is made of sums over groups; fast, and copies stay apart.

    Parameters
    ----------
    statistic
        From totals of shape (samples, c) to figures of shape (samples,), NaN without a value.
    sums
        Shape (groups, c): what each group adds to each total, such as its hits.
    draws, seed, level
        As for `interval`.

    Notes
    -----
    Time O(draws · groups · c) in one product; the draws are those of `drawn`, so that figures of
    two runs are compared on the same ones.

    >>> hits = np.array([[1.0, 2.0], [2.0, 2.0]])
    >>> interval_of_sums(lambda total: total[:, 0] / total[:, 1], hits, draws=100)
    Interval(value=0.75, low=0.5, high=1.0, draws=100, groups=2)
    """
    _check(draws, level)
    parts = np.asarray(sums, np.float64)
    if parts.ndim != 2:
        raise SchemaError(f"sums must have shape (groups, figures), got {parts.shape}")
    value = float(statistic(parts.sum(axis=0, keepdims=True))[0])
    if len(parts) < 2:
        return Interval(plain(value), None, None, 0, len(parts))
    step = max(1, TOGETHER // len(parts))
    rng = np.random.default_rng(seed)
    found = np.concatenate(
        [
            statistic(drawn(len(parts), min(step, draws - done), rng) @ parts)
            for done in range(0, draws, step)
        ]
    )
    return Interval(plain(value), *ends(found, level), len(parts))


def drawn(groups: int, draws: int, rng: np.random.Generator) -> Floats:
    """Tell how often each group is in each sample, shape (draws, groups); rows sum to ``groups``.

    >>> drawn(3, 2, np.random.default_rng(0)).sum(axis=1)
    array([3., 3.])
    """
    return rng.multinomial(groups, np.full(groups, 1 / groups), size=draws).astype(np.float64)


def sums_by(groups: ArrayLike, *columns: ArrayLike) -> Floats:
    """Add up columns within groups, shape (groups, columns), groups in sorted order.

    >>> sums_by(["b", "a", "b"], [1, 2, 3], [1, 1, 1]).tolist()
    [[2.0, 1.0], [4.0, 2.0]]
    """
    names, code = group_codes(groups)
    return np.stack(
        [np.bincount(code, np.asarray(each, np.float64), minlength=names) for each in columns],
        axis=1,
    )


def group_codes(groups: ArrayLike) -> tuple[int, Ints]:
    """Give groups numbers in sorted order: how many there are, and the number of each row's, (n,).

    Raises
    ------
    SchemaError
        If they have more than one dimension, or there is no order among them, as with None.

    >>> group_codes(["b", "a", "b"])
    (2, array([1, 0, 1]))
    """
    given = np.asarray(groups)
    if given.ndim != 1:
        raise SchemaError(f"groups must have one dimension, got shape {given.shape}")
    try:
        names, code = np.unique(given, return_inverse=True)
    except TypeError as error:
        raise SchemaError(
            f"groups must be all texts or all numbers, one for each row and none missing: {error}"
        ) from error
    return len(names), code.astype(np.int64)


def _check(draws: int, level: float) -> None:
    if not isinstance(draws, int | np.integer) or draws < 1:
        raise SchemaError(f"draws must be a whole number of at least 1, got {draws!r}")
    if not 0 < level < 1:
        raise SchemaError(f"level must be between 0 and 1, got {level}")


def plain(value: float | None) -> float | None:
    """Give a number as Python has it, None in place of NaN.

    >>> plain(np.float64(0.5)), plain(np.nan)
    (0.5, None)
    """
    return None if value is None or np.isnan(value) else float(value)


def ends(drawn: Floats, level: float) -> tuple[float | None, float | None, int]:
    """Give the percentiles between which a share of the draws lies, and how many have a value.

    >>> ends(np.array([0.0, 1.0, 2.0, np.nan]), 0.5)
    (0.5, 1.5, 3)
    """
    there = drawn[~np.isnan(drawn)]
    if not there.size:
        return None, None, 0
    low, high = np.quantile(there, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return low, high, there.size
