"""Pairs of functions that err together: found by what the class leaves unexplained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

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
TRIED = 3
"""Pairs that are tried: so many of each kind."""
MOST_FUNCTIONS = 100
"""Above, pairs are not looked for: the tables of all pairs would cost more than the fit."""
MOST_ENTRIES = 10_000_000
"""The same for entries of these tables, which grow with the cube of the number of classes."""


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


def candidates(
    patterns: Patterns, posterior: Floats, members: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Pairs of functions, none of them paired yet, that may err together; empty if none clearly do.

    What making a pair one gains in log-likelihood must exceed half the logarithm of the number of
    items for each parameter more (Schwarz's criterion) and `LEAST_INFORMATION` an item, and leave
    `VIEWS` votes an item. Where such pairs are, those that agree most are looked at as well: a pair
    that nearly says the same is taken for the class itself, and others then seem to err together.
    """
    k, m = posterior.shape[1], patterns.votes.shape[1]
    n = float(patterns.counts.sum())
    paired = {j for pair in members for j in pair}
    free = [j for j in range(m) if j not in paired]
    if len(free) < 2 or _too_many(len(free), k):
        return []
    left = float(patterns.counts @ (patterns.votes >= 0).sum(axis=1)) / n - VIEWS
    left -= sum(_overlap(patterns, pair) for pair in members)
    tables = _joint_tables(patterns, posterior, free)
    beyond, alike = [], []
    for x, a in enumerate(free):
        for y in range(x + 1, len(free)):
            part = np.stack([t[_slot(x, k), _slot(y, k)] for t in tables])
            gain = _information(part)
            if gain > max(_penalty(part, n), LEAST_INFORMATION * n):
                beyond.append((-gain, (a, free[y])))
            alike.append((-_information(part.sum(axis=0)[None]), (a, free[y])))
    if not beyond:
        return []
    ranked = [pair for _, pair in sorted(beyond)[:TRIED] + sorted(alike)[:TRIED]]
    return [pair for pair in dict.fromkeys(ranked) if _overlap(patterns, pair) <= left]


def related(
    patterns: Patterns, posterior: Floats, confusion: Floats, members: Iterable[tuple[int, int]]
) -> float:
    """Divide what two functions share beyond the class by what one tells of it, in the mean.

    Information in nats, over all pairs but those taken as one, less what noise makes of it. About 0
    where the class explains how votes go together, and large where a cause that some functions
    share was taken for the class. 0 where the tables of all pairs would be too large.
    """
    k, m = posterior.shape[1], patterns.votes.shape[1]
    n = float(patterns.counts.sum())
    if m < 2 or _too_many(m, k):
        return 0.0
    tables = _joint_tables(patterns, posterior, list(range(m)))
    taken = {frozenset(pair) for pair in members}
    shared = []
    for a in range(m):
        for b in range(a + 1, m):
            if frozenset((a, b)) not in taken:
                part = np.stack([t[_slot(a, k), _slot(b, k)] for t in tables])
                shared.append(_information(part) - _freedom(part) / 2)
    balance = patterns.counts @ posterior / n
    symbols = np.einsum("k,jkv->jv", balance, confusion)
    told = np.einsum("k,jkv,jkv->", balance, confusion, np.log(confusion / symbols[:, None, :]))
    return float(np.sum(shared) / max(len(shared), 1) / n * m / max(told, LEAST_INFORMATION))


def enough(patterns: Patterns, pair: tuple[int, int], gain: float, k: int) -> bool:
    """Whether a log-likelihood higher by ``gain`` is worth the parameters of a pair."""
    n = float(patterns.counts.sum())
    tables = _joint_tables(patterns, np.ones((len(patterns.counts), 1)), list(pair), k)
    part = np.repeat(tables[0][None, _slot(0, k), _slot(1, k)], k, axis=0)
    return gain > max(_penalty(part, n), LEAST_INFORMATION * n)


def _joint_tables(
    patterns: Patterns, posterior: Floats, free: list[int], k: int | None = None
) -> list[Floats]:
    """For each class how often any two votes of some functions occur together."""
    symbols = (posterior.shape[1] if k is None else k) + 1
    seen = (patterns.votes[:, free] % symbols).astype(np.int64) + np.arange(len(free)) * symbols
    hot = np.zeros((len(seen), len(free) * symbols))
    np.put_along_axis(hot, seen, 1.0, axis=1)
    mass = posterior * patterns.counts[:, None]
    return [(hot * column[:, None]).T @ hot for column in mass.T]


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


def _freedom(tables: Floats) -> float:
    """How many numbers more a pair taken as one has."""
    whole = tables.sum(axis=0)
    more = ((whole.sum(axis=1) > 0).sum() - 1) * ((whole.sum(axis=0) > 0).sum() - 1)
    return float(len(tables) * more)


def _penalty(tables: Floats, n: float) -> float:
    return _freedom(tables) * float(np.log(max(n, 1.0))) / 2


def _too_many(functions: int, k: int) -> bool:
    return functions > MOST_FUNCTIONS or k * (functions * (k + 1)) ** 2 > MOST_ENTRIES


def _tables(code: Ints, mass: Floats, size: int) -> Floats:
    return np.stack([np.bincount(code, column, minlength=size) for column in mass.T])


def _normal(counts: Floats) -> Floats:
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))
