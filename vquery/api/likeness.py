"""Detections that look alike, side by side: tracks gathered around a few typical looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.vectors import Vectors

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery.store.snapshot import Snapshot

    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]

SPACES = "embedding.face"
SAMPLE = 20_000
"""Tracks of which typical looks are learnt."""
CENTRES = 64
ROUNDS = 6
BLOCK = 8192


def likeness(snapshot: Snapshot, rows: pa.Table) -> list[pa.Array]:
    """Gather rows in clusters, numbered from 1, the largest first, and place them within these.

    Detections are compared by the vector of one of their track. Rows without a vector come last,
    together; where no row has one, each track (or video) is a cluster.

    Returns
    -------
    list of pyarrow.Array
        Cluster and place, int64 (n,).
    """
    first, unit = units(rows)
    ids = np.zeros(len(first), np.int64)
    if "detection_id" in rows.column_names:
        given = pc.fill_null(rows["detection_id"], 0).take(pa.array(first))
        ids = given.to_numpy()
    vectors, at = _vectors(snapshot, ids)
    if not len(at):
        cluster, near = np.arange(1, len(first) + 1), np.zeros(len(first))
    else:
        cluster, near = np.zeros(len(first), np.int64), np.zeros(len(first))
        cluster[at], near[at] = _gathered(vectors)
        cluster[cluster == 0] = cluster.max() + 1
    place = np.empty(len(first), np.int64)
    place[np.lexsort((-near, cluster))] = np.arange(len(first))
    return [pa.array(cluster[unit]), pa.array(place[unit])]


def units(rows: pa.Table) -> tuple[Ints, Ints]:
    """Find a row of each track and the track of each row; rows without one stand for themselves."""
    alone = -1 - np.arange(rows.num_rows)
    if "track" in rows.column_names and pa.types.is_integer(rows["track"].type):
        keys = pc.coalesce(rows["track"].cast(pa.int64()), pa.array(alone)).to_numpy()
    elif "detection_id" in rows.column_names:
        keys = alone
    else:
        videos = rows["video"].combine_chunks().dictionary_encode()
        keys = videos.indices.to_numpy().astype(np.int64)
    _, first, unit = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(first), np.int64)
    rank[order] = np.arange(len(first))
    return first[order], rank[unit]


def _vectors(snapshot: Snapshot, ids: Ints) -> tuple[Floats, Ints]:
    """Return the vectors of detections, and which of them have one."""
    spaces = [name for name in snapshot.tables() if name.startswith(SPACES)]
    return Vectors(snapshot, [max(spaces, key=snapshot.count)] if spaces else []).of(ids)


def _gathered(vectors: Floats) -> tuple[Ints, npt.NDArray[np.float64]]:
    """Gather unit vectors by spherical k-means; O(n) with the numbers of centres and rounds."""
    rng = np.random.default_rng(0)
    sample = vectors[np.sort(rng.permutation(len(vectors))[:SAMPLE])]
    count = int(min(CENTRES, np.ceil(np.sqrt(len(vectors)))))
    centres = sample[np.sort(rng.permutation(len(sample))[:count])]
    for _ in range(ROUNDS):
        own = _closest(sample, centres)[0]
        sums = np.zeros_like(centres)
        np.add.at(sums, own, sample)
        length = np.linalg.norm(sums, axis=1)
        centres = sums[length > 0] / length[length > 0, None]
    own, near = _closest(vectors, centres)
    sizes = np.bincount(own, minlength=len(centres))
    rank = np.empty(len(centres), np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(1, len(centres) + 1)
    return rank[own], near


def _closest(vectors: Floats, centres: Floats) -> tuple[Ints, npt.NDArray[np.float64]]:
    """Find the closest centre of each vector, and how close it is."""
    own, near = np.empty(len(vectors), np.int64), np.empty(len(vectors))
    for start in range(0, len(vectors), BLOCK):
        likes = vectors[start : start + BLOCK] @ centres.T
        own[start : start + BLOCK] = likes.argmax(axis=1)
        near[start : start + BLOCK] = likes.max(axis=1)
    return own, near
