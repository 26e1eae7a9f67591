"""Nearest neighbours by cosine, outside an item's own group, with the recall measured.

Exact up to ``EXACT_ROWS`` rows: in numpy while small, by FAISS ``IndexFlatIP`` above. Beyond that
an inverted file whose ``nprobe`` is raised until a sample that was answered exactly reaches the
wanted recall. Frames next to each other look alike and would fill every list, so neighbours are
taken *apart*: outside the item's own track.

A list is never padded: there is no -1, no item itself (removed by id, not by position, because
duplicates may come before it) and nothing twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import MissingDependencyError, SchemaError
from vquery.graph.knn.lists import Apart, Neighbours
from vquery.graph.knn.vectors import BLOCK_BYTES, unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Found = tuple[Ints, Floats]
    Searcher = Callable[[Ints, int], Found]

NUMPY_ROWS = 4_000
"""Up to here one matrix product beats setting FAISS up."""
EXACT_ROWS = 50_000
"""Up to here exact search takes well under a minute on two cores (GPU: a million rows)."""
EXACT_ROWS_GPU = 1_000_000
LONGEST_LIST = 2_048
"""The longest list asked of FAISS (its limit on GPUs); rows that need more are searched exactly."""


def neighbours(
    vectors: ArrayLike,
    k: int,
    *,
    apart: Apart | None = None,
    floor: float = -1.0,
    recall: float = 0.99,
) -> Neighbours:
    """Find for each row its ``k`` most similar rows that are not kept apart from it.

    Parameters
    ----------
    vectors
        Shape (n, d). A row of zeros has no neighbours and is nobody's neighbour.
    floor
        Only neighbours of at least this cosine count; lists may be shorter than ``k``.
    recall
        Wanted on the sample when the search is not exact (more than ``EXACT_ROWS`` rows).

    Raises
    ------
    MissingDependencyError
        If there are more than ``EXACT_ROWS`` rows and FAISS is not installed.

    Notes
    -----
    Exact search costs O(n² d); memory is that of the vectors plus 64 MiB of scores at a time. For
    long tracks the lists asked of FAISS are longer by the number of rows kept apart, row by row,
    so that ``k`` always remain.

    >>> neighbours([[1, 0], [1, 0], [0, 1]], 1).target.tolist()   # never itself, although equal
    [1, 0, 0]
    """
    points = unit(vectors)
    if k < 1:
        raise SchemaError(f"The 'k' parameter of neighbours must be at least 1. Got {k} instead.")
    apart = apart or Apart()
    n = len(points)
    live = np.flatnonzero(points.any(1))
    k = max(min(k, len(live) - 1), 1)
    if n <= NUMPY_ROWS or len(live) < 2:
        return _gather(_exact_numpy(points, live, live, k, apart), live, n, k, floor, "numpy", 1.0)
    try:
        import faiss
    except ImportError as error:
        if n > EXACT_ROWS:
            raise MissingDependencyError(
                f"{n} vectors need FAISS for their neighbours (numpy serves up to {EXACT_ROWS}): "
                "pip install 'vquery-video[cpu]' (or [gpu])"
            ) from error
        return _gather(_exact_numpy(points, live, live, k, apart), live, n, k, floor, "numpy", 1.0)
    on_gpu = faiss.get_num_gpus() > 0
    if n <= (EXACT_ROWS_GPU if on_gpu else EXACT_ROWS):
        index = _place(faiss, faiss.IndexFlatIP(points.shape[1]), on_gpu=on_gpu)
        index.add(points[live])
        found = _search_apart(points, live, live, k, apart, _searcher(index, points, live))
        return _gather(found, live, n, k, floor, "flat", 1.0)
    return _inverted_file(faiss, points, live, k, apart, floor, recall, on_gpu=on_gpu)


def _place(faiss: Any, index: Any, *, on_gpu: bool) -> Any:
    return faiss.index_cpu_to_all_gpus(index) if on_gpu else index


def _searcher(index: Any, points: Floats, live: Ints) -> Searcher:
    def search(rows: Ints, length: int) -> Found:
        similarity, position = index.search(points[rows], length)
        ids = np.where(position >= 0, live[np.maximum(position, 0)], -1)
        return ids, similarity

    return search


def _inverted_file(
    faiss: Any,
    points: Floats,
    live: Ints,
    k: int,
    apart: Apart,
    floor: float,
    wanted: float,
    *,
    on_gpu: bool,
) -> Neighbours:
    """Search an inverted file, probing more lists until the sampled recall is reached."""
    cells = int(4 * np.sqrt(len(live)))
    index = faiss.index_factory(points.shape[1], f"IVF{cells},Flat", faiss.METRIC_INNER_PRODUCT)
    index = _place(faiss, index, on_gpu=on_gpu)
    rng = np.random.default_rng(0)
    index.train(points[rng.permutation(live)[: 64 * cells]])
    index.add(points[live])
    sample = np.sort(rng.permutation(live)[:1_000])
    truth, _ = _exact_numpy(points, sample, live, k, apart)
    space, search = faiss.ParameterSpace(), _searcher(index, points, live)
    if on_gpu:
        space = faiss.GpuParameterSpace()
    probes, reached = 4, 0.0
    while True:
        space.set_index_parameter(index, "nprobe", min(probes, cells))
        reached = _overlap(truth, _search_apart(points, sample, live, k, apart, search)[0])
        if reached >= wanted or probes >= cells:
            break
        probes *= 2
    found = _search_apart(points, live, live, k, apart, search)
    method = f"ivf{cells} nprobe {min(probes, cells)}"
    return _gather(found, live, len(points), k, floor, method, reached)


def _overlap(truth: Ints, found: Ints) -> float:
    """Share of the true neighbours that were found, over all sampled rows."""
    real = truth >= 0
    hit = (truth[:, :, None] == found[:, None, :]).any(2) & real
    return float(hit.sum() / max(real.sum(), 1))


def _search_apart(
    points: Floats, rows: Ints, live: Ints, k: int, apart: Apart, search: Searcher
) -> Found:
    """Ask for lists longer by what is kept apart, in classes of similar length, and filter them."""
    ids = np.full((len(rows), k), -1, np.int64)
    scores = np.full((len(rows), k), -np.inf, np.float32)
    need = k + apart.counts(len(points))[rows]
    size = np.exp2(np.ceil(np.log2(need))).astype(np.int64)
    for length in np.unique(size):
        place = np.flatnonzero(size == length)
        ask = int(min(need[place].max(), len(live)))
        for start in range(0, len(place), step := max(1, BLOCK_BYTES // (ask * 32))):
            part = place[start : start + step]
            if ask > LONGEST_LIST:
                ids[part], scores[part] = _exact_numpy(points, rows[part], live, k, apart)
            else:
                got, near = search(rows[part], ask)
                ids[part], scores[part] = _filtered(rows[part], got, near, k, apart)
    return ids, scores


def _filtered(rows: Ints, got: Ints, near: Floats, k: int, apart: Apart) -> Found:
    """Keep the first ``k`` of each list that are neither the row itself nor kept apart from it."""
    source = rows[:, None]
    drop = (got == source) | (got < 0) | apart.excludes(source, np.maximum(got, 0))
    order = np.argsort(drop, axis=1, kind="stable")[:, :k]
    keep = ~np.take_along_axis(drop, order, 1)
    out_ids = np.full((len(rows), k), -1, np.int64)
    out_near = np.full((len(rows), k), -np.inf, np.float32)
    width = order.shape[1]
    out_ids[:, :width] = np.where(keep, np.take_along_axis(got, order, 1), -1)
    out_near[:, :width] = np.where(keep, np.take_along_axis(near, order, 1), -np.inf)
    return out_ids, out_near


def _exact_numpy(points: Floats, rows: Ints, live: Ints, k: int, apart: Apart) -> Found:
    """Compare ``rows`` with all live rows in blocks; absent places hold -1."""
    ids = np.full((len(rows), k), -1, np.int64)
    scores = np.full((len(rows), k), -np.inf, np.float32)
    if not len(live):
        return ids, scores
    base, width = points[live], min(k, len(live))
    step = max(1, BLOCK_BYTES // max(4 * len(live), 1))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        near = points[part] @ base.T
        source = part[:, None]
        near[(source == live) | apart.excludes(source, live[None, :])] = -np.inf
        best = np.argpartition(-near, width - 1, axis=1)[:, :width]
        value = np.take_along_axis(near, best, 1)
        ids[start : start + step, :width] = np.where(np.isfinite(value), live[best], -1)
        scores[start : start + step, :width] = value
    return ids, scores


def _gather(
    found: Found, rows: Ints, n: int, k: int, floor: float, method: str, recall: float
) -> Neighbours:
    """Flatten padded lists into sorted pairs at or above the floor."""
    ids, scores = found
    keep = (ids >= 0) & (scores >= floor)
    source = np.repeat(rows, keep.sum(1))
    target, similarity = ids[keep], np.clip(scores[keep], -1.0, 1.0).astype(np.float32)
    order = np.lexsort((target, -similarity, source))
    return Neighbours(n, k, source[order], target[order], similarity[order], method, recall)
