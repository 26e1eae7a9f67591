"""What to label next: few nodes that tell most, none of them telling the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from vquery.errors import LabelError, SchemaError
from vquery.graph.knowing.gaps import counted, gaps
from vquery.graph.knowing.overview import overview
from vquery.graph.knowing.pool import Nearby, targets
from vquery.graph.knowing.ranking import SURE, UNREACHED, ByRegion, Task, disputed, unsure

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy import sparse

    from vquery.graph.knowing.overview import Overview
    from vquery.graph.knowing.ranking import Ranking

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

Strategy = Literal["mixed", "coverage", "density", "margin", "disagreement"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Nodes to label, the most useful first; arrays of shape (p,).

    Attributes
    ----------
    nodes
        Distinct, no seed, no two of them neighbours or close in time.
    score
        What the strategy ranks by when the node was chosen; comparable within one call only. For
        "coverage" it is how many items the label would newly speak for.
    reason
        One of "unreached component", "far from labels", "uncertain", "sources disagree".
    margin
        Share of the best class less that of the second in the node's scores; 0 if unreached.
    items
        Items that the node stands for, or those of the unreached component that it would reach.
    asked, candidates
        How many were asked for, and how many nodes were looked at.
    """

    nodes: Ints
    score: Weights
    reason: tuple[str, ...]
    margin: Weights
    items: Ints
    asked: int
    candidates: int

    @property
    def missing(self) -> int:
        """How many fewer there are than were asked for."""
        return self.asked - len(self.nodes)


def suggest(
    weights: sparse.csr_array,
    scores: ArrayLike,
    seeds: ArrayLike,
    n: int,
    strategy: Strategy = "mixed",
    *,
    item_count: ArrayLike | None = None,
    video: ArrayLike | None = None,
    time: ArrayLike | None = None,
    votes: ArrayLike | None = None,
    candidates: Literal["neighbours", "all"] = "neighbours",
    apart_s: float = 2.0,
    known: Overview | None = None,
) -> Suggestions:
    """Choose up to ``n`` nodes whose labels would tell most.

    Parameters
    ----------
    weights
        Shape (n_nodes, n_nodes), symmetric, not negative.
    scores
        Shape (n_nodes, c), not negative: what a solver gave. Where "none of them" is possible it
        must be a column.
    seeds
        Shape (s,): labelled nodes; may be empty.
    n
        How many to suggest at most.
    strategy
        "mixed": "coverage", times how unsure the scores are; take this unless you know better.
        "coverage": what speaks for most items that no label speaks for yet (`Regions`), components
        without any seed among them. "margin": where the best two classes are closest; with few
        labels worse than chance, since classes that nobody has labelled yet look sure. "density":
        the same, times the node's links; worse than chance until most classes have a label, then as
        good as "mixed".
        "disagreement": where votes and scores contradict each other.
    item_count
        Shape (n_nodes,): items that a node stands for, by default 1.
    video, time, apart_s
        Of one video (integers) no two suggestions, and no suggestion and a seed, are at most
        ``apart_s`` apart in ``time`` (seconds). Only with ``time``.
    votes
        Shape (n_nodes, m), integers: column of ``scores``, or -1 to abstain.
    candidates
        "neighbours": the rings around the labelled up to some hundred nodes, one node of each of
        the ``n`` largest components without a seed, and one of each of some hundred cells that the
        graph is cut into, so that the cost does not grow with the collection. "all": every node,
        for strategies that do not look at whole regions anyway.
    known
        `overview` of the graph; with it nothing here takes longer on a larger graph but finding
        out what the seeds reach.

    Returns
    -------
    Suggestions
        Fewer than ``n`` where nothing else is left that is neither a neighbour of a chosen node nor
        close to one in time (and, for "disagreement", disputed). The same every time.

    Raises
    ------
    LabelError
        If ``n``, ``strategy``, ``candidates``, ``seeds`` or ``votes`` cannot be what they are.
    SchemaError
        If shapes differ.

    >>> from vquery.graph.edges.graph import from_pairs
    >>> line = from_pairs(6, [0, 1, 2, 4], [1, 2, 3, 5], [1.0] * 4, kind="visual").weights
    >>> scores = np.array([[1, 0], [1, 0], [1, 0], [1, 0], [0, 0], [0, 0]])
    >>> found = suggest(line, scores, [0], 2, "coverage")
    >>> found.nodes.tolist(), found.reason
    ([4, 2], ('unreached component', 'far from labels'))
    """
    if n < 1:
        raise LabelError(f"The 'n' parameter of suggest must be at least 1. Got {n} instead.")
    _one_of(strategy, STRATEGIES, "strategy")
    _one_of(candidates, ("neighbours", "all"), "candidates")
    task = _task(weights, scores, seeds, item_count, known)
    near = _nearby(video, time, apart_s, weights.shape[0])
    regions = strategy in ("coverage", "mixed")
    pool = task.pool(n, everything=candidates == "all" and not regions)
    pool = pool[~near.to(pool, task.seeds)]
    ranking: Ranking
    if regions:
        ranking = ByRegion(task, pool, SURE if strategy == "mixed" else 1.0)
    elif strategy == "disagreement":
        ranking = disputed(task, pool, votes)
    else:
        ranking = unsure(task, pool, dense=strategy == "density")
    chosen, score, reason = _greedy(ranking, weights, near, n)
    alone = np.array([why == UNREACHED for why in reason], bool)
    items = np.where(alone, task.reach(chosen), task.size[chosen])
    return Suggestions(chosen, score, reason, task.margin(chosen), items, n, len(ranking.nodes))


