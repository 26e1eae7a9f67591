"""Tracks of drawn boxes: what lies between two of them, and where they may not be joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from vquery.errors import LabelError
from vquery.schema import BOX, US_PER_S
from vquery.store.drawn import BETWEEN

if TYPE_CHECKING:
    import pyarrow as pa

    Row = dict[str, Any]


def continued(known: pa.Table, continues: int, video: str, class_: str | None) -> Row:
    """Find the drawn box that a new one of a video continues.

    Parameters
    ----------
    known
        The drawn boxes in force (schema `STANDING`).
    class_
        Of the new box; None if it is not said.

    Raises
    ------
    LabelError
        If there is no such box, or it is of another video or class.
    """
    found = known.filter(pc.equal(known["detection_id"], continues)).to_pylist()
    if not found:
        raise LabelError(
            f"detection {continues} is no box that was drawn by hand, or it is not there any more, "
            "so nothing can continue it: draw one without continues="
        )
    if found[0]["video"] != video:
        raise LabelError(
            f"detection {continues} is in {found[0]['video']!r}, so no box in {video!r} can "
            "continue it"
        )
    if class_ is not None and class_ != found[0]["class"]:
        raise LabelError(
            f"the box that is continued is a {found[0]['class']!r}, so this one cannot be a "
            f"{class_!r}: a track is of one class"
        )
    return dict(found[0])


def bridged(
    row: Row, track: list[Row], frames: pa.Table, max_gap_s: float
) -> tuple[list[Row], str]:
    """Make the boxes between a new one and the nearest drawn ones of its track.

    Returns
    -------
    The boxes, and what must be said of a side that is left open.

    Raises
    ------
    LabelError
        If the frame has a box of the track already, or neither side can be reached.
    """
    start = row["start_us"]
    if any(one["start_us"] == start for one in track):
        raise LabelError(
            "the track has a box on this frame already: move that one (redraw), or remove it first"
        )
    drawn = sorted((one for one in track if one["left"] is None), key=lambda one: one["start_us"])
    sides = [one for one in drawn if one["start_us"] < start][-1:]
    sides += [one for one in drawn if one["start_us"] > start][:1]
    open_sides = {one["detection_id"]: _apart(row, one, max_gap_s) for one in sides}
    reasons = [why for why in open_sides.values() if why]
    if len(reasons) == len(sides):
        raise LabelError(f"the box cannot continue that one: {reasons[0]}")
    taken = {one["start_us"] for one in track}
    found = [
        one
        for side in sides
        if not open_sides[side["detection_id"]]
        for one in _between(row, side, frames, taken)
    ]
    return found, "".join(f"; not joined on the other side: {why}" for why in reasons)


def _apart(row: Row, other: Row, max_gap_s: float) -> str:
    """Say why two boxes cannot be joined; empty if they can."""
    seconds = abs(row["start_us"] - other["start_us"]) / US_PER_S
    if row["shot_id"] != other["shot_id"]:
        return f"there is a cut between them ({seconds:g} s apart); start a new track after a cut"
    if seconds > max_gap_s:
        return (
            f"they are {seconds:g} s apart, and at most {max_gap_s:g} s are filled: draw one in "
            "between first"
        )
    return ""


def _between(row: Row, other: Row, frames: pa.Table, taken: set[int]) -> list[Row]:
    """Make a box for every frame between two drawn ones that has none of the track."""
    first, last = sorted((row, other), key=lambda one: one["start_us"])
    starts = frames["start_us"].to_numpy()
    low = int(np.searchsorted(starts, first["start_us"], side="right"))
    high = int(np.searchsorted(starts, last["start_us"], side="left"))
    found = []
    length = last["start_us"] - first["start_us"]
    for one in frames.slice(low, high - low).to_pylist():
        if one["start_us"] in taken:
            continue
        share = (one["start_us"] - first["start_us"]) / length
        place = {name: first[name] + (last[name] - first[name]) * share for name in BOX}
        time = {name: one[name] for name in ("start_us", "end_us", "frame")}
        sides = {"left": first.get("detection_id") or 0, "right": last.get("detection_id") or 0}
        found.append(row | time | place | sides | {"source": BETWEEN, "points": None})
    return found
