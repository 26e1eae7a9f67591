"""Why a node has its label: the seeds that contribute most, and the neighbours on the way there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from vquery.errors import LabelError
from vquery.graph.knowing.gaps import components_of, counted
from vquery.graph.knowing.pool import targets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

NEIGHBOURHOOD = 20_000
"""Nodes among which a path is searched at most, so that an answer takes milliseconds on any graph.
Smaller graphs are searched whole."""


class Solver(Protocol):
    """What is needed of a solution: which nodes are seeds, what they reach and contribute."""

    seeds: Ints
    reached: NDArray[np.bool_]

    def contributions(self, nodes: Ints, *, top: int = 3) -> tuple[Ints, Weights]:
        """Positions among the seeds and their shares, both (len(nodes), top), largest first."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One edge of a path: the node it leads to, its weight, and what it comes from mainly.

    ``kind`` is None where no kinds were given; ``chance`` is the weight over all weights of the
    node that the step leaves.
    """

    node: int
    weight: float
    kind: str | None
    chance: float


@dataclass(frozen=True, slots=True)
class Reason:
    """One seed that speaks for a node.

    Attributes
    ----------
    seed, position
        The node of the seed and its place among the seeds.
    share
        Its part of the scores: the chance that a walk from the node meets this seed first.
    steps
        The strongest path to it, whose chances have the largest product; empty for the seed
        itself, and where none was found in the neighbourhood.
    """

    seed: int
    position: int
    share: float
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Why:
    """Why a node has its label, or why it has none.

    Attributes
    ----------
    reasons
        The seeds with the largest shares, largest first; none where no seed reaches the node.
    rest
        The sum of the shares of all other seeds.
    reached
        Whether any seed is linked with the node.
    nodes, items
        Size of the component that the node lies in; 0 where it is reached and was not counted.
    add
        The node to label so that this one is reached; None where it already is.
    """

    node: int
    reasons: tuple[Reason, ...]
    rest: float
    reached: bool
    nodes: int
    items: int
    add: int | None


def why(
    weights: sparse.csr_array,
    solver: Solver,
    node: int,
    *,
    top: int = 3,
    kinds: Mapping[str, sparse.csr_array] | None = None,
    item_count: ArrayLike | None = None,
) -> Why:
    """Find the seeds that contribute most to a node's scores and the path to each.

    Parameters
    ----------
    weights
        Shape (n, n), symmetric, not negative: the graph that was solved.
    solver
        The solution, such as `Harmonic`.
    node
        The node to explain.
    top
        Seeds that are named at most; the others are summed up.
    kinds
        Matrices that add up to ``weights`` by the kind of edge, to name the kind of each step.
    item_count
        Shape (n,): items that a node stands for, by default 1.

    Returns
    -------
    Why
        Shares of ``reasons`` and ``rest`` together are the sum of the node's scores when each
        label is a row that sums to 1. Costs one column of the solver and, for each seed, a
        shortest path among at most ``NEIGHBOURHOOD`` nodes.

    Raises
    ------
    LabelError
        If the node does not exist or ``top`` is below 1.

    Notes
    -----
    The strongest path maximises the product of ``weight / degree`` (a shortest path on the negative
    logarithms, E. Dijkstra 1959). It leads around other seeds where it can, since a walk that meets
    one ends there.

    >>> from vquery.graph.edges.graph import from_pairs
    >>> from vquery.graph.solve import Harmonic
    >>> line = from_pairs(4, [0, 1, 2], [1, 2, 3], [1.0, 1.0, 3.0], kind="visual").weights
    >>> answer = why(line, Harmonic(line, np.array([0, 3])), 1)
    >>> [(reason.seed, round(reason.share, 3)) for reason in answer.reasons]
    [(0, 0.571), (3, 0.429)]
    >>> [step.node for step in answer.reasons[1].steps]
    [2, 3]
    """
    n = weights.shape[0]
    if not 0 <= node < n:
        raise LabelError(
            f"The 'node' parameter of why must be one of {n} nodes. Got {node} instead."
        )
    if top < 1:
        raise LabelError(f"The 'top' parameter of why must be at least 1. Got {top} instead.")
    if not solver.reached[node]:
        return _unreached(weights, node, counted(item_count, n))
    place, share = solver.contributions(np.array([node]), top=len(solver.seeds))
    named = np.flatnonzero(place[0] >= 0)[:top]
    rest = float(share[0].sum() - share[0, named].sum())
    reasons = []
    for i in named.tolist():
        position = int(place[0, i])
        seed = int(solver.seeds[position])
        path = strongest_path(weights, node, seed, around=solver.seeds)
        steps = _steps(weights, path, kinds or {})
        reasons.append(Reason(seed, position, float(share[0, i]), steps))
    return Why(node, tuple(reasons), rest, reached=True, nodes=0, items=0, add=None)


def strongest_path(
    weights: sparse.csr_array,
    source: int,
    target: int,
    *,
    around: Ints | None = None,
    limit: int = NEIGHBOURHOOD,
) -> list[int]:
    """Find the nodes of the path whose product of ``weight / degree`` is largest, ends included.

    Parameters
    ----------
    around
        Nodes that the path avoids if there is another way.
    limit
        Graphs of more nodes are searched in a neighbourhood of the ends that holds a shortest path
        by number of steps and grows to at most about this many nodes.

    Returns
    -------
    list of int
        Empty if no path exists, or if the ends are so far apart that none lies in the limit.
    """
    if source == target:
        return [source]
    near = _between(weights, source, target, limit)
    blocked = np.zeros(len(near), bool)
    if around is not None:
        blocked = np.isin(near, around) & (near != source) & (near != target)
    for keep in (near[~blocked], near)[: 1 + bool(blocked.any())]:
        path = _shortest(weights, keep, source, target)
        if path:
            return path
    return []


def _shortest(weights: sparse.csr_array, near: Ints, source: int, target: int) -> list[int]:
    ends = np.searchsorted(near, [source, target])
    rows = sparse.csr_array(weights[near])
    degree = np.asarray(rows.sum(axis=1)).ravel()
    inner = sparse.csr_array(rows[:, near])
    inner.eliminate_zeros()
    start = np.repeat(degree, np.diff(inner.indptr))
    # a certain step costs nothing, which a sparse matrix would take for no edge
    inner.data = np.maximum(np.log(start) - np.log(inner.data), np.finfo(np.float64).tiny)
    _, before = csgraph.dijkstra(inner, indices=ends[0], return_predecessors=True)
    path = [int(ends[1])]
    while path[-1] != ends[0]:
        if before[path[-1]] < 0:
            return []
        path.append(int(before[path[-1]]))
    return [int(near[i]) for i in reversed(path)]


def _between(weights: sparse.csr_array, source: int, target: int, limit: int) -> Ints:
    """Sorted nodes around both ends: the whole graph, or rings that grow until they have met."""
    n = weights.shape[0]
    if n <= limit:
        return np.arange(n)
    side = np.zeros(n, np.int8)
    side[[source, target]] = 1, 2
    rings = {1: np.array([source]), 2: np.array([target])}
    found, met = 2, False
    while not met and found <= limit and len(rings[1]) and len(rings[2]):
        grow = 1 if len(rings[1]) <= len(rings[2]) else 2
        met = _grow(weights, side, rings, grow)
        found += len(rings[grow])
    for grow in (1, 2):  # the strongest path may bend out of the shortest one
        _grow(weights, side, rings, grow)
    return np.flatnonzero(side)


def _grow(
    weights: sparse.csr_array, side: NDArray[np.int8], rings: dict[int, Ints], grow: int
) -> bool:
    """Add the next ring on one side; tell whether it touches the other side."""
    around = np.unique(targets(weights, rings[grow]))
    rings[grow] = around[side[around] == 0]
    met = bool((side[around] == 3 - grow).any())
    side[rings[grow]] = grow
    return met


def _steps(
    weights: sparse.csr_array, path: list[int], kinds: Mapping[str, sparse.csr_array]
) -> tuple[Step, ...]:
    degree = np.asarray(weights[np.array(path[:-1], np.int64)].sum(axis=1)).ravel()
    steps = []
    for a, b, total in zip(path[:-1], path[1:], degree.tolist(), strict=True):
        weight = float(weights[a, b])
        parts = {kind: float(matrix[a, b]) for kind, matrix in kinds.items()}
        kind = max(parts, key=lambda name: parts[name]) if parts else None
        steps.append(Step(b, weight, kind, weight / total))
    return tuple(steps)


def _unreached(weights: sparse.csr_array, node: int, size: Ints) -> Why:
    component = components_of(weights)
    members = np.flatnonzero(component == component[node])
    degree = np.asarray(weights[members].sum(axis=1)).ravel()
    items = int(size[members].sum())
    add = int(members[np.argmax(degree)])
    return Why(node, (), 0.0, reached=False, nodes=len(members), items=items, add=add)
