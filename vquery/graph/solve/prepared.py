"""What solving on a large graph needs of the graph alone: made once, kept as long as the graph."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse import csgraph

from vquery_kernels.propagation import Clusters, Edges, clusters, layout

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]

CLUSTERS, NODES_EACH = 1_024, 128
"""Clusters of the coarse problem at most, and nodes in one of them: inverting it costs the third
power of their number, and should stay below what the iterations cost."""

BLOCK = 256
"""Nodes that are sorted among themselves where a cluster is larger."""
STRIDE = 7
"""A second sum, over every seventh weight, tells exchanged weights apart."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Neighbour lists in float32 where neighbours are close, components (n,), row sums (n,)."""

    edges: Edges
    found: Clusters
    component: Ints
    degree: Weights


class _Kept(NamedTuple):
    owner: weakref.ref[sparse.csr_array]
    stamp: tuple[int, float, float]
    made: Prepared


_kept: dict[int, _Kept] = {}


def prepared(matrix: sparse.csr_array, *, whole: bool = False) -> Prepared:
    """Prepare a symmetric matrix, or find what was made for this very object before.

    It holds affinities or, with ``whole``, a system: affinities with a minus sign, and a diagonal,
    which is left out. What was made is forgotten together with the matrix, and made anew
    when its numbers have changed. O(entries · log(n)) the first time.

    >>> from scipy import sparse
    >>> matrix = sparse.csr_array(np.ones((2, 2)))
    >>> prepared(matrix) is prepared(matrix), prepared(matrix).edges.filled.tolist()
    (True, [1, 1])
    """
    key, stamp = id(matrix), _stamp(matrix)
    found = _kept.get(key)
    if found is not None and found.owner() is matrix and found.stamp == stamp:
        return found.made
    rows = matrix.indptr, matrix.indices, matrix.data
    most = min(CLUSTERS, matrix.shape[0] // NODES_EACH)
    order = clusters(*rows[:2], -matrix.data if whole else matrix.data, most)
    order = _evened(order, np.diff(matrix.indptr))
    # in a symmetric matrix the same as the weak ones, which would need its transpose
    _, component = csgraph.connected_components(matrix, directed=True, connection="strong")
    degree = row_sums(matrix)
    degree.setflags(write=False)
    made = Prepared(layout(*rows, order.order), order, np.asarray(component, np.int64), degree)
    _kept[key] = _Kept(weakref.ref(matrix, lambda _: _kept.pop(key, None)), stamp, made)
    return made


def _evened(found: Clusters, length: Ints) -> Clusters:
    """Sort the nodes of each cluster by the lengths of their lists, ``BLOCK`` at a time.

    A processor foretells how long the next list is when it is as long as the one before; that saves
    a third of a product, and neighbours stay as close as a cluster is wide.

    >>> found = Clusters(np.arange(4), np.array([0, 0, 1, 1], np.int32), 2, np.array([0, 4]))
    >>> _evened(found, np.array([1, 0, 3, 2])).order.tolist()
    [1, 0, 3, 2]
    """
    place = np.arange(len(found.order))
    begins = place % BLOCK == 0
    begins[1:] |= found.group[1:] != found.group[:-1]
    near = np.minimum(length[found.order], 255).astype(np.int64)
    key = np.cumsum(begins) << 40 | near << 32 | place
    return found._replace(order=found.order[np.sort(key) & 0xFFFFFFFF])


def row_sums(matrix: sparse.csr_array) -> Weights:
    """Sum the rows in float64, shape (n,).

    The sum of scipy adds float32 to float32 whatever is asked of it. A degree that is off by its
    rounding is a leak, which a part that hangs on one weak link passes through very often.

    >>> from scipy import sparse
    >>> row_sums(sparse.csr_array(np.array([[0, 1, 2**-30], [0, 0, 0]], np.float32))).tolist()
    [1.0000000009313226, 0.0]
    """
    out = np.zeros(matrix.shape[0])
    some = np.flatnonzero(np.diff(matrix.indptr))
    if len(some):
        out[some] = np.add.reduceat(matrix.data, matrix.indptr[some], dtype=np.float64)
    return out


def _stamp(matrix: sparse.csr_array) -> tuple[int, float, float]:
    """Tell apart a matrix whose numbers were changed in place, as far as two sums can."""
    data = matrix.data
    return data.size, float(data.sum()), float(data[::STRIDE].sum())
