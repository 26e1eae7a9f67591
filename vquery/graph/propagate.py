"""Propagation on plain arrays in one call: build the graph, solve it, give a table.

Closed-set: every item belongs to one of the labelled classes (`propagate`), or is or is not of each
concept (`propagate_concepts`). The recipe that did best with few labels: exact neighbours, weights
``exp(-4 d² / d_k²)``, mutual neighbours and the shortest tree through all lists, the harmonic
solution, and class masses scaled to a prior (X. Zhu, Z. Ghahramani, J. Lafferty 2003). For names of
people, where most items belong to no known class, see `vquery.graph.names`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sized
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.graph.concepts import check_concepts, concept_table
from vquery.graph.items import NEIGHBOURS, SYMMETRY, Method, check_method, knn_graph
from vquery.graph.masses import shares
from vquery.graph.seeds import read_seeds

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import pyarrow as pa
    from numpy.typing import ArrayLike

    from vquery.graph.columns import Columns
    from vquery.graph.concepts import Concepts
    from vquery.graph.edges import Symmetry
    from vquery.graph.masses import Prior


def propagate(
    vectors: ArrayLike | Mapping[str, ArrayLike],
    seeds: Mapping[int, Hashable],
    *,
    time: ArrayLike | None = None,
    track: ArrayLike | None = None,
    video: ArrayLike | None = None,
    shot: ArrayLike | None = None,
    texts: Sequence[str | None] | pa.Array | None = None,
    edges: Columns | None = None,
    mix: Mapping[str, float] | None = None,
    k: int | None = None,
    prior: Prior = "uniform",
    symmetry: Symmetry = SYMMETRY,
    method: Method = "harmonic",
    confidence: Mapping[int, float] | None = None,
    alpha: float | None = None,
    apart_s: float = 0.0,
) -> pa.Table:
    """Spread labels from a few items to all others.

    Parameters
    ----------
    vectors, time, track, video, shot, texts, edges, mix, symmetry, apart_s
        The items and what links them, see `knn_graph`.
    seeds, method, prior, confidence, alpha
        The labels and how they spread, see `ItemGraph.propagate`.
    k
        Neighbours of each item; by default ``NEIGHBOURS``, or one less than the mean class
        size.

    Returns
    -------
    pyarrow.Table
        n rows: ``label`` (null in components without a seed), ``probability``, ``margin``,
        ``reached``, ``calibrated`` (every class has two seeds; else a fixed power is the prior).
        Schema metadata ``vquery.graph`` holds the report as JSON. To ask why, or to solve again
        with other labels, use `knn_graph` and its methods.

    Raises
    ------
    LabelError
        Without seeds, for a row that does not exist, for copies with different labels, an unknown
        method, a prior that does not fit the labels.
    SchemaError
        For items that cannot be what they should be, see `knn_graph`.

    >>> square = [[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]]
    >>> propagate(square, {0: "right", 2: "up"}, k=1)["label"].to_pylist()
    ['right', 'right', 'up', 'up']
    """
    n = _count(vectors)
    check_method(method, confidence, alpha)
    read = read_seeds(seeds, np.arange(n), confidence=confidence, soft=True)
    shares(prior, read.classes)
    items = knn_graph(
        vectors,
        time=time,
        track=track,
        video=video,
        shot=shot,
        texts=texts,
        edges=edges,
        mix=mix,
        k=list_length(n, len(read.classes)) if k is None else k,
        symmetry=symmetry,
        apart_s=apart_s,
    )
    found = items.propagate(seeds, method=method, prior=prior, confidence=confidence, alpha=alpha)
    return found.table


def propagate_concepts(
    vectors: ArrayLike | Mapping[str, ArrayLike],
    concepts: Concepts,
    *,
    method: Method = "harmonic",
    k: int = NEIGHBOURS,
    **columns: Any,
) -> pa.Table:
    """Spread several concepts, of which an item may be none, one or many.

    Parameters
    ----------
    concepts
        Concept → {item: True or False}; each needs items of both kinds.
    method
        See `ItemGraph.propagate`.
    k
        Neighbours of each item.
    columns
        ``time``, ``track``, ``video``, ``shot``, ``texts``, ``edges``, ``mix``, ``symmetry``,
        ``apart_s``, ``recall`` of `knn_graph`.

    Returns
    -------
    pyarrow.Table
        One row a concept and item, concept by concept: ``item``, ``concept``, ``label`` (bool, null
        where no seed reaches), ``probability`` that the label is right, ``margin``, ``reached``,
        ``calibrated``. The masses of True and False are left as the solution has them. Schema
        metadata ``vquery.graph`` holds the reports by concept as JSON.

    Raises
    ------
    LabelError
        For labels other than True and False, and concepts without both of them, among others.

    >>> square = [[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]]
    >>> wanted = {"flat": {0: True, 2: False}, "steep": {0: False, 3: True}}
    >>> found = propagate_concepts(square, wanted, k=1)
    >>> found["concept"][4].as_py(), found["label"].to_pylist()[4:]
    ('steep', [False, False, True, True])
    """
    check_method(method)
    check_concepts(concepts, _count(vectors))
    found = knn_graph(vectors, k=k, **columns).propagate_concepts(concepts, method=method)
    reports = {name: labelled.report for name, labelled in found.items()}
    return concept_table(found).replace_schema_metadata({"vquery.graph": json.dumps(reports)})


def _count(vectors: ArrayLike | Mapping[str, ArrayLike]) -> int:
    """Count the items; what is wrong with the vectors is told by `knn_graph`."""
    if isinstance(vectors, Mapping):
        return max((_count(each) for each in vectors.values()), default=0)
    if isinstance(vectors, np.ndarray) and not vectors.ndim:
        return 0
    return len(vectors) if isinstance(vectors, Sized) else 0


def list_length(n: int, classes: int) -> int:
    """Neighbours of each item: ``NEIGHBOURS``, or one less than the mean class size, at least 1.

    >>> list_length(1000, 10), list_length(12, 3)
    (10, 3)
    """
    return max(1, min(NEIGHBOURS, n // max(classes, 1) - 1))
