"""Fill the gaps of tracks, so that an exported frame has a box for every object in it.

Detectors miss an object in single frames. Where a track goes on after a gap as short as is allowed
while tracks are made, in the same shot and with the same label on both sides, the boxes between
are interpolated over time and marked by their ``label_source``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.export.items import ITEM
from vquery.media.tracks import MAX_GAP_S, MEMORY_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

INTERPOLATED = "interpolated"
SAME = ("video", "track", "label", "shot_id", "detector")
"""What the two sides of a gap must share."""
ORDER = [(name, "ascending") for name in ("video", "track", "start_us")]


def interpolated(items: pa.Table, frames: Callable[[str], pa.Table]) -> pa.Table:
    """Return the boxes that are missing between the rows of tracks.

    Parameters
    ----------
    items
        Schema ITEM, but ``label`` may be null: all boxes of the tracks, labelled or not, so that
        a box that is there without a label is not drawn again.
    frames
        Gives the frames of a video (schema FRAME).

    Returns
    -------
    Schema ITEM, with ``label_source`` "interpolated" and no ``detection_id``; score and
    probability are the lower ones of both sides. A gap is filled in steps of as many frames as
    the box before it lasts, which is the step of sampling.

    Notes
    -----
    O(n log n). Corners move in a straight line between the timestamps.
    """
    items = items.filter(pc.is_valid(items["track"])).sort_by(ORDER)
    before = _gaps(items)
    found = [_empty()]
    videos = items["video"].take(before)
    for video in pc.unique(videos).to_pylist():
        mine = before[pc.equal(videos, video).to_numpy()]
        found.append(_fill(items, mine, frames(video)))
    return pa.concat_tables(found)


def _empty() -> pa.Table:
    return ITEM.empty_table()


def _gaps(items: pa.Table) -> npt.NDArray[np.int64]:
    """Return the rows after which a track is unseen for a while that may be filled."""
    if items.num_rows < 2:
        return np.empty(0, np.int64)
    start, end = (items[name].to_numpy() for name in ("start_us", "end_us"))
    longest = np.maximum(MAX_GAP_S * schema.US_PER_S, MEMORY_SAMPLES * (end - start)[:-1])
    gap = (start[1:] > end[:-1]) & (np.diff(start) <= longest)
    for name in SAME:
        values = items[name].combine_chunks()
        equal = pc.equal(values[:-1], values[1:])
        if name in {"shot_id", "detector"}:
            both_null = pc.and_(pc.is_null(values[:-1]), pc.is_null(values[1:]))
            equal = pc.or_kleene(equal, both_null)
        gap &= pc.fill_null(equal, fill_value=False).to_numpy(zero_copy_only=False)
    return np.flatnonzero(gap)


def _fill(items: pa.Table, before: npt.NDArray[np.int64], frames: pa.Table) -> pa.Table:
    """Interpolate after the rows ``before`` of one video."""
    starts, ends = (frames[name].to_numpy() for name in ("start_us", "end_us"))
    first, stop, last = (
        np.searchsorted(starts, items[name].take(rows).to_numpy())
        for name, rows in (("start_us", before), ("end_us", before), ("start_us", before + 1))
    )
    steps = np.maximum(stop - first, 1)
    inner = [np.arange(*gap) for gap in zip(first + steps, last, steps, strict=True)]
    at = np.concatenate(inner).astype(np.int64)
    side = np.repeat(before, [len(one) for one in inner])
    left, right = items.take(side), items.take(side + 1)
    t0, t1 = left["start_us"].to_numpy(), right["start_us"].to_numpy()
    share = (starts[at] - t0) / (t1 - t0)
    columns = {name: left[name] for name in ITEM.names} | {
        "detection_id": pa.nulls(len(at), pa.int64()),
        "start_us": pa.array(starts[at]),
        "end_us": pa.array(ends[at]),
        "frame": frames["frame"].take(at),
        "label_source": pa.array([INTERPOLATED] * len(at), pa.string()),
    }
    for name in schema.BOX:
        low, high = left[name].to_numpy(), right[name].to_numpy()
        columns[name] = pa.array(low + (high - low) * share, pa.float32())
    for name in ("score", "probability"):
        columns[name] = pc.min_element_wise(left[name], right[name])
    return pa.table([columns[name] for name in ITEM.names], schema=ITEM)
