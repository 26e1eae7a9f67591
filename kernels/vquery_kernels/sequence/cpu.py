"""Sequences compiled: from the last row to the first what can be completed, then forward.

For every state and row the backward pass keeps the earliest end that a completion can have (or
that there is none), the next row at or behind it that can be completed, and the next one with an
earlier end. With these the forward pass takes the right row at once and never steps back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import frozen
from vquery_kernels.cpu import compiled, lower
from vquery_kernels.sequence import FAR, Automaton, Found, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from vquery_kernels.arrays import Int64s

    Table = npt.NDArray[Any]

NEVER = 2**63 - 1
"""The end of what cannot be completed."""


def sequence(
    partitions: Int64s,
    start: Int64s,
    end: Int64s,
    carries: npt.NDArray[np.bool_],
    automaton: Automaton,
    limits: Limits,
    *,
    every: bool,
) -> Found:
    """See :func:`vquery_kernels.sequence.sequence`."""
    tasks = max(1, min(threads.chunks(start.size), partitions.size - 1))
    cuts = np.searchsorted(partitions, [start.size * k // tasks for k in range(tasks + 1)])
    cuts[0], cuts[-1] = 0, partitions.size - 1
    edges = tuple(np.ascontiguousarray(each, np.int64) for each in automaton[:-1])
    guards = np.ascontiguousarray(automaton.guards, np.bool_)
    given = frozen(np.ascontiguousarray(carries, np.bool_))
    search: Callable[..., tuple[Table, Table, Table]] = _every if every else _greedy

    def task(k: int) -> tuple[Table, Table, Table]:
        part = partitions[cuts[k] : cuts[k + 1] + 1].copy()
        return search(part, start, end, given, *edges, guards, *limits)

    results = threads.run(task, tasks)
    lengths = np.concatenate([each[0] for each in results])
    rows, symbols = (np.concatenate([each[place] for each in results]) for place in (1, 2))
    return Found(np.concatenate(([0], np.cumsum(lengths))), rows, symbols)


@compiled
def _greedy(
    partitions: Int64s,
    start: Int64s,
    end: Int64s,
    carries: Table,
    symbol: Int64s,
    bounds: Int64s,
    target: Int64s,
    guard: Int64s,
    guards: Table,
    min_gap: int,
    max_gap: int,
    within: int,
    overlap: bool,  # noqa: FBT001 - compiled code takes no keywords
    skip: bool,  # noqa: FBT001
) -> tuple[Table, Table, Table]:
    """Lengths, rows and symbols of the first choices in some partitions."""
    lengths = np.empty(64, np.int64)
    rows, symbols = np.empty(256, np.int64), np.empty(256, np.int64)
    matches = used = 0
    for part in range(partitions.size - 1):
        first, after = partitions[part], partitions[part + 1]
        begins, stops, marks = start[first:after], end[first:after], carries[:, first:after]
        low, high = _windows(begins, stops, marks, guards, min_gap, max_gap, overlap, skip)
        limited = within < FAR
        ends, here, earlier = _backward(
            stops, marks, symbol, bounds, target, guard, low, high, limited
        )
        chosen, states = np.empty(low.size, np.int64), np.empty(low.size, np.int64)
        row = 0
        while row < low.size:
            limit = begins[row] + within if limited else NEVER - 1
            length = _first_from(
                row, limit, bounds, target, guard, low, high, ends, here, earlier, chosen, states
            )
            if not length:
                row += 1
                continue
            lengths = _room(lengths, matches + 1)
            rows, symbols = _room(rows, used + length), _room(symbols, used + length)
            lengths[matches] = length
            for place in range(length):
                rows[used + place] = first + chosen[place]
                symbols[used + place] = symbol[states[place]]
            matches, used = matches + 1, used + length
            row = chosen[length - 1] + 1
    return lengths[:matches], rows[:used], symbols[:used]


@compiled
def _every(
    partitions: Int64s,
    start: Int64s,
    end: Int64s,
    carries: Table,
    symbol: Int64s,
    bounds: Int64s,
    target: Int64s,
    guard: Int64s,
    guards: Table,
    min_gap: int,
    max_gap: int,
    within: int,
    overlap: bool,  # noqa: FBT001
    skip: bool,  # noqa: FBT001
) -> tuple[Table, Table, Table]:
    """Lengths, rows and symbols of all matches in some partitions."""
    lengths = np.empty(64, np.int64)
    rows, symbols = np.empty(256, np.int64), np.empty(256, np.int64)
    matches = used = 0
    for part in range(partitions.size - 1):
        first, after = partitions[part], partitions[part + 1]
        begins, stops, marks = start[first:after], end[first:after], carries[:, first:after]
        low, high = _windows(begins, stops, marks, guards, min_gap, max_gap, overlap, skip)
        limited = within < FAR
        ends, here, _ = _backward(stops, marks, symbol, bounds, target, guard, low, high, limited)
        for row in range(low.size):
            limit = begins[row] + within if limited else NEVER - 1
            matches, used, lengths, rows, symbols = _all_from(
                row, first, limit, symbol, bounds, target, guard, guards.shape[1], low, high,
                ends, here, matches, used, lengths, rows, symbols,
            )  # fmt: skip
    return lengths[:matches], rows[:used], symbols[:used]


@compiled
def _room(memory: Int64s, size: int) -> Int64s:
    """Memory with the same content and room for ``size`` elements."""
    if size <= memory.size:
        return memory
    larger = np.empty(max(size, 2 * memory.size), np.int64)
    larger[: memory.size] = memory
    return larger


@compiled
def _windows(
    start: Int64s,
    end: Int64s,
    carries: Table,
    guards: Table,
    min_gap: int,
    max_gap: int,
    overlap: bool,  # noqa: FBT001
    skip: bool,  # noqa: FBT001
) -> tuple[Int64s, Table]:
    """First row that may follow each row, and for each guard the last one (exclusive)."""
    size = start.size
    low = np.empty(size, np.int64)
    high = np.empty((guards.shape[0], size), np.int64)
    for row in range(size):
        low[row] = row + 1
        if not overlap or min_gap > 0:
            low[row] = lower(start, end[row] + min_gap, row + 1, size)
        last = size
        if max_gap < FAR:
            last = lower(start, end[row] + max_gap + 1, row + 1, size)
        if not skip:
            last = min(last, row + 2)
        high[:, row] = last
    for one in range(1, guards.shape[0]):
        ahead = NEVER  # start of the forbidden row next behind the rows that start with this one
        behind = NEVER  # the same for rows that start earlier
        for row in range(size - 1, -1, -1):
            if row + 1 < size and start[row] < start[row + 1]:
                ahead = behind
            for each in range(guards.shape[1]):
                if guards[one, each] and carries[each, row]:
                    behind = start[row]
            if ahead < NEVER:
                last = lower(start, ahead + 1, row + 1, size)
                high[one, row] = min(high[one, row], last)
    return low, high


@compiled
def _backward(
    end: Int64s,
    carries: Table,
    symbol: Int64s,
    bounds: Int64s,
    target: Int64s,
    guard: Int64s,
    low: Int64s,
    high: Table,
    limited: bool,  # noqa: FBT001
) -> tuple[Table, Table, Table]:
    """Earliest end of a completion, the next row with one, the next row with an earlier one."""
    states, size = symbol.size, end.size
    ends = np.full((states, size), NEVER, np.int64)
    here = np.full((states, size + 1), size, np.int32)
    earlier = np.full((states, size), size, np.int32)
    for row in range(size - 1, -1, -1):
        for state in range(states):
            here[state, row] = here[state, row + 1]
            if not carries[symbol[state], row]:
                continue
            own = end[row] if limited else 0
            best = NEVER
            for edge in range(bounds[state + 1], bounds[state + 2]):
                to = target[edge]
                if to == states:
                    best = own
                    break
                place = here[to, low[row]] if low[row] < size else size
                while place < high[guard[edge], row]:
                    best = min(best, max(own, ends[to, place]))
                    place = earlier[to, place] if limited else size
            if best == NEVER:
                continue
            ends[state, row] = best
            here[state, row] = row
            place = here[state, row + 1]
            while place < size and ends[state, place] >= best:
                place = earlier[state, place]
            earlier[state, row] = place
    return ends, here, earlier


@compiled
def _first_from(
    row: int,
    limit: int,
    bounds: Int64s,
    target: Int64s,
    guard: Int64s,
    low: Int64s,
    high: Table,
    ends: Table,
    here: Table,
    earlier: Table,
    chosen: Int64s,
    taken: Int64s,
) -> int:
    """Follow the preferred edges that can be completed; the number of rows, 0 for no match."""
    size, states = low.size, ends.shape[0]
    length = 0
    for edge in range(bounds[0], bounds[1]):
        to = target[edge]
        if to < states and ends[to, row] <= limit:
            chosen[0], taken[0] = row, to
            length = 1
            break
    going = length > 0
    while going:
        last, state = chosen[length - 1], taken[length - 1]
        going = False
        for edge in range(bounds[state + 1], bounds[state + 2]):
            to = target[edge]
            if to == states:
                break
            place = here[to, low[last]] if low[last] < size else size
            while place < high[guard[edge], last] and ends[to, place] > limit:
                place = earlier[to, place]
            if place < high[guard[edge], last]:
                chosen[length], taken[length] = place, to
                length += 1
                going = True
                break
    return length


@compiled
def _all_from(
    row: int,
    first: int,
    limit: int,
    symbol: Int64s,
    bounds: Int64s,
    target: Int64s,
    guard: Int64s,
    symbols_known: int,
    low: Int64s,
    high: Table,
    ends: Table,
    here: Table,
    matches: int,
    used: int,
    lengths: Int64s,
    rows: Int64s,
    symbols: Int64s,
) -> tuple[int, int, Int64s, Int64s, Int64s]:
    """Write all matches that begin with a row, by row and symbol; each set of parts once.

    Several states may have taken the same rows as the same symbols: they are followed together.
    """
    size, states = low.size, symbol.size
    deep = 16
    path, path_symbol = np.empty(deep, np.int64), np.empty(deep, np.int64)
    inside = np.zeros((deep, states + 1), np.bool_)  # states of each level, the last one: start
    # where each level goes on: row and symbol
    at, at_symbol = np.empty(deep, np.int64), np.empty(deep, np.int64)
    inside[0, states] = True
    at[0], at_symbol[0] = row, 0
    level = 0
    while level >= 0:
        place, wanted = at[level], at_symbol[level]
        if wanted == symbols_known:
            place, wanted = place + 1, 0
        if level == 0:
            place = row if place == row else size
        elif wanted == 0:
            place = _next_place(place, path[level - 1], limit, inside[level], bounds, target,
                                guard, low, high, ends, here)  # fmt: skip
        if place >= size:
            level -= 1
            continue
        at[level], at_symbol[level] = place, wanted + 1
        if level + 2 >= deep:
            deep *= 2
            path, path_symbol = _room(path, deep), _room(path_symbol, deep)
            at, at_symbol = _room(at, deep), _room(at_symbol, deep)
            larger = np.zeros((deep, states + 1), np.bool_)
            larger[: inside.shape[0]] = inside
            inside = larger
        inside[level + 1] = False
        some = accepts = False
        for state in range(-1, states):
            if not inside[level, state]:
                continue
            for edge in range(bounds[state + 1], bounds[state + 2]):
                to = target[edge]
                if to == states or symbol[to] != wanted or ends[to, place] > limit:
                    continue
                last = path[level - 1]
                if level > 0 and not low[last] <= place < high[guard[edge], last]:
                    continue
                inside[level + 1, to] = some = True
        if not some:
            continue
        path[level], path_symbol[level] = place, wanted
        level += 1
        at[level], at_symbol[level] = low[place], 0
        for state in range(states):
            if inside[level, state]:
                for edge in range(bounds[state + 1], bounds[state + 2]):
                    accepts |= target[edge] == states
        if accepts:
            lengths = _room(lengths, matches + 1)
            rows, symbols = _room(rows, used + level), _room(symbols, used + level)
            lengths[matches] = level
            for each in range(level):
                rows[used + each] = first + path[each]
                symbols[used + each] = path_symbol[each]
            matches, used = matches + 1, used + level
    return matches, used, lengths, rows, symbols


@compiled
def _next_place(
    place: int,
    last: int,
    limit: int,
    inside: Table,
    bounds: Int64s,
    target: Int64s,
    guard: Int64s,
    low: Int64s,
    high: Table,
    ends: Table,
    here: Table,
) -> int:
    """Find the first row from ``place`` on that some state can go on with."""
    size, states = low.size, ends.shape[0]
    best = size
    for state in range(states):
        if not inside[state]:
            continue
        for edge in range(bounds[state + 1], bounds[state + 2]):
            to = target[edge]
            if to == states:
                continue
            found = here[to, max(place, low[last])] if place < size and low[last] < size else size
            while found < high[guard[edge], last] and ends[to, found] > limit:
                found = here[to, found + 1]
            if found < high[guard[edge], last]:
                best = min(best, found)
    return best
