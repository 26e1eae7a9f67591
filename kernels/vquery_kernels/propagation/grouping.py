"""Clusters by pairing neighbours round after round, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery_kernels.cpu import compiled
from vquery_kernels.propagation.reference import WEAK, assembled

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery_kernels.propagation import Clusters

    Rows = npt.NDArray[Any]


def clusters(indptr: Rows, indices: Rows, data: Rows, most: int) -> Clusters:
    """See :func:`vquery_kernels.propagation.clusters`."""
    return assembled(indptr, indices, data, most, pair, contract)


@compiled
def pair(
    indptr: Rows,
    indices: Rows,
    data: Rows,
    size: Rows,
    inside: Rows,
    largest: int,
    spare: int,
    least: float,
) -> tuple[Rows, Rows]:
    """Give each node the number of its group: itself with a neighbour, or with a group made before.

    The neighbour is that of the largest weight for its size; one that is in a group already counts
    a quarter, so that pairs come first. No group is larger than ``largest``, and a node whose
    strong links all lead to groups that are full stays alone rather than follow a weak one. Nor
    are nodes joined by less than ``least`` of what holds either together (``inside``), and all are
    left alone once there are ``spare`` fewer groups than nodes.
    """
    n = size.size
    group = np.full(n, -1, np.int32)
    sizes = np.zeros(n, np.int64)
    count = 0
    for i in range(n):
        if group[i] >= 0:
            continue
        best, strongest, full = -1, np.float64(0.0), np.float64(0.0)
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            if j == i or spare == 0 or data[e] < least * min(inside[i], inside[j]):
                continue
            taken = group[j] >= 0
            strength = data[e] / size[j] * (0.25 if taken else 1.0)
            if size[i] + (sizes[group[j]] if taken else size[j]) > largest:
                full = max(full, strength)
                continue
            if strength > strongest:
                best, strongest = j, strength
        if strongest < WEAK * full:
            best = -1
        spare -= best >= 0
        if best >= 0 and group[best] >= 0:
            group[i] = group[best]
        else:
            group[i] = count
            if best >= 0:
                group[best] = count
                sizes[count] += size[best]
            count += 1
        sizes[group[i]] += size[i]
    return group, sizes[:count].copy()


@compiled
def contract(
    indptr: Rows, indices: Rows, data: Rows, inside: Rows, group: Rows, count: int
) -> tuple[Rows, Rows, Rows, Rows]:
    """Sum the weights between groups: their graph in compressed rows; and those inside each."""
    n = group.size
    first = np.zeros(count + 1, np.int64)
    for i in range(n):
        first[group[i] + 1] += 1
    for g in range(count):
        first[g + 1] += first[g]
    at = first[:-1].copy()
    members = np.empty(n, np.int32)
    for i in range(n):
        members[at[group[i]]] = i
        at[group[i]] += 1
    place = np.full(count, -1, np.int64)
    starts = np.zeros(count + 1, np.int64)
    targets = np.empty(indices.size, np.int32)
    weights = np.empty(indices.size, np.float64)
    filled = 0
    within = np.zeros(count)
    for g in range(count):
        begin = filled
        for m in range(first[g], first[g + 1]):
            i = members[m]
            within[g] += inside[i]
            for e in range(indptr[i], indptr[i + 1]):
                h = group[indices[e]]
                if h == g:
                    within[g] += data[e]
                    continue
                if place[h] >= begin:
                    weights[place[h]] += data[e]
                else:
                    place[h] = filled
                    targets[filled] = h
                    weights[filled] = data[e]
                    filled += 1
        starts[g + 1] = filled
    return starts, targets[:filled].copy(), weights[:filled].copy(), within
