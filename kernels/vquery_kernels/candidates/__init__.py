"""Neighbour lists made better by candidates: rows of nearby cells, and neighbours of neighbours."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery_kernels.backend import backend

if TYPE_CHECKING:
    from types import ModuleType

    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s

    Int32s = npt.NDArray[np.int32]
    Floats = npt.NDArray[np.float32]
    Flags = npt.NDArray[np.bool_]

__all__ = ["Lists", "Rules", "descended", "nobody", "probed", "rules"]


class Lists(NamedTuple):
    """Row numbers and cosines (n, k), the best first; -1 and -inf where a list is shorter.

    ``fresh`` tells which places have changed since neighbours of neighbours were last looked at.
    """

    ids: Int32s
    cosines: Floats
    fresh: Flags

    def part(self, rows: slice) -> Lists:
        """Give the lists of some rows, as views."""
        return Lists(self.ids[rows], self.cosines[rows], self.fresh[rows])

    def first(self, k: int) -> Lists:
        """Give the ``k`` best of each list."""
        ids, cosines, fresh = self.ids[:, :k], self.cosines[:, :k], self.fresh[:, :k]
        return Lists(ids.copy(), cosines.copy(), fresh.copy())

    def copied(self) -> Lists:
        """Copy all arrays."""
        return Lists(self.ids.copy(), self.cosines.copy(), self.fresh.copy())


class Rules(NamedTuple):
    """Which rows may not meet, by row: see :func:`vquery_kernels.neighbours.top_k`."""

    group: Int64s
    video: Int64s
    time: npt.NDArray[np.float64]
    seconds: float


def rules(
    n: int,
    *,
    group: npt.ArrayLike | None = None,
    video: npt.ArrayLike | None = None,
    time: npt.ArrayLike | None = None,
    seconds: float = 0.0,
) -> Rules:
    """Make rules for ``n`` rows; what is not given keeps nothing apart.

    >>> rules(2).group.tolist()
    [-1, -1]
    """
    out = Rules(
        np.full(n, -1, np.int64) if group is None else np.ascontiguousarray(group, np.int64),
        np.full(n, -1, np.int64) if video is None else np.ascontiguousarray(video, np.int64),
        np.zeros(n) if time is None else np.ascontiguousarray(time, np.float64),
        float(seconds),
    )
    for name in ("group", "video", "time"):
        shape = getattr(out, name).shape
        if shape != (n,):
            raise ValueError(f"{name} must have shape ({n},), got {shape}")
    return out


def nobody(n: int, k: int) -> Lists:
    """Make lists of ``n`` rows in which nobody is yet."""
    return Lists(
        np.full((n, k), -1, np.int32), np.full((n, k), -np.inf, np.float32), np.zeros((n, k), bool)
    )


def probed(
    points: npt.ArrayLike,
    starts: npt.ArrayLike,
    probes: npt.ArrayLike,
    lists: Lists,
    apart: Rules,
    *,
    first: int = 0,
) -> Lists:
    """Offer rows the rows of the cells that they name.

    Parameters
    ----------
    points : (n, d) float32
        Unit vectors, sorted by cell; no row of zeros.
    starts : (c + 1,) int64
        Rows of cell ``i`` are ``starts[i] .. starts[i + 1]``.
    probes : (m, p) int32
        Cells for each of the rows ``first .. first + m``, each at most once; -1 for none.
    lists : (m, k)
        What was found before for these rows, by exact cosines.
    apart
        Who may not meet; nobody meets himself.

    Returns
    -------
    Lists
        The best of both; ``fresh`` also where it was.

    Raises
    ------
    ValueError
        For shapes that do not fit, or cells that do not exist.

    Notes
    -----
    Rows that follow each other share most cells, so that products are dense tiles in float32. Who
    is last of a list and who is just not in it may be swapped where rounding makes them equal.

    Examples
    --------
    >>> rows = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    >>> probed(rows, [0, 2, 3], [[0], [1], [0]], nobody(3, 1), rules(3)).ids.ravel().tolist()
    [1, 2, 1]
    """
    rows = _points(points)
    bounds = np.ascontiguousarray(starts, np.int64)
    cells = np.ascontiguousarray(probes, np.int32)
    if cells.ndim != 2 or not 0 <= first <= len(rows) - len(cells):
        raise ValueError(
            f"probes must have shape (m, p) with first + m up to {len(rows)},"
            f" got {cells.shape} and {first}"
        )
    _check(lists, len(cells), len(rows))
    if bounds.ndim != 1 or not bounds.size or bounds[0] != 0 or bounds[-1] != len(rows):
        raise ValueError(f"starts must go from 0 to the number of rows, {len(rows)}")
    if cells.size and not -1 <= cells.min() <= cells.max() < bounds.size - 1:
        raise ValueError(f"probes must be cells, -1 .. {bounds.size - 2}")
    out: Lists = _form().probed(rows, bounds, cells, lists, apart, first)
    return out


def descended(
    points: npt.ArrayLike, lists: Lists, apart: Rules, mates: npt.ArrayLike | None = None
) -> Lists:
    """Offer every row the neighbours of its neighbours, once.

    Whom a row knows are those in its list, up to ``k`` of those in whose list it is, the closest
    places first, and its mates. It is offered them, those in their lists and their mates.

    Parameters
    ----------
    points : (n, d) float32
        Unit vectors.
    lists
        What was found before; what is not fresh on both ways to a candidate is not looked at again.
    mates : (n, m) int32, optional
        Rows that are alike for another reason, such as those before and after it in a track, who
        are kept apart from it but know whom it should know; -1 for none.

    Returns
    -------
    Lists
        The best of both, ``fresh`` where somebody new is.

    Notes
    -----
    All rows look at the lists as given, so that the result depends on no order. W. Dong,
    M. Charikar, K. Li 2011.

    Examples
    --------
    0 knows only 1, but 1 knows 2, who is closer to 0.

    >>> rows = np.array([[1, 0], [0.6, 0.8], [0.8, 0.6]], np.float32)
    >>> ids, cosines = np.array([[1], [2], [1]], np.int32), np.float32([[0.6], [0.96], [0.96]])
    >>> known = Lists(ids, cosines, np.ones((3, 1), bool))
    >>> descended(rows, known, rules(3)).ids.ravel().tolist()
    [2, 2, 1]
    """
    rows = _points(points)
    _check(lists, len(rows), len(rows))
    with_mates = np.empty((len(rows), 0), np.int32) if mates is None else mates
    with_mates = np.ascontiguousarray(with_mates, np.int32)
    if with_mates.ndim != 2 or len(with_mates) != len(rows):
        raise ValueError(f"mates must have shape ({len(rows)}, m), got {with_mates.shape}")
    out: Lists = _form().descended(rows, lists, apart, with_mates)
    return out


def _points(given: npt.ArrayLike) -> Floats:
    rows = np.ascontiguousarray(given, np.float32)
    if rows.ndim != 2:
        raise ValueError(f"points must have shape (n, d), got {rows.shape}")
    return rows


def _check(lists: Lists, m: int, n: int) -> None:
    for name, array in lists._asdict().items():
        if array.ndim != 2 or array.shape != (m, lists.ids.shape[-1]):
            raise ValueError(f"lists.{name} must have shape ({m}, k), got {array.shape}")
    if lists.ids.size and not -1 <= lists.ids.min() <= lists.ids.max() < n:
        raise ValueError(f"lists.ids must be rows, -1 .. {n - 1}")


def _form() -> ModuleType:
    form = "reference" if backend() == "numpy" else "cpu"
    return importlib.import_module(f"vquery_kernels.candidates.{form}")
