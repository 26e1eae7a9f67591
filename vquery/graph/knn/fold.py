"""Items that are as good as the same, folded into one node.

A still picture held for a second is a dozen equal vectors. Left apart they fill each other's
lists, tie the graph into knots and count one label a dozen times.

Copies are found without a neighbour search. Equal rows are sorted next to each other. The rest
are projected onto ``PROJECTIONS`` orthogonal directions, which moves no two rows apart: what lies
far apart there is no copy. A grid over the projections takes the heaps, a tree the few copies that
remain; both only say which rows to compare in full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from vquery.errors import SchemaError
from vquery.graph.knn.prints import hashes
from vquery.graph.knn.vectors import cosines, unit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]

COPY_SIMILARITY = 1 - 1e-5
"""Items at least this alike are one node."""

FRAME_SIMILARITY = 1 - 1e-4
"""The same for items that follow each other in a video: what an encoder does to a still picture."""

DRIFT_SIMILARITY = 1 - 1e-3
"""A chain of copies ends where an item is less like the first one than this."""

RUN_GAP_S = 2.0
"""Items of one video further apart in time do not follow each other."""

PROJECTIONS = 16
CANDIDATES = 16
"""Rows compared with each row in one round; copies beyond them are found in the next."""

HEAP = 64
"""With more rows than this at one place all are compared with the first of them only."""


def folded(
    vectors: ArrayLike,
    *,
    video: ArrayLike | None = None,
    time: ArrayLike | None = None,
    similarity: float = COPY_SIMILARITY,
) -> tuple[Ints, Ints]:
    """Give items that are near-identical the same node.

    Parameters
    ----------
    vectors
        Shape (n, d). Rows of zeros are nobody's copies.
    video, time
        Shape (n,): integers and seconds. With ``time``, items that follow each other in one video
        within ``RUN_GAP_S`` also fold when they are at least ``FRAME_SIMILARITY`` like the first
        of their run.
    similarity
        Cosine from which two items are copies; meant to be close to 1.

    Returns
    -------
    (ndarray, ndarray)
        The node of each item (n,), numbered by their first items, and the first item of each node
        (m,), ascending. ``np.bincount(node)`` is the multiplicity.

    Raises
    ------
    SchemaError
        If lengths differ, values are not finite, or ``similarity`` is not between 0 and 1.

    Notes
    -----
    A chain of copies is one node, as long as its items stay ``DRIFT_SIMILARITY`` like the first.
    Of more than ``HEAP`` rows at one place only the first is compared with others. O(n log n), in
    time and memory, for rows with few near-copies.

    >>> node, first = folded([[1, 0], [0, 1], [2, 0], [0, 0]])
    >>> node.tolist(), first.tolist()
    ([0, 1, 0, 2], [0, 1, 3])
    """
    if not 0 < similarity <= 1:
        raise SchemaError(
            f"The 'similarity' parameter must be above 0 and at most 1. Got {similarity} instead."
        )
    points = unit(vectors)
    n = len(points)
    node = _equal_rows(points)
    if time is not None:
        node = _joined(node, _runs(points, *_clock(video, time, n), max(similarity, 0.0)))
    alive = np.asarray(points.any(1))
    rng = np.random.default_rng(0)
    while True:  # each time there are fewer nodes
        first = _firsts(node)
        node = _joined(node, _heaps(points, first[alive[first]], similarity, rng))
        first = _firsts(node)
        pairs = _near_pairs(points, first[alive[first]], similarity)
        if not len(pairs[0]):
            break
        node = _joined(node, pairs)
    node = _without_drift(points, node, min(similarity, DRIFT_SIMILARITY))
    return node, _firsts(node)


def _clock(video: ArrayLike | None, time: ArrayLike, n: int) -> tuple[Ints, NDArray[np.float64]]:
    when = np.asarray(time, np.float64)
    which = np.zeros(n, np.int64) if video is None else np.asarray(video)
    for name, column in (("time", when), ("video", which)):
        if column.shape != (n,):
            raise SchemaError(f"{name} must have one value for each of {n} items")
    return which, when


def _firsts(node: Ints) -> Ints:
    """First item of each node; nodes are numbered in the order of their first items."""
    return np.unique(node, return_index=True)[1]


def _numbered(label: Ints) -> Ints:
    """Replace labels by numbers in the order in which they first appear."""
    _, first, code = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[code.ravel()], np.int64)


def _joined(node: Ints, pairs: tuple[Ints, Ints]) -> Ints:
    """Make one node of the nodes of both items of each pair."""
    m = int(node.max(initial=-1)) + 1
    ends = (node[pairs[0]], node[pairs[1]])
    links = sparse.coo_array((np.ones(len(ends[0]), bool), ends), shape=(m, m))
    label = csgraph.connected_components(links, directed=False)[1] if m else node
    return _numbered(label[node])


def _equal_rows(points: Floats) -> Ints:
    """Give one number to rows that are equal to the last bit."""
    rows = np.arange(len(points))
    _, first, code = np.unique(hashes(points), return_index=True, return_inverse=True)
    first = first[code.ravel()] if len(rows) else rows
    later = np.flatnonzero(first != rows)
    step = 1 << 14
    for part in (later[start : start + step] for start in range(0, len(later), step)):
        equal = (points[part] == points[first[part]]).all(1) & points[part].any(1)
        first[part[~equal]] = part[~equal]
    return _numbered(first)


def _runs(
    points: Floats, video: Ints, time: NDArray[np.float64], similarity: float
) -> tuple[Ints, Ints]:
    """Pair items with the first item of their run of near-identical frames.

    All runs grow at once: in each step those that still follow are compared with the first item
    of their run; who differs begins a run of its own, which grows in the steps after that.
    """
    order = np.lexsort((time, video))
    near = cosines(points, order[:-1], order[1:]) >= min(FRAME_SIMILARITY, similarity)
    follows = near & (np.diff(time[order]) <= RUN_GAP_S) & (video[order][1:] == video[order][:-1])
    starts = np.flatnonzero(~np.r_[False, follows][: len(order)])
    stops: Ints = np.concatenate([starts[1:], [len(order)]])[: len(starts)]
    first, here = starts, starts + 1
    pairs: list[tuple[Ints, Ints]] = []
    while len(first):
        growing = here < stops
        first, here, stops = first[growing], here[growing], stops[growing]
        alike = cosines(points, order[first], order[here]) >= min(FRAME_SIMILARITY, similarity)
        pairs.append((order[first[alike]], order[here[alike]]))
        first = np.where(alike, first, here)
        here = here + 1
    empty = np.empty(0, np.int64)
    return (
        np.concatenate([empty, *(a for a, _ in pairs)]),
        np.concatenate([empty, *(b for _, b in pairs)]),
    )


def _heaps(
    points: Floats, rows: Ints, similarity: float, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Pair copies in crowded cells of a grid over the projections with the first row there.

    A tree cannot part many rows at one place, and would compare all of them with each other.
    """
    places = _projected(points, rows)
    width = 2 * _reach(similarity)
    cells = np.floor(places / width + rng.random(places.shape[1])).astype(np.int32)
    cells = np.ascontiguousarray(cells)
    keys = cells.view(f"V{cells.itemsize * cells.shape[1]}").ravel()
    _, at, code, size = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    first = rows[at][code.ravel()]
    crowded = (size[code.ravel()] > HEAP) & (first != rows)
    a, b = first[crowded], rows[crowded]
    same = cosines(points, a, b) >= similarity
    return a[same], b[same]


