"""All products in float64, in blocks, and a sort of what reaches the k-th: oracle and fallback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels.neighbours.question import apart

if TYPE_CHECKING:
    from vquery_kernels.neighbours.question import Found, Question

BLOCK = 1 << 22
"""Products held at a time."""


def top_k(question: Question) -> Found:
    """See :func:`vquery_kernels.neighbours.top_k`."""
    queries, base = question.queries, question.base
    n, m = len(queries.ids), len(base.ids)
    ids = np.full((n, question.k), -1, np.int32)
    cosine = np.full((n, question.k), -np.inf, np.float32)
    width = min(question.k, m)
    right = base.points.astype(np.float64).T
    columns = np.arange(m)
    step = max(1, BLOCK // max(m, 1))
    for start in range(0, n if width else 0, step):
        rows = np.arange(start, min(start + step, n))
        near = (queries.points[rows].astype(np.float64) @ right).astype(np.float32)
        near[apart(question, rows[:, None], columns[None, :])] = -np.inf
        near[~queries.alive[rows]] = -np.inf
        kth = np.partition(near, m - width, axis=1)[:, m - width]
        of, column = np.nonzero((near >= kth[:, None]) & (near > -np.inf))
        order = np.lexsort((base.ids[column], -near[of, column], of))
        of, column = of[order], column[order]
        rank = np.arange(len(of)) - np.searchsorted(of, of)
        of, column, rank = (each[rank < width] for each in (of, column, rank))
        cosine[rows[of], rank] = near[of, column]
        ids[rows[of], rank] = base.ids[column]
    return ids, cosine


def all_top_k(question: Question) -> Found:
    """See :func:`vquery_kernels.neighbours.all_top_k`."""
    return top_k(question)
