"""How classes follow each other: a matrix for one step, and for any other length of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import expm, logm

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FLOOR = 1e-9
"""Least probability of a transition: what the votes never show is unlikely, not impossible."""
GRAIN = 64
"""Parts of a step to which lengths of time are rounded where matrices are shared by nodes."""
FORGOTTEN = 1e-12
"""Correlation below which a matrix is the balance in every row."""


@dataclass(frozen=True, eq=False)
class Transitions:
    """What follows what, and for how long.

    Attributes
    ----------
    classes
        Their order is that of all arrays.
    step
        Seconds of one tick.
    matrix
        Shape (K, K): probability of class l one tick after class k.
    balance
        Shape (K,): share of the time.
    shortest
        Shape (K,): seconds that a class lasts at least; 0 where no least duration holds.
    mean
        Shape (K,): seconds that a class lasts on average.
    lags, correlation, error
        Shape (lags,): ticks, the correlation of the class with itself after so many, as the votes
        show it, and its standard error (NaN where it is not known); empty where nothing showed it.
    matrix_error
        Shape (K, K): standard errors of ``matrix``; NaN where they are not known.
    temper
        Factor in (0, 1] on the evidence of the votes: errors that last are not told anew each tick.
    method
        ``"lags"`` (covariances of different functions over time), ``"em"`` (Baum-Welch) or
        ``"given"``.
    """

    classes: tuple[Hashable, ...]
    step: float
    matrix: Floats
    balance: Floats
    shortest: Floats
    mean: Floats
    lags: Ints
    correlation: Floats
    error: Floats
    matrix_error: Floats
    temper: float
    method: str

    def __repr__(self) -> str:
        parts = [
            f"{name}: {mean:.3g} s" + (f" (at least {least:.3g} s)" if least else "")
            for name, mean, least in zip(self.classes, self.mean, self.shortest, strict=True)
        ]
        return f"<Transitions by {self.method}, step {self.step:.3g} s, {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        from vquery.view.page import fragment, paragraph, table_html

        names = list(map(str, self.classes))
        told = zip(names, self.balance, self.mean, self.shortest, self.matrix, strict=True)
        rows = [
            [name, float(share), float(mean), float(least), *map(float, to)]
            for name, share, mean, least, to in told
        ]
        heads = ["class", "share", "lasts (s)", "at least (s)", *(f"to {name}" for name in names)]
        step = f"By {self.method}; one tick is {self.step:.3g} s"
        return fragment(paragraph(step), table_html(heads, rows))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` reads."""
        out: dict[str, Any] = {
            "classes": list(self.classes),
            "step": self.step,
            "temper": self.temper,
        }
        for name in ARRAYS:
            out[name] = getattr(self, name).tolist()
        return {**out, "method": self.method}

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Transitions:
        """Make transitions of what `to_dict` gave."""
        arrays: dict[str, Any] = {
            name: np.asarray(given[name], np.int64 if name == "lags" else np.float64)
            for name in ARRAYS
        }
        return cls(
            tuple(given["classes"]),
            float(given["step"]),
            **arrays,
            temper=float(given["temper"]),
            method=given["method"],
        )


ARRAYS = (
    "matrix", "balance", "shortest", "mean", "lags", "correlation", "error", "matrix_error",
)  # fmt: skip


