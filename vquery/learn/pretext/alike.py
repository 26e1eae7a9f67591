"""Which pictures of different things a descriptor takes for the same: they may well be.

A person in two clips is two tracks, and a programme's picture comes back in many shots. Driving
such pictures apart teaches the opposite of what is wanted; drawing them together teaches what video
alone cannot show (nearest neighbours as positives: D. Dwibedi et al. 2021, there by the network
itself).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from vquery.errors import LearnError
from vquery.graph.knn import Apart, bulk_floor, neighbours, unit
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

NEIGHBOURS = 10
"""Pictures of other things that each is compared with."""


def mutual(
    descriptor: npt.NDArray[np.float32],
    thing: Ints,
    video: Ints,
    start_us: Ints,
    *,
    near_s: float,
    k: int = NEIGHBOURS,
    floor: float | None = None,
) -> sparse.csr_array:
    """Link pictures of different things that are among each other's nearest, bool (n, n).

    Parameters
    ----------
    descriptor : float32 (n, d)
        A row of zeros is linked to nothing.
    thing, video, start_us : int64 (n,)
        Things that share a frame are two, and never linked. Pictures of one video within
        ``near_s`` seconds are not linked either.
    k
        Neighbours of each.
    floor
        Only pairs of a higher cosine; by default those that stand out from unrelated pairs, if most
        pairs are unrelated (`vquery.graph.knn.bulk_floor`).

    Raises
    ------
    LearnError
        If there is not one row for each picture.

    >>> points = np.eye(2, dtype=np.float32)[[0, 0, 1]]
    >>> one = np.arange(3)
    >>> mutual(points, one, one, one, near_s=1.0, k=1, floor=0.5).nonzero()[0].tolist()
    [0, 1]
    """
    n = len(thing)
    if len(descriptor) != n:
        raise LearnError(f"{n} pictures but {len(descriptor)} rows of a descriptor")
    apart = Apart(thing, video, start_us / US_PER_S, near_s)
    points = unit(descriptor)
    least = bulk_floor(points, thing)[0] if floor is None else floor
    found = neighbours(points, k, apart=apart)
    both = found.similarity > least
    ones = np.ones(int(both.sum()), np.bool_)
    linked = sparse.csr_array((ones, (found.source[both], found.target[both])), shape=(n, n))
    links = linked.multiply(linked.T).tocoo()
    row, column = links.coords
    count = int(thing.max(initial=0)) + 1
    possible = ~np.isin(thing[row] * count + thing[column], _together(thing, video, start_us))
    kept = (ones[: possible.sum()], (row[possible], column[possible]))
    return sparse.csr_array(kept, shape=(n, n))


def things_of(links: sparse.csr_array, thing: Ints) -> sparse.csr_array:
    """Say which things have pictures that are linked, bool (things, things)."""
    count = int(thing.max(initial=-1)) + 1
    row, column = links.tocoo().coords
    ones = np.ones(len(row), np.bool_)
    return sparse.csr_array((ones, (thing[row], thing[column])), shape=(count, count))


def _together(thing: Ints, video: Ints, start_us: Ints) -> Ints:
    """Return the pairs of things that are ever in one frame, as ``one * things + other``."""
    frame = np.unique(np.stack([video, start_us], 1), axis=0, return_inverse=True)[1].ravel()
    shape = (int(frame.max(initial=0)) + 1, int(thing.max(initial=0)) + 1)
    seen = sparse.csr_array((np.ones(len(thing), np.int32), (frame, thing)), shape=shape)
    one, other = (seen.T @ seen).tocoo().coords
    return np.asarray(one.astype(np.int64) * shape[1] + other)
