"""Accuracies of functions from the covariances of their votes, without iterating.

D. Fu, M. Chen, F. Sala, S. Hooper, K. Fatahalian and C. Ré, "Fast and three-rious: speeding up weak
supervision with triplet methods", ICML 2020, here with votes centred: of two functions that vote
one class only, the raw products are off by what both do on all items. Votes are +1, -1 and 0 to
abstain; E[vote | class y] = a + b·y, and two functions that err independently have the covariance
b·b'·Var(y). The sums that are needed add over shards; `moments_sql` lets a database make them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vquery.supervise.models.patterns import Patterns

    Floats = NDArray[np.float64]

CLEAR = 2.0
"""Standard errors that a covariance must differ from zero by to be used."""
MOST_FUNCTIONS = 100
"""Third moments of more would not fit in memory."""
LEAST_SHARE = 1e-3
"""Bounds on the balance and on all probabilities: moments may lead out of [0, 1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums over items of votes v in {-1, 0, +1} of m functions.

    Attributes
    ----------
    n
        Number of items.
    one, cast
        Shape (m,): Σ v, Σ |v|.
    two, mixed
        Shape (m, m): Σ v_i·v_j, Σ |v_i|·v_j.
    three
        Shape (m, m, m): Σ v_i·v_j·v_k.
    """

    n: float
    one: Floats
    cast: Floats
    two: Floats
    mixed: Floats
    three: Floats

    @classmethod
    def of(cls, patterns: Patterns) -> Moments:
        """Sum over distinct rows of two classes, the second one +1.

        Raises
        ------
        LabelError
            If there are more than two classes, or more than `MOST_FUNCTIONS` functions.
        """
        if patterns.votes.shape[1] > MOST_FUNCTIONS:
            raise LabelError(
                f'method="triplets" takes at most {MOST_FUNCTIONS} functions, got '
                f'{patterns.votes.shape[1]}; use "dawid-skene"'
            )
        if patterns.votes.max(initial=-1) > 1:
            raise LabelError('method="triplets" takes two classes; use "dawid-skene" for more')
        v = np.where(patterns.votes < 0, 0.0, 2.0 * patterns.votes - 1)
        w, a = v * patterns.counts[:, None], np.abs(v)
        three = np.stack([(w * v[:, [j]]).T @ v for j in range(v.shape[1])])
        n = float(patterns.counts.sum())
        return cls(n, w.sum(axis=0), patterns.counts @ a, w.T @ v, a.T @ w, three)

    def __add__(self, other: Moments) -> Moments:
        """Add the sums of another shard."""
        names = ("n", "one", "cast", "two", "mixed", "three")
        return Moments(*(getattr(self, name) + getattr(other, name) for name in names))


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """What the covariances say.

    Attributes
    ----------
    slope
        Shape (m,): b·√Var(y), signed; NaN where too few covariances differ from zero.
    covariance, error
        Shape (m, m): of the votes, and the standard error of each.
    used
        Shape (m, m): which pairs count.
    misfit
        Shape (m, m): covariance less slope·slope', in standard errors: pairs that err together.
    """

    slope: Floats
    covariance: Floats
    error: Floats
    used: NDArray[np.bool_]
    misfit: Floats


def slopes(moments: Moments) -> Slopes:
    """Solve log |covariance| = log |slope| + log |slope'| by weighted least squares.

    Pairs nearer to zero than `CLEAR` standard errors are left out; the more errors a covariance is
    from zero, the more it counts.
    """
    n, m = moments.n, len(moments.one)
    mean = moments.one / n
    covariance = moments.two / n - np.outer(mean, mean)
    variance = np.diag(covariance)
    error = np.sqrt((np.outer(variance, variance) + covariance**2) / n)
    used = (np.abs(covariance) > CLEAR * error) & ~np.eye(m, dtype=bool)
    rows, columns = np.nonzero(np.triu(used))
    design = np.zeros((len(rows), m))
    at = np.arange(len(rows))
    design[at, rows] = design[at, columns] = 1.0
    value = np.abs(covariance[rows, columns])
    weight = value / error[rows, columns]
    solved, *_ = np.linalg.lstsq(design * weight[:, None], np.log(value) * weight, rcond=None)
    signed = np.where(used, covariance, 0.0)
    leading = np.linalg.eigh(signed)[1][:, -1]
    leading *= np.sign(moments.cast @ np.sign(leading)) or 1.0
    slope = np.where(leading < 0, -1.0, 1.0) * np.exp(solved)
    slope[used.sum(axis=0) < 2] = np.nan  # one partner alone gives the product only
    off = ~np.eye(m, dtype=bool) & (error > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        misfit = np.where(off, (covariance - np.outer(slope, slope)) / error, 0.0)
    return Slopes(slope, covariance, error, used, misfit)


def balance_of(moments: Moments, slope: Floats) -> float:
    """Share of the second class from third moments: skewed votes mean unequal classes.

    A product of three centred votes is slope·slope'·slope'' · g with g = -2·E[y]/√Var(y), from
    which E[y] = -g/√(4 + g²).
    """
    n, mean = moments.n, moments.one / moments.n
    two = moments.two / n
    third = moments.three / n
    for a in range(3):
        shape = [1, 1, 1]
        shape[a] = -1
        third = third - mean.reshape(shape) * np.expand_dims(two, a)
    third = third + 2 * mean[:, None, None] * mean[:, None] * mean
    known = np.flatnonzero(np.isfinite(slope))
    i, j, k = np.meshgrid(known, known, known, indexing="ij")
    distinct = (i < j) & (j < k)
    weight = (slope[i] * slope[j] * slope[k])[distinct]
    if not len(weight):
        return 0.5
    g = float(weight @ third[i, j, k][distinct] / (weight @ weight))
    mean_y = -g / np.sqrt(4 + g * g)
    return float(np.clip((1 + mean_y) / 2, LEAST_SHARE, 1 - LEAST_SHARE))


def triplets(patterns: Patterns, given: Floats | None = None) -> dict[str, Any]:
    """Balance (2,) and confusion (m, 2, 3) from moments alone.

    A function whose slope is not known gets the same votes in both classes, and so no weight.

    Raises
    ------
    LabelError
        If there are more than two classes.
    """
    moments = Moments.of(patterns)
    found = slopes(moments)
    positive = balance_of(moments, found.slope) if given is None else float(given[1])
    mean_y = 2 * positive - 1
    spread = np.sqrt(1 - mean_y**2)
    slope = np.nan_to_num(found.slope) / spread
    n = moments.n
    mean, cast = moments.one / n, moments.cast / n
    mixed = moments.mixed / n - np.outer(cast, mean)
    np.fill_diagonal(mixed, 0.0)
    others = slope * spread**2
    weight = others**2 @ (1 - np.eye(len(slope)))
    with np.errstate(invalid="ignore", divide="ignore"):
        lean = np.where(weight > 0, mixed @ others / weight, 0.0)
    confusion = np.empty((len(slope), 2, 3))
    for row, y in enumerate((-1.0, 1.0)):
        said = np.clip(cast + lean * (y - mean_y), LEAST_SHARE, 1 - LEAST_SHARE)
        expected = np.clip(mean + slope * (y - mean_y), -said, said)
        confusion[:, row] = np.stack(((said - expected) / 2, (said + expected) / 2, 1 - said), 1)
    confusion = np.clip(confusion, LEAST_SHARE, None)
    confusion /= confusion.sum(axis=2, keepdims=True)
    return {"balance": np.array([1 - positive, positive]), "confusion": confusion}


def moments_sql(table: str, columns: Sequence[str]) -> str:
    """Write SQL that sums what `Moments` holds over a table with a column (-1, 0, +1) a function.

    One row: ``n``, then ``one_j, cast_j, two_i_j, mixed_i_j, three_i_j_k`` with numbers of
    functions, i ≤ j ≤ k for the symmetric ones.

    >>> moments_sql("votes", ["a"])[:40]
    'SELECT count(*) AS n, sum("a") AS one_0,'
    """
    names = ['"' + name.replace('"', '""') + '"' for name in columns]
    m = range(len(names))
    parts = ["count(*) AS n"]
    parts += [f"sum({names[i]}) AS one_{i}, sum(abs({names[i]})) AS cast_{i}" for i in m]
    parts += [f"sum({names[i]} * {names[j]}) AS two_{i}_{j}" for i in m for j in m if i <= j]
    parts += [f"sum(abs({names[i]}) * {names[j]}) AS mixed_{i}_{j}" for i in m for j in m]
    parts += [
        f"sum({names[i]} * {names[j]} * {names[k]}) AS three_{i}_{j}_{k}"
        for i in m
        for j in m
        for k in m
        if i <= j <= k
    ]
    quoted = '"' + table.replace('"', '""') + '"'
    return f"SELECT {', '.join(parts)} FROM {quoted}"


def moments_of_row(row: dict[str, Any], m: int) -> Moments:
    """Read the row that `moments_sql` gives for m functions."""
    at = range(m)
    return Moments(
        float(row["n"]),
        np.array([float(row[f"one_{i}"]) for i in at]),
        np.array([float(row[f"cast_{i}"]) for i in at]),
        np.array([[float(row["two_{}_{}".format(*sorted((i, j)))]) for j in at] for i in at]),
        np.array([[float(row[f"mixed_{i}_{j}"]) for j in at] for i in at]),
        np.array(
            [
                [[float(row["three_{}_{}_{}".format(*sorted((i, j, k)))]) for k in at] for j in at]
                for i in at
            ]
        ),
    )
