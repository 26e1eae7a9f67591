"""Neighbour lists that the collection keeps, so that only what is new is searched.

They lie in ``NAME.vq/cache/neighbours``, one folder for all faces and some for parts of them, and
are derived from the parts: safe to delete, and not needed where they cannot be written.
"""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from vquery.api.relations import FACE
from vquery.graph.knn.stored import cached_neighbours, load
from vquery.graph.tracks import LONGEST_LIST
from vquery.store.cache import folder as cache_of
from vquery.store.disk import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vquery.graph.knn import Apart, Neighbours
    from vquery.graph.tracks import Search
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float32]

WHOLE = "faces"
KEPT_PARTS = 3
"""Parts of the faces whose lists are kept; those that were made longest ago go first."""


def searcher(
    snapshot: Snapshot,
    own: Ints,
    say: Callable[[str], None],
    spaces: Sequence[str] | None = None,
) -> Search:
    """Make what finds the neighbours of detections ``own`` among the lists that are kept.

    Lists are kept as long as any choice of their length may be, so that a typical track that grows
    does not make them all too short.
    """
    place = _folder(snapshot, own, spaces)

    def search(
        points: Floats, k: int, *, rows: Ints, apart: Apart, floor: float, recall: float
    ) -> Neighbours:
        found = cached_neighbours(
            place,
            own[rows],
            points,
            max(k, LONGEST_LIST),
            apart=apart,
            floor=floor,
            recall=recall,
            progress=lambda done: say(f"searching neighbours, {done:.0%}"),
        )
        _forget_parts(place.parent)
        return found.head(k)

    return search


def _folder(snapshot: Snapshot, own: Ints, spaces: Sequence[str] | None) -> Path:
    """Choose the folder: that of all faces, or one for just these detections and embeddings."""
    there = snapshot.read("detections", columns=["detection_id", "class"])
    faces = there.filter(pc.equal(there["class"], FACE))["detection_id"].to_numpy()
    name = WHOLE
    if spaces is not None or len(faces) != len(own) or not np.array_equal(np.sort(faces), own):
        what = own.tobytes() + " ".join(sorted(spaces or ())).encode()
        name = f"part-{hashlib.sha256(what).hexdigest()[:16]}"
    return cache_of(snapshot.root) / "neighbours" / name


def _forget_parts(place: Path, kept: int = KEPT_PARTS) -> None:
    """Remove the lists of all but a few parts, where that is possible."""
    parts = sorted(place.glob("part-*"), key=lambda part: part.stat().st_mtime_ns)
    for part in parts[: max(len(parts) - kept, 0)]:
        shutil.rmtree(part, ignore_errors=True)  # another process may be at it


def sweep(store: Store) -> None:
    """Remove lists of parts, and those that cannot be used.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    place = cache_of(store.path) / "neighbours"
    _forget_parts(place, 0)
    whole = place / WHOLE
    if whole.is_dir() and load(whole)[0] is None:
        with guarded(whole, "removing lists that cannot be used"):
            shutil.rmtree(whole)
