"""Search in cells: rows meet those in the cells closest to them, then neighbours of neighbours.

Rows are sorted into some ``2 √n`` cells around centres (spherical k-means on a sample). Each row
is compared with the rows of the cells whose centres are closest to it, as dense tiles, then a few
times with the neighbours of its neighbours (`vquery_kernels.candidates`), which finds most of what
lies behind the border of the cells. A sample that is answered exactly tells how many cells are
needed, and what was reached; the number is raised until it is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from vquery.graph.knn.exact import all_rows, numbered, some_rows
from vquery_kernels.candidates import Lists, descended, nobody, probed, rules
from vquery_kernels.neighbours import top_k

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vquery.graph.knn.lists import Apart, Found
    from vquery_kernels.candidates import Rules

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Progress = Callable[[float], None] | None

CELLS = 2.0
"""Cells by the root of the rows: finding the closest cells then costs about what searching them
does."""
TRAINED_ROWS, TRAININGS = 32, 5
"""Rows a cell that the centres are drawn from, and how often the centres are moved."""
KEPT = 32
"""Closest cells of a row that are kept from sorting it in; for more, centres are compared again."""
SAMPLE = 1_000
"""Rows that are answered exactly, to choose the effort and to tell the recall."""
SAFETY = 0.8
"""Share of the misses allowed that the sample may have, because a sample is not everything."""
WIDEST, NARROWEST = 32, 16
"""While searching, lists are half as long again as wanted, from ``NARROWEST`` on: more neighbours
know more neighbours. From ``WIDEST`` on they are long enough."""
HOP_GAIN = 4.0
"""Misses before neighbours of neighbours are looked at for each one after it (measured: 3 to 6);
where they leave more, more cells are searched."""
GROWTH = 1.5
"""How many more cells are searched when they are too few."""
MOST_HOPS, WORTH = 4, 0.05
"""Rounds of neighbours of neighbours; another one is worth it while they still find this share of
the misses."""
MOST_CELLS = 0.25
"""With more than this share of all cells to search, exact search costs less."""
AFFORDABLE = 400_000
"""Up to here exact search is the way out when cells do not help: some minutes on two cores."""
TIE = 1e-6
"""Cosines that differ by less are equal: of many copies any will do."""
START = 0.1
"""Share of the work that is done when the rows are in their cells."""
ROWS, PLACES = 1 << 16, 1 << 24
"""Rows whose cells are searched between two reports of progress, and places of lists for them."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows sorted by cell.

    ``rows`` are the rows in that order and ``points`` their vectors; cell ``i`` is ``starts[i] ..
    starts[i + 1]``. ``closest`` are the ``KEPT`` closest cells of each row, (n, KEPT).
    """

    rows: Ints
    points: Floats
    starts: Ints
    centres: Floats
    closest: NDArray[np.int32]

    @property
    def limit(self) -> int:
        """Most cells that are searched for a row."""
        return max(1, int(MOST_CELLS * len(self.centres)))


def search(
    points: Floats, live: Ints, k: int, apart: Apart, recall: float, progress: Progress = None
) -> tuple[Found, str, float]:
    """Find neighbours of the rows ``live``, none of which is zero.

    Returns
    -------
    ((ndarray, ndarray), str, float)
        Row numbers (-1 for none) and cosines of shape (len(live), k), how it was done, and the
        recall on the sample.

    Notes
    -----
    About O(n^1.5 d) where rows have structure; where they have none, such as independent noise in
    many dimensions, exact search up to ``AFFORDABLE`` rows, and beyond that less recall.
    """
    tell = progress or (lambda _: None)
    cells = _sorted_by_cell(points, live)
    apart = apart.take(cells.rows)
    sample = _sampled(cells, k, apart)
    tell(START)
    lists, how = _improved(cells, k, apart, recall, sample, tell)
    if lists is not None:
        found = _completed(cells, lists, apart)
    else:
        found, how = all_rows(cells.points, np.arange(len(live)), k, apart), "exact"
    reached = sample.recall(found[1]) if lists is not None else 1.0
    place = np.empty(len(live), np.int64)
    place[np.searchsorted(live, cells.rows)] = np.arange(len(live))
    return (numbered(found[0], cells.rows)[place], found[1][place]), how, reached


def _improved(
    cells: Cells,
    k: int,
    apart: Apart,
    recall: float,
    sample: Sample,
    tell: Callable[[float], None],
) -> tuple[Lists | None, str]:
    """Search cells and hop over lists until the sample says that it is enough.

    Returns None for the lists where exact search costs less.
    """
    n, aim = len(cells.rows), 1 - SAFETY * (1 - recall)
    rule, mates = rules(n, **apart.columns()), _mates(apart, n)
    wide = k if k > WIDEST else max(NARROWEST, k + k // 2)
    lists, done, hops, part = nobody(n, wide), 0, 0, START
    reach = sample.cells_for(cells, 1 - HOP_GAIN * (1 - aim))
    while True:
        if reach > cells.limit and n <= AFFORDABLE:
            return None, ""
        reach = min(reach, cells.limit)
        lists = _probed(cells, lists, rule, (done, reach), _within(tell, part))
        part = (part + 1) / 2
        done, reached = reach, sample.recall(lists.cosines)
        for _ in range(MOST_HOPS):
            if reached >= aim:
                break
            lists, before = descended(cells.points, lists, rule, mates), reached
            hops, reached = hops + 1, sample.recall(lists.cosines)
            part += (1 - part) / 4
            tell(part)
            if reached - before < WORTH * (1 - before):
                break
        if reached >= aim or done == cells.limit:
            return lists.first(k), f"{len(cells.centres)} cells, {done} searched, {hops} hops"
        reach = int(np.ceil(GROWTH * done))


def _within(tell: Callable[[float], None], part: float) -> Callable[[float], None]:
    """Report on half of what is left: nobody knows yet whether more cells will be searched."""
    return lambda done: tell(part + (1 - part) / 2 * done)


def _sorted_by_cell(points: Floats, live: Ints) -> Cells:
    """Find centres, and sort rows by the closest one."""
    n = len(live)
    count = max(1, min(int(CELLS * np.sqrt(n)), n))
    rng = np.random.default_rng(0)
    centres = _centres(points[np.sort(rng.permutation(live)[: TRAINED_ROWS * count])], count, rng)
    closest = np.concatenate([_closest(points[part], centres, KEPT) for part in _parts(live, ROWS)])
    order = np.argsort(closest[:, 0], kind="stable")
    sizes = np.bincount(closest[:, 0], minlength=len(centres))
    rows = live[order]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return Cells(rows, points[rows], starts, centres, closest[order])


def _parts(rows: Ints, size: int) -> list[Ints]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _closest(rows: Floats, centres: Floats, count: int) -> NDArray[np.int32]:
    """Find the closest centres of each row, (n, min(count, centres))."""
    count = min(count, len(centres))
    own = np.arange(len(rows)) + len(centres)  # rows are not centres, even if numbers are equal
    return top_k(rows, centres, count, query_ids=own, base_ids=np.arange(len(centres)))[0]


def _centres(rows: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Spherical k-means from a random start; centres that nobody is close to are left out."""
    centres = rows[np.sort(rng.permutation(len(rows))[:count])]
    for _ in range(TRAININGS):
        cell = _closest(rows, centres, 1)[:, 0]
        members = sparse.csr_array(
            (np.ones(len(rows), np.float32), (cell, np.arange(len(rows)))),
            shape=(len(centres), len(rows)),
        )
        total = members @ rows
        length = np.linalg.norm(total, axis=1)
        centres = total[length > 0] / length[length > 0, None]
    return np.ascontiguousarray(centres, np.float32)


