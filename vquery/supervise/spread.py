"""Soft labels of a label model spread to items that look alike.

Functions are silent on some items and wrong on others; items that look alike are mostly of one
class. So the class that votes make most probable is a seed of each item, trusted as far as it leads
the second class, and soft label spreading (D. Zhou, O. Bousquet, T. Lal, J. Weston, B. Schölkopf
2003) lets neighbours outvote it. Class masses follow the balance that the label model found, not a
uniform one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import SchemaError
from vquery.graph.calibrate import apply_power
from vquery.graph.items import ItemGraph, knn_graph
from vquery.supervise.soft import checked_soft, lead

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from vquery.graph.labelled import Labelled

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

LEAST_TRUST = 1e-6
"""A seed that leads by less is a tie, and no seed."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Soft labels after spreading.

    Attributes
    ----------
    probability
        Shape (n, K), rows sum to 1; the balance where nothing reaches.
    reached
        Shape (n,): whether any item with votes is connected.
    labelled
        What was solved, which can say why; None where no item has a seed.
    """

    probability: Floats
    reached: Bools
    labelled: Labelled | None


def spread_labels(
    probability: ArrayLike,
    vectors: ArrayLike | None = None,
    *,
    voted: ArrayLike | None = None,
    balance: ArrayLike | None = None,
    graph: ItemGraph | None = None,
    **columns: Any,
) -> Spread:
    """Spread soft labels over a graph of likeness.

    Parameters
    ----------
    probability
        Shape (n, K), as a label model gives them.
    vectors
        Shape (n, d), compared by cosine; not needed with ``graph``.
    voted
        Shape (n,): which items have votes of their own; by default all. Others seed nothing.
    balance
        Shape (K,): share of each class, such as ``model.balance_``; by default all alike, since
        items that functions vote on are no fair sample.
    graph
        Made before by `vquery.knn_graph`, over the same items.
    columns
        ``time``, ``video``, ``k``, ``apart_s`` and the like, see `vquery.knn_graph`. In video, keep
        neighbours apart in time: near-duplicates only repeat what is known.

    Returns
    -------
    Spread
        Cost: that of the graph, and one solution.

    Raises
    ------
    SchemaError
        If shapes differ, or neither vectors nor graph are given.
    LabelError
        If probabilities are negative, not finite, or do not sum to 1.

    >>> square = [[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]]
    >>> soft = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.6, 0.4]]
    >>> spread_labels(soft, square, k=1, voted=[1, 0, 1, 0]).probability.argmax(1).tolist()
    [0, 0, 1, 1]
    """
    soft = checked_soft(probability)
    mask = np.ones(len(soft), bool) if voted is None else np.asarray(voted, bool)
    items = _graph(len(soft), vectors, graph, columns)
    if mask.shape != (len(soft),):
        raise SchemaError(f"voted must have {len(soft)} entries, got shape {mask.shape}")
    share = _balance(soft.shape[1], balance)
    seeds, trust = _seeds(soft, mask, items.node)
    if not seeds:
        return Spread(np.tile(share, (len(soft), 1)), np.zeros(len(soft), bool), None)
    # classes that seed nothing get nothing, whatever their share
    prior = {code: max(float(share[code]), LEAST_TRUST) for code in sorted(set(seeds.values()))}
    found = items.propagate(seeds, method="spreading", confidence=trust, prior=prior)
    columns_of = np.asarray(found.classes, np.int64)
    out = np.zeros((items.graph.n, soft.shape[1]))
    out[:, columns_of] = apply_power(found.scores.astype(np.float64), found.power)
    silent = out.sum(1) == 0
    out[silent] = share
    reached = found.table["reached"].to_numpy()
    return Spread(out[items.node], reached, found)


def _graph(
    n: int, vectors: ArrayLike | None, graph: ItemGraph | None, columns: dict[str, Any]
) -> ItemGraph:
    if graph is None:
        if vectors is None:
            raise SchemaError("spread_labels needs vectors, or graph= made of them by knn_graph")
        graph = knn_graph(vectors, **columns)
    elif columns or vectors is not None:
        raise SchemaError("spread_labels takes graph= or vectors and their columns, not both")
    if len(graph.node) != n:
        raise SchemaError(f"vectors must have {n} rows, as probability has; got {len(graph.node)}")
    return graph


def _balance(classes: int, balance: ArrayLike | None) -> Floats:
    if balance is None:
        return np.full(classes, 1 / classes)
    share = checked_soft([np.asarray(balance, np.float64)])[0]
    if len(share) != classes:
        raise SchemaError(f"balance must have {classes} entries, one a class, got {len(share)}")
    return np.asarray(share)


def _seeds(soft: Floats, voted: Bools, node: Ints) -> tuple[dict[int, int], dict[int, float]]:
    """Class and trust of each item that seeds; copies of one item speak with their mean voice."""
    nodes = int(node.max()) + 1 if len(node) else 0
    count = np.bincount(node[voted], minlength=nodes)
    mean = np.zeros((nodes, soft.shape[1]))
    np.add.at(mean, node[voted], soft[voted])
    mean /= np.maximum(count, 1)[:, None]
    ahead, best = lead(mean), mean.argmax(1)
    rows = np.flatnonzero(voted & (ahead[node] > LEAST_TRUST))
    return (
        {int(row): int(best[node[row]]) for row in rows},
        {int(row): float(ahead[node[row]]) for row in rows},
    )
