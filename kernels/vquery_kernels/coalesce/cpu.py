"""Coalesce compiled: one pass with the latest end, restarted at every group.

Rows sorted by group and start are cut into chunks: the latest end before a chunk comes from a
first pass over the chunks. Rows whose starts ascend inside each group need no sort either: one pass
keeps the open component of every group in a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import empty
from vquery_kernels.cpu import UNSORTED, Sorted, arrange, check, compiled

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s, Ints, Spans

HIGHEST = 2**63 - 1
NOTHING = np.empty(0, np.int64)


class Open(NamedTuple):
    """The state before a chunk: the last row that counts (-1: none) and the latest end."""

    row: int
    reach: int


class Components(NamedTuple):
    """How chunks of sorted rows begin: ``opened[k]`` and ``before[k]``, components so far."""

    cuts: list[int]
    opened: list[Open]
    before: Int64s
    number: int


def coalesce(given: Spans, gap: int) -> Int64s:
    """See :func:`vquery_kernels.coalesce.coalesce`."""
    component = empty(given.start.size, np.int64)
    flaws = check(given)
    if flaws & UNSORTED and _coalesce_mixed(given, gap, component):
        return component
    table = arrange(given, flaws)
    parts = number_components(table, gap, component, skip_instants=False)

    def shift(k: int) -> None:
        component[parts.cuts[k] : parts.cuts[k + 1]] += parts.before[k]

    if len(parts.opened) > 1:
        threads.run(shift, len(parts.opened))
    return table.given_order(component)


def number_components(
    table: Sorted, gap: int, component: Int64s, *, skip_instants: bool
) -> Components:
    """Count from 0 in each chunk (-1: the component open before the chunk).

    The numbers go to ``component``, or nowhere when it has no elements.
    """
    arrays = table.group, table.start, table.end, int(not skip_instants)
    cuts = threads.cuts(table.start.size)
    tails = threads.run(lambda k: _tail(*arrays, cuts[k], cuts[k + 1]), len(cuts) - 1)
    opened = [Open(-1, 0)]
    for row, reach, whole in tails[:-1]:
        last = opened[-1]
        if row < 0:
            opened.append(last)
        elif whole and last.row >= 0 and table.group[last.row] == table.group[row]:
            opened.append(Open(row, max(reach, last.reach)))
        else:
            opened.append(Open(row, reach))
    counts = threads.run(
        lambda k: _number(*arrays, cuts[k], cuts[k + 1], *opened[k], gap, component), len(opened)
    )
    before = np.cumsum([0, *counts])
    return Components(cuts, opened, before[:-1], int(before[-1]))


def _coalesce_mixed(given: Spans, gap: int, component: Int64s) -> bool:
    """Go through rows once; give up (False) when starts do not ascend inside each group."""
    first, last = int(given.group.min()), int(given.group.max())
    if last - first <= 2 * given.start.size + 1024:
        group, groups = given.group, last - first + 1
    else:
        values, ranks = np.unique(given.group, return_inverse=True)
        group, first, groups = ranks.astype(np.int64, copy=False), 0, values.size
    counts = np.zeros(groups, np.int64)
    if not _number_mixed(group, given.start, given.end, first, gap, counts, component):
        return False
    before = np.cumsum(counts) - counts
    cuts = threads.cuts(component.size)
    threads.run(
        lambda k: _shift_mixed(group, first, before, cuts[k], cuts[k + 1], component), len(cuts) - 1
    )
    return True


@compiled
def _tail(
    group: Ints, start: Int64s, end: Int64s, instants: int, low: int, high: int
) -> tuple[int, int, bool]:
    """Find the last row that counts, the latest end of its group, whether all are of that group."""
    tail, reach = -1, 0
    for row in range(high - 1, low - 1, -1):
        if start[row] == end[row] and not instants:
            continue
        if tail < 0:
            tail, reach = row, end[row]
        elif group[row] != group[tail]:
            return tail, reach, False
        reach = max(reach, end[row])
    return tail, reach, True


@compiled
def _number(
    group: Ints,
    start: Int64s,
    end: Int64s,
    instants: int,
    low: int,
    high: int,
    tail: int,
    reach: int,
    gap: int,
    component: Int64s,
) -> int:
    """Give the rows ``low .. high`` the numbers of their components, and count these."""
    number = -1
    for row in range(low, high):
        if start[row] == end[row] and not instants:
            continue
        near = reach > HIGHEST - gap or start[row] <= reach + gap
        if tail < 0 or group[row] != group[tail]:
            number += 1
            reach = end[row]
        elif not near:
            number += 1
        reach = max(reach, end[row])
        tail = row
        if component.size:
            component[row] = number
    return number + 1


@compiled
def _number_mixed(
    group: Ints,
    start: Int64s,
    end: Int64s,
    first: int,
    gap: int,
    counts: Int64s,
    component: Int64s,
) -> bool:
    """Count the components of each group from 0, rows of all groups mixed."""
    latest = np.empty(counts.size, np.int64)
    reach = np.empty(counts.size, np.int64)
    for row in range(start.size):
        own = group[row] - first
        if counts[own] == 0:
            counts[own] = 1
            reach[own] = end[row]
        elif start[row] < latest[own]:
            return False
        elif reach[own] <= HIGHEST - gap and start[row] > reach[own] + gap:
            counts[own] += 1
        latest[own] = start[row]
        reach[own] = max(reach[own], end[row])
        component[row] = counts[own] - 1
    return True


@compiled
def _shift_mixed(
    group: Ints, first: int, before: Int64s, low: int, high: int, component: Int64s
) -> None:
    """Add the number of components of earlier groups."""
    for row in range(low, high):
        component[row] += before[group[row] - first]
