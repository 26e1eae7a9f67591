"""Rows that follow each other as an automaton says, partition by partition."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

from vquery_kernels.arrays import columns
from vquery_kernels.backend import backend

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s

__all__ = ["FAR", "Automaton", "Found", "Limits", "sequence"]

FAR = 2**62
"""Farther than any time: a limit that is none."""


class Automaton(NamedTuple):
    """States take one row each; edges say which state may follow, the preferred one first.

    State ``q`` takes a row that carries ``symbol[q]``. Its edges are ``bounds[q + 1]`` to
    ``bounds[q + 2]``, those from the start are ``bounds[0]`` to ``bounds[1]``. An edge leads to
    the state ``target`` (the number of states: accept) and has the forbidden symbols
    ``guards[guard]`` (one row of booleans over the symbols; row 0 forbids nothing).
    """

    symbol: Int64s
    bounds: Int64s
    target: Int64s
    guard: Int64s
    guards: npt.NDArray[np.bool_]


class Limits(NamedTuple):
    """What may lie between neighbours, in microseconds, and how long the whole may be."""

    min_gap: int = 0
    max_gap: int = FAR
    within: int = FAR
    overlap: bool = False
    skip: bool = True


class Found(NamedTuple):
    """Matches: rows and symbols of match ``k`` are ``bounds[k] .. bounds[k + 1]`` of the others."""

    bounds: Int64s
    row: Int64s
    symbol: Int64s


def sequence(
    partitions: npt.ArrayLike,
    start: npt.ArrayLike,
    end: npt.ArrayLike,
    carries: npt.NDArray[np.bool_],
    automaton: Automaton,
    limits: Limits,
    *,
    every: bool = False,
) -> Found:
    """Find runs of rows that an automaton accepts.

    Parameters
    ----------
    partitions : (p + 1,) int64
        Rows of partition ``k`` are ``partitions[k] .. partitions[k + 1]``, starts ascending.
    start, end : (n,) int64
        Microseconds.
    carries : (symbols, n) bool
        Whether a row carries a symbol.
    automaton
        States, edges, and what no row between two neighbours may carry: forbidden is a row whose
        start lies strictly between the starts of the two.
    limits
        The gap between neighbours is ``start - end`` of the one before, at least 0. With
        ``overlap`` a row may start before the one before it ends. Without ``skip`` neighbours are
        neighbours in the order of rows. ``within`` is from the first start to the latest end.
    every
        All matches, each once; else from the left the first choice at each place, without sharing
        a row.

    Returns
    -------
    Found
        Matches by first row, second row and so on, then by symbols.

    Examples
    --------
    >>> import numpy as np
    >>> two = Automaton(*map(np.array, ([0, 1], [0, 1, 2, 3], [0, 1, 2], [0, 0, 0])),
    ...                 np.zeros((1, 2), bool))
    >>> carries = np.array([[1, 1, 0], [0, 0, 1]], bool)
    >>> sequence([0, 3], [0, 1, 2], [1, 2, 3], carries, two, Limits()).row
    array([0, 2])
    >>> sequence([0, 3], [0, 1, 2], [1, 2, 3], carries, two, Limits(), every=True).row
    array([0, 2, 1, 2])
    """
    (cuts,) = columns(partitions=partitions)
    starts, ends = columns(start=start, end=end)
    if carries.shape != (automaton.guards.shape[1], starts.size):
        raise ValueError(
            f"carries must have a row for each of {automaton.guards.shape[1]} symbols and"
            f" {starts.size} columns, got {carries.shape}"
        )
    form = "cpu" if backend() == "numba" else "reference"
    module = importlib.import_module(f"vquery_kernels.sequence.{form}")
    found: Found = module.sequence(cuts, starts, ends, carries, automaton, limits, every=every)
    return found
