"""Candidates in numpy, a row at a time: oracle and fallback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vquery_kernels.arrays import Int64s
    from vquery_kernels.candidates import Floats, Int32s, Lists, Rules


def probed(
    points: Floats, starts: Int64s, probes: Int32s, lists: Lists, apart: Rules, first: int
) -> Lists:
    """See :func:`vquery_kernels.candidates.probed`."""
    out = lists.copied()
    for place, cells in enumerate(probes):
        named = [np.arange(starts[cell], starts[cell + 1]) for cell in cells if cell >= 0]
        met = np.concatenate([*named, np.empty(0, np.int64)])
        _offer(points, first + place, met, out.part(slice(place, place + 1)), apart)
    return out


def descended(points: Floats, lists: Lists, apart: Rules, mates: Int32s) -> Lists:
    """See :func:`vquery_kernels.candidates.descended`."""
    n = len(points)
    out = lists.copied()
    out.fresh[:] = False
    named_by = reverse(lists.ids)
    for row in range(n):
        by = named_by[row][named_by[row] >= 0]
        newly = np.array([bool(lists.fresh[via][lists.ids[via] == row].any()) for via in by], bool)
        via = np.concatenate([lists.ids[row], by, mates[row]])
        new = np.concatenate([lists.fresh[row], newly, np.zeros(mates.shape[1], bool)])
        via, new = via[via >= 0], new[via >= 0]
        theirs = lists.ids[via][new[:, None] | lists.fresh[via]]
        met = np.concatenate([via, theirs, mates[via[new]].ravel()])
        _offer(points, row, met[met >= 0], out.part(slice(row, row + 1)), apart)
    return out


def reverse(ids: Int32s) -> Int32s:
    """For each row the first ``k`` rows in whose lists it is, by place in the list, then row.

    >>> reverse(np.array([[1], [-1], [1]])).tolist()
    [[-1], [0], [-1]]
    """
    n, k = ids.shape
    source = np.tile(np.arange(n), k)
    target = ids.T.ravel()
    order = np.argsort(target, kind="stable")
    order = order[target[order] >= 0]
    first = np.searchsorted(target[order], np.arange(n))
    rank = np.arange(len(order)) - first[target[order]]
    out = np.full((n, k), -1, np.int32)
    kept = order[rank < k]
    out[target[kept], rank[rank < k]] = source[kept]
    return out


def _offer(points: Floats, row: int, candidates: Int64s, lists: Lists, apart: Rules) -> None:
    """Keep the best of a row's list (1, k) and of candidates, by falling cosine, then id."""
    own = lists.ids[0]
    new = np.setdiff1d(candidates, own)
    same = (apart.group[new] == apart.group[row]) & (apart.group[row] >= 0)
    near = np.abs(apart.time[new] - apart.time[row]) <= apart.seconds
    same |= near & (apart.video[new] == apart.video[row]) & (apart.seconds > 0)
    new = new[~same & (new != row)]
    cosine = (points[new].astype(np.float64) @ points[row].astype(np.float64)).astype(np.float32)
    ids, values = np.r_[own, new], np.r_[lists.cosines[0], cosine]
    fresh = np.r_[lists.fresh[0], np.ones(len(new), bool)]
    order = np.lexsort((ids, -values))[: len(own)]
    lists.ids[:], lists.cosines[:], lists.fresh[:] = ids[order], values[order], fresh[order]
