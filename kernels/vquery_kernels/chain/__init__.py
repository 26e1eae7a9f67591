"""Classes that follow each other in time: how likely each is, and which are likeliest together."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery_kernels.arrays import frozen
from vquery_kernels.backend import backend

if TYPE_CHECKING:
    from types import ModuleType

    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s

    Floats = npt.NDArray[np.float64]

__all__ = ["Marginals", "Path", "Spell", "posterior", "spell_path", "spell_posterior"]


class Marginals(NamedTuple):
    """What a chain says of its nodes.

    ``probability`` (n, K): mean over the ticks of a node. ``log_likelihood`` (sequences,).
    ``changes`` (K, K): expected number of ticks of class ``k`` that are followed by class ``l``;
    of spells only those with ``k != l``. ``held`` (K,): expected ticks in which a spell could have
    ended and went on (of a plain chain the diagonal of ``changes``).
    """

    probability: Floats
    log_likelihood: Floats
    changes: Floats
    held: Floats


class Path(NamedTuple):
    """The likeliest classes ``code`` (n,) of nodes, and the log-probability of each sequence."""

    code: Int64s
    score: Floats


class Spell(NamedTuple):
    """How long a class lasts: at least ``least`` ticks, then on with probability ``exp(stay)``.

    A change is part of the first tick (of the whole first node, if that is shorter), which costs
    no ``stay``.
    ``start`` (K,) and ``switch`` (K, K) are logarithms too: of the first class of a sequence, and
    of class ``k`` being followed by class ``l`` (its diagonal is not read). ``least``, ``stay``
    (K,).
    """

    least: Floats
    start: Floats
    stay: Floats
    switch: Floats


def posterior(
    bounds: npt.ArrayLike,
    ticks: npt.ArrayLike,
    evidence: npt.ArrayLike,
    matrix: npt.ArrayLike,
    matrices: npt.ArrayLike,
    start: npt.ArrayLike,
) -> Marginals:
    """Run a Markov chain forward and backward over nodes of one or more ticks each.

    A node of r ticks is the same as r nodes of one tick with the same evidence, at a cost of
    O(K³ log r) instead of O(K² r).

    Parameters
    ----------
    bounds : (sequences + 1,) int64
        Nodes of sequence ``s`` are ``bounds[s] .. bounds[s + 1]``.
    ticks : (n,) int64
        At least 1.
    evidence : (n, K) float64
        Log-likelihood of each class in one tick of the node; finite.
    matrix : (n,) int64
        Which of ``matrices`` leads from tick to tick of the node, and from the node before into it.
    matrices : (u, K, K) float64
        Transition probabilities, rows sum to 1.
    start : (K,) float64
        Probabilities one tick before each sequence: the balance, where the chain goes on for ever.

    Raises
    ------
    ValueError
        If shapes or numbers do not fit.

    >>> even = [[0.9, 0.1], [0.1, 0.9]]
    >>> found = posterior([0, 2], [1, 3], [[1.0, 0], [0, 0]], [0, 0], [even], [0.5, 0.5])
    >>> found.probability.round(3).tolist()
    [[0.731, 0.269], [0.65, 0.35]]
    >>> apart = posterior([0, 4], [1] * 4, [[1.0, 0]] + [[0, 0]] * 3, [0] * 4, [even], [0.5, 0.5])
    >>> apart.probability[1:].mean(0).round(3).tolist()
    [0.65, 0.35]
    """
    cuts, numbers, places = (frozen(_whole(each)) for each in (bounds, ticks, matrix))
    given, tables, first = (frozen(_floats(each)) for each in (evidence, matrices, start))
    _check(cuts, given)
    n, k = given.shape
    if tables.shape[1:] != (k, k) or first.shape != (k,):
        raise ValueError(f"matrices must have shape (u, {k}, {k}) and start ({k},)")
    if numbers.shape != (n,) or places.shape != (n,):
        raise ValueError(f"ticks and matrix must have {n} elements, as evidence has rows")
    if n and (numbers.min() < 1 or places.min() < 0 or places.max() >= len(tables)):
        raise ValueError("ticks must be at least 1, and matrix a row of matrices")
    return Marginals(*_module().posterior(cuts, numbers, given, places, tables, first))


def spell_posterior(
    bounds: npt.ArrayLike, length: npt.ArrayLike, evidence: npt.ArrayLike, spell: Spell
) -> Marginals:
    """Run spells with least durations forward and backward; classes change between nodes only.

    The first spell of a sequence may have begun before it and the last may end after it: no least
    duration holds for these. O(n K²) whatever the durations.

    Parameters
    ----------
    bounds : (sequences + 1,) int64
        Nodes of sequence ``s`` are ``bounds[s] .. bounds[s + 1]``.
    length : (n,) float64
        Ticks that each node lasts, above 0.
    evidence : (n, K) float64
        Log-likelihood of each class in the whole node; finite.
    spell
        Durations and changes.

    Raises
    ------
    ValueError
        If shapes or numbers do not fit.

    >>> log = np.log
    >>> even = Spell(np.full(2, 2.0), *log([[0.5] * 2, [0.9] * 2]), log(np.full((2, 2), 0.1)))
    >>> blip = [[0, -2.0], [0, -2], [-2, 0], [0, -2], [0, -2]]
    >>> spell_posterior([0, 5], [1] * 5, blip, even).probability[:, 1].round(2).tolist()
    [0.04, 0.04, 0.06, 0.04, 0.04]
    """
    arrays = _spells(bounds, length, evidence, spell)
    return Marginals(*_module().spell_posterior(*arrays))


def spell_path(
    bounds: npt.ArrayLike, length: npt.ArrayLike, evidence: npt.ArrayLike, spell: Spell
) -> Path:
    """Find the likeliest classes where spells have least durations; see `spell_posterior`.

    O(n K²) whatever the durations; of equal paths the one that goes on, then the lower class.

    >>> log = np.log
    >>> even = Spell(np.full(2, 2.0), *log([[0.5] * 2, [0.9] * 2]), log(np.full((2, 2), 0.1)))
    >>> spell_path([0, 4], [1] * 4, [[0, -9.0], [-9, 0], [0, -9], [0, -9]], even).code
    array([0, 0, 0, 0])
    >>> spell_path([0, 4], [1, 3, 1, 1], [[0, -9.0], [-9, 0], [0, -9], [0, -9]], even).code
    array([0, 1, 0, 0])
    """
    arrays = _spells(bounds, length, evidence, spell)
    return Path(*_module().spell_path(*arrays))


def _module() -> ModuleType:
    form = "cpu" if backend() == "numba" else "reference"
    return importlib.import_module(f"vquery_kernels.chain.{form}")


def _spells(
    bounds: npt.ArrayLike, length: npt.ArrayLike, evidence: npt.ArrayLike, spell: Spell
) -> tuple[npt.NDArray[np.float64] | Int64s, ...]:
    cuts, given, size = _whole(bounds), _floats(evidence), _floats(length)
    _check(cuts, given)
    n, k = given.shape
    if size.shape != (n,) or (n and not size.min() > 0):
        raise ValueError(f"length must have {n} elements above 0")
    parts = [_floats(part) for part in spell]
    if [part.shape for part in parts] != [(k,), (k,), (k,), (k, k)]:
        raise ValueError(f"least, start and stay must have {k} elements and switch {k} × {k}")
    return tuple(frozen(each) for each in (cuts, size, given, *parts))


def _check(cuts: Int64s, evidence: Floats) -> None:
    if evidence.ndim != 2 or evidence.shape[1] < 1:
        raise ValueError(f"evidence must have shape (nodes, classes), got {evidence.shape}")
    if not np.isfinite(evidence).all():
        row = int(np.flatnonzero(~np.isfinite(evidence).all(1))[0])
        raise ValueError(f"evidence must be finite, but row {row} is {evidence[row].tolist()}")
    ascending = (
        cuts.size and cuts[0] == 0 and cuts[-1] == len(evidence) and (np.diff(cuts) > 0).all()
    )
    if not ascending:
        raise ValueError(f"bounds must ascend from 0 to the number of nodes ({len(evidence)})")


def _whole(values: npt.ArrayLike) -> Int64s:
    return np.ascontiguousarray(values, np.int64)


def _floats(values: npt.ArrayLike) -> Floats:
    return np.ascontiguousarray(values, np.float64)
