"""How candidates for a label are ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy import sparse

from vquery.errors import LabelError, SchemaError
from vquery.graph.knowing.pool import POOL, rings
from vquery.graph.knowing.regions import Regions

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from vquery.graph.knowing.gaps import Gaps
    from vquery.graph.knowing.overview import Overview

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Weights = NDArray[np.float64]

SURE = 0.3
"""What a label that the scores are sure of is still worth, in parts of an unsure one: classes that
nobody has labelled yet look sure."""
UNREACHED, FAR, UNSURE, DISAGREE = (
    "unreached component",
    "far from labels",
    "uncertain",
    "sources disagree",
)


@dataclass(frozen=True, slots=True)
class Task:
    """The problem after its checks, and the components that no seed reaches."""

    weights: sparse.csr_array
    scores: Weights
    seeds: Ints
    size: Ints
    reached: Bools
    found: Gaps
    overview: Overview

    def pool(self, n: int, *, everything: bool) -> Ints:
        """Choose the candidates, sorted; no seed among them."""
        if everything:
            return np.setdiff1d(np.arange(len(self.size)), self.seeds)
        heads = self.found.add[:n]
        around = rings(self.weights, np.concatenate([self.seeds, heads]))
        every = np.unique(np.concatenate([around, heads, self.overview.nodes]))
        return np.setdiff1d(every, self.seeds)

    def margin(self, nodes: Ints) -> Weights:
        """Share of the best class less that of the second; 0 without scores."""
        rows = self.scores[nodes]
        total = rows.sum(1)
        best = np.sort(rows, axis=1)[:, ::-1][:, :2]
        gap = best[:, 0] - best[:, 1] if best.shape[1] > 1 else total
        return np.asarray(np.divide(gap, total, out=np.zeros(len(nodes)), where=total > 0))

    def reach(self, nodes: Ints) -> Ints:
        """Items of the unreached component that each node lies in, 0 for reached ones."""
        component = self.overview.component
        items = np.zeros(component.max(initial=0) + 1, np.int64)
        items[self.found.component] = self.found.items
        return np.asarray(items[component[nodes]], np.int64)


class Ranking(Protocol):
    """Candidates with a value each, which may change when one is chosen."""

    nodes: Ints

    def values(self) -> Weights:
        """Value of each candidate; -inf for those that are not to be suggested."""
        ...

    def choose(self, place: int) -> str:
        """Take note that the candidate at ``place`` is chosen; say why it was."""
        ...


class Fixed:
    """Values that do not change."""

    def __init__(self, nodes: Ints, values: Weights, reason: str, alone: Bools) -> None:
        self.nodes, self._values, self._reason, self._alone = nodes, values, reason, alone

    def values(self) -> Weights:
        """Give the values, always the same."""
        return self._values

    def choose(self, place: int) -> str:
        """Say why the candidate was chosen."""
        return UNREACHED if self._alone[place] else self._reason


class ByRegion:
    """The gain of `Regions`; below a ``sure`` of 1 also by how unsure the scores are.

    Candidates near the labels are weighed one by one, all else by the cells of the overview.
    """

    def __init__(self, task: Task, pool: Ints, sure: float) -> None:
        self._task = task
        fine = self._fine(pool)
        parts, cells = _quotient(task, fine)
        self._regions = Regions(*parts)
        self.nodes = np.concatenate([fine, task.overview.nodes[cells]])
        # a cell whose middle is weighed on its own, or is labelled, has nobody to speak for it
        taken = np.isin(task.overview.nodes[cells], np.concatenate([fine, task.seeds]))
        allowed = np.isin(task.overview.nodes[cells], pool)
        self._mute = np.concatenate([np.zeros(len(fine), bool), taken | ~allowed])
        self._part = task.overview.component[self.nodes]
        self._waiting = ~task.reached[self.nodes]
        self._by_scores = sure < 1
        self._margin = task.margin(self.nodes)
        self._factor = sure + (1 - sure) * (1 - self._margin)

    def _fine(self, pool: Ints) -> Ints:
        """Choose at most ``POOL`` nodes: unsure ones with heavy links; sorted."""
        weight = np.asarray(self._task.weights[pool].sum(axis=1)).ravel()
        value = (1 - self._task.margin(pool)) * weight
        return np.sort(pool[np.lexsort((pool, -value))[:POOL]])

    def values(self) -> Weights:
        """Give the gains as they are now."""
        gain = self._regions.gain()[: len(self.nodes)]
        return np.where(self._mute | (gain <= 0), -np.inf, gain * self._factor)

    def choose(self, place: int) -> str:
        """Bring the gains up to date; say why the candidate was chosen."""
        reason = UNSURE if self._by_scores and self._margin[place] < 0.5 else FAR
        if self._waiting[place]:
            reason = UNREACHED
            self._waiting &= self._part != self._part[place]
        self._regions.choose(place)
        return reason


def _quotient(
    task: Task, fine: Ints
) -> tuple[tuple[sparse.csr_array, Weights, Weights, Ints], Ints]:
    """Link ``fine`` nodes with each other, with the cells of all others and with the labelled.

    Returns
    -------
    (tuple, ndarray)
        What `Regions` takes, fine nodes first; and the cells that follow them. Last are the
        labelled nodes, those of one cell as one. Links between two cells are those of the
        overview, which may count links of fine nodes twice.
    """
    small, f, p = task.overview, len(fine), len(task.overview.nodes)
    known = np.concatenate([fine, task.seeds])
    mine = small.owner[known]
    inside = mine >= 0
    items = small.items - np.bincount(mine[inside], task.size[known][inside], minlength=p)
    count = small.count - np.bincount(mine[inside], minlength=p)
    cells = np.flatnonzero(count > 0)
    cell_at = np.full(p + 1, -1)  # the last one is for nodes without a cell
    cell_at[cells] = f + np.arange(len(cells))
    _, group, members = np.unique(mine[f:], return_inverse=True, return_counts=True)
    known_at = np.concatenate([np.arange(f), f + len(cells) + group])
    rows = sparse.csr_array(task.weights[known])
    left = np.repeat(known_at, np.diff(rows.indptr))
    end = _place(known, rows.indices)
    right = np.where(end >= 0, known_at[end], cell_at[small.owner[rows.indices]])
    both = sparse.coo_array(small.weights)
    outer = (end < 0) & (right >= 0)
    pairs = (
        np.concatenate([left, right[outer], cell_at[both.row]]),
        np.concatenate([right, left[outer], cell_at[both.col]]),
    )
    data = np.concatenate([rows.data, rows.data[outer], both.data])
    kept = (pairs[0] >= 0) & (pairs[1] >= 0) & (pairs[0] != pairs[1])
    size = f + len(cells) + len(members)
    ends = (pairs[0][kept], pairs[1][kept])
    weights = sparse.csr_array(sparse.coo_array((data[kept], ends), shape=(size, size)))
    items = np.concatenate([task.size[fine], items[cells], np.zeros(len(members))])
    count = np.concatenate([np.ones(f), count[cells], members])
    return (weights, items, count, np.arange(size - len(members), size)), cells


def _place(known: Ints, nodes: Ints) -> Ints:
    """Position of each node among ``known``, -1 for others; distinct, in any order."""
    order = np.argsort(known)
    at = np.minimum(np.searchsorted(known, nodes, sorter=order), max(len(known) - 1, 0))
    if not len(known):
        return np.full(len(nodes), -1)
    place = order[at]
    return np.where(known[place] == nodes, place, -1)


def unsure(task: Task, pool: Ints, *, dense: bool) -> Fixed:
    """Rank reached nodes by a small margin, and one node of each component that is not reached."""
    heads = np.isin(pool, task.found.add)
    nodes = pool[task.reached[pool] | heads]
    alone = ~task.reached[nodes]
    value = 1 - task.margin(nodes)
    degree = np.asarray(task.weights[nodes].sum(axis=1)).ravel()
    if dense:
        return Fixed(nodes, value * degree, UNSURE, alone)
    # components first, single nodes last: nothing is known there, but little is there to know
    rank = task.reach(nodes) / max(float(task.size.sum()), 1.0)
    value[alone] = np.where(degree[alone] > 0, 1 + rank[alone], rank[alone] - 1)
    return Fixed(nodes, value, UNSURE, alone)


def disputed(task: Task, pool: Ints, votes: ArrayLike | None) -> Fixed:
    """Rank nodes by the chance that two of their sources, the scores being one, disagree."""
    if votes is None:
        raise LabelError("The 'votes' parameter of suggest is needed for strategy 'disagreement'.")
    given = np.asarray(votes)
    n, c = task.scores.shape
    if given.ndim != 2 or len(given) != n or not np.issubdtype(given.dtype, np.integer):
        raise SchemaError(
            f"votes must be integers of shape ({n}, functions), got {given.dtype} of shape "
            f"{given.shape}"
        )
    bad = np.argwhere((given < -1) | (given >= c))
    if len(bad):
        node, function = bad[0].tolist()
        raise LabelError(
            f"votes, node {node}, function {function}: expected one of {c} classes or -1, got "
            f"{given[node, function]}"
        )
    value = disagreement(given[pool], task.scores[pool])
    return Fixed(pool, np.where(value > 0, value, -np.inf), DISAGREE, np.zeros(len(pool), bool))


def disagreement(votes: Ints, scores: Weights) -> Weights:
    """Chance that two different sources of a row disagree, the scores being one of them.

    Parameters
    ----------
    votes
        Shape (p, m): class or -1.
    scores
        Shape (p, c), not negative; a row of zeros is no source.

    Returns
    -------
    ndarray
        Shape (p,); 0 for rows with fewer than two sources.

    >>> disagreement(np.array([[0, 1], [0, -1]]), np.array([[0.0, 0.0], [0.25, 0.75]])).tolist()
    [1.0, 0.75]
    """
    p, c = scores.shape
    row, function = np.nonzero(votes >= 0)
    count = np.bincount(row * c + votes[row, function], minlength=p * c).reshape(p, c)
    total = scores.sum(1, keepdims=True)
    share = np.divide(scores, total, out=np.zeros((p, c)), where=total > 0)
    sources = count.sum(1) + (total[:, 0] > 0)
    pairs = sources * (sources - 1) / 2
    agree = (count * (count - 1) / 2 + count * share).sum(1)
    return np.asarray(1 - np.divide(agree, pairs, out=np.ones(p), where=pairs > 0))
