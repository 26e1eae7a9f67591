"""Tiles of products on all cores, scanned by compiled code for what beats the lists so far.

A tile is only a filter: its products are off by at most a bound that is known for every row, so
whatever could be among the k best is kept, and ranked at the end by products in float64. The
result therefore depends neither on who multiplies nor on the order of tiles.
"""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from llvmlite import binding  # type: ignore[import-untyped]

from vquery_kernels import threads
from vquery_kernels.arrays import frozen
from vquery_kernels.cpu import compiled, summed
from vquery_kernels.neighbours import products
from vquery_kernels.neighbours.question import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from vquery_kernels.neighbours.products import Product
    from vquery_kernels.neighbours.question import Floats, Found, Question

    Bools = npt.NDArray[np.bool_]
    Int32s = npt.NDArray[np.int32]

F = TypeVar("F", bound="Callable[..., Any]")

TILE = 1024
"""Rows and columns of a tile: 4 MB of products, still in a cache when they are scanned."""

STRIP = 32
"""Products compared at once before any is looked at alone."""

SPARE = 16
"""Places of a list beyond ``2 k``: more are cut down less often, fewer raise the limit sooner."""

HALVINGS = 12
"""Steps towards the k-th best of a list: a 4096th of the range of its products is near enough."""


class Lists(NamedTuple):
    """For each row what may be among its best: base rows in the first ``fill`` places."""

    column: Int32s
    value: Floats
    fill: Int32s
    limit: Floats
    """What a product in a tile must exceed to be of interest."""
    slack: Floats
    """How far products in a tile may be off."""


def top_k(question: Question) -> Found:
    """See :func:`vquery_kernels.neighbours.top_k`."""
    return search(question, mutual=False)


def all_top_k(question: Question) -> Found:
    """See :func:`vquery_kernels.neighbours.all_top_k`."""
    return search(question, mutual=True)


def search(question: Question, *, mutual: bool, bfloat16: bool | None = None) -> Found:
    """Search by products of the given kind (None: whichever is faster).

    ``mutual`` says that both sides are the same, so that a tile serves its rows and its columns.
    """
    a, b = question.queries, question.base
    n, m = len(a.ids), len(b.ids)
    ids = np.full((n, question.k), -1, np.int32)
    cosine = np.full((n, question.k), -np.inf, np.float32)
    if not (n and m):
        return ids, cosine
    if bfloat16 is None:
        pairs = n * m // 2 if mutual else n * m
        bfloat16 = products.wants_bfloat16(pairs, binding.get_host_cpu_features())
    asked = _frozen(question._replace(k=min(question.k, m)))
    lists = _lists(asked, bfloat16=bfloat16)
    with products.multiplier(bfloat16=bfloat16) as product:
        _tiles(asked, (a.points, b.points), lists, product, mutual=mutual)
    products.in_chunks(n, lambda low, high: _finish(*asked, lists, low, high, ids, cosine))
    return ids, cosine


def _frozen(question: Question) -> Question:
    """Make the arrays read-only views, so that one compiled version serves all."""
    queries, base = (
        Side(*(frozen(array) for array in side)) for side in (question.queries, question.base)
    )
    return question._replace(queries=queries, base=base)


def _lists(asked: Question, *, bfloat16: bool) -> Lists:
    """Start empty lists, with the bounds on what products are off by."""
    slack = products.slack(asked.queries.points, asked.base.points, bfloat16=bfloat16)
    n, places = len(slack), 2 * asked.k + SPARE
    limit = np.where(asked.queries.alive, -np.inf, np.inf).astype(np.float32)
    column, value = np.empty((n, places), np.int32), np.empty((n, places), np.float32)
    return Lists(column, value, np.zeros(n, np.int32), limit, slack)


