"""From lists of neighbours, which are directed, to edges, which are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from scipy import sparse

from vquery.errors import SchemaError
from vquery.graph.edges.tree import shortest_tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

Symmetry = Literal["tree", "mutual", "sum"]
SHORTEST = 1e-12
"""Smallest d_k²: a node whose neighbours are all copies of it."""


def local_weights(
    source: NDArray[Any], squared: NDArray[np.float32], reach: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Weights ``exp(-4 d² / d_k²)`` from d² of each list entry and d_k² of each node."""
    weight = squared / np.maximum(reach, np.float32(SHORTEST))[source]
    weight *= -4.0
    return np.asarray(np.exp(weight, out=weight))


def symmetric(
    n: int,
    source: NDArray[Any],
    target: NDArray[Any],
    weight: NDArray[np.float32],
    symmetry: Symmetry = "mutual",
    *,
    length: NDArray[Any] | None = None,
) -> sparse.csr_array:
    """Unite lists, given by source and nearest first, into symmetric edges.

    The weight of a pair is the sum of what both sides give it. "mutual" keeps the pairs that name
    each other and each node's nearest neighbour, "tree" those and the shortest tree through what
    the lists connect (it needs ``length``, shape (m,), see `shortest_tree`), "sum" keeps all.

    Returns
    -------
    csr_array
        Shape (n, n), float32 and, up to 2³⁰ list entries, int32. Memory O(m) for m list entries
        (about 50 bytes each).

    Raises
    ------
    SchemaError
        If the symmetry is unknown, or a list holds its own node, one node twice, or a number that
        is no node.

    >>> lists = [0, 1, 1], [1, 0, 2], np.ones(3, np.float32)    # 2 is 1's second, and names nobody
    >>> symmetric(3, *map(np.asarray, lists)).toarray()[1].tolist()
    [2.0, 0.0, 0.0]
    """
    if symmetry not in get_args(Symmetry):
        raise SchemaError(
            f"The 'symmetry' parameter must be 'tree', 'mutual' or 'sum'. Got {symmetry!r} instead."
        )
    if symmetry == "tree" and length is None:
        raise SchemaError("symmetry='tree' needs the length of each list entry")
    _check_lists(n, source, target)
    entries: NDArray[Any] = weight
    if symmetry != "sum":
        # who names whom is counted in the imaginary part: one transposition and one addition
        # instead of two. A pair is kept from 2 on: mutual is 1 + 1, nearest and tree are 2.
        entries = np.empty(len(weight), np.complex64)
        entries.real = weight
        entries.imag = 1
        entries.imag[_first(source)] = 2
        if length is not None and symmetry == "tree":
            entries.imag[shortest_tree(n, source, target, length)] = 2
    index = np.int32 if 2 * len(source) <= np.iinfo(np.int32).max else np.int64
    starts = np.searchsorted(source, np.arange(n + 1)).astype(index)
    lists = sparse.csr_array((entries, np.array(target, index), starts), shape=(n, n))
    lists.sort_indices()
    if not lists.has_canonical_format:
        raise SchemaError("neighbour lists: a list names one neighbour twice")
    both = sparse.csr_array(lists + lists.T)
    if symmetry == "sum":
        return both
    kept = np.where(both.data.imag >= 2, both.data.real, np.float32(0))
    out = sparse.csr_array((kept, both.indices, both.indptr), shape=(n, n))
    out.eliminate_zeros()
    return out


def undirected(
    n: int, source: NDArray[Any], target: NDArray[Any], weight: NDArray[np.float32]
) -> sparse.csr_array:
    """Make pairs, each given once, a symmetric matrix; float32 and int32."""
    ends = (np.asarray(source, np.int32), np.asarray(target, np.int32))
    half = sparse.csr_array(sparse.coo_array((weight, ends), shape=(n, n)))
    return sparse.csr_array(half + half.T)


def _first(source: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark the first entry of each list."""
    first = np.ones(len(source), bool)
    np.not_equal(source[1:], source[:-1], out=first[1:])
    return first


def _check_lists(n: int, source: NDArray[Any], target: NDArray[Any]) -> None:
    if not len(source):
        return
    if (source[1:] < source[:-1]).any() or source[0] < 0 or source[-1] >= n:
        raise SchemaError(f"neighbour lists must be sorted by source, from 0 to {n - 1}")
    if target.min() < 0 or target.max() >= n:
        wrong = int(np.flatnonzero((target < 0) | (target >= n))[0])
        raise SchemaError(
            f"neighbour lists: row {source[wrong]} names {target[wrong]}, which is no row of {n}"
        )
    loops = source == target
    if loops.any():
        raise SchemaError(f"neighbour lists: row {source[loops.argmax()]} names itself")
