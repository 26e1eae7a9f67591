"""Which predictions become pseudo labels: as many of each class as labelled items lead to expect.

The rule of I. Radosavovic et al. (2018): the score from which predictions are kept is the one at
which an item without a label has, on average, as many instances of a class as a labelled one. It is
set by class, since rare classes would vanish under one score for all, and by slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import LearnError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEW = 20
"""Labelled items of a slice below which the shares of all are taken for its own."""
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Chosen:
    """Pseudo labels.

    Attributes
    ----------
    rows : int64 (m,)
        The items that have one.
    label : int64 (m,)
        The code of each.
    chance : float64 (m,)
        What was said of it.
    least
        (slice, class code) → the lowest chance that was kept, by cell of slices; classes of which
        nothing was kept have none.
    """

    rows: Ints
    label: Ints
    chance: Floats
    least: Mapping[tuple[int, int], float]

    def __len__(self) -> int:
        """Count them."""
        return len(self.rows)


def shares_of(
    soft: ArrayLike, weight: ArrayLike, cells: ArrayLike | None = None, *, cell: int | None = None
) -> Floats:
    """Return the share of each class among labelled items, (k,), each counted by its weight.

    Parameters
    ----------
    soft : (n, k)
    weight : (n,)
        0 for items without a label.
    cells, cell
        Which part each item belongs to, and which one is asked for; a part with fewer than `FEW`
        labelled items has the shares of all.

    >>> shares_of([[1, 0], [0, 1], [0.5, 0.5]], [1, 0, 1]).tolist()
    [0.75, 0.25]
    """
    labels, counts = np.asarray(soft, np.float64), np.asarray(weight, np.float64)
    if cells is not None and cell is not None:
        inside = np.asarray(cells) == cell
        if (inside & (counts > 0)).sum() >= FEW:
            counts = counts * inside
    total = counts.sum()
    if not total > 0:
        raise LearnError("no item has a label: there is nothing to distil from")
    return np.asarray((labels * counts[:, None]).sum(0) / total)


def choose(
    chance: ArrayLike,
    shares: ArrayLike,
    *,
    counts: ArrayLike | None = None,
    cells: ArrayLike | None = None,
    keep: float = 1.0,
) -> Chosen:
    """Keep the surest predictions of each class, as many as its share of the items.

    Only the best class of an item counts: nothing is kept against what was said.

    Parameters
    ----------
    chance : (n, k)
        Of items without a label; rows that are not finite are left out.
    shares : (k,) or (cells, k)
        Instances that an item has of each class: the share of it among labelled ones.
    counts : (n,), optional
        How much of an item each row is: rows of one track share one.
    cells : (n,), optional
        Which row of ``shares`` goes with each, from 0: its slice.
    keep
        Share of the instances expected that is kept, above 0 up to 1: the surer part.

    Raises
    ------
    LearnError, SchemaError
        If shapes differ or numbers cannot be.

    >>> found = choose([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]], [0.5, 0.5])
    >>> found.rows.tolist(), found.label.tolist(), found.least
    ([0, 2, 3], [0, 0, 1], {(0, 0): 0.7, (0, 1): 0.8})
    """
    said = np.asarray(chance, np.float64)
    wanted = np.atleast_2d(np.asarray(shares, np.float64))
    count = np.ones(len(said)) if counts is None else np.asarray(counts, np.float64)
    cell = np.zeros(len(said), np.int64) if cells is None else np.asarray(cells, np.int64)
    _check(said, wanted, count, cell, keep)
    usable = np.isfinite(said).all(1) & (count > 0)
    best = np.where(usable, np.nan_to_num(said).argmax(1), -1) if len(said) else cell[:0]
    sure = np.nan_to_num(said).max(1, initial=0.0)
    rows: list[Any] = []
    least: dict[tuple[int, int], float] = {}
    for part in np.unique(cell[usable]).tolist():
        there = count[usable & (cell == part)].sum()
        for code in range(said.shape[1]):
            mine = np.flatnonzero((cell == part) & (best == code))
            mine = mine[np.argsort(-sure[mine], kind="stable")]
            quota = keep * wanted[part, code] * there
            kept = mine[np.cumsum(count[mine]) <= quota + ROUNDING]
            if len(kept):
                rows.append(kept)
                least[part, code] = float(sure[kept[-1]])
    at = np.sort(np.concatenate(rows)) if rows else np.empty(0, np.int64)
    return Chosen(at, best[at].astype(np.int64), sure[at], least)


def _check(said: Floats, wanted: Floats, count: Floats, cell: Ints, keep: float) -> None:
    if said.ndim != 2 or wanted.shape[1] != said.shape[1]:
        raise SchemaError(
            f"chance must have shape (n, {wanted.shape[1]}) as shares have, got {said.shape}"
        )
    if count.shape != (len(said),) or cell.shape != (len(said),):
        raise SchemaError(f"counts and cells must have {len(said)} entries, one a row of chance")
    if not (np.isfinite(wanted).all() and (wanted >= 0).all()):
        raise LearnError("shares must be at least 0")
    if len(cell) and not (cell.min() >= 0 and cell.max() < len(wanted)):
        raise LearnError(f"cells must be from 0 to {len(wanted) - 1}, the rows of shares")
    if not 0 < keep <= 1:
        raise LearnError(f"keep is a share above 0 up to 1, got {keep!r}")


def cells_of(members: ArrayLike) -> tuple[Ints, int]:
    """Cut items into parts that belong to the same slices.

    Parameters
    ----------
    members : booleans (n, s)

    Returns
    -------
    The part of each item, (n,), and how many there are.

    >>> cells_of([[True, False], [False, False], [True, False]])
    (array([1, 0, 1]), 2)
    """
    inside = np.asarray(members, bool)
    if inside.ndim != 2 or not inside.shape[1]:
        return np.zeros(len(inside), np.int64), 1
    found, code = np.unique(inside, axis=0, return_inverse=True)
    return code.ravel().astype(np.int64), len(found)