def _probed(
    cells: Cells,
    lists: Lists,
    rule: Rules,
    reach: tuple[int, int],
    tell: Callable[[float], None],
) -> Lists:
    """Offer each row the rows of its closest cells, those from ``reach[0]`` to ``reach[1]``."""
    low, high = reach
    n = len(cells.rows)
    parts = _parts(np.arange(n), max(1, min(ROWS, PLACES // high)))
    for part in parts:
        rows = slice(int(part[0]), int(part[-1]) + 1)
        closest = cells.closest[rows]
        if closest.shape[1] < high:
            closest = _closest(cells.points[rows], cells.centres, high)
        old = lists.part(rows)
        new = probed(cells.points, cells.starts, closest[:, low:high], old, rule, first=rows.start)
        for array, better in zip(old, new, strict=True):
            array[:] = better
        tell(rows.stop / n)
    return lists


def _mates(apart: Apart, n: int) -> NDArray[np.int32] | None:
    """List for each row those before and after it among the rows it is kept apart from.

    They are much like it, and so know whom it should know; none of its own neighbours leads there.
    """
    mates: list[NDArray[np.int32]] = []
    rows = np.arange(n)
    if apart.group is not None:
        order = np.lexsort((rows, apart.group))
        same = apart.group[order]
        mates.extend(_beside(order, (np.diff(same) == 0) & (same[1:] >= 0)))
    if apart.seconds > 0 and apart.video is not None and apart.time is not None:
        order = np.lexsort((apart.time, apart.video))
        near = np.diff(apart.time[order]) <= apart.seconds
        mates.extend(_beside(order, near & (np.diff(apart.video[order]) == 0)))
    return np.stack(mates, axis=1) if mates else None


def _beside(order: Ints, linked: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    before, after = np.full((2, len(order)), -1, np.int32)
    before[order[1:][linked]] = order[:-1][linked]
    after[order[:-1][linked]] = order[1:][linked]
    return before, after


def _completed(cells: Cells, lists: Lists, apart: Apart) -> Found:
    """Search exactly for rows whose lists are short although there may be more."""
    ids, near = lists.ids, lists.cosines
    n, k = ids.shape
    found = (ids >= 0).sum(1)
    short = found < k
    if apart.group is None or apart.seconds == 0:  # else what both rules keep apart counts twice
        short &= found < n - apart.counts(n)
    rows = np.flatnonzero(short)
    ids[rows], near[rows] = some_rows(cells.points, rows, np.arange(n), k, apart)
    return ids, near


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows that were answered exactly: their neighbours and the cosines of those, (s, k)."""

    rows: Ints
    ids: NDArray[np.int32]
    cosines: Floats

    def cells_for(self, cells: Cells, recall: float) -> int:
        """How many cells hold this share of the neighbours, if each row takes its closest ones."""
        real = self.ids >= 0
        if not real.any():
            return 1
        closeness = cells.points[self.rows] @ cells.centres.T
        cell = np.searchsorted(cells.starts, self.ids, "right") - 1
        theirs = np.take_along_axis(closeness, np.maximum(cell, 0), 1)
        rank = np.stack([(closeness > column[:, None]).sum(1) for column in theirs.T], 1)
        return int(np.quantile(rank[real], min(max(recall, 0.0), 1.0), method="higher")) + 1

    def recall(self, cosines: Floats) -> float:
        """Share of the neighbours of the sample that lists (n, k) hold, or their equals."""
        size = (self.ids >= 0).sum(1)
        last = np.take_along_axis(self.cosines, np.maximum(size - 1, 0)[:, None], 1)
        hits = np.minimum((cosines[self.rows] >= last - TIE).sum(1), size)
        return float(hits.sum() / max(size.sum(), 1)) if size.any() else 1.0


def _sampled(cells: Cells, k: int, apart: Apart) -> Sample:
    n = len(cells.rows)
    rows = np.sort(np.random.default_rng(1).permutation(n)[:SAMPLE])
    return Sample(rows, *some_rows(cells.points, rows, np.arange(n), k, apart))
