"""Nearest neighbours by cosine, outside an item's own group and moment, with the recall measured.

Exact up to ``EXACT_ROWS`` rows; on a GPU, where FAISS finds one, up to ``EXACT_ROWS_GPU``. Beyond
that rows are sorted into cells, and only the cells closest to a row are searched, see
`vquery.graph.knn.cells`. Frames next to each other look alike and would fill every list, so
neighbours are taken *apart*: outside the item's own track or few seconds.

A list is never padded: there is no -1, no item itself (removed by id, not by position, because
duplicates may come before it) and nothing twice.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import SchemaError
from vquery.graph.knn import cells, exact
from vquery.graph.knn.lists import Apart, Neighbours, gathered
from vquery.graph.knn.vectors import unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]

EXACT_ROWS = 50_000
"""Up to here exact search costs about what cells do for a recall of .99. Beyond, they are faster
where clusters are clear or the processor has no matrix units, else from 100,000 to 200,000 on."""
EXACT_ROWS_GPU = 1_000_000
GPU_ROWS = 10_000
"""Up to here a GPU has not even been set up before the processor is done."""


def neighbours(
    vectors: ArrayLike,
    k: int,
    *,
    apart: Apart | None = None,
    floor: float = -1.0,
    recall: float = 0.99,
    known: tuple[Neighbours, Ints] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Neighbours:
    """Find for each row its ``k`` most similar rows that are not kept apart from it.

    Parameters
    ----------
    vectors
        Shape (n, d). A row of zeros has no neighbours and is nobody's neighbour.
    floor
        Only neighbours of at least this cosine count; lists may be shorter than ``k``.
    recall
        Wanted on a sample of rows when the search is not exact; what was reached is in the
        result, and may be less where every cell would have to be searched.
    known
        Lists of an earlier search and, for each of its rows, which row it is now (-1: gone); only
        the others are searched, see `vquery.graph.knn.extend.extended`.
    progress
        Called now and then with the fraction that is done.

    Raises
    ------
    SchemaError
        If vectors are not finite numbers of shape (n, d), ``k`` is no whole number of at least
        1, or ``recall`` is not between 0 and 1.

    Notes
    -----
    Exact search costs O(n² d), the other about O(n^1.5 d). Memory is that of the vectors, twice
    beyond ``EXACT_ROWS`` rows, and some 50 bytes for each place of a list.

    >>> neighbours([[1, 0], [1, 0], [0, 1]], 1).target.tolist()   # never itself, although equal
    [1, 0, 0]
    """
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise SchemaError(
            f"The 'k' parameter of neighbours must be a whole number of at least 1. Got {k!r} "
            "instead."
        )
    if not 0 < recall <= 1:
        raise SchemaError(
            f"The 'recall' parameter must be above 0 and at most 1. Got {recall} instead."
        )
    if known is not None:
        from vquery.graph.knn.extend import extended

        return extended(
            *known, vectors, k, apart=apart, floor=floor, recall=recall, progress=progress
        )
    points = unit(vectors)
    n = len(points)
    apart = apart or Apart()
    apart.check(n)
    live = np.flatnonzero(points.any(1))
    k = max(min(k, len(live) - 1), 1)
    reached, faiss = 1.0, _gpu_faiss() if GPU_ROWS < len(live) <= EXACT_ROWS_GPU else None
    if faiss is not None:
        found, method = exact.on_gpu(faiss, points, live, k, apart), "flat gpu"
    elif len(live) <= max(EXACT_ROWS, 1) or recall >= 1:
        found, method = exact.all_rows(points, live, k, apart), "exact"
    else:
        found, method, reached = cells.search(points, live, k, apart, recall, progress)
    if progress is not None:
        progress(1.0)
    return gathered(found, live, n, k, floor, method, reached)


def _gpu_faiss() -> Any:
    """Return the module faiss if it finds a GPU, else None."""
    if importlib.util.find_spec("faiss") is None:
        return None
    faiss = importlib.import_module("faiss")
    return faiss if faiss.get_num_gpus() > 0 else None