def stochastic(matrix: ArrayLike) -> Floats:
    """Make rows probabilities: nothing below `FLOOR`, sums of 1.

    >>> stochastic([[1.2, -0.2], [0.5, 0.5]]).round(3).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    kept = np.maximum(np.asarray(matrix, np.float64), FLOOR)
    return np.asarray(kept / kept.sum(axis=1, keepdims=True))


def stationary(matrix: Floats) -> Floats:
    """Shares of the time that a chain spends in each class, (K,).

    >>> stationary(np.array([[0.9, 0.1], [0.3, 0.7]])).round(3).tolist()
    [0.75, 0.25]
    """
    k = len(matrix)
    system = np.vstack((matrix.T - np.eye(k), np.ones(k)))
    found = np.linalg.lstsq(system, np.append(np.zeros(k), 1.0), rcond=None)[0]
    found = np.maximum(found, FLOOR)
    return np.asarray(found / found.sum())


def spent(mean: Floats, jump: Floats) -> Floats:
    """Shares of the time of classes that last ``mean`` and then jump, (K,).

    >>> spent(np.array([3.0, 1.0]), np.array([[0, 1.0], [1, 0]])).tolist()
    [0.75, 0.25]
    """
    if len(mean) == 1:
        return np.ones(1)
    made = stationary(jump) * mean
    return np.asarray(made / made.sum())


def jumps(matrix: Floats) -> Floats:
    """Where classes go when they end, (K, K), rows sum to 1.

    >>> jumps(np.array([[0.5, 0.4, 0.1], [0, 0.5, 0.5], [1, 0, 0]])).round(2).tolist()
    [[0.0, 0.8, 0.2], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    out = matrix * (1 - np.eye(len(matrix)))
    return np.asarray(out / np.maximum(out.sum(axis=1, keepdims=True), np.finfo(float).tiny))


def rates(matrix: Floats) -> Floats:
    """Rates of change per tick, (K, K), whose exponential is nearest to a matrix.

    Negative rates, of matrices that no process in continuous time has, become 0 (R. Israel,
    J. Rosenthal, J. Wei, Mathematical Finance 11, 2001).

    >>> rates(np.array([[0.5, 0.5], [0.5, 0.5]])).round(1).tolist()  # no memory of the tick before
    [[-13.8, 13.8], [13.8, -13.8]]
    """
    k = len(matrix)
    balance = stationary(matrix)
    # a little memory, so that a logarithm exists
    found = np.real(logm(FORGOTTEN * np.eye(k) + (1 - FORGOTTEN) * matrix)) if k > 1 else 0 * matrix
    if not np.isfinite(found).all():
        found = (np.ones((k, 1)) * balance - np.eye(k)) * -np.log(FORGOTTEN)
    out = np.maximum(found, 0.0)
    np.fill_diagonal(out, 0.0)
    np.fill_diagonal(out, -out.sum(axis=1))
    return np.asarray(out)


def powers(matrix: Floats, ticks: Floats) -> tuple[Ints, Floats]:
    """Give matrices for lengths of time: the place of each length (n,), and (u, K, K).

    Whole numbers of ticks are powers; other lengths are rounded to 1/64 tick and come from `rates`.

    >>> place, tables = powers(np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([1.0, 2.0, 1.0]))
    >>> place.tolist(), tables[:, 0, 1].round(2).tolist()
    ([0, 1, 0], [0.1, 0.18])
    """
    grains = np.maximum(np.rint(ticks * GRAIN), 1).astype(np.int64)
    # beyond this nothing is remembered, and one matrix serves all
    slowest = np.sort(np.abs(np.linalg.eigvals(matrix)))[:-1].max(initial=0.0)
    slowest = min(max(float(slowest), FLOOR), 1 - FLOOR)
    most = int(np.ceil(np.log(FORGOTTEN) / np.log(slowest))) + 1
    grains = np.minimum(grains, most * GRAIN)
    known, place = np.unique(grains, return_inverse=True)
    tables = np.empty((known.size, *matrix.shape))
    whole = known % GRAIN == 0
    for at in np.flatnonzero(whole):
        tables[at] = np.linalg.matrix_power(matrix, int(known[at] // GRAIN))
    if not whole.all():
        rate = rates(matrix)
        tables[~whole] = expm(rate * (known[~whole] / GRAIN)[:, None, None])
    tables = np.maximum(tables, FLOOR)
    return place.astype(np.int64), np.asarray(tables / tables.sum(axis=2, keepdims=True))
