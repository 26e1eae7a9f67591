"""Closed-set propagation on plain arrays: every item belongs to one of the labelled classes.

The recipe that did best with few labels: exact neighbours, weights ``exp(-4 d² / d_k²)``, mutual
neighbours and each item's nearest one, the harmonic solution, and class masses scaled to a prior
(X. Zhu, Z. Ghahramani, J. Lafferty 2003). For names of people, where most items belong to no known
class, see `vquery.graph.names`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery.graph.items import NEIGHBOURS, Method, knn_graph

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    import pyarrow as pa
    from numpy.typing import ArrayLike

    from vquery.graph.edges import Symmetry
    from vquery.graph.masses import Prior


def propagate(
    vectors: ArrayLike,
    seeds: Mapping[int, Hashable],
    *,
    time: ArrayLike | None = None,
    track: ArrayLike | None = None,
    video: ArrayLike | None = None,
    k: int | None = None,
    prior: Prior = "uniform",
    symmetry: Symmetry = "mutual",
    method: Method = "harmonic",
    confidence: Mapping[int, float] | None = None,
) -> pa.Table:
    """Spread labels from a few items to all others.

    Parameters
    ----------
    vectors
        Shape (n, d), float32.
    seeds
        Item → label; None is a class of its own, "none of them".
    time
        Shape (n,), seconds. With it, items that follow each other in one video and look alike are
        linked, and neighbours are taken outside that run.
    track
        Shape (n,), integers, negative for none: the runs, where they are known.
    video
        Shape (n,), any values; by default all items are in one video.
    k
        Neighbours of each item; by default 8, or one less than the mean class size.
    prior
        Class masses to scale to: "uniform", shares by label, or None for no scaling.
    symmetry
        Which pairs are linked, see `visual_edges`.

    Returns
    -------
    pyarrow.Table
        n rows: ``label`` (null in components without a seed), ``probability``, ``margin``,
        ``reached``, ``calibrated`` (every class has two seeds; else a fixed power is the prior).
        Schema metadata ``vquery.graph`` holds the summary as JSON.

    Raises
    ------
    LabelError
        Without seeds, for a row that does not exist, or for copies with different labels.

    >>> square = [[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]]
    >>> propagate(square, {0: "right", 2: "up"}, k=1)["label"].to_pylist()
    ['right', 'right', 'up', 'up']
    """
    items = knn_graph(
        vectors,
        time=time,
        track=track,
        video=video,
        k=k or list_length(len(np.asarray(vectors)), len(set(seeds.values()))),
        symmetry=symmetry,
    )
    return items.propagate(seeds, method=method, prior=prior, confidence=confidence).table


def list_length(n: int, classes: int) -> int:
    """Neighbours of each item: 8, or one less than the mean class size, at least 1.

    >>> list_length(1000, 10), list_length(12, 3)
    (8, 3)
    """
    return max(1, min(NEIGHBOURS, n // max(classes, 1) - 1))
