"""The propagation step in numpy. Oracle, fallback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery_kernels.propagation import CHUNK, Clusters, Edges

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from vquery_kernels.propagation import Doubles, Floats, Int64s

    Rows = npt.NDArray[Any]

SLOW = 0.9
"""A round that leaves more than this share of the groups eases the limits of the next ..."""
PATIENCE = 3
"""... so many times: groups may be twice as large, and held together by anything."""
HELD = 0.01
"""Before that, two groups are joined only by at least this part of the weight inside either."""
WEAK = 0.1
"""A link below this part of the strongest one is followed only where that leads nowhere either."""


def _pairs(edges: Edges) -> tuple[Rows, Rows, Rows]:
    """Source, target and weight of every edge: those of the lists, then the rest."""
    n, wide = edges.target.shape
    inside = np.arange(wide) < edges.filled[:, None]
    source = np.repeat(np.arange(n), edges.filled)
    more = np.repeat(np.arange(n), np.diff(edges.rest_start))
    return (
        np.concatenate([source, more]),
        np.concatenate([edges.target[inside], edges.rest_target]),
        np.concatenate([edges.weight[inside], edges.rest_weight]),
    )


def _gathered(edges: Edges, x: Rows) -> Rows:
    """``W x`` in float64."""
    source, target, weight = _pairs(edges)
    out = np.zeros(x.shape)
    np.add.at(out, source, weight[:, None] * x[target].astype(np.float64))
    return out


def layout(indptr: Rows, indices: Rows, data: Rows, order: Int64s, places: int) -> Edges:
    """See :func:`vquery_kernels.propagation.layout`."""
    n = indptr.size - 1
    place = np.empty(n, np.int32)
    place[order] = np.arange(n, dtype=np.int32)
    index = np.zeros((n, places), np.int32)
    weight = np.zeros((n, places), np.float32)
    count = np.zeros(n, np.int32)
    rest_start = np.zeros(n + 1, np.int64)
    rest_target: list[int] = []
    rest_weight: list[float] = []
    for i, node in enumerate(order.tolist()):
        row = slice(indptr[node], indptr[node + 1])
        other = indices[row] != node
        near, strength = place[indices[row][other]], data[row][other]
        count[i] = min(near.size, places)
        index[i, : count[i]], weight[i, : count[i]] = near[:places], strength[:places]
        rest_target.extend(near[places:].tolist())
        rest_weight.extend(strength[places:].tolist())
        rest_start[i + 1] = len(rest_target)
    rest = np.array(rest_target, np.int32), np.array(rest_weight, np.float32)
    return Edges(index, weight, count, rest_start, *rest)


def clusters(indptr: Rows, indices: Rows, data: Rows, most: int) -> Clusters:
    """See :func:`vquery_kernels.propagation.clusters`."""
    return assembled(indptr, indices, data, most, _pair, _contract)


def assembled(
    indptr: Rows,
    indices: Rows,
    data: Rows,
    most: int,
    pair: Callable[..., Any],
    contract: Callable[..., Any],
) -> Clusters:
    """Pair and contract until few enough are left, then order the nodes by what they went into."""
    n = indptr.size - 1
    largest, patience = max(2 * n // max(most, 1), 2), PATIENCE
    size, inside, rounds = np.ones(n, np.int64), np.zeros(n), []
    data = data.astype(np.float64, copy=False)
    while size.size > most and patience >= 0:
        least = HELD if patience == PATIENCE else 0.0
        limits = largest, size.size - most, least
        group, sizes = pair(indptr, indices, data, size, inside, *limits)
        rounds.append(group)
        if sizes.size > SLOW * size.size:
            patience -= 1
            largest *= 2
        size = sizes
        indptr, indices, data, inside = contract(indptr, indices, data, inside, group, size.size)
    kept = np.sort(np.argsort(-size, kind="stable")[:most])
    number = np.full(size.size, kept.size)
    number[kept] = np.arange(kept.size)
    rank = _by_neighbours(indptr, indices, number == kept.size)
    number = np.where(number < kept.size, rank, kept.size)
    for group in reversed(rounds):  # what goes into one group stays together on every level
        order = np.lexsort((np.arange(group.size), rank[group]))
        rank = np.empty(group.size, np.int64)
        rank[order] = np.arange(group.size)
        number = number[group]
    order = np.empty(n, np.int64)
    order[rank] = np.arange(n)
    sorted_ = number[order].astype(np.int32)
    return Clusters(order, sorted_, int(kept.size), cuts_of(sorted_, int(kept.size)))


def _by_neighbours(indptr: Rows, indices: Rows, last: Rows) -> Rows:
    """Rank the nodes of a small graph breadth first, those marked ``last`` behind all others."""
    n = indptr.size - 1
    rank = np.full(n, -1, np.int64)
    done = 0
    for begin in np.flatnonzero(~last).tolist():
        waiting = [begin] if rank[begin] < 0 else []
        while waiting:
            following = []
            for i in waiting:
                if rank[i] < 0:
                    rank[i], done = done, done + 1
                    near = indices[indptr[i] : indptr[i + 1]]
                    following.extend(near[(rank[near] < 0) & ~last[near]].tolist())
            waiting = following
    rank[last] = done + np.arange(n - done)
    return rank


def _pair(
    indptr: Rows,
    indices: Rows,
    data: Rows,
    size: Rows,
    inside: Rows,
    largest: int,
    spare: int,
    least: float,
) -> tuple[Rows, Rows]:
    group = [-1] * size.size
    sizes: list[int] = []
    for i in range(size.size):
        if group[i] >= 0:
            continue
        best, strongest, full = -1, 0.0, 0.0
        for e in range(indptr[i], indptr[i + 1]):
            j = int(indices[e])
            if j == i or spare == 0 or data[e] < least * min(inside[i], inside[j]):
                continue
            taken = group[j] >= 0
            strength = data[e] / size[j] * (0.25 if taken else 1.0)
            if size[i] + (sizes[group[j]] if taken else size[j]) > largest:
                full = max(full, strength)
            elif strength > strongest:
                best, strongest = j, strength
        if strongest < WEAK * full:
            best = -1
        spare -= best >= 0
        if best < 0 or group[best] < 0:
            sizes.append(0)
            if best >= 0:
                group[best] = len(sizes) - 1
                sizes[-1] += size[best]
            group[i] = len(sizes) - 1
        else:
            group[i] = group[best]
        sizes[group[i]] += size[i]
    return np.array(group, np.int32), np.array(sizes, np.int64)


def _contract(
    indptr: Rows, indices: Rows, data: Rows, inside: Rows, group: Rows, count: int
) -> tuple[Rows, Rows, Rows, Rows]:
    between: list[dict[int, float]] = [{} for _ in range(count)]
    within = np.zeros(count)
    for i, g in enumerate(group.tolist()):
        within[g] += inside[i]
        for e in range(indptr[i], indptr[i + 1]):
            h = int(group[indices[e]])
            if h != g:
                between[g][h] = between[g].get(h, 0.0) + data[e]
            else:
                within[g] += data[e]
    starts = np.cumsum([0, *map(len, between)])
    targets = [h for row in between for h in row]
    weights = [w for row in between for w in row.values()]
    return starts, np.array(targets, np.int32), np.array(weights, np.float64), within


def cuts_of(group: Rows, count: int) -> Int64s:
    """Places at which tasks begin: the first node of a cluster after each ``CHUNK`` rows."""
    n = group.size
    begins = np.flatnonzero(np.r_[n > 0, (group[1:] != group[:-1]) | (group[1:] == count)])
    wanted = np.searchsorted(begins, np.arange(CHUNK, n, CHUNK))
    return np.unique(np.r_[0, begins[wanted[wanted < begins.size]], n]).astype(np.int64)


def product(
    edges: Edges, diagonal: Floats, inverse: Floats, x: Floats, out: Floats, cuts: Int64s
) -> Doubles:
    """See :func:`vquery_kernels.propagation.product`."""
    del cuts
    free = inverse > 0
    out[free] = (diagonal[:, None] * x.astype(np.float64) - _gathered(edges, x))[free]
    return _dots(x[free], out[free])


def _dots(a: Rows, b: Rows) -> Doubles:
    return np.asarray(np.einsum("ij,ij->j", a.astype(np.float64), b.astype(np.float64)))


def update(
    x: Floats,
    residual: Floats,
    step: Floats,
    moved: Floats,
    inverse: Floats,
    length: Floats,
    found: Clusters,
) -> tuple[Doubles, Doubles, Doubles]:
    """See :func:`vquery_kernels.propagation.update`."""
    free = inverse > 0
    x[free] += length * step[free]
    residual[free] -= length * moved[free]
    left = residual[free]
    sums = np.zeros((found.number + 1, x.shape[1]))
    np.add.at(sums, found.group[free], left)
    return _dots(left, left), _dots(left, inverse[free, None] * left), sums[:-1]


def turn(
    residual: Floats,
    step: Floats,
    inverse: Floats,
    keep: Floats,
    lift: Floats,
    found: Clusters,
) -> None:
    """See :func:`vquery_kernels.propagation.turn`."""
    free = inverse > 0
    scaled = inverse[free, None] * residual[free] + lift[found.group[free]]
    step[free] = scaled + keep * step[free]


def coarse(edges: Edges, diagonal: Floats, inverse: Floats, found: Clusters) -> Doubles:
    """See :func:`vquery_kernels.propagation.coarse`."""
    out = np.zeros((found.number + 1, found.number + 1))
    source, target, weight = _pairs(edges)
    free = inverse > 0
    inner = free[source] & free[target]
    np.add.at(out, (found.group[source[inner]], found.group[target[inner]]), -weight[inner])
    np.add.at(out, (found.group[free], found.group[free]), diagonal[free])
    return np.asarray(out[:-1, :-1])


def inverse(matrix: Doubles) -> Floats:
    """See :func:`vquery_kernels.propagation.inverse`."""
    np.linalg.cholesky(matrix)
    return np.linalg.inv(matrix).astype(np.float32)


def times(matrix: Floats, x: Floats, out: Floats) -> None:
    """See :func:`vquery_kernels.propagation.times`."""
    out[:] = matrix.astype(np.float64) @ x


def spread(edges: Edges, gain: Floats, base: Floats, x: Floats, out: Floats) -> Doubles:
    """See :func:`vquery_kernels.propagation.spread`."""
    out[:] = base + gain[:, None] * _gathered(edges, x)
    return _dots(out - x, out - x)


def propagate(
    edges: Edges, gain: Floats, base: Floats, x: Floats, steps: int
) -> tuple[Floats, Doubles]:
    """See :func:`vquery_kernels.propagation.propagate`."""
    now, following, change = x.copy(), np.empty_like(x), np.zeros(x.shape[1])
    for _ in range(steps):
        change = spread(edges, gain, base, now, following)
        now, following = following, now
    return now, change


def remainder(
    indptr: Rows,
    indices: Rows,
    data: Rows,
    diagonal: Doubles,
    x: Doubles,
    right: Doubles,
    order: Int64s,
) -> Doubles:
    """See :func:`vquery_kernels.propagation.remainder`."""
    del order
    out = right - diagonal[:, None] * x
    source = np.repeat(np.arange(indptr.size - 1), np.diff(indptr))
    np.add.at(out, source, data[:, None] * x[indices])
    return np.asarray(out)


def corrected(scores: Doubles, columns: Doubles, change: Doubles) -> Doubles:
    """See :func:`vquery_kernels.propagation.corrected`."""
    return np.asarray(scores + columns @ change)


def unsure(
    x: Doubles, late: Doubles, residual: Doubles, diagonal: Doubles, wider: float, local: float
) -> npt.NDArray[np.bool_]:
    """See :func:`vquery_kernels.propagation.unsure`."""
    mass = diagonal * np.abs(x).sum(axis=1)
    found: npt.NDArray[np.bool_] = np.abs(residual).max(axis=1, initial=0.0) > local * mass
    if x.shape[1] > 1:
        best = np.sort(x, axis=1)[:, -2:]
        found |= best[:, 1] - best[:, 0] < wider * late.max(axis=1, initial=0.0)
    return found


def pack(given: Doubles, order: Int64s, columns: Int64s, factor: Doubles, out: Floats) -> None:
    """See :func:`vquery_kernels.propagation.pack`."""
    out[:, : len(columns)] = given[np.ix_(order, columns)] * factor


def unpack(
    block: Floats,
    order: Int64s,
    columns: Int64s,
    factor: Doubles,
    into: Doubles,
    add: bool,  # noqa: FBT001 - the shape of the compiled form
) -> None:
    """See :func:`vquery_kernels.propagation.unpack`."""
    rows = np.ix_(order, columns)
    into[rows] = block[:, : len(columns)] * factor + (into[rows] if add else 0.0)
