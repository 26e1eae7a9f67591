"""How precise labels are above a threshold, and how many there are: expected and measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy import stats

from vquery.errors import SchemaError
from vquery.graph.knowing.gaps import counted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Weights = NDArray[np.float64]

POINTS = 200
"""Thresholds at most when none are given: enough for a smooth line at any size."""
CONFIDENCE = 0.95


def precision_coverage(
    probability: ArrayLike,
    correct: ArrayLike | None = None,
    *,
    thresholds: ArrayLike | None = None,
    item_count: ArrayLike | None = None,
) -> pa.Table:
    """Tell for each threshold how many items are labelled and how many of those labels are right.

    Parameters
    ----------
    probability
        Shape (n,), 0 to 1: of the label that was given. 0, null and NaN mean that there is none.
    correct
        Shape (n,): whether the label is right; null (None, NaN) where the truth is not known.
    thresholds
        By default every probability that occurs, or 200 of them evenly spread over the items.
    item_count
        Shape (n,): items that a row stands for, by default 1.

    Returns
    -------
    pyarrow.Table
        By falling threshold: ``threshold``; ``coverage``, the share of all items whose probability
        is at least that; ``items``, their number; ``expected_precision``, their mean probability;
        ``checked``, how many of them have a known truth; ``precision`` among those; ``low`` and
        ``high``, its exact 95 % interval (C. Clopper, E. Pearson 1934). Null where nothing was
        checked, and ``expected_precision`` where nothing is covered. Rows of equal probability are
        never torn apart. Where rows stand for unequally many items the interval takes the effective
        number of rows, ``(Σw)² / Σw²``, since copies prove nothing twice. Time O(n log n).

    Raises
    ------
    SchemaError
        If lengths differ or a probability or threshold is not between 0 and 1.

    >>> curve = precision_coverage([0.9, 0.6, 0.6, 0.0], [True, True, False, None])
    >>> curve.select(["threshold", "coverage", "precision"]).to_pylist()[1]["coverage"]
    0.75
    >>> [round(share, 3) for share in curve["precision"].to_pylist()]
    [1.0, 0.667]
    """
    chance = _floats(probability, "probability")
    n = len(chance)
    chance = np.where(np.isnan(chance), 0.0, chance)
    _within(chance, "probability")
    size = counted(item_count, n).astype(np.float64)
    truth = np.full(n, np.nan) if correct is None else _floats(correct, "correct")
    if len(truth) != n:
        raise SchemaError(f"correct must have one entry for each of {n} rows, got {len(truth)}")
    order = np.argsort(-chance, kind="stable")
    chance, size, truth = chance[order], size[order], truth[order]
    labelled = int((chance > 0).sum())
    points = _thresholds(chance[:labelled], size[:labelled], thresholds)
    upto = np.searchsorted(-chance[:labelled], -points, side="right")
    known = np.isfinite(truth)
    items, expected = _below(size, upto), _below(size * chance, upto)
    checked, right = _below(size * known, upto), _below(size * np.where(known, truth, 0.0), upto)
    squares = _below(size**2 * known, upto)
    effective = np.divide(checked**2, squares, out=np.zeros_like(checked), where=squares > 0)
    precision = np.divide(right, checked, out=np.full_like(right, np.nan), where=checked > 0)
    low, high = interval(precision * effective, effective)
    total = float(size.sum())
    return pa.table(
        {
            "threshold": points,
            "coverage": items / total if total else items,
            "items": items.astype(np.int64),
            "expected_precision": _nulls(
                np.divide(expected, items, out=np.full_like(items, np.nan), where=items > 0)
            ),
            "checked": checked.astype(np.int64),
            "precision": _nulls(precision),
            "low": _nulls(low),
            "high": _nulls(high),
        }
    )


def interval(right: ArrayLike, checked: ArrayLike) -> tuple[Weights, Weights]:
    """Give the exact interval of a share, NaN where nothing was checked; counts may be fractions.

    >>> [side.round(3).tolist() for side in interval([0, 10], [10, 10])]
    [[0.0, 0.692], [0.308, 1.0]]
    """
    hits, count = np.asarray(right, np.float64), np.asarray(checked, np.float64)
    missed, tail = count - hits, (1 - CONFIDENCE) / 2
    # a Beta distribution needs numbers above 0; where they are not the side is known
    low = stats.beta.ppf(tail, np.where(hits > 0, hits, 1.0), np.maximum(missed, 0) + 1)
    high = stats.beta.ppf(1 - tail, np.maximum(hits, 0) + 1, np.where(missed > 0, missed, 1.0))
    low, high = np.where(hits > 0, low, 0.0), np.where(missed > 0, high, 1.0)
    return np.where(count > 0, low, np.nan), np.where(count > 0, high, np.nan)


def _thresholds(chance: Weights, size: Weights, given: ArrayLike | None) -> Weights:
    """Falling thresholds: those given, or values that occur, thinned evenly by items."""
    if given is not None:
        points = _floats(given, "thresholds")
        _within(points, "thresholds")
        return np.asarray(np.unique(points)[::-1])
    last = np.flatnonzero(np.diff(chance, append=-1.0))
    if len(last) <= POINTS:
        return chance[last]
    covered = np.cumsum(size)[last]
    wanted = np.linspace(0, covered[-1], POINTS + 1)[1:]
    return np.unique(chance[last[np.searchsorted(covered, wanted)]])[::-1]


def _below(values: Weights, upto: NDArray[np.int64]) -> Weights:
    """Sum of the first ``upto`` values, for each entry of ``upto``."""
    return np.asarray(np.concatenate([[0.0], np.cumsum(values)])[upto])


def _floats(values: ArrayLike, name: str) -> Weights:
    """Read numbers, booleans, None or an Arrow column as float64 of one dimension, null as NaN."""
    try:
        array = np.asarray(
            values.to_pylist() if hasattr(values, "to_pylist") else values, np.float64
        )
    except (TypeError, ValueError) as error:
        raise SchemaError(f"{name} must hold numbers, booleans or null: {error}") from None
    if array.ndim != 1:
        raise SchemaError(f"{name} must have one dimension, got shape {array.shape}")
    return array


def _within(values: Weights, name: str) -> None:
    bad = np.flatnonzero(~((values >= 0) & (values <= 1)))
    if len(bad):
        raise SchemaError(f"{name}, entry {bad[0]}: must be 0 to 1, got {values[bad[0]]}")


def _nulls(values: Weights) -> pa.Array:
    return pa.array(values, from_pandas=True)
