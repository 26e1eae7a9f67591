"""Candidates compiled: dense tiles of products between runs of rows and cells; hops over lists."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from vquery_kernels import threads
from vquery_kernels.arrays import frozen
from vquery_kernels.cpu import compiled, summed

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery_kernels.arrays import Int64s
    from vquery_kernels.candidates import Floats, Int32s, Lists, Rules

F = TypeVar("F", bound="Callable[..., Any]")

CHUNK = 8192
"""Rows that are searched together: they lie close to each other and share their cells."""

TILE = 1024
"""Rows that meet a cell together at most: their vectors stay in a cache of the core."""

SIDE = 4
"""Rows and columns whose products are added up at once: 16 sums fit the registers. The library for
products would be faster alone, but shares each small product among threads of its own, which wait
for each other: on a machine that is busy with other things that cost ten times as much."""

CLOSE = np.float32(1e-4)
"""More than a product in float32 is off; who is closer to the last of a list is looked at again."""

HOPS = 2048
"""Rows that a thread lets meet the neighbours of their neighbours at a time."""


def probed(
    points: Floats, starts: Int64s, probes: Int32s, lists: Lists, apart: Rules, first: int
) -> Lists:
    """See :func:`vquery_kernels.candidates.probed`."""
    m = len(probes)
    out = lists.copied()
    cuts = range(0, m, CHUNK)

    def search(number: int) -> None:
        rows = slice(cuts[number], min(cuts[number] + CHUNK, m))
        heap = out.part(rows)
        _tiles(points, starts, probes[rows], first + rows.start, heap, apart)
        _rank(frozen(points), first + rows.start, *heap)

    threads.run(search, len(cuts))
    return out


def _tiles(
    points: Floats,
    starts: Int64s,
    probes: Int32s,
    first: int,
    lists: Lists,
    apart: Rules,
) -> None:
    """Let the rows from ``first`` on meet the cells they name, cell by cell."""
    named = probes.ravel()
    order = np.argsort(named, kind="stable")
    order = order[np.searchsorted(named[order], 0) :]
    cell = named[order]
    bounds = (
        np.flatnonzero(np.r_[True, np.diff(cell) != 0, True]) if cell.size else np.empty(0, int)
    )
    rules: tuple[Any, ...] = (frozen(apart.group), frozen(apart.video), frozen(apart.time))
    given: Any = frozen(points)
    for low, high in pairwise(bounds):
        rows = order[low:high] // probes.shape[1]
        begin, end = int(starts[cell[low]]), int(starts[cell[low] + 1])
        for top in range(0, len(rows), TILE):
            part: Any = frozen(rows[top : top + TILE])
            scope: tuple[Any, ...] = (first, begin, end, *lists, *rules, apart.seconds)
            _scan(given, part, *scope)


@compiled
def _apart(a: int, b: int, group: Any, video: Any, time: Any, seconds: float) -> bool:
    """Tell whether two rows may not meet."""
    if a == b or (group[a] >= 0 and group[a] == group[b]):
        return True
    if seconds <= 0 or video[a] != video[b]:
        return False
    return bool(abs(time[a] - time[b]) <= seconds)


@compiled
def _scan(
    points: Floats,
    rows: Int64s,
    first: int,
    begin: int,
    end: int,
    ids: Int32s,
    values: Floats,
    fresh: Any,
    group: Any,
    video: Any,
    time: Any,
    seconds: float,
) -> None:
    """Offer the rows ``begin .. end`` to the rows ``first + rows``, whose lists are given."""
    last = ids.shape[1] - 1
    tile = np.empty((SIDE, SIDE), np.float32)
    for left in range(begin, end, SIDE):
        for top in range(0, rows.size, SIDE):
            _products(points, rows, first, top, left, end, tile)
            for i in range(min(SIDE, rows.size - top)):
                row = rows[top + i]
                for j in range(min(SIDE, end - left)):
                    value, other = tile[i, j], left + j
                    if value <= values[row, last] or _holds(ids[row], other):
                        continue
                    if not _apart(first + row, other, group, video, time, seconds):
                        _insert(ids[row], values[row], fresh[row], other, value, True)  # noqa: FBT003


@summed
def _products(
    points: Floats, rows: Int64s, first: int, top: int, left: int, end: int, tile: Floats
) -> None:
    """Multiply four rows by four, all sums in registers; at the edges the last row fills up."""
    low, high = rows.size - 1, end - 1
    a0, a1 = points[first + rows[top]], points[first + rows[min(top + 1, low)]]
    a2, a3 = points[first + rows[min(top + 2, low)]], points[first + rows[min(top + 3, low)]]
    b0, b1 = points[left], points[min(left + 1, high)]
    b2, b3 = points[min(left + 2, high)], points[min(left + 3, high)]
    s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = np.float32(0)
    s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = np.float32(0)
    for place in range(points.shape[1]):
        x0, x1, x2, x3 = a0[place], a1[place], a2[place], a3[place]
        y0, y1, y2, y3 = b0[place], b1[place], b2[place], b3[place]
        s00, s01, s02, s03 = s00 + x0 * y0, s01 + x0 * y1, s02 + x0 * y2, s03 + x0 * y3
        s10, s11, s12, s13 = s10 + x1 * y0, s11 + x1 * y1, s12 + x1 * y2, s13 + x1 * y3
        s20, s21, s22, s23 = s20 + x2 * y0, s21 + x2 * y1, s22 + x2 * y2, s23 + x2 * y3
        s30, s31, s32, s33 = s30 + x3 * y0, s31 + x3 * y1, s32 + x3 * y2, s33 + x3 * y3
    tile[0, 0], tile[0, 1], tile[0, 2], tile[0, 3] = s00, s01, s02, s03
    tile[1, 0], tile[1, 1], tile[1, 2], tile[1, 3] = s10, s11, s12, s13
    tile[2, 0], tile[2, 1], tile[2, 2], tile[2, 3] = s20, s21, s22, s23
    tile[3, 0], tile[3, 1], tile[3, 2], tile[3, 3] = s30, s31, s32, s33


@compiled
def _holds(ids: Any, other: int) -> bool:
    for place in range(ids.size):  # noqa: SIM110 - compiled code
        if ids[place] == other:
            return True
    return False


@compiled
def _insert(
    ids: Any,
    values: Any,
    fresh: Any,
    other: int,
    value: Any,
    new: bool,  # noqa: FBT001 - compiled code takes arguments by position
) -> None:
    """Put somebody who is better than the last into a list, by falling value, then id."""
    at = ids.size - 1
    while at > 0 and (values[at - 1] < value or (values[at - 1] == value and ids[at - 1] > other)):
        ids[at], values[at], fresh[at] = ids[at - 1], values[at - 1], fresh[at - 1]
        at -= 1
    ids[at], values[at], fresh[at] = other, value, new


@summed
def _dot(left: Any, right: Any) -> np.float32:
    total = 0.0
    for place in range(left.size):
        total += np.float64(left[place]) * np.float64(right[place])
    return np.float32(total)


@summed
def _rough(left: Any, right: Any) -> np.float32:
    total = np.float32(0.0)
    for place in range(left.size):
        total += left[place] * right[place]
    return total


@compiled
def _rank(points: Floats, first: int, ids: Int32s, cosines: Floats, fresh: Any) -> None:
    """Replace products in float32 by those in float64, rounded, and sort lists again."""
    for row in range(ids.shape[0]):
        size = 0
        while size < ids.shape[1] and ids[row, size] >= 0:
            other, new = ids[row, size], fresh[row, size]
            value = _dot(points[first + row], points[other])
            size += 1
            part = slice(0, size)
            _insert(ids[row, part], cosines[row, part], fresh[row, part], other, value, new)


def descended(points: Floats, lists: Lists, apart: Rules, mates: Int32s) -> Lists:
    """See :func:`vquery_kernels.candidates.descended`."""
    n, k = lists.ids.shape
    given: Any = lists._replace(
        ids=frozen(lists.ids), cosines=frozen(lists.cosines), fresh=frozen(lists.fresh)
    )
    out = lists.copied()
    named_by, news = np.full((n, k), -1, np.int32), np.zeros((n, k), np.bool_)
    _reverse(given.ids, given.fresh, np.zeros(n, np.int32), named_by, news)
    tables: list[Any] = [frozen(points), *given, frozen(named_by), frozen(news), frozen(mates)]
    rules: tuple[Any, ...] = (frozen(apart.group), frozen(apart.video), frozen(apart.time))
    cuts = range(0, n, HOPS)

    def hop(number: int) -> None:
        low = cuts[number]
        scope: tuple[Any, ...] = (apart.seconds, low, min(low + HOPS, n), *out)
        _hop(*tables, *rules, *scope)

    threads.run(hop, len(cuts))
    return out


@compiled
def _reverse(ids: Int32s, fresh: Any, count: Int32s, named_by: Int32s, news: Any) -> None:
    """See the function of this name in numpy; ``news`` tells where a list names a row newly."""
    n, k = ids.shape
    for place in range(k):
        for row in range(n):
            other = ids[row, place]
            if other >= 0 and count[other] < k:
                named_by[other, count[other]] = row
                news[other, count[other]] = fresh[row, place]
                count[other] += 1


@compiled
def _hop(
    points: Floats,
    ids: Int32s,
    cosines: Floats,
    fresh: Any,
    named_by: Int32s,
    news: Any,
    mates: Int32s,
    group: Any,
    video: Any,
    time: Any,
    seconds: float,
    low: int,
    high: int,
    out_ids: Int32s,
    out_cosines: Floats,
    out_fresh: Any,
) -> None:
    """Let the rows ``low .. high`` meet whom those they know know."""
    k, m = ids.shape[1], mates.shape[1]
    known = 2 * k + m
    size = 1
    while size < 2 * known * (1 + k + m) + 2 * k:
        size *= 2
    met = np.empty(size, np.int32)
    for row in range(low, high):
        mine, values, new = out_ids[row], out_cosines[row], out_fresh[row]
        mine[:], values[:], new[:] = ids[row], cosines[row], False
        met[:] = -1
        for place in range(k):
            _meet(met, ids[row, place])
        for way in range(known):
            if way < k:
                via, newly = ids[row, way], fresh[row, way]
            elif way < 2 * k:
                via, newly = named_by[row, way - k], news[row, way - k]
            else:
                via, newly = mates[row, way - 2 * k], False
            if via < 0:
                continue
            for place in range(-1, k + m):
                if place < 0:
                    other = via
                elif place < k:
                    other = ids[via, place] if newly or fresh[via, place] else -1
                else:
                    other = mates[via, place - k] if newly else -1
                if other < 0 or not _meet(met, other):
                    continue
                if _apart(row, other, group, video, time, seconds):
                    continue
                if _rough(points[row], points[other]) < values[k - 1] - CLOSE:
                    continue
                value = _dot(points[row], points[other])
                if value > values[k - 1] or (value == values[k - 1] and other < mine[k - 1]):
                    _insert(mine, values, new, other, value, True)  # noqa: FBT003


@compiled
def _meet(met: Int32s, other: int) -> bool:
    """Remember a row in a table of hashes; False if it was there."""
    at = (other * 2654435761) & (met.size - 1)
    while met[at] >= 0:
        if met[at] == other:
            return False
        at = (at + 1) & (met.size - 1)
    met[at] = other
    return True
