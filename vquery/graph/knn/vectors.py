"""Rows of numbers as unit vectors, and how alike unrelated ones are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]

BLOCK_BYTES = 64 << 20
SAMPLED_PAIRS = 200_000
SMALLEST, LARGEST = 1e-30, 1e30
"""Between them float32 holds numbers in full."""
QUANTILE_IN_SD = 2.326
"""Where the 99 % quantile of a normal distribution lies, in standard deviations."""


def unit(vectors: ArrayLike, *, what: str = "vectors") -> Floats:
    """Return the rows of an (n, d) array scaled to length 1 as float32; zero rows stay zero.

    Raises
    ------
    SchemaError
        If the array is not two-dimensional or not of real numbers, or a value is not finite (the
        first row is named).

    >>> unit([[3.0, 4.0], [0.0, 0.0]]).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    >>> unit([[3e300, 4e300], [3e-60, 4e-60]])[0].tolist()    # beyond what float32 can hold
    [0.6000000238418579, 0.800000011920929]
    """
    array = _single(vectors, what)
    length = np.empty(len(array))
    blocks = list(_blocks(array))
    for part in blocks:
        length[part] = np.sqrt(np.einsum("ij,ij->i", array[part], array[part], dtype=np.float64))
    bad = np.flatnonzero(~np.isfinite(length))
    if len(bad):
        raise SchemaError(
            f"{what}, row {bad[0]}: values must be finite numbers ({len(bad)} such rows)"
        )
    length[length == 0] = 1.0
    out = np.empty_like(array)
    for part in blocks:
        out[part] = array[part] / length[part, None]
    return out


def _single(vectors: ArrayLike, what: str) -> Floats:
    """Read rows as float32; those that it cannot hold are divided by their largest value first."""
    if np.ma.is_masked(vectors):
        raise SchemaError(f"{what}: values must be finite numbers, some are masked")
    try:
        given = np.asarray(vectors)
        if given.dtype == object:
            given = given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise SchemaError(f"{what} must be an array of numbers, shape (n, d): {error}") from None
    if given.dtype.kind not in "biuf":
        raise SchemaError(f"{what} must be an array of real numbers, got {given.dtype}")
    if given.ndim != 2:
        raise SchemaError(f"{what} must be an array of shape (n, d), got shape {given.shape}")
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(given, np.float32)
    if given.dtype.itemsize > 4 and given.dtype.kind == "f":
        for part in _blocks(array):
            largest = np.abs(given[part]).max(axis=1, initial=0)
            outside = np.isfinite(largest) & (largest > 0)
            outside &= (largest < SMALLEST) | (largest > LARGEST)
            array[part][outside] = given[part][outside] / largest[outside, None]
    return array


def _blocks(array: Floats) -> Iterator[slice]:
    """Cut rows into blocks whose copy in float64 stays small."""
    step = max(1, BLOCK_BYTES // max(8 * array.shape[1], 1))
    return (slice(start, start + step) for start in range(0, len(array), step))


def cosines(points: Floats, left: Ints, right: Ints) -> Floats:
    """Cosine of each pair of rows, shape (m,), in blocks so that no copy of many rows is made."""
    out = np.empty(len(left), np.float32)
    step = max(1, BLOCK_BYTES // max(8 * points.shape[1], 1))
    for start in range(0, len(left), step):
        part = slice(start, start + step)
        out[part] = np.einsum("ij,ij->i", points[left[part]], points[right[part]])
    return out


def bulk_floor(points: Floats, group: Ints) -> tuple[float, float]:
    """Where the cosines of unrelated rows end, if most pairs of groups are unrelated.

    Taken from the lower half of a sample, which the related pairs hardly touch: the median plus
    ``QUANTILE_IN_SD`` times the distance of the median from the 16 % quantile.

    Returns
    -------
    (float, float)
        The floor, at most 1, and that distance (one standard deviation).

    >>> bulk_floor(unit(np.eye(3)), np.arange(3))
    (0.0, 0.0)
    """
    n = len(points)
    a, b = np.random.default_rng(0).integers(0, max(n, 1), (2, SAMPLED_PAIRS if n > 1 else 0))
    other = group[a] != group[b]
    if not other.any():
        return 1.0, 0.0
    middle, low = np.quantile(cosines(points, a[other], b[other]), [0.5, 0.1587])
    width = float(middle - low)
    return min(float(middle) + QUANTILE_IN_SD * width, 1.0), width
