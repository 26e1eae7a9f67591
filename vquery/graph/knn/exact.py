"""Exact search, by the compiled kernel or by FAISS on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery_kernels.neighbours import all_top_k, top_k

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vquery.graph.knn.lists import Apart, Found

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Progress = Callable[[float], None] | None

CHUNK_PAIRS = 1 << 32
"""Pairs of rows compared between two reports of progress: some seconds."""

LONGEST_LIST = 2_048
"""The longest list that FAISS gives on a GPU; rows that need more go to the kernel."""

GPU_BLOCK = 1 << 22
"""Places of lists asked of FAISS at a time: 50 MB."""


def all_rows(points: Floats, live: Ints, k: int, apart: Apart) -> Found:
    """Find the ``k`` most similar of the rows ``live`` to each of them, none of which is zero.

    Returns
    -------
    (ndarray, ndarray)
        Row numbers, -1 for none, and cosines, both of shape (len(live), k).

    Notes
    -----
    O(n² d) for the products, of which each is computed once; memory O(n k).
    """
    if len(live) == len(points):
        return all_top_k(points, k, **apart.columns())
    ids, near = all_top_k(points[live], k, **apart.take(live).columns())
    return numbered(ids, live), near


def numbered(ids: NDArray[np.int32], rows: Ints) -> NDArray[np.int32]:
    """Replace positions in ``rows`` by what is there; -1 stays."""
    if not len(rows):
        return ids
    return np.where(ids >= 0, rows.astype(np.int32)[ids], np.int32(-1))


def some_rows(
    points: Floats,
    rows: Ints,
    base: Ints,
    k: int,
    apart: Apart,
    progress: Progress = None,
) -> Found:
    """Find the ``k`` most similar of the rows ``base`` to each of the rows ``rows``.

    Returns
    -------
    (ndarray, ndarray)
        Row numbers, -1 for none, and cosines, both of shape (len(rows), k).
    """
    ids = np.full((len(rows), k), -1, np.int32)
    near = np.full((len(rows), k), -np.inf, np.float32)
    if not len(base):
        return ids, near
    others = points if len(base) == len(points) else points[base]
    step = max(1, CHUNK_PAIRS // len(base))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        ids[start : start + step], near[start : start + step] = top_k(
            points[part], others, k, query_ids=part, base_ids=base, **apart.columns()
        )
        if progress is not None:
            progress((start + len(part)) / len(rows))
    return ids, near


def on_gpu(faiss: Any, points: Floats, live: Ints, k: int, apart: Apart) -> Found:
    """Search all rows ``live`` by FAISS ``IndexFlatIP`` on all GPUs.

    FAISS knows nothing of what is kept apart: lists are asked for that are longer by the number
    of such rows, and filtered. Rows whose lists would be too long go to the kernel.
    """
    index = faiss.index_cpu_to_all_gpus(faiss.IndexFlatIP(points.shape[1]))
    index.add(points[live])
    ids = np.full((len(live), k), -1, np.int32)
    near = np.full((len(live), k), -np.inf, np.float32)
    need = k + apart.counts(len(points))[live]
    size = np.exp2(np.ceil(np.log2(need))).astype(np.int64)
    for length in np.unique(size):
        place = np.flatnonzero(size == length)
        ask = int(min(need[place].max(), len(live)))
        if ask > LONGEST_LIST:
            ids[place], near[place] = some_rows(points, live[place], live, k, apart)
            continue
        for start in range(0, len(place), step := max(1, GPU_BLOCK // ask)):
            part = place[start : start + step]
            cosine, position = index.search(points[live[part]], ask)
            got = np.where(position >= 0, live[np.maximum(position, 0)], -1)
            ids[part], near[part] = _filtered(live[part], got, cosine, k, apart)
    return ids, near


def _filtered(rows: Ints, got: Ints, near: Floats, k: int, apart: Apart) -> Found:
    """Keep the first ``k`` of each list that are neither the row itself nor kept apart from it."""
    source = rows[:, None]
    drop = (got == source) | (got < 0) | apart.excludes(source, np.maximum(got, 0))
    order = np.argsort(drop, axis=1, kind="stable")[:, :k]
    keep = ~np.take_along_axis(drop, order, 1)
    ids = np.full((len(rows), k), -1, np.int64)
    cosine = np.full((len(rows), k), -np.inf, np.float32)
    width = order.shape[1]
    ids[:, :width] = np.where(keep, np.take_along_axis(got, order, 1), -1)
    cosine[:, :width] = np.where(keep, np.take_along_axis(near, order, 1), -np.inf)
    return ids, cosine
