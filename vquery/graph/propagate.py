"""Closed-set propagation on plain arrays: every item belongs to one of the labelled classes.

The recipe that did best with few labels: exact neighbours, weights ``exp(-4 d² / d_k²)``, mutual
neighbours and each item's nearest one, the harmonic solution, and class masses scaled to a prior
(X. Zhu, Z. Ghahramani, J. Lafferty 2003). For names of people, where most items belong to no known
class, see `vquery.graph.names`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.sparse import csgraph

from vquery.errors import LabelError, SchemaError
from vquery.graph.calibrate import apply_power, fit_power
from vquery.graph.edges import Graph, Symmetry, temporal_edges, visual_edges
from vquery.graph.knn import Apart, bulk_floor, cosines, neighbours, unit
from vquery.graph.names import seed_nodes
from vquery.graph.solve import Harmonic

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from vquery.graph.knn import Neighbours

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Weights = NDArray[np.float64]

NEIGHBOURS = 8
COPY_SIMILARITY = 1 - 1e-5
"""Items at least this alike are one node."""
RUN_GAP_S = 2.0
"""Items of one video further apart in time never belong to one run."""
PRIOR_POWER = 2.0
"""Sharpening before any seed can be left out: harmonic scores are under-confident by about this."""


def propagate(
    vectors: ArrayLike,
    seeds: Mapping[int, Hashable],
    *,
    time: ArrayLike | None = None,
    track: ArrayLike | None = None,
    video: ArrayLike | None = None,
    k: int | None = None,
    prior: Literal["uniform"] | Mapping[Hashable, float] | None = "uniform",
    symmetry: Symmetry = "mutual",
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
    items = build_items(
        vectors,
        time=time,
        track=track,
        video=video,
        k=k or list_length(len(np.asarray(vectors)), len(set(seeds.values()))),
        symmetry=symmetry,
    )
    return solve_items(items, seeds, prior=prior)


@dataclass(frozen=True, slots=True)
class ItemGraph:
    """Items and their affinities; copies of one item share a node. Solved for any seeds.

    Attributes
    ----------
    graph
        Affinities over the nodes.
    node
        Shape (n,): the node of each item.
    """

    graph: Graph
    node: Ints


def list_length(n: int, classes: int) -> int:
    """Neighbours of each item: 8, or one less than the mean class size, at least 1.

    >>> list_length(1000, 10), list_length(12, 3)
    (8, 3)
    """
    return max(1, min(NEIGHBOURS, n // max(classes, 1) - 1))


def build_items(
    vectors: ArrayLike,
    *,
    time: ArrayLike | None = None,
    track: ArrayLike | None = None,
    video: ArrayLike | None = None,
    k: int = NEIGHBOURS,
    symmetry: Symmetry = "mutual",
    recall: float = 0.99,
) -> ItemGraph:
    """Build the graph that `propagate` solves; parameters as there.

    Raises
    ------
    SchemaError
        If lengths differ or values are not finite.

    >>> build_items([[1, 0], [1, 0], [0, 1]], k=1).node.tolist()    # a copy is no node of its own
    [0, 0, 1]
    """
    points = unit(vectors)
    n = len(points)
    when = None if time is None else _finite(time, n)
    videos = _codes(video, n)
    runs = _given_runs(track, videos, n)
    if runs is None and when is not None:
        runs = _runs(points, videos, when)
    found = neighbours(points, max(k, NEIGHBOURS), recall=recall)
    node = _copies(found)
    _, first = np.unique(node, return_index=True)
    own = None if runs is None else runs[first]
    if own is None and len(first) == n:
        found = found.head(k)
    else:
        found = neighbours(points[first], k, apart=Apart(own), recall=recall)
    kinds = {"visual": visual_edges(found, symmetry=symmetry)}
    cut = 0
    if own is not None and when is not None:
        weight = float(kinds["visual"].data.mean()) if kinds["visual"].nnz else 1.0
        kinds["temporal"], cut = temporal_edges(points[first], own, when[first], weight=weight)
    facts = {
        "items": n,
        "copies": n - len(first),
        "without_vector": int((~points.any(1)).sum()),
        "k": k,
        "search": found.method,
        "recall": found.recall,
        "temporal_cut": cut,
    }
    return ItemGraph(Graph(len(first), kinds, facts), node)


def solve_items(
    items: ItemGraph,
    seeds: Mapping[int, Hashable],
    *,
    prior: Literal["uniform"] | Mapping[Hashable, float] | None = "uniform",
) -> pa.Table:
    """Solve for one set of seeds; parameters, result and errors as for `propagate`."""
    rows, nodes, values = seed_nodes(seeds, items.node)
    if not len(rows):
        raise LabelError("propagate needs at least one seed: {item: label}")
    classes = sorted(set(values), key=lambda value: (value is None, str(value)))
    truth = np.array([classes.index(value) for value in values], np.int64)
    labels = np.eye(len(classes))[truth]
    harmonic = Harmonic(items.graph.weights, nodes)
    scores = harmonic.solve(labels)
    scale = _mass_scale(scores, items.node, harmonic, _masses(prior, classes))
    power, calibrated = _power(harmonic, labels, truth, scale)
    ranked = apply_power(scores * scale, 1.0)
    sharp = apply_power(ranked, power)
    ranked[nodes] = sharp[nodes] = labels
    ordered = np.sort(ranked, axis=1)
    margin = ordered[:, -1] - (ordered[:, -2] if len(classes) > 1 else 0.0)
    names = [value.item() if isinstance(value, np.generic) else value for value in classes]
    best, node = ranked.argmax(1), items.node
    reached = harmonic.reached
    label = [names[c] if hit else None for c, hit in zip(best[node], reached[node], strict=True)]
    table = pa.table(
        {
            "label": pa.array(label),
            "probability": sharp.max(1).astype(np.float32)[node],
            "margin": np.where(reached, margin, 0.0).astype(np.float32)[node],
            "reached": reached[node],
            "calibrated": np.full(len(node), calibrated),
        }
    )
    return table.replace_schema_metadata({"vquery.graph": _summary(items, harmonic, power)})


def _summary(items: ItemGraph, harmonic: Harmonic, power: float) -> str:
    """Describe graph and solution as JSON; unreached components come with a node to label next."""
    weights = items.graph.weights
    _, component = items.graph.components()
    degree = np.asarray(weights.sum(axis=1)).ravel()
    alone = np.flatnonzero(~harmonic.reached)
    order = alone[np.lexsort((-degree[alone], component[alone]))]
    heads = order[np.flatnonzero(np.diff(component[order], prepend=-1))]
    size = np.bincount(component[items.node], minlength=component.max(initial=0) + 1)
    heads = heads[np.argsort(-size[component[heads]], kind="stable")]
    first = np.unique(items.node, return_index=True)[1]
    facts = {
        **items.graph.summary(),
        "unreached_items": int((~harmonic.reached[items.node]).sum()),
        "unreached_components": len(heads),
        "suggested_items": first[heads[:10]].tolist(),
        "solver": harmonic.report.method,
        "iterations": harmonic.report.iterations,
        "residual": harmonic.report.residual,
        "converged": harmonic.report.converged,
        "power": power,
    }
    return json.dumps(facts)


def _finite(time: ArrayLike, n: int) -> Weights:
    when = np.asarray(time, np.float64)
    if when.shape != (n,) or not np.isfinite(when).all():
        raise SchemaError(f"time must be {n} finite numbers of seconds, got shape {when.shape}")
    return when


def _codes(values: ArrayLike | None, n: int) -> Ints:
    if values is None:
        return np.zeros(n, np.int64)
    array = np.asarray(values)
    if array.shape != (n,):
        raise SchemaError(f"video must have one value for each of {n} items, got {array.shape}")
    return np.unique(array, return_inverse=True)[1].astype(np.int64)


def _given_runs(track: ArrayLike | None, video: Ints, n: int) -> Ints | None:
    """Give tracks numbers that hold over all videos, -1 to items without one."""
    if track is None:
        return None
    array = np.asarray(track)
    if array.shape != (n,) or not np.issubdtype(array.dtype, np.integer):
        raise SchemaError(f"track must be {n} integers, got {array.dtype} of shape {array.shape}")
    code = np.unique(np.c_[video, array], axis=0, return_inverse=True)[1].ravel()
    return np.where(array >= 0, code, -1).astype(np.int64)


def _runs(points: Floats, video: Ints, time: Weights) -> Ints:
    """Give a number to each run of items that follow closely and are more alike than most."""
    n = len(points)
    floor, _ = bulk_floor(points, np.arange(n))
    order = np.lexsort((time, video))
    before, after = order[:-1], order[1:]
    gap = time[after] - time[before]
    joined = (video[before] == video[after]) & (gap > 0) & (gap <= RUN_GAP_S)
    joined &= cosines(points, before, after) >= floor
    runs = np.empty(n, np.int64)
    runs[order] = np.cumsum(np.r_[np.zeros(min(n, 1), np.int64), ~joined])
    return runs


def _copies(found: Neighbours) -> Ints:
    """Give copies one number, counted in the order of their first one."""
    n = found.n
    if n < 2:
        return np.arange(n)
    same = found.similarity >= COPY_SIMILARITY
    pairs = (np.ones(same.sum()), (found.source[same], found.target[same]))
    label = csgraph.connected_components(sparse.coo_array(pairs, shape=(n, n)), directed=False)[1]
    _, first, code = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[code.ravel()], np.int64)


def _masses(prior: str | Mapping[Hashable, float] | None, classes: list[Any]) -> Weights | None:
    if prior is None:
        return None
    if prior == "uniform":
        return np.full(len(classes), 1 / len(classes))
    if isinstance(prior, str) or set(prior) != set(classes):
        raise LabelError(
            f"The 'prior' parameter must be 'uniform', None or a share for each of {classes}. "
            f"Got {prior!r} instead."
        )
    shares = np.array([prior[value] for value in classes], np.float64)
    if not (np.isfinite(shares) & (shares > 0)).all():
        raise LabelError(f"The shares in 'prior' must be above 0. Got {dict(prior)} instead.")
    return np.asarray(shares / shares.sum())


def _mass_scale(scores: Weights, node: Ints, harmonic: Harmonic, masses: Weights | None) -> Weights:
    """Factor for each class that brings the mass of the unlabelled items to the prior."""
    if masses is None:
        return np.ones(scores.shape[1])
    free = harmonic.reached.copy()
    free[harmonic.seeds] = False
    mass = scores[node][free[node]].sum(0)
    wanted = masses * max(mass.sum(), 1.0)
    return np.asarray(np.divide(wanted, mass, out=np.ones_like(mass), where=mass > 0))


def _power(harmonic: Harmonic, labels: Weights, truth: Ints, scale: Weights) -> tuple[float, bool]:
    """Fit the power on seeds left out in turn, if every class has two."""
    if np.bincount(truth).min() < 2:
        return PRIOR_POWER, False
    which = harmonic.held_out()
    left = harmonic.leave_one_out(labels, which)
    seen = np.isfinite(left).all(1)
    if not seen.any():
        return PRIOR_POWER, False
    # a class that lost one of m seeds lost about that share of its mass
    count = np.bincount(truth)[truth[which]]
    left[np.arange(len(which)), truth[which]] *= count / (count - 1)
    ranked = apply_power(left[seen] * scale, 1.0)
    return fit_power(ranked, truth[which[seen]], prior=PRIOR_POWER), True
