"""Who rows are: fingerprints that tell what changed since lists were kept."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import SchemaError
from vquery.graph.knn.vectors import BLOCK_BYTES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from vquery.graph.knn.lists import Apart

    Ints = NDArray[np.int64]
    Prints = NDArray[np.uint64]


def named(ids: ArrayLike, vectors: NDArray[np.float32], apart: Apart) -> Ints:
    """Check that there is one id, all different, for each vector."""
    names = np.asarray(ids)
    if names.ndim != 1 or not np.issubdtype(names.dtype, np.integer):
        raise SchemaError(f"ids must be integers, got {names.dtype} of shape {names.shape}")
    if vectors.ndim != 2 or len(vectors) != len(names):
        raise SchemaError(
            f"vectors must have shape (n, d) with a row for each of {len(names)} ids,"
            f" got {vectors.shape}"
        )
    if len(np.unique(names)) < len(names):
        raise SchemaError("ids must all be different")
    apart.check(len(names))
    return names.astype(np.int64)


def hashes(vectors: NDArray[np.float32]) -> Prints:
    """Hash rows (n, d) bit by bit, but for the sign of zeros: sums of products with odd numbers.

    Equal rows have equal hashes; others too with a chance of about 2**-64. Not for secrets.

    >>> len(set(hashes(np.array([[0, 1], [-0.0, 1], [1, 0]], np.float32)).tolist()))
    2
    """
    n, d = vectors.shape
    ways = _ways(d + 4)
    out = np.full(n, d, np.uint64) * ways[-1]
    step = max(1, BLOCK_BYTES // max(8 * d, 1))
    for start in range(0, n, step):
        block = np.ascontiguousarray(vectors[start : start + step]) + np.float32(0)
        out[start : start + step] += block.view(np.uint32).astype(np.uint64) @ ways[:d]
    return np.asarray(out)


def _ways(count: int) -> Prints:
    rng = np.random.default_rng(0x5EED)
    return rng.integers(0, 2**63, count).astype(np.uint64) * np.uint64(2) + np.uint64(1)


def prints(vectors: NDArray[np.float32], ids: Ints, apart: Apart) -> Prints:
    """Hash each row's vector and what keeps it apart, shape (n,).

    Numbers of groups and videos may change while who is with whom does not: each stands for the
    smallest id in it.
    """
    n, d = vectors.shape
    out = hashes(vectors)
    ways = _ways(d + 4)[d:]
    columns: list[Any] = []
    if apart.group is not None:
        columns.append(np.where(apart.group >= 0, _smallest(apart.group, ids), -1))
    if apart.seconds > 0 and apart.video is not None and apart.time is not None:
        when, seconds = np.asarray(apart.time, np.float64), np.float64(apart.seconds)
        columns += [
            _smallest(apart.video, ids),
            when.view(np.int64),
            np.full(n, seconds.view(np.int64)),
        ]
    for way, column in zip(ways, columns, strict=False):
        mixed = np.asarray(column, np.int64).view(np.uint64) + np.uint64(1)
        out += (mixed ^ (mixed >> np.uint64(31))) * way
    return np.asarray(out)


def _smallest(code: Ints, ids: Ints) -> Ints:
    """Smallest id of those with the same code, for each row."""
    order = np.lexsort((ids, code))
    _, first, place = np.unique(code[order], return_index=True, return_inverse=True)
    out = np.empty(len(ids), np.int64)
    out[order] = ids[order][first][place.ravel()]
    return out


def digest(ids: Ints) -> str:
    """Hash ids in their order."""
    return hashlib.sha256(ids.tobytes()).hexdigest()
