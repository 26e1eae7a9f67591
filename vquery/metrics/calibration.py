"""Whether probabilities mean what they say: log-loss, Brier score, ECE, reliability."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from vquery.errors import LabelError, SchemaError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LEAST = 1e-6
"""Probabilities are clipped to this and one minus this in a log-loss, so that none is infinite."""
BINS = 10
UNKNOWN = -1
"""The truth of an item that nobody knows; it counts nowhere."""
ROUNDING = 1e-4
"""How far a row of probabilities may be from a sum of 1; single precision is well within."""
NORMAL_95 = 1.959963984540054
"""Quantile of the normal distribution for an interval of 95 %."""


class Judged(NamedTuple):
    """Items with a known truth: ``probability`` (n, K), ``truth`` and ``weights`` (n,)."""

    probability: Floats
    truth: Ints
    weights: Floats


def judged(probability: ArrayLike, truth: ArrayLike, weights: ArrayLike | None = None) -> Judged:
    """Check what was predicted and keep the items whose truth is known.

    Parameters
    ----------
    probability
        Shape (n, K) with rows that sum to 1, or (n,): that of class 1 of two.
    truth
        Shape (n,): number of the true class, -1 where it is not known; booleans are 0 and 1.
    weights
        Shape (n,), at least 0, such as seconds; ones by default.

    Raises
    ------
    SchemaError
        If shapes do not fit, a probability is not from 0 to 1, rows do not sum to 1, or a weight
        cannot be; it names the row.
    LabelError
        If a truth is no class; it names the row.

    >>> judged([0.2, 0.9], [0, -1])
    Judged(probability=array([[0.8, 0.2]]), truth=array([0]), weights=array([1.]))
    """
    table = distributions(probability)
    codes = known_codes(truth, len(table), table.shape[1])
    sizes = checked_weights(weights, len(table))
    known = codes != UNKNOWN
    return Judged(table[known], codes[known], sizes[known])


def log_loss(
    probability: ArrayLike, truth: ArrayLike, weights: ArrayLike | None = None
) -> float | None:
    """Mean of -log(probability of the true class), probabilities clipped to [1e-6, 1 - 1e-6].

    Parameters, errors
        As for `judged`; None where no truth is known (or all of it weighs nothing).

    >>> round(log_loss([0.5, 1.0], [1, 1]), 4), log_loss([0.5], [-1])
    (0.3466, None)
    """
    items = judged(probability, truth, weights)
    return _mean(surprises(items), items.weights)


def brier(
    probability: ArrayLike, truth: ArrayLike, weights: ArrayLike | None = None
) -> float | None:
    """Mean squared distance of probabilities from the truth, from 0 to 1.

    Half the sum over classes (G. Brier, Monthly Weather Review 78, 1950, is the whole sum), so that
    two classes give the square of the error of one of them.

    Parameters, errors
        As for `judged`; None where no truth is known.

    >>> brier([0.5, 1.0], [1, 1]), brier([[0.5, 0.5], [0.0, 1.0]], [1, 1])
    (0.125, 0.125)
    """
    items = judged(probability, truth, weights)
    return _mean(squares(items), items.weights)


def surprises(items: Judged) -> Floats:
    """Tell what each item adds to a log-loss, shape (n,).

    >>> surprises(judged([0.5], [1])).round(4)
    array([0.6931])
    """
    chance = items.probability[np.arange(len(items.truth)), items.truth]
    return np.asarray(-np.log(np.clip(chance, LEAST, 1 - LEAST)))


def squares(items: Judged) -> Floats:
    """Tell what each item adds to a Brier score, shape (n,).

    >>> squares(judged([0.5], [1]))
    array([0.25])
    """
    wanted = np.eye(items.probability.shape[1])[items.truth]
    return np.asarray(((items.probability - wanted) ** 2).sum(axis=1) / 2)


def ece(
    probability: ArrayLike,
    truth: ArrayLike,
    bins: int = BINS,
    weights: ArrayLike | None = None,
) -> float | None:
    """Average the distance of probability and share over bins: the expected calibration error.

    Two classes are judged by the probability of class 1; more than two by that of the most probable
    class and whether it is right (C. Guo et al., On Calibration of Modern Neural Networks, 2017).

    Parameters
    ----------
    probability, truth, weights
        As for `judged`.
    bins
        Number of bins from 0 to 1, at least 1.

    Returns
    -------
    float or None
        None where no truth is known.

    >>> ece([0.75, 0.75, 0.75, 0.75], [1, 1, 1, 0]), ece([0.0, 1.0], [1, 0])
    (0.0, 1.0)
    """
    weight, chance, right = calibration_sums(probability, truth, bins, weights).T
    total = weight.sum()
    return float(np.abs(chance - right).sum() / total) if total else None


def calibration_sums(
    probability: ArrayLike,
    truth: ArrayLike,
    bins: int = BINS,
    weights: ArrayLike | None = None,
) -> Floats:
    """Sum up weight, weight × probability and weight × truth of each bin; they add over parts.

    Returns
    -------
    (bins, 3) float64
        What `ece` and `reliability` are made of.

    >>> calibration_sums([0.2, 0.9], [1, 1], bins=2).tolist()
    [[1.0, 0.2, 1.0], [1.0, 0.9, 1.0]]
    """
    items = judged(probability, truth, weights)
    into, chance, right = claims(items, bins)
    columns = (items.weights, items.weights * chance, items.weights * right)
    sums = [np.bincount(into, each, minlength=bins) for each in columns]
    return np.stack(sums, axis=1).astype(np.float64)  # of nothing they are whole numbers


def claims(items: Judged, bins: int) -> tuple[Ints, Floats, Floats]:
    """Tell of each item its bin, the probability claimed and whether it is so, each (n,).

    >>> claims(judged([0.2, 0.9], [0, 1]), 10)
    (array([2, 9]), array([0.2, 0.9]), array([0., 1.]))
    """
    if not isinstance(bins, int | np.integer) or bins < 1:
        raise SchemaError(f"bins must be a whole number of at least 1, got {bins!r}")
    if items.probability.shape[1] == 2:
        chance, right = items.probability[:, 1], items.truth == 1
    else:
        chance = items.probability.max(axis=1)
        right = items.probability.argmax(axis=1) == items.truth
    into = np.minimum((chance * bins).astype(np.int64), bins - 1)
    return into, chance, right.astype(np.float64)


def reliability(
    probability: ArrayLike,
    truth: ArrayLike,
    bins: int = BINS,
    weights: ArrayLike | None = None,
) -> pa.Table:
    """Tell for each bin of probability what was claimed and what is true.

    Parameters
    ----------
    probability, truth, bins, weights
        As for `ece`.

    Returns
    -------
    pyarrow.Table
        For each bin ``low, high`` (its borders), ``items``, ``weight``, ``probability`` (mean of
        what was claimed), ``share`` (of what is true), and ``share_low, share_high``, the 95 %
        interval of the share by E. Wilson (1927) from the effective number of items,
        ``(Σw)² / Σw²``. Null in bins without items. Neighbouring frames say the same thing twice,
        so that the interval is too narrow for them.

    >>> reliability([0.2, 0.9], [0, 1], bins=2).select(["items", "share"]).to_pydict()
    {'items': [1, 1], 'share': [0.0, 1.0]}
    """
    items = judged(probability, truth, weights)
    sums = calibration_sums(probability, truth, bins, weights)
    into = claims(items, bins)[0]
    squared = np.bincount(into, items.weights**2, minlength=bins).astype(np.float64)
    weight, _, right = sums.T
    low, high = wilson(_per(right, weight), _per(np.square(weight), squared))
    return reliability_table(sums, np.bincount(into, minlength=bins), low, high)


def reliability_table(sums: Floats, items: Ints, low: Floats, high: Floats) -> pa.Table:
    """Make the table of `reliability` of sums (bins, 3), items and ends of the share (bins,)."""
    weight, chance, right = sums.T
    bins, nothing = len(weight), weight <= 0
    return pa.table(
        {
            "low": np.arange(bins) / bins,
            "high": np.arange(1, bins + 1) / bins,
            "items": items,
            "weight": weight,
            "probability": pa.array(_per(chance, weight), mask=nothing),
            "share": pa.array(_per(right, weight), mask=nothing),
            "share_low": pa.array(low, mask=nothing),
            "share_high": pa.array(high, mask=nothing),
        }
    )


def wilson(share: ArrayLike, count: ArrayLike) -> tuple[Floats, Floats]:
    """Give the 95 % interval of a share of ``count`` items; 0 to 1 where there are none.

    E. Wilson, Probable Inference, 1927. Counts may be fractions.

    >>> [side.round(3).tolist() for side in wilson([0.0, 1.0, 0.5], [10, 10, 0])]
    [[0.0, 0.722, 0.0], [0.278, 1.0, 1.0]]
    """
    p, n = np.asarray(share, np.float64), np.asarray(count, np.float64)
    some = n > 0
    p, size = np.where(some, p, 0.5), np.where(some, n, 1.0)
    square = NORMAL_95**2
    middle = (p + square / (2 * size)) / (1 + square / size)
    spread = np.sqrt(p * (1 - p) / size + square / (4 * size**2))
    half = NORMAL_95 * spread / (1 + square / size)
    # rounding must not leave a share of 0 or 1 outside its own interval
    low, high = np.clip(middle - half, 0, p), np.clip(middle + half, p, 1)
    return np.where(some, low, 0.0), np.where(some, high, 1.0)


def known_codes(truth: ArrayLike, n: int, classes: int, name: str = "truth") -> Ints:
    """Check true classes: shape (n,), each -1 or the number of a class; ``name`` is for messages.

    >>> known_codes([True, False], 2, 2)
    array([1, 0])
    """
    given = np.asarray(truth)
    if given.shape != (n,):
        raise SchemaError(f"{name} must have shape ({n},), one entry an item; got {given.shape}")
    if given.dtype.kind not in "iub" and not (n == 0 and given.dtype.kind == "f"):
        raise LabelError(
            f"{name} must be numbers of classes, {UNKNOWN} where unknown; got {given.dtype}"
        )
    codes = given.astype(np.int64)
    bad = np.flatnonzero((codes < UNKNOWN) | (codes >= classes))
    if bad.size:
        raise LabelError(
            f"{name}, row {bad[0]}: expected 0 to {classes - 1}, or {UNKNOWN} where it is not "
            f"known; got {codes[bad[0]]}"
        )
    return codes


def checked_weights(weights: ArrayLike | None, n: int, name: str = "weights") -> Floats:
    """Check weights: shape (n,), finite, at least 0; ones where there are none.

    >>> checked_weights(None, 2)
    array([1., 1.])
    """
    if weights is None:
        return np.ones(n)
    sizes = numbers(weights, name)
    if sizes.shape != (n,):
        raise SchemaError(f"{name} must have shape ({n},), one entry an item; got {sizes.shape}")
    bad = np.flatnonzero(~(np.isfinite(sizes) & (sizes >= 0)))
    if bad.size:
        raise SchemaError(f"{name}, row {bad[0]}: expected 0 or more, got {sizes[bad[0]]}")
    return sizes


def numbers(values: ArrayLike, name: str) -> Floats:
    """Read numbers as float64; refuse texts, and rows of different lengths.

    >>> numbers(["a"], "weights")
    Traceback (most recent call last):
    vquery.errors.SchemaError: weights must be numbers, in rows of one length: could not convert
    string to float: 'a'
    """
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise SchemaError(f"{name} must be numbers, in rows of one length: {error}") from error


def distributions(probability: ArrayLike) -> Floats:
    """Read probabilities, (n, K) or (n,) of class 1 of two, as (n, K).

    Raises
    ------
    SchemaError
        If a probability is not from 0 to 1, or rows do not sum to 1; it names the row.

    >>> distributions([0.25]).tolist()
    [[0.75, 0.25]]
    """
    given = numbers(probability, "probability")
    if given.ndim not in (1, 2) or (given.ndim == 2 and not given.shape[1]):
        raise SchemaError(f"probability must have shape (n,) or (n, K), got {given.shape}")
    bad = np.argwhere(~((given >= 0) & (given <= 1)))
    if bad.size:
        raise SchemaError(
            f"probability, row {bad[0][0]}: expected 0 to 1, got {given[tuple(bad[0])]}"
        )
    if given.ndim == 1:
        return np.stack([1 - given, given], axis=1)
    off = np.flatnonzero(np.abs(given.sum(axis=1) - 1) > ROUNDING)
    if off.size:
        raise SchemaError(
            f"probability, row {off[0]}: the classes must sum to 1, got {given[off[0]].sum():.6g}"
        )
    return given


def _mean(values: Floats, weights: Floats) -> float | None:
    total = weights.sum()
    return float((values * weights).sum() / total) if total else None


def _per(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