def _greedy(
    ranking: Ranking, weights: sparse.csr_array, near: Nearby, n: int
) -> tuple[Ints, Weights, tuple[str, ...]]:
    """Take the best again and again; neighbours and what is close in time are out after that."""
    nodes = ranking.nodes
    open_ = np.ones(len(nodes), bool)
    chosen: list[int] = []
    score: list[float] = []
    reason: list[str] = []
    while len(chosen) < n:
        values = np.where(open_, ranking.values(), -np.inf)
        place = int(np.argmax(values)) if len(nodes) else -1
        if place < 0 or values[place] == -np.inf:
            break
        node = nodes[place : place + 1]
        reason.append(ranking.choose(place))
        chosen.append(int(node[0]))
        score.append(float(values[place]))
        open_[place] = False
        open_ &= ~np.isin(nodes, targets(weights, node)) & ~near.to(nodes, node)
    return np.array(chosen, np.int64), np.array(score, np.float64), tuple(reason)


def _task(
    weights: sparse.csr_array,
    scores: ArrayLike,
    seeds: ArrayLike,
    item_count: ArrayLike | None,
    known: Overview | None,
) -> Task:
    n = weights.shape[0]
    values = np.asarray(scores, np.float64)
    if values.ndim != 2 or len(values) != n:
        raise SchemaError(f"scores must have {n} rows, one a node; got shape {values.shape}")
    if not (values >= 0).all() or np.isinf(values).any():
        row = int(np.flatnonzero(~((values >= 0) & np.isfinite(values)).all(1))[0])
        raise SchemaError(f"scores, node {row}: must be finite and not negative")
    given = np.unique(np.asarray(seeds, np.int64))
    bad = given[(given < 0) | (given >= n)]
    if len(bad):
        raise LabelError(f"seeds: node {bad[0]} does not exist, there are {n} nodes")
    small = overview(weights, item_count=item_count) if known is None else known
    if len(small.owner) != n:
        raise SchemaError(f"known must be the overview of {n} nodes, got {len(small.owner)}")
    reached = np.isin(small.component, small.component[given])
    size = counted(item_count, n)
    found = gaps(weights, reached, item_count=size, component=small.component)
    return Task(weights, values, given, size, reached, found, small)


def _nearby(video: ArrayLike | None, time: ArrayLike | None, apart_s: float, n: int) -> Nearby:
    if time is None:
        return Nearby()
    if not apart_s >= 0:
        raise LabelError(
            f"The 'apart_s' parameter of suggest must be 0 or more. Got {apart_s} instead."
        )
    when = np.asarray(time, np.float64)
    film = np.zeros(n, np.int64) if video is None else np.asarray(video)
    if when.shape != (n,) or not np.isfinite(when).all():
        raise SchemaError(f"time must be {n} finite numbers of seconds, got shape {when.shape}")
    if film.shape != (n,) or not np.issubdtype(film.dtype, np.integer):
        raise SchemaError(f"video must be {n} integers, got {film.dtype} of shape {film.shape}")
    return Nearby(film.astype(np.int64), when, float(apart_s))


def _one_of(value: str, known: tuple[str, ...], name: str) -> None:
    if value not in known:
        raise LabelError(
            f"The '{name}' parameter of suggest must be one of {', '.join(known)}. "
            f"Got {value!r} instead."
        )
