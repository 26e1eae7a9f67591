"""Harmonic scores after labels have changed, from the scores before.

Clamping node ``i`` of the system ``A`` to ``y`` changes the solution by a multiple of one column of
its inverse: with ``g = A⁻¹ e_i`` it becomes ``x + g (y - x_i) / g_i``, for all classes at once, so
that one column is solved for instead of one a class (the matrix inversion lemma). For several nodes
``g_i`` becomes a small matrix. A seed whose label changes adds ``A⁻¹ w_i (y' - y)``, and one that
is taken away leaves a residual at one node only. The tolerance holds against the change of the
right-hand side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery.errors import LabelError
from vquery_kernels import propagation as kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.graph.solve.harmonic import Harmonic

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

REFRESH = 32
"""Corrections before the scores are iterated on themselves, so that errors do not pile up."""


def added(
    problem: Harmonic, node: int | Ints, scores: Weights, label_row: Weights
) -> tuple[Harmonic, Weights]:
    """Give labels to nodes, new seeds or old, and correct the scores.

    Parameters
    ----------
    problem
        The problem that ``scores`` solve; it stays as it is.
    node
        One node, or distinct nodes (m,).
    scores
        Shape (n, c), as `Harmonic.solve` gave them.
    label_row
        Shape (c,), or (m, c).

    Returns
    -------
    (Harmonic, ndarray)
        The problem with these seeds, new ones last, and its scores (n, c). Costs one column a node
        where all are new or all are seeds, and no more than there are classes; else the scores are
        iterated on from where they are.

    Raises
    ------
    LabelError
        For nodes that repeat or do not exist, and rows of another shape.

    >>> from vquery.graph.edges import from_pairs
    >>> from vquery.graph.solve.harmonic import Harmonic
    >>> line = from_pairs(4, [0, 1, 2], [1, 2, 3], [1.0, 1.0, 1.0], kind="visual").weights
    >>> before = Harmonic(line, np.array([0]))
    >>> after, scores = added(before, 3, before.solve(np.eye(2)[:1]), np.array([0.0, 1.0]))
    >>> after.seeds.tolist(), scores.round(3)[1].tolist()
    ([0, 3], [0.667, 0.333])
    """
    nodes, rows = np.atleast_1d(np.asarray(node, np.int64)), np.atleast_2d(label_row)
    if not len(nodes):
        return problem, scores
    _check(nodes, rows, scores)
    place = np.full(len(scores), -1, np.int64)
    place[problem.seeds] = np.arange(len(problem.seeds))
    old = place[nodes] >= 0
    after = problem if old.all() else problem.near(np.r_[problem.seeds, nodes[~old]])
    if (old.any() and not old.all()) or len(nodes) > scores.shape[1] or _worn(problem):
        return after, _again(after, scores, nodes, rows)
    if old.all():
        columns = problem.inner(problem.border[place[nodes]].toarray().T)
        change = rows - scores[nodes]
    else:
        if not problem.reached[nodes].all():
            return after, _again(after, scores, nodes, rows)
        columns = problem.columns(nodes)
        change = np.asarray(np.linalg.solve(columns[nodes], rows - scores[nodes]), np.float64)
    corrected = kernel.corrected(scores, columns, change)
    corrected[nodes] = rows
    return _noted(problem, after), corrected


def removed(problem: Harmonic, node: int, scores: Weights) -> tuple[Harmonic, Weights]:
    """Take the label of a seed away and correct the scores, from one column.

    Returns
    -------
    (Harmonic, ndarray)
        The problem without that seed, and its scores (n, c): 0 where no seed is left to reach.

    Raises
    ------
    LabelError
        If the node is no seed, or the only one.

    >>> from vquery.graph.edges import from_pairs
    >>> from vquery.graph.solve.harmonic import Harmonic
    >>> line = from_pairs(3, [0, 1], [1, 2], [1.0, 1.0], kind="visual").weights
    >>> before = Harmonic(line, np.array([0, 2]))
    >>> removed(before, 2, before.solve(np.eye(2)))[1].tolist()
    [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
    """
    rest = problem.seeds[problem.seeds != node]
    if len(rest) == len(problem.seeds):
        raise LabelError(f"node {node} is no seed, so its label cannot be taken away")
    after = problem.near(rest)
    if not after.reached[node]:
        return after, np.where(after.reached[:, None], scores, 0.0)
    if _worn(problem):
        return after, after.solve(scores[rest], start=scores)
    pull = problem.border[problem.seeds == node] @ scores - problem.total[node] * scores[node]
    corrected = scores + after.columns(np.array([node])) * np.asarray(pull)
    return _noted(problem, after), corrected


def _check(nodes: Ints, rows: Weights, scores: Weights) -> None:
    n, classes = scores.shape
    if len(np.unique(nodes)) < len(nodes) or nodes.min() < 0 or nodes.max() >= n:
        raise LabelError(f"nodes to label must be distinct and from 0 to {n - 1}")
    if rows.shape != (len(nodes), classes):
        raise LabelError(
            f"label_row must have shape ({len(nodes)}, {classes}), one row a node, got {rows.shape}"
        )


def _worn(problem: Harmonic) -> bool:
    return problem.warm_steps >= REFRESH


def _again(after: Harmonic, scores: Weights, nodes: Ints, rows: Weights) -> Weights:
    """Iterate on from the scores there are."""
    known = scores.copy()
    known[nodes] = rows
    return after.solve(known[after.seeds], start=scores)


def _noted(before: Harmonic, after: Harmonic) -> Harmonic:
    """Let the problem after a correction carry the account of it."""
    noted = after.near(after.seeds) if after is before else after
    noted.warm_steps = before.warm_steps + 1
    noted.report.add(
        before.report.iterations,
        before.report.residual,
        noted.tol,
        final=True,
        unsure=before.report.unsure_nodes,
    )
    return noted
