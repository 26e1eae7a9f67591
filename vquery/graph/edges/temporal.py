"""Edges between what follows each other in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from vquery.graph.knn import cosines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

SWITCH_QUANTILE = 0.01
"""Consecutive detections of a track less alike than this quantile are likely two objects."""


def temporal_edges(
    vectors: NDArray[np.float32], track: Ints, time: NDArray[Any], *, weight: float
) -> tuple[sparse.csr_array, int]:
    """Link each detection of a track with the next one in time.

    A track never crosses a shot, so these edges end at cuts by themselves. They are also cut where
    two consecutive detections are less alike than ``SWITCH_QUANTILE`` of all: there the tracker
    has probably changed to another object.

    Parameters
    ----------
    vectors
        Shape (n, d), unit length.
    track, time
        Shape (n,); a negative track is none.
    weight
        Of every edge.

    Returns
    -------
    (csr_array, int)
        The symmetric edges, and how many were cut.
    """
    n = len(track)
    order = np.lexsort((time, track))
    order = order[track[order] >= 0]
    a, b = order[:-1], order[1:]
    same = track[a] == track[b]
    a, b = a[same], b[same]
    alike = cosines(vectors, a, b)
    keep = alike >= np.quantile(alike, SWITCH_QUANTILE) if len(alike) else alike > 0
    half = sparse.coo_array((np.full(keep.sum(), weight), (a[keep], b[keep])), shape=(n, n))
    return sparse.csr_array(half + half.T), int((~keep).sum())
