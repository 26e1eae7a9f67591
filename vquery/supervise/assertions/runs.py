"""Rows of a group in the order of time, and what lies between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.assertions.rows import Rows

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]


class Order(NamedTuple):
    """k rows that have a group, in the order of group, shot and time.

    Attributes
    ----------
    row
        Shape (k,): row numbers.
    opens
        Shape (k,): whether a row is the first of its group in its shot.
    before
        Shape (k,): the row above that lasts longest, of the same group and shot; itself for the
        first.
    gap
        Shape (k,): microseconds from the end of that row to the start of this one, 0 for the first.
        At most 0 where they meet.
    parted
        Shape (k,): whether there is time between them, more than frames may vary.
    """

    row: Ints
    opens: Bools
    before: Ints
    gap: Ints
    parted: Bools


def in_order(rows: Rows, group: Ints) -> Order:
    """Sort the rows of each group; O(n log n). Rows of group -1 take no part."""
    taking = np.flatnonzero(group >= 0)
    # ids last, so that the order of the table decides nothing
    columns = (rows.item, rows.until, rows.start, rows.shot, group)
    keys = tuple(column[taking] for column in columns)
    row = taking[np.lexsort(keys)]
    of, shot = group[row], rows.shot[row]
    opens = np.ones(len(row), bool)
    opens[1:] = (of[1:] != of[:-1]) | (shot[1:] != shot[:-1])
    longest = _longest(rows.until[row], np.cumsum(opens))
    above = np.where(opens, np.arange(len(row)), np.roll(longest, 1))
    before = row[above]
    gap = np.where(opens, 0, rows.start[row] - rows.until[before])
    return Order(row, opens, before, gap, gap > rows.slack[row])


def _longest(until: Ints, group: Ints) -> Ints:
    """For each place, the place up to it in its group that lasts longest (the first of equals).

    >>> _longest(np.array([5, 9, 7, 1]), np.array([1, 1, 1, 2])).tolist()
    [0, 1, 1, 3]
    """
    n = len(until)
    order = np.lexsort((-np.arange(n), until))
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    best = np.maximum.accumulate(rank + group * n)
    return np.asarray(order[best - group * n])


class Runs(NamedTuple):
    """Runs without gaps, sorted by group, shot and time; shapes (runs,).

    ``first`` is where a run begins in the `Order`, ``size`` how many rows it has; ``alone`` whether
    it is the first and the last one of its group in its shot.
    """

    first: Ints
    size: Ints
    start: Ints
    end: Ints
    opens: Bools
    closes: Bools


def runs_of(rows: Rows, order: Order) -> Runs:
    """Join rows with no time between them."""
    starts = order.opens | order.parted
    first = np.flatnonzero(starts)
    size = np.diff(np.append(first, len(order.row)))
    if not len(first):
        empty = np.empty(0, np.int64)
        return Runs(empty, empty, empty, empty, empty.astype(bool), empty.astype(bool))
    end = np.maximum.reduceat(rows.until[order.row], first)
    opens = order.opens[first]
    return Runs(first, size, rows.start[order.row[first]], end, opens, np.append(opens[1:], True))
