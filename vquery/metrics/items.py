"""Which interval found is which true one: overlap in time, one-to-one matching, boundaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from vquery_kernels.overlap_join import overlap_join

if TYPE_CHECKING:
    from vquery.metrics.spans import Spans

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Overlaps(NamedTuple):
    """Pairs of one group that overlap: row found, true row, and their tIoU, each (pairs,)."""

    found: Ints
    truth: Ints
    tiou: Floats


def overlaps(found: Spans, truth: Spans) -> Overlaps:
    """Pair all spans of a group that overlap; an instant counts as one tick.

    tIoU is the time that two spans share over the time that they cover together.

    >>> from vquery.metrics.spans import Spans
    >>> one = Spans(*np.array([[0, 0], [0, 20], [10, 20]]))
    >>> two = Spans(*np.array([[0, 0], [5, 20], [15, 20]]))
    >>> overlaps(one, two).tiou.round(3).tolist()  # two instants at one time are the same
    [0.333, 1.0]
    """
    one, other = (rows.astype(np.int64) for rows in overlap_join(*found, *truth))
    start, end = found.start[one], np.maximum(found.end, found.start + 1)[one]
    low, high = truth.start[other], np.maximum(truth.end, truth.start + 1)[other]
    shared = np.minimum(end, high) - np.maximum(start, low)
    return Overlaps(one, other, shared / ((end - start) + (high - low) - shared))


def one_to_one(pairs: Overlaps, rank: Ints) -> Ints:
    """Match greedily: found rows by ``rank`` each take the free true row that they overlap most.

    Ties go to the true row with the lower number. All rows propose at once and a true row keeps
    the best rank, which leaves the same matching as one row after the other: all true rows agree
    about who comes first (D. Gale and L. S. Shapley, American Mathematical Monthly 69, 1962).

    Parameters
    ----------
    pairs
        Only those that may be matched.
    rank
        Of each found row, 0 the first; no rank twice.

    Returns
    -------
    (found,) int64
        The true row of each found row, -1 for none.

    >>> pairs = Overlaps(np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([0.5, 0.9, 0.3]))
    >>> one_to_one(pairs, np.array([0, 1])), one_to_one(pairs, np.array([1, 0]))
    (array([0, 1]), array([-1,  0]))
    """
    matched = np.full(rank.size, -1, dtype=np.int64)
    if not pairs.found.size:
        return matched
    order = np.lexsort((pairs.truth, -pairs.tiou, pairs.found))
    found, truth = pairs.found[order], pairs.truth[order]
    first = np.flatnonzero(np.diff(found, prepend=-1))
    proposers, last = found[first], np.append(first[1:], found.size)
    # a true row keeps the lowest place in the list of proposers, sorted by rank
    by_rank = np.argsort(rank[proposers])
    proposers, place, last = proposers[by_rank], first[by_rank], last[by_rank]
    holder = np.full(int(truth.max()) + 1, proposers.size, dtype=np.int64)
    free = np.arange(proposers.size)
    while free.size:
        wanted = truth[place[free]]
        before = holder[wanted]
        np.minimum.at(holder, wanted, free)
        lost = holder[wanted] != free
        outdone = before[before != holder[wanted]]
        outdone = outdone[outdone < proposers.size]
        turned_away = distinct(np.concatenate((free[lost], outdone)))
        place[turned_away] += 1
        free = turned_away[place[turned_away] < last[turned_away]]
    held = np.flatnonzero(holder < proposers.size)
    matched[proposers[holder[held]]] = held
    return matched


def distinct(numbers: Ints) -> Ints:
    """Sort whole numbers of at least 0, each once; marking them is faster than sorting them.

    >>> distinct(np.array([3, 0, 3]))
    array([0, 3])
    """
    return np.flatnonzero(np.bincount(numbers)) if numbers.size else numbers


@dataclass(frozen=True)
class ItemScore:
    """Intervals found and true, and how many of each have a counterpart."""

    found: int
    true: int
    found_hits: int
    true_hits: int

    @property
    def precision(self) -> float | None:
        """Share of what was found that is true; null where nothing was found."""
        return self.found_hits / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        """Share of what is true that was found; null where nothing is true."""
        return self.true_hits / self.true if self.true else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; 0 where one of them is 0 or missing.

        >>> ItemScore(4, 2, 2, 1).f1, ItemScore(0, 3, 0, 0).f1, ItemScore(0, 0, 0, 0).f1
        (0.5, 0.0, None)
        """
        if not self.found and not self.true:
            return None
        precision, recall = self.precision or 0.0, self.recall or 0.0
        total = precision + recall
        return 2 * precision * recall / total if total else 0.0


@dataclass(frozen=True)
class Boundaries:
    """How far the ends of matched intervals lie from the true ones, in seconds.

    Errors are means of absolute differences; biases keep the sign, positive for too late. All are
    null without a matched pair.
    """

    pairs: int
    start_error: float | None
    end_error: float | None
    start_bias: float | None
    end_bias: float | None


def boundaries(found: Spans, truth: Spans, matched: Ints) -> Boundaries:
    """Compare the ends of matched intervals.

    >>> from vquery.metrics.spans import Spans
    >>> one = Spans(*np.array([[0], [1_500_000], [4_000_000]]))
    >>> two = Spans(*np.array([[0], [1_000_000], [5_000_000]]))
    >>> boundaries(one, two, np.array([0]))
    Boundaries(pairs=1, start_error=0.5, end_error=1.0, start_bias=0.5, end_bias=-1.0)
    """
    rows = np.flatnonzero(matched >= 0)
    if not rows.size:
        return Boundaries(0, None, None, None, None)
    start = (found.start[rows] - truth.start[matched[rows]]) / 1e6
    end = (found.end[rows] - truth.end[matched[rows]]) / 1e6
    means = (np.abs(start).mean(), np.abs(end).mean(), start.mean(), end.mean())
    return Boundaries(rows.size, *(float(each) for each in means))


@dataclass(frozen=True)
class Segmentation:
    """Where one interval stands for several, or several for one.

    ``split`` true intervals were found in more than one piece, ``extra`` is how many pieces too
    many; ``merged`` found intervals cover more than one true one, ``swallowed`` is how many too
    many. ``missed`` true ones overlap nothing, ``false`` found ones overlap nothing.
    """

    split: int
    extra: int
    merged: int
    swallowed: int
    missed: int
    false: int


def segmentation(pairs: Overlaps, found: int, true: int) -> Segmentation:
    """Count over- and under-segmentation.

    >>> pairs = Overlaps(np.array([0, 1, 2]), np.array([0, 0, 0]), np.ones(3))
    >>> segmentation(pairs, 4, 2)
    Segmentation(split=1, extra=2, merged=0, swallowed=0, missed=1, false=1)
    """
    of_true = np.bincount(pairs.truth, minlength=true)
    of_found = np.bincount(pairs.found, minlength=found)
    counts = (
        (of_true > 1).sum(), np.maximum(of_true - 1, 0).sum(),
        (of_found > 1).sum(), np.maximum(of_found - 1, 0).sum(),
        (of_true == 0).sum(), (of_found == 0).sum(),
    )  # fmt: skip
    return Segmentation(*(int(each) for each in counts))