def _tiles(
    asked: Question,
    points: tuple[Floats, Floats],
    lists: Lists,
    product: Product,
    *,
    mutual: bool,
) -> None:
    """Multiply and scan all tiles; threads take turns at the lists of one block of rows."""
    n, m = (len(side) for side in points)
    height = TILE if mutual else _height(n)
    order = _order(-(-n // height), -(-m // TILE), mutual=mutual)
    locks = [threading.Lock() for _ in range(-(-n // height))]
    own = threading.local()

    def work(number: int) -> None:
        i, j = order[number].tolist()
        if not hasattr(own, "memory"):
            own.memory = np.empty(height * TILE, np.float32)
        left, right = points[0][i * height :][:height], points[1][j * TILE :][:TILE]
        tile = own.memory[: len(left) * len(right)].reshape(len(left), len(right))
        product(left, right, tile)
        both = mutual and i != j
        with locks[i], locks[j] if both else nullcontext():  # i < j: no circle of waiting threads
            _scan(frozen(tile), i * height, j * TILE, both, lists, *asked)

    threads.run(work, len(order))


def _height(rows: int) -> int:
    """Rows of a tile: few enough that every thread has blocks of its own."""
    return min(TILE, max(STRIP, -(-rows // (4 * threads.workers()))))


def _order(down: int, across: int, *, mutual: bool) -> Int32s:
    """Tiles (row block, column block), (tiles, 2), so that tiles in a row share no block.

    >>> _order(2, 2, mutual=True).tolist()
    [[0, 0], [1, 1], [0, 1]]
    """
    rows, columns = np.divmod(np.arange(down * across), across)
    behind = columns - rows if mutual else (columns - rows) % across
    order = np.lexsort((rows, behind))
    kept = order[behind[order] >= 0]
    return np.stack([rows[kept], columns[kept]], 1).astype(np.int32)


@summed
def _dot(left: Floats, right: Floats) -> np.float32:
    total = 0.0
    for place in range(left.size):
        total += np.float64(left[place]) * np.float64(right[place])
    return np.float32(total)


@compiled
def _scan(
    tile: Floats,
    top: int,
    left: int,
    both: bool,  # noqa: FBT001 - compiled code takes arguments by position
    lists: Lists,
    a: Side,
    b: Side,
    k: int,
    seconds: float,
) -> None:
    """Offer the products of a tile, whose corner is at ``top, left``, to its rows (and columns).

    Without ``both`` the columns' limits are not looked at.
    """
    # taken out of the tuples once: handing those on costs more than all the rest
    columns, values, fill, limit = lists.column, lists.value, lists.fill, lists.limit
    a_ids, a_group, a_video, a_time = a.ids, a.group, a.video, a.time
    b_ids, b_group, b_video, b_time, alive = b.ids, b.group, b.video, b.time, b.alive
    height, width = tile.shape
    marked = np.empty(width // STRIP + 1, np.bool_)
    for row in range(height):
        if both:
            _mark_both(tile[row], limit[top + row], limit[left : left + width], marked)
        else:
            _mark(tile[row], limit[top + row], marked)
        for start in range(0, width, STRIP):
            if not marked[start // STRIP]:
                continue
            for place in range(start, min(start + STRIP, width)):
                value = tile[row, place]
                for turn in range(2 if both else 1):
                    mine, other = (left + place, top + row) if turn else (top + row, left + place)
                    if not value > limit[mine]:
                        continue
                    if a_ids[mine] == b_ids[other] or not alive[other]:
                        continue
                    if a_group[mine] >= 0 and a_group[mine] == b_group[other]:
                        continue
                    if seconds > 0 and a_video[mine] == b_video[other]:  # noqa: SIM102
                        if abs(a_time[mine] - b_time[other]) <= seconds:
                            continue
                    at = fill[mine]
                    columns[mine, at] = other
                    values[mine, at] = value
                    fill[mine] = at + 1
                    if at + 1 == columns.shape[1]:
                        _cut(lists, mine, k)
                        if 2 * (fill[mine] - k) > columns.shape[1] - k:  # crowded: look exactly
                            _rank(lists, mine, a, b, k)


@compiled
def _mark(products: Floats, limit: float, marked: Bools) -> None:
    """Tell for each strip whether a product exceeds the limit, without branches."""
    for number in range(-(-products.size // STRIP)):
        strip = products[number * STRIP : (number + 1) * STRIP]
        found = False
        for place in range(strip.size):
            found |= strip[place] > limit
        marked[number] = found


@compiled
def _mark_both(products: Floats, limit: float, limits: Floats, marked: Bools) -> None:
    """Like ``_mark``; or exceeds the limit of its own column."""
    for number in range(-(-products.size // STRIP)):
        strip = products[number * STRIP : (number + 1) * STRIP]
        across = limits[number * STRIP : (number + 1) * STRIP]
        found = False
        for place in range(strip.size):
            found |= (strip[place] > limit) | (strip[place] > across[place])
        marked[number] = found


@compiled
def _cut(lists: Lists, row: int, k: int) -> None:
    """Drop what cannot be among the k best, and raise the limit to that."""
    size = lists.fill[row]
    if size < k:
        return
    columns, values = lists.column[row, :size], lists.value[row, :size]
    limit = max(lists.limit[row], _kth(values, k) - 2 * lists.slack[row])
    lists.limit[row] = limit
    kept = 0
    for place in range(size):
        columns[kept], values[kept] = columns[place], values[place]
        kept += values[place] >= limit
    lists.fill[row] = kept


@compiled
def _kth(values: Floats, k: int) -> np.float32:
    """Find a number that k values reach, next to the largest such: halving needs no sort."""
    low: np.float32 = values[0]
    high: np.float32 = values[0]
    for place in range(values.size):
        low, high = min(low, values[place]), max(high, values[place])
    for _ in range(HALVINGS):
        middle = np.float32(0.5) * (low + high)
        count = np.int32(0)
        for place in range(values.size):
            count += np.int32(values[place] >= middle)
        if count >= k:
            low = middle
        else:
            high = middle
        if count == k:
            break
    return low


@compiled
def _rank(lists: Lists, row: int, a: Side, b: Side, k: int) -> None:
    """Keep the k best by exact product, the best first; ties by id."""
    found, columns, values = 0, lists.column[row], lists.value[row]
    for place in range(lists.fill[row]):
        column = columns[place]
        value = _dot(a.points[row], b.points[column])
        if found == k and (
            value < values[k - 1]
            or (value == values[k - 1] and b.ids[column] > b.ids[columns[k - 1]])
        ):
            continue
        at = found if found < k else k - 1
        found = at + 1
        # found <= place: what is overwritten has been read
        while at > 0 and (
            values[at - 1] < value
            or (values[at - 1] == value and b.ids[columns[at - 1]] > b.ids[column])
        ):
            values[at], columns[at] = values[at - 1], columns[at - 1]
            at -= 1
        values[at], columns[at] = value, column
    lists.fill[row] = found
    if found == k:
        lists.limit[row] = max(lists.limit[row], values[k - 1] - lists.slack[row])


@compiled
def _finish(
    a: Side,
    b: Side,
    k: int,
    seconds: float,  # noqa: ARG001 - given with the rest of the question
    lists: Lists,
    low: int,
    high: int,
    ids: Int32s,
    cosine: Floats,
) -> None:
    """Write the lists of the rows ``low .. high``."""
    for row in range(low, high):
        _cut(lists, row, k)
        _rank(lists, row, a, b, k)
        for place in range(lists.fill[row]):
            ids[row, place] = b.ids[lists.column[row, place]]
            cosine[row, place] = lists.value[row, place]