def _reach(similarity: float) -> float:
    """How far apart copies can be; a little more, for the rounding of float32."""
    return float(np.sqrt(2 * (1 - similarity))) + 1e-6


def _near_pairs(points: Floats, rows: Ints, similarity: float) -> tuple[Ints, Ints]:
    """Find pairs of ``rows`` that are copies: for each row the closest few."""
    if len(rows) < 2:
        return rows[:0], rows[:0]
    places = _projected(points, rows)
    count, reach = min(CANDIDATES + 1, len(rows)), _reach(similarity)
    far, other = cKDTree(places).query(places, k=count, distance_upper_bound=reach, workers=-1)
    hit = np.isfinite(far)
    a = np.repeat(np.arange(len(rows)), hit.sum(1))
    b = other[hit]
    a, b = rows[a[a < b]], rows[b[a < b]]
    same = cosines(points, a, b) >= similarity
    return a[same], b[same]


def _projected(points: Floats, rows: Ints) -> NDArray[np.float64]:
    d = points.shape[1]
    if d <= PROJECTIONS:
        return points[rows].astype(np.float64)
    ways = np.linalg.qr(np.random.default_rng(0).standard_normal((d, PROJECTIONS)))[0]
    out = np.empty((len(rows), PROJECTIONS))
    step = 1 << 14
    for start in range(0, len(rows), step):
        out[start : start + step] = points[rows[start : start + step]] @ ways
    return out


def _without_drift(points: Floats, node: Ints, similarity: float) -> Ints:
    """Split off items that have drifted away from the first item of their node, until none has."""
    node = node.copy()
    rows = np.arange(len(node))
    fresh = len(node)
    while len(rows):
        _, at, code = np.unique(node[rows], return_index=True, return_inverse=True)
        code = code.ravel()
        first = rows[at][code]
        away = (cosines(points, first, rows) < similarity) & (first != rows)
        rows = rows[away]
        node[rows] = fresh + code[away]
        fresh += len(at)
    return _numbered(node)
