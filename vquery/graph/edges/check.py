"""What a matrix of affinities must be, before anything is computed with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from vquery.errors import SchemaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUNDING = 1e-5
"""Share by which the two halves of an edge may differ: sums of float32 in another order."""


def checked(matrix: Any, kind: str, n: int) -> sparse.csr_array:
    """Return affinities in canonical form: rows sorted, no zero stored, float32 or 64, int32.

    Nothing is copied unless something has to change; besides one transposed copy no temporary is
    larger than the number of entries in bytes. The matrix that was given is left as it is.

    Raises
    ------
    SchemaError
        Naming the kind and the pair of nodes at fault, if the matrix is not (n, n), or has weights
        that are negative or not finite, loops, an edge twice, or an edge in one direction only.

    >>> checked(sparse.csr_array([[0, 2], [2, 0]]), "visual", 2).dtype
    dtype('float32')
    """
    if not sparse.issparse(matrix) or matrix.shape != (n, n):
        shape = getattr(matrix, "shape", type(matrix).__name__)
        raise SchemaError(f"{kind} edges must be a sparse array of shape ({n}, {n}), got {shape}")
    out = _own(matrix, kind)
    _check_values(out, kind)
    if out.nnz and out.data.min() == 0:
        out = out.copy()
        out.eliminate_zeros()
    if not out.has_sorted_indices:
        out = out.copy()
        out.sort_indices()
    _check_single(out, kind)
    loops = np.flatnonzero(out.diagonal())
    if len(loops):
        raise SchemaError(f"{kind} edges: no node may be linked with itself, node {loops[0]} is")
    _check_symmetric(out, kind)
    return out


def _own(matrix: Any, kind: str) -> sparse.csr_array:
    """Wrap the arrays anew, so that nothing noted about the given matrix is believed."""
    given = sparse.csr_array(matrix)
    if not np.issubdtype(given.dtype, np.floating):
        if not (np.issubdtype(given.dtype, np.integer) or given.dtype == bool):
            raise SchemaError(f"{kind} edges: weights must be numbers, got {given.dtype}")
        given = given.astype(np.float32)
    try:
        parts = (given.data, _narrow(given.indices, given), _narrow(given.indptr, given))
        out = sparse.csr_array(parts, shape=given.shape)
        out.check_format(full_check=True)
    except ValueError as error:
        raise SchemaError(f"{kind} edges: no valid sparse array: {error}") from error
    return out


def _narrow(index: NDArray[Any], matrix: sparse.csr_array) -> NDArray[Any]:
    """Take numbers of entries and nodes as int32 where they fit; a wrong one stays what it is."""
    small = np.iinfo(np.int32)
    fits = max(matrix.nnz, *matrix.shape) <= small.max
    if index.dtype == np.int32 or not fits or not len(index):
        return index
    if index.min() < small.min or index.max() > small.max:
        return index
    return index.astype(np.int32)


def _check_values(matrix: sparse.csr_array, kind: str) -> None:
    data = matrix.data
    # the smallest and the largest are NaN if any value is
    if len(data) and not (data.min() >= 0 and data.max() < np.inf):
        at = int(np.flatnonzero(~((data >= 0) & (data < np.inf)))[0])
        raise SchemaError(
            f"{kind} edges: weights must be finite and not negative, "
            f"{_pair(matrix, at)} has {data[at]}"
        )


def _check_single(matrix: sparse.csr_array, kind: str) -> None:
    if matrix.has_canonical_format:
        return
    first = np.zeros(matrix.nnz + 1, bool)
    first[matrix.indptr] = True
    same = (matrix.indices[1:] == matrix.indices[:-1]) & ~first[1:-1]
    at = int(np.flatnonzero(same)[0])
    raise SchemaError(f"{kind} edges: {_pair(matrix, at)} is given twice")


def _check_symmetric(matrix: sparse.csr_array, kind: str) -> None:
    turned = sparse.csr_array(matrix.T)
    if np.array_equal(matrix.indptr, turned.indptr) and np.array_equal(
        matrix.indices, turned.indices
    ):
        if np.array_equal(matrix.data, turned.data):
            return
        if (np.abs(matrix.data - turned.data) <= ROUNDING * matrix.data).all():
            return
    apart = sparse.csr_array(abs(matrix - turned))
    at = _pair(apart, int(apart.data.argmax()))
    raise SchemaError(f"{kind} edges must be symmetric: {at} differs between the two directions")


def _pair(matrix: sparse.csr_array, at: int) -> str:
    """Name the nodes of one stored entry."""
    indptr: NDArray[Any] = matrix.indptr
    row = int(np.searchsorted(indptr, at, side="right")) - 1
    return f"the edge of nodes {row} and {int(matrix.indices[at])}"
