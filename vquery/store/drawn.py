"""Boxes drawn by hand, derived from the events: the latest word on each box counts.

A box on a frame between two drawn boxes of its track stands as long as both do. Where it lies
follows from those next to it in time, so that it moves when one of them is moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import LabelError, StoreError
from vquery.schema import BOX, DRAWN_FROM, IDS_PER_VIDEO
from vquery.store.events import DRAW, ON_BOXES, PICTURES, REMOVE, Event, in_force

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

BY_HAND, BETWEEN = "human", "interpolated"
"""Sources of detections that were drawn: the drawn boxes themselves, and those between two."""
BOX_ROWS = pa.schema(
    [
        *(field.with_nullable(nullable=True) for field in schema.DETECTION),
        pa.field("points", pa.list_(pa.float32())),
        pa.field("left", pa.int64()),
        pa.field("right", pa.int64()),
    ]
)
"""The rows of an action that draws or moves boxes, whose first row is the box that was drawn.

``left`` and ``right`` are the drawn boxes that one lies between, null for a drawn one. There may
be a ``label``, and columns of pictures."""
STANDING = pa.schema(
    [
        *BOX_ROWS,
        pa.field("by", pa.string()),
        pa.field("at_us", pa.int64()),
        pa.field("event", pa.int64()),
    ]
)
"""The boxes in force, and the action that drew or moved each last."""


def is_drawn(ids: Ints | int) -> npt.NDArray[np.bool_]:
    """Tell which detections were drawn by hand, of one as of many.

    >>> is_drawn(np.array([1_000_000_001, 1_900_000_001])).tolist()
    [False, True]
    """
    return np.asarray(np.asarray(ids) % IDS_PER_VIDEO >= DRAWN_FROM)


def numbered(rows: pa.Table, video_id: int, first: int) -> pa.Table:
    """Give new boxes their ids, and the drawn one, the first, a track where it has none.

    Parameters
    ----------
    rows : pyarrow.Table (n,)
        Schema BOX_ROWS, all of one video, without ids; ``left`` and ``right`` are 0 for the
        first row.
    first
        The first free number.

    Raises
    ------
    StoreError
        If all numbers are used up.
    """
    if first + rows.num_rows > IDS_PER_VIDEO:
        raise StoreError(
            f"{IDS_PER_VIDEO - DRAWN_FROM:,} boxes were drawn in this collection, which has room "
            "for no more. Make another one"
        )
    base = video_id * IDS_PER_VIDEO + first
    own = pa.scalar(base, pa.int64())
    columns = {"detection_id": pa.array(base + np.arange(rows.num_rows, dtype=np.int64))}
    columns["track"] = pc.fill_null(rows["track"], own)
    for side in ("left", "right"):
        columns[side] = pc.if_else(pc.equal(rows[side], 0), own, rows[side])
    for name, column in columns.items():
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return rows


def check_rows(rows: pa.Table) -> pa.Table:
    """Return the rows of an action on boxes with the types that are kept.

    Raises
    ------
    LabelError
        If there are none.
    SchemaError
        If a time or a box cannot be.
    """
    if not rows.num_rows:
        raise LabelError("the action hits nothing: no boxes were given")
    kept = schema.conform(rows, BOX_ROWS, what="boxes")
    schema.check_intervals(kept, what="boxes")
    for name in rows.column_names:
        if name == "label" or name.startswith(PICTURES):
            kept = kept.append_column(rows.schema.field(name), rows[name])
    return kept.combine_chunks()


def derive(events: Iterable[Event]) -> pa.Table:
    """Return the drawn boxes in force, by id: STANDING, and what else their actions say of them.

    >>> derive([]).num_rows
    0
    """
    acts = [event for event in in_force(events) if event.action in ON_BOXES]
    rows, act = _all_rows(acts)
    if not rows.num_rows:
        return STANDING.empty_table()
    row = _latest(rows, act, acts)
    found, act = rows.take(pa.array(row)), act[row]
    keep = _one_a_frame(found)
    keep = _with_sides(found.take(pa.array(keep)), keep)
    order = keep[np.argsort(found["detection_id"].to_numpy()[keep])]
    found, by = found.take(pa.array(order)), pa.array(act[order])
    said = {
        "by": pa.array([event.who for event in acts], pa.string()),
        "at_us": pa.array([event.at_us for event in acts], pa.int64()),
        "event": pa.array([event.event_id for event in acts], pa.int64()),
    }
    for name, values in said.items():
        found = found.append_column(name, values.take(by))
    return _placed(found).combine_chunks()


def gone(events: Sequence[Event]) -> Ints:
    """Return the boxes that were drawn once and are not there, whose labels count no more.

    >>> gone([]).tolist()
    []
    """
    ever = [e.rows["detection_id"] for e in events if e.action == DRAW and e.rows is not None]
    if not ever:
        return np.zeros(0, np.int64)
    ids = pa.chunked_array([chunk for one in ever for chunk in one.chunks], pa.int64())
    return np.setdiff1d(ids.to_numpy(), derive(events)["detection_id"].to_numpy())


def without_gone(rows: pa.Table, events: Sequence[Event]) -> pa.Table:
    """Leave out the rows about detections that are `gone`.

    >>> without_gone(schema.SEED.empty_table(), []).num_rows
    0
    """
    lost = gone(events)
    if not len(lost):
        return rows
    return rows.filter(pc.invert(pc.is_in(rows["detection_id"], value_set=pa.array(lost))))


def _all_rows(acts: Sequence[Event]) -> tuple[pa.Table, Ints]:
    """Put the rows of all actions under one another; also say of which action each is."""
    tables = [BOX_ROWS.empty_table(), *(e.rows for e in acts if e.rows is not None)]
    counts = [0 if event.rows is None else event.rows.num_rows for event in acts]
    rows = pa.concat_tables(tables, promote_options="default")
    return rows, np.repeat(np.arange(len(acts)), counts).astype(np.int64)


def _latest(rows: pa.Table, act: Ints, acts: Sequence[Event]) -> Ints:
    """Find the row of each box that is there: drawn, and not removed since."""
    words = [event.action for event in acts]
    standing: dict[int, int] = {}
    for row, (item, at) in enumerate(zip(rows["detection_id"].to_pylist(), act, strict=True)):
        if words[at] == REMOVE:
            standing.pop(item, None)
        elif words[at] == DRAW or item in standing:  # what is gone cannot be moved
            standing[item] = row
    return np.fromiter(standing.values(), np.int64, len(standing))


def _one_a_frame(rows: pa.Table) -> Ints:
    """Keep one box of a track in each frame: a drawn one, the latest, before one in between.

    Two people may continue one track at the same time.
    """
    between = pc.is_valid(rows["left"]).to_numpy()
    keys = rows["track"].to_numpy(), rows["start_us"].to_numpy()
    order = np.lexsort((np.arange(len(between)), ~between, *keys))
    last = np.ones(len(order), bool)
    last[:-1] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    return np.asarray(order[last])


def _with_sides(rows: pa.Table, places: Ints) -> Ints:
    """Drop the boxes in between that have lost a side; return the places of the others."""
    ids, sides = (
        rows["detection_id"].to_numpy(),
        np.stack([pc.fill_null(rows[side], 0).to_numpy() for side in ("left", "right")]),
    )
    between = sides[0] > 0
    keep = np.ones(len(ids), bool)
    while True:
        drawn = ids[keep & ~between]
        lost = keep & between & ~np.isin(sides, drawn).all(axis=0)
        if not lost.any():
            return places[keep]
        keep &= ~lost


def _placed(rows: pa.Table) -> pa.Table:
    """Put the boxes in between where the drawn ones next to them say, in a straight line."""
    drawn = pc.is_null(rows["left"]).to_numpy()
    start = rows["start_us"].to_numpy()
    order = np.lexsort((start, rows["track"].to_numpy()))
    at = np.arange(len(order))
    before = np.maximum.accumulate(np.where(drawn[order], at, 0))
    after = np.minimum.accumulate(np.where(drawn[order], at, len(at) - 1)[::-1])[::-1]
    moved = np.flatnonzero(~drawn[order])
    item, low, high = order[moved], order[before[moved]], order[after[moved]]
    share = (start[item] - start[low]) / (start[high] - start[low])
    for name in BOX:
        values = rows[name].to_numpy().copy()
        values[item] = values[low] + (values[high] - values[low]) * share
        column = pa.array(values, pa.float32())
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return rows


def stored(standing: pa.Table) -> pa.Table:
    """Return the rows of the table ``drawn`` of boxes in force."""
    rows = standing.append_column("interpolated", pc.is_valid(standing["left"]))
    return rows.select(schema.DRAWN.names)
