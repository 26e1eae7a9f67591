"""Components of a graph that no seed reaches, and the node of each that is worth a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csgraph

from vquery.errors import SchemaError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy import sparse

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Gaps:
    """Components without a seed, those with most items first; all arrays of shape (g,).

    Attributes
    ----------
    component
        Number of the component, as in `components_of`.
    nodes, items
        How many nodes and items lie in it.
    add
        The node to label next: the one whose links weigh most, the first of equal ones.
    """

    component: Ints
    nodes: Ints
    items: Ints
    add: Ints

    def __len__(self) -> int:
        return len(self.add)


def components_of(weights: sparse.csr_array) -> Ints:
    """Give each node the number of its connected component, shape (n,); time O(n + edges)."""
    return np.asarray(csgraph.connected_components(weights, directed=False)[1], np.int64)


def gaps(
    weights: sparse.csr_array,
    reached: Bools,
    *,
    item_count: ArrayLike | None = None,
    component: Ints | None = None,
) -> Gaps:
    """Find the components that no seed reaches.

    Parameters
    ----------
    weights
        Shape (n, n), symmetric, not negative.
    reached
        Shape (n,), as the solvers give it.
    item_count
        Shape (n,): items that a node stands for, by default 1.
    component
        Shape (n,): component of each node, where it is already known.

    Returns
    -------
    Gaps
        Sorted by items, equal ones by their number. Time O(n log n + edges).

    Raises
    ------
    SchemaError
        If lengths differ.

    >>> from vquery.graph.edges.graph import from_pairs
    >>> line = from_pairs(6, [0, 2, 3], [1, 3, 4], [1, 1, 1], kind="visual").weights
    >>> found = gaps(line, np.array([True, True, False, False, False, False]))
    >>> found.items.tolist(), found.add.tolist()    # node 3 is in the middle, node 5 is alone
    ([3, 1], [3, 5])
    """
    n = weights.shape[0]
    if np.shape(reached) != (n,):
        raise SchemaError(
            f"reached must be {n} booleans, one a node; got shape {np.shape(reached)}"
        )
    size = counted(item_count, n)
    part = components_of(weights) if component is None else component
    alone = np.flatnonzero(~reached)
    degree = np.asarray(weights[alone].sum(axis=1)).ravel()
    order = alone[np.lexsort((alone, -degree, part[alone]))]
    first = np.flatnonzero(np.diff(part[order], prepend=-1))
    head = order[first]
    nodes = np.diff(np.append(first, len(order)))
    items = np.add.reduceat(size[order], first) if len(first) else size[:0]
    rank = np.argsort(-items, kind="stable")
    return Gaps(part[head[rank]], nodes[rank], items[rank], head[rank])


def counted(item_count: ArrayLike | None, n: int) -> Ints:
    """Check how many items each node stands for; one each by default."""
    if item_count is None:
        return np.ones(n, np.int64)
    size = np.asarray(item_count)
    if size.shape != (n,) or not np.issubdtype(size.dtype, np.integer) or (size < 0).any():
        raise SchemaError(
            f"item_count must be {n} integers of 0 or more, one a node; got {size.dtype} of shape "
            f"{size.shape}"
        )
    return size.astype(np.int64)
