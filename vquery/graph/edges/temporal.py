"""Edges between what follows each other in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vquery.errors import SchemaError
from vquery.graph.edges.symmetric import undirected
from vquery.graph.knn import bulk_floor, cosines

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy import sparse

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]

RUN_GAP_S = 2.0
"""Items of one video further apart in time never belong to one run."""
FENCE = 3.0
"""Interquartile ranges above the upper quartile: "far out" in J. Tukey's box plots (1977)."""
FENCE_PAIRS = 8
"""Fewest pairs whose quartiles say what is usual among them."""
COPIES = 1 - 1e-5
"""Items this alike are no switch, and say nothing about how much things usually change."""


class TemporalCuts(NamedTuple):
    """Neighbours in time that were not linked: in two shots, or likely two objects."""

    shot: int
    switch: int


def runs(points: Floats, video: Ints, time: NDArray[Any], *, cuts: ArrayLike | None = None) -> Ints:
    """Find the runs of items that follow closely in one video and look alike.

    Two items that follow each other are of one run when they are at most ``RUN_GAP_S`` apart, not
    at the same instant, and more alike than nearly all unrelated pairs are (`bulk_floor`).

    Parameters
    ----------
    points
        Shape (n, d), unit length.
    video, time
        Shape (n,): numbers of videos, seconds.
    cuts
        Shape (n,): the number of the shot that each item lies in; no run goes from one into
        another.

    Returns
    -------
    ndarray
        Shape (n,), numbers from 0 in the order of video and time. O(n log n + n d).

    >>> line = np.array([[1, 0], [1, 0], [1, 0]], np.float32)
    >>> runs(line, np.zeros(3, int), np.array([0.0, 1.0, 9.0])).tolist()
    [0, 0, 1]
    """
    n = len(points)
    floor, _ = bulk_floor(points, np.arange(n))
    order = np.lexsort((time, video))
    before, after = order[:-1], order[1:]
    gap = time[after] - time[before]
    joined = (video[before] == video[after]) & (gap > 0) & (gap <= RUN_GAP_S)
    if cuts is not None:
        shots = _column(cuts, n, "cuts")
        joined &= shots[before] == shots[after]
    joined &= cosines(points, before, after) >= floor
    out = np.empty(n, np.int64)
    out[order] = np.cumsum(np.r_[np.zeros(min(n, 1), np.int64), ~joined])
    return out


def temporal_edges(
    points: Floats,
    run: Ints,
    time: NDArray[Any],
    *,
    shot: ArrayLike | None = None,
) -> tuple[sparse.csr_array, TemporalCuts]:
    """Link each item of a run with the next one in time, except at shots and likely switches.

    A run is a track, or what `runs` found. Where two neighbours are far less alike than usual, the
    tracker has probably gone over to another object, and they are not linked (`switches`).

    Parameters
    ----------
    points
        Shape (n, d), unit length.
    run, time
        Shape (n,); a negative run is none.
    shot
        Shape (n,): the number of the shot that each item lies in; edges end there.

    Returns
    -------
    (csr_array, TemporalCuts)
        The symmetric edges, shape (n, n), float32, all of weight 1, and how many pairs were not
        linked and why.
        O(n log n + n d).

    Raises
    ------
    SchemaError
        If lengths differ.

    >>> same = np.ones((3, 1), np.float32)
    >>> edges, cuts = temporal_edges(same, np.zeros(3, int), np.arange(3), shot=[1, 1, 2])
    >>> edges.nnz // 2, cuts
    (1, TemporalCuts(shot=1, switch=0))
    """
    n = len(points)
    run, when = _column(run, n, "run"), _column(time, n, "time")
    order = np.lexsort((when, run))
    order = order[run[order] >= 0]
    a, b = order[:-1], order[1:]
    a, b = (side[run[a] == run[b]] for side in (a, b))
    across = 0
    if shot is not None:
        shots = _column(shot, n, "shot")
        inside = shots[a] == shots[b]
        across = int((~inside).sum())
        a, b = a[inside], b[inside]
    switched = switches(cosines(points, a, b))
    a, b = a[~switched], b[~switched]
    edges = undirected(n, a, b, np.ones(len(a), np.float32))
    return edges, TemporalCuts(across, int(switched.sum()))


def switches(alike: Floats) -> NDArray[np.bool_]:
    """Mark the pairs of neighbours in time that are likely two objects, by their cosines.

    Those whose distance lies ``FENCE`` interquartile ranges above the upper quartile of all
    distances, copies not counted; none if fewer than ``FENCE_PAIRS`` are no copies. A fixed share,
    such as the lowest hundredth, would be cut at random where the tracks are clean, and miss most
    switches where they are not.

    >>> switches(np.array([0.99, 0.1], np.float32)).any()    # two pairs say nothing
    np.False_
    """
    out = alike < COPIES
    if out.sum() < FENCE_PAIRS:
        return np.zeros(len(alike), bool)
    apart = np.sqrt(2 - 2 * alike[out])
    low, high = np.quantile(apart, [0.25, 0.75])
    out[out] = apart > high + FENCE * (high - low)
    return np.asarray(out)


def _column(values: ArrayLike, n: int, name: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.shape != (n,):
        raise SchemaError(f"{name} must have one value for each of {n} items, got {array.shape}")
    return array
