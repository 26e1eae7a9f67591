"""Votes of label functions carried on to items that look like those the function voted on.

A function that abstains on an item gets a vote there if the item is nearer than a radius to one it
voted on (M. Chen, D. Fu, F. Sala, S. Wu, R. Mullapudi, F. Poms, K. Fatahalian, C. Ré 2020, "Train
and You'll Miss It"). A loose radius does harm, and no two functions need the same, so each one's is
found from the votes alone, without labels. Carried votes are weaker than real ones: treat them as
votes of another source, "NAME~nn", with an accuracy of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vquery.errors import LabelError, SchemaError
from vquery.graph.knn import Apart, neighbours, unit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from vquery.graph.knn import Neighbours

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Bools = NDArray[np.bool_]

ABSTAIN = -1
SUFFIX = "~nn"
"""What is added to the name of a function for the source of its carried votes."""
EXACT_ITEMS = 20_000
"""Up to here every item is compared with every vote; above, neighbour lists are used."""
LIST_LENGTH = 32
"""Neighbours of each item then; a function that voted on none of them abstains."""
BLOCK_VALUES = 1 << 23
SAME = 1e-6
"""Cosines that differ by no more are equal: they are rounded differently from place to place."""


@dataclass(frozen=True, slots=True)
class Extension:
    """Carried votes of m functions on n items, and how far each function carries.

    Attributes
    ----------
    votes
        Shape (n, m): class, or -1 where the function voted itself or nothing is near enough.
    nearest
        Shape (n, m): the item that the vote was copied from, -1 where there is none.
    radius
        Shape (m,): smallest cosine at which votes are copied; NaN for functions that are not
        extended.
    precision, checked
        Shape (m,): share of the votes copied at that radius that were found right (NaN, 0 if not
        extended), and how many were looked at. Of the two checks of `extend_votes` the worse one.
    extended
        Shape (m,): how many votes were copied.
    problems
        For each function why it was not extended, or None.
    """

    votes: Ints
    nearest: Ints
    radius: NDArray[np.float64]
    precision: NDArray[np.float64]
    checked: Ints
    extended: Ints
    problems: tuple[str | None, ...]


def extend_votes(
    votes: ArrayLike,
    vectors: ArrayLike | None = None,
    *,
    precision: float = 0.9,
    video: ArrayLike | None = None,
    time: ArrayLike | None = None,
    apart_s: float = 0.0,
    found: Neighbours | None = None,
) -> Extension:
    """Carry votes on to nearby items, as far as each function's own votes show to be safe.

    Parameters
    ----------
    votes
        Shape (n, m), integers: class 0, 1, …; -1 abstains.
    vectors
        Shape (n, d); compared by cosine. Vectors of zeros are near nothing.
    precision
        What a radius must keep, 0 to 1.
    video, time, apart_s
        Items of one video (shape (n,), integers) whose times (seconds) differ by at most
        ``apart_s`` are no evidence for one another: near-duplicates prove nothing.
    found
        Neighbour lists to use instead of ``vectors``.

    Returns
    -------
    Extension
        Time O(n² d) up to ``EXACT_ITEMS`` items, else that of the neighbour search.

    Raises
    ------
    LabelError
        If a vote is below -1 or ``precision`` is not between 0 and 1.
    SchemaError
        If shapes differ or values are not finite.

    Notes
    -----
    The copied vote is that of the nearest item that the function voted on; if the nearest items of
    two classes are equally near it abstains. The radius is the smallest one that passes two checks:

    1. of the items that the function voted on, each judged by its other votes, the share that gets
       its own vote is at least ``precision`` (says nothing for a function of one class);
    2. where the other functions vote and most of them for one class, the share of copied votes that
       are for that class is at least ``precision``.

    Shares are smoothed by half a vote on either side, ``(right + .5) / (all + 1)``, so a handful of
    votes cannot pass. A function that can make neither check, or that others contradict even near
    its own votes, is not extended: a vote too few does less harm than a wrong one.

    >>> line = [[1.0, a] for a in (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 9, 10)]
    >>> carried = extend_votes([[0], [0], [0], [0], [0], [-1], [0], [1], [1]], line)
    >>> carried.votes.ravel().tolist(), carried.nearest[5].tolist(), carried.checked.tolist()
    ([-1, -1, -1, -1, -1, 0, -1, -1, -1], [6], [8])
    """
    given = _checked_votes(votes, precision)
    n, m = given.shape
    apart = _apart(n, video, time, apart_s)
    points = np.empty((n, 0), np.float32)
    if found is None:
        if vectors is None:
            raise SchemaError("extend_votes needs vectors or found (neighbour lists)")
        points = unit(vectors)
        if len(points) != n:
            raise SchemaError(f"vectors must have {n} rows, as votes have; got {len(points)}")
        if n > EXACT_ITEMS:
            found = neighbours(points, LIST_LENGTH, apart=apart)
    elif found.n != n:
        raise SchemaError(f"found must be lists of {n} items, as many as votes; got {found.n}")
    out, nearest = np.full((n, m), ABSTAIN), np.full((n, m), -1)
    radius, share = np.full(m, np.nan), np.full(m, np.nan)
    checked, problems = np.zeros(m, np.int64), []
    tally = _tally(given)
    every = _exact(points, given, apart) if found is None else _listed(found, given, apart)
    for j, (vote, near, source) in enumerate(zip(*every, strict=True)):
        own = given[:, j]
        chosen = _radius(own, _majority(tally, own), vote, near, precision)
        problems.append(chosen.problem)
        if chosen.problem is None:
            radius[j], share[j], checked[j] = chosen.radius, chosen.precision, chosen.checked
            take = (own == ABSTAIN) & (vote != ABSTAIN) & (near >= chosen.radius - SAME)
            out[take, j], nearest[take, j] = vote[take], source[take]
    extended = (out != ABSTAIN).sum(0)
    return Extension(out, nearest, radius, share, checked, extended, tuple(problems))


@dataclass(frozen=True, slots=True)
class _Radius:
    radius: float
    precision: float
    checked: int
    problem: str | None = None


def _radius(own: Ints, others: Ints, vote: Ints, near: Floats, precision: float) -> _Radius:
    """Find the smallest radius that passes both checks (see `extend_votes`)."""
    voted, spoken = own != ABSTAIN, vote != ABSTAIN
    if not voted.any():
        return _Radius(np.nan, np.nan, 0, "it never votes")
    first, second = spoken & voted, spoken & (others != ABSTAIN)
    checks = []
    if len(np.unique(own[voted])) > 1:
        checks.append((near[first], vote[first] == own[first]))
    if second.any():
        checks.append((near[second], vote[second] == others[second]))
    if not checks:
        return _Radius(
            np.nan, np.nan, 0, "it votes for one class and no other function votes near it"
        )
    found = [_smallest(at, right, precision) for at, right in checks]
    if any(chosen is None for chosen in found):
        return _Radius(np.nan, np.nan, 0, f"no radius keeps a precision of {precision:g}")
    radius = max(chosen for chosen in found if chosen is not None)
    inside = [right[at >= radius - SAME] for at, right in checks]
    worst = min((float(_smooth(right.sum(), len(right))), len(right)) for right in inside)
    return _Radius(radius, *worst)


def _smallest(near: Floats, right: Bools, wanted: float) -> float | None:
    """Smallest similarity above which the smoothed share of right ones is what is wanted."""
    order = np.argsort(-near, kind="stable")
    at, hits = near[order], np.cumsum(right[order])
    count = np.arange(1, len(at) + 1)
    whole = np.diff(at, append=-np.inf) < -SAME  # equal similarities are in or out together
    passed = np.flatnonzero(whole & (_smooth(hits, count) >= wanted))
    return float(at[passed[-1]]) if len(passed) else None


def _smooth(right: ArrayLike, count: ArrayLike) -> NDArray[np.float64]:
    return np.asarray((np.asarray(right, np.float64) + 0.5) / (np.asarray(count) + 1.0))


def _exact(points: Floats, votes: Ints, apart: Apart) -> tuple[Ints, Floats, Ints]:
    """For each function and item: class, cosine and number of the nearest item it voted on.

    Returns
    -------
    (ndarray, ndarray, ndarray)
        Each (m, n): -1, -inf and -1 where there is none; class -1 where two are equally near.
    """
    n, m = votes.shape
    vote, source = np.full((m, n), ABSTAIN), np.full((m, n), -1)
    near = np.full((m, n), -np.inf, np.float32)
    usable = np.asarray(points.any(axis=1), bool)
    support = [np.flatnonzero((votes[:, j] != ABSTAIN) & usable) for j in range(m)]
    step = max(1, BLOCK_VALUES // max(n, 1))
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        rows = rows[usable[rows]]
        cosine = points[rows] @ points.T
        cosine[apart.excludes(rows[:, None], np.arange(n)[None])] = -np.inf
        cosine[np.arange(len(rows)), rows] = -np.inf
        for j, of in enumerate(support):
            if len(of):
                inner = cosine[:, of]
                best = inner.max(1)
                first, tied = _nearest_class(inner >= best[:, None] - SAME, votes[of, j])
                some = np.isfinite(best)
                vote[j, rows] = np.where(some & ~tied, votes[of[first], j], ABSTAIN)
                near[j, rows], source[j, rows] = best, np.where(some, of[first], -1)
    return vote, near, source


def _nearest_class(nearest: Bools, classes: Ints) -> tuple[Ints, Bools]:
    """First of the nearest items in each row, and whether they are of several classes."""
    first = nearest.argmax(1)
    return first, (nearest & (classes != classes[first][:, None])).any(1)


def _listed(found: Neighbours, votes: Ints, apart: Apart) -> tuple[Ints, Floats, Ints]:
    """Like `_exact`, from neighbour lists."""
    n, m = votes.shape
    vote, source = np.full((m, n), ABSTAIN), np.full((m, n), -1)
    near = np.full((m, n), -np.inf, np.float32)
    allowed = ~apart.excludes(found.source, found.target) & (found.source != found.target)
    for j in range(m):
        use = allowed & (votes[found.target, j] != ABSTAIN)
        row, item, at = found.source[use], found.target[use], found.similarity[use]
        np.maximum.at(near[j], row, at)
        nearest = at >= near[j, row] - SAME
        row, item = row[nearest], item[nearest]
        order = np.lexsort((item, row))
        rows, first = np.unique(row[order], return_index=True)
        source[j, rows] = item[order][first]
        vote[j, rows] = votes[source[j, rows], j]
        vote[j, row[votes[item, j] != votes[source[j, row], j]]] = ABSTAIN
    return vote, near, source


def _tally(votes: Ints) -> Ints:
    """Count the votes for each class on each item, shape (n, c)."""
    n, c = len(votes), int(votes.max(initial=ABSTAIN)) + 1
    item, function = np.nonzero(votes != ABSTAIN)
    flat = item * c + votes[item, function]
    return np.bincount(flat, minlength=n * c).reshape(n, c)


def _majority(tally: Ints, own: Ints) -> Ints:
    """Give the class with most votes of all other functions, -1 for none or a tie."""
    others = tally.copy()
    voted = np.flatnonzero(own != ABSTAIN)
    others[voted, own[voted]] -= 1
    most = others.max(axis=1, initial=0)
    only = (most > 0) & ((others == most[:, None]).sum(1) == 1)
    return np.where(only, others.argmax(1) if others.shape[1] else ABSTAIN, ABSTAIN)


def _checked_votes(votes: ArrayLike, precision: float) -> Ints:
    if not 0 < precision <= 1:
        raise LabelError(
            f"The 'precision' parameter of extend_votes must be above 0 and at most 1. "
            f"Got {precision} instead."
        )
    array = np.asarray(votes)
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.integer):
        raise SchemaError(
            f"votes must be integers of shape (items, functions), got {array.dtype} of shape "
            f"{array.shape}"
        )
    bad = np.argwhere(array < ABSTAIN)
    if len(bad):
        item, function = bad[0].tolist()
        raise LabelError(
            f"votes, item {item}, function {function}: expected a class of 0 or more, or -1 to "
            f"abstain; got {array[item, function]}"
        )
    return array.astype(np.int64)


def _apart(n: int, video: ArrayLike | None, time: ArrayLike | None, apart_s: float) -> Apart:
    if not apart_s >= 0:
        raise LabelError(
            f"The 'apart_s' parameter of extend_votes must be 0 or more. Got {apart_s} instead."
        )
    if apart_s == 0:
        return Apart()
    if time is None:
        raise SchemaError("extend_votes needs time (seconds) to keep items apart_s apart")
    when = np.asarray(time, np.float64)
    film = np.zeros(n, np.int64) if video is None else np.asarray(video)
    for name, column in (("time", when), ("video", film)):
        if column.shape != (n,):
            raise SchemaError(f"{name} must have {n} entries, got shape {column.shape}")
    return Apart(video=film.astype(np.int64), time=when, seconds=apart_s)
