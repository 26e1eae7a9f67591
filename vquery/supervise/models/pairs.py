"""Pairs of functions that err together: found by what the class leaves unexplained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.models.patterns import Patterns

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

VIEWS = 3.0
"""A class that nobody sees is determined by three independent views of it (E. Allman, C. Matias
and J. Rhodes, Annals of Statistics 37, 2009): pairs are made one only while an item keeps as many
votes in the mean."""
LEAST_INFORMATION = 0.005
"""Nats an item that two functions must share beyond the class to count as a pair: a correlation of
0.1 between Gaussian variables. Less than that is left to tempering."""
SAMPLE = 10_000
"""Items by which pairs are looked for."""
MOST_FUNCTIONS = 100
"""Above, pairs are not looked for: the tables of all pairs would cost more than the fit."""


class Pairs:
    """Disjoint pairs of functions, and what rows of votes say of them.

    Attributes
    ----------
    members
        Shape (pairs, 2): numbers of the functions.
    codes
        For each pair (p,): which combination of votes a row has, first function · (k + 1) + second.
    """

    def __init__(self, members: Ints, votes: NDArray[np.int16], classes: int) -> None:
        self.members, self.symbols = members, classes + 1
        seen = votes % self.symbols  # -1, to abstain, comes last
        self.codes = [seen[:, a].astype(np.int64) * self.symbols + seen[:, b] for a, b in members]

    def maximise(self, mass: Floats, prior: Floats) -> tuple[Floats, ...]:
        """P(both votes | class) of each pair from class masses (p, k) of the rows."""
        return tuple(
            _normal(_tables(code, mass, self.symbols**2) + self.prior(a, b, prior))
            for (a, b), code in zip(self.members, self.codes, strict=True)
        )

    def prior(self, a: int, b: int, prior: Floats) -> Floats:
        """Count (k, (k + 1)²) votes of a pair whose functions are independent."""
        one, other = prior[a], prior[b]
        both = one[:, :, None] * other[:, None, :]
        total = other.sum(axis=1)[:, None, None]
        return np.asarray((both / total).reshape(len(one), -1))

    def beyond(self, confusion: Floats, together: tuple[Floats, ...]) -> Floats:
        """Log-likelihood (p, k) of pairs beyond that of their functions one by one."""
        out = 0.0
        for (a, b), code, table in zip(self.members, self.codes, together, strict=True):
            alone = confusion[a][:, :, None] * confusion[b][:, None, :]
            out = out + np.log(table / alone.reshape(len(table), -1))[:, code].T
        return np.asarray(out)


def next_pair(
    patterns: Patterns, posterior: Floats, members: list[tuple[int, int]]
) -> tuple[int, int] | None:
    """Find the pair of functions, neither of them paired yet, that shares most beyond the class.

    What making them one gains in log-likelihood must exceed half the logarithm of the number of
    items for each parameter more (Schwarz's criterion), `LEAST_INFORMATION` an item, and leave
    `VIEWS` votes an item.
    """
    k, m = posterior.shape[1], patterns.votes.shape[1]
    patterns = patterns.sample(SAMPLE)
    posterior = posterior[patterns.place]
    cast, n = patterns.votes >= 0, float(patterns.counts.sum())
    paired = {j for pair in members for j in pair}
    free = [j for j in range(m) if j not in paired]
    if not 1 < len(free) <= MOST_FUNCTIONS:
        return None
    views = float(patterns.counts @ cast.sum(axis=1)) / n
    views -= sum(_overlap(patterns, pair) for pair in members)
    found: tuple[float, tuple[int, int]] = (0.0, (-1, -1))
    mass = posterior * patterns.counts[:, None]
    seen = (patterns.votes % (k + 1)).astype(np.int64)
    hot = np.zeros((len(seen), len(free) * (k + 1)))
    np.put_along_axis(hot, seen[:, free] + np.arange(len(free)) * (k + 1), 1.0, axis=1)
    tables = [(hot * mass[:, [c]]).T @ hot for c in range(k)]
    for x, a in enumerate(free):
        for y in range(x + 1, len(free)):
            part = np.stack([t[_slot(x, k), _slot(y, k)] for t in tables])
            gain = _information(part)
            enough = max(_penalty(part, n), LEAST_INFORMATION * n)
            if gain - enough > found[0] and views - _overlap(patterns, (a, free[y])) >= VIEWS:
                found = gain - enough, (a, free[y])
    return found[1] if found[0] > 0 else None


def _slot(place: int, k: int) -> slice:
    return slice(place * (k + 1), (place + 1) * (k + 1))


def _overlap(patterns: Patterns, pair: tuple[int, int]) -> float:
    """Share of items on which both vote."""
    both = (patterns.votes[:, list(pair)] >= 0).all(axis=1)
    return float(patterns.counts @ both / patterns.counts.sum())


def _information(tables: Floats) -> float:
    """Nats that two functions share in each class, over all items; tables (k, votes, votes)."""
    rows, columns = tables.sum(axis=2, keepdims=True), tables.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = tables * tables.sum(axis=(1, 2), keepdims=True) / (rows * columns)
        return float(np.where(tables > 0, tables * np.log(ratio), 0.0).sum())


def _penalty(tables: Floats, n: float) -> float:
    whole = tables.sum(axis=0)
    more = ((whole.sum(axis=1) > 0).sum() - 1) * ((whole.sum(axis=0) > 0).sum() - 1)
    return float(len(tables) * more * np.log(max(n, 1.0)) / 2)


def _tables(code: Ints, mass: Floats, size: int) -> Floats:
    return np.stack([np.bincount(code, column, minlength=size) for column in mass.T])


def _normal(counts: Floats) -> Floats:
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))
