"""How long the videos of a collection are, by their frames."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from vquery.store.snapshot import Snapshot

_known: WeakKeyDictionary[Snapshot, pa.Table] = WeakKeyDictionary()


def extents(snapshot: Snapshot) -> pa.Table:
    """Return from where to where each video goes and the mean time of a frame.

    A video starts with its first frame and ends with its last. Without frames it goes from 0 to
    its duration, and where that is not known either it is left out. It is read once a snapshot.

    Returns
    -------
    pyarrow.Table
        ``video, start_us, end_us, frame_us`` (float64, null where there are no frames).
    """
    found = _known.get(snapshot)
    if found is None:
        found = _known[snapshot] = _read(snapshot)
    return found


def frame_times(snapshot: Snapshot) -> pa.Table:
    """Return when each frame is shown: ``video, start_us, frame``."""
    return snapshot.read("frames", columns=["video", "start_us", "frame"])


def _read(snapshot: Snapshot) -> pa.Table:
    videos = snapshot.videos().select(["video", "duration_us"])
    frames = snapshot.read("frames", columns=["video", "start_us", "end_us"])
    ways = [("start_us", "min"), ("end_us", "max"), ("start_us", "count")]
    spans = frames.group_by("video").aggregate(ways)
    at = pc.index_in(videos["video"], value_set=spans["video"].combine_chunks())
    first, last, number = (spans[f"{name}_{way}"].take(at) for name, way in ways)
    length = pc.divide(pc.subtract(last, first).cast(pa.float64()), number.cast(pa.float64()))
    frame_us = pc.if_else(pc.greater(length, 0.0), length, pa.scalar(None, pa.float64()))
    start, end = pc.fill_null(first, 0), pc.coalesce(last, videos["duration_us"])
    found = pa.table([videos["video"], start, end, frame_us], names=_NAMES)
    return found.filter(pc.is_valid(found["end_us"]))


_NAMES = ["video", "start_us", "end_us", "frame_us"]
