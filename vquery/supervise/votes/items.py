"""What is voted on: rows of any table with a time, tracks, atomic segments of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.arrays import ints, value_codes
from vquery.schema import KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

NUMBERED_BY = ("item", "detection_id", "track", "shot_id", "cue_id", "word_id")
"""Columns that may give items their number, the finest first: the first one that tells all apart.
A frame's number does not: it starts again in each video."""


def items_of(rows: pa.Table) -> pa.Table:
    """Give the rows of a table numbers, so that they can be voted on; all columns stay.

    ``item`` is the first column of `NUMBERED_BY` that is a whole number, different in every row,
    else the number of the row.

    >>> items_of(pa.table({"track": [7, 9]}))["item"].to_pylist()
    [7, 9]
    >>> items_of(pa.table({"track": [7, 7]}))["item"].to_pylist()
    [0, 1]
    """
    number = next((each for each in NUMBERED_BY if tells_apart(rows, each)), None)
    item = pa.array(np.arange(rows.num_rows)) if number is None else rows[number].cast(pa.int64())
    rest = [name for name in rows.column_names if name != "item"]
    order = [*(key for key in KEYS if key in rest), *(name for name in rest if name not in KEYS)]
    return pa.table({"item": item, **{name: rows[name] for name in order}})


def tells_apart(rows: pa.Table, name: str) -> bool:
    """Whether there is a column of this name, of whole numbers that differ in every row.

    >>> tells_apart(pa.table({"track": [7, 9]}), "track"), tells_apart(pa.table({"a": [1]}), "b")
    (True, False)
    """
    if name not in rows.column_names or not pa.types.is_integer(rows[name].type):
        return False
    column = rows[name]
    return bool(column.null_count == 0 and pc.count_distinct(column).as_py() == rows.num_rows)


def track_items(detections: pa.Table) -> pa.Table:
    """Make one item of each track: from its first detection to the end of its last one.

    Parameters
    ----------
    detections
        ``video, start_us, end_us, track``, and maybe ``shot_id`` and ``class``, of which a track
        has the first. Detections without a track are left out.

    Returns
    -------
    Items, sorted by time, with ``track`` and the number of ``detections``.

    >>> rows = {"video": ["a"] * 3, "start_us": [4, 0, 9], "end_us": [6, 2, 9], "track": [1, 1, 2]}
    >>> track_items(pa.table(rows)).select(["item", "start_us", "end_us"]).to_pylist()
    [{'item': 1, 'start_us': 0, 'end_us': 6}, {'item': 2, 'start_us': 9, 'end_us': 9}]
    """
    rows = detections.filter(detections["track"].is_valid())
    firsts = [name for name in ("shot_id", "class") if name in rows.column_names]
    rows = rows.sort_by([(name, "ascending") for name in (*KEYS, "track")]).combine_chunks()
    made = rows.group_by(["video", "track"], use_threads=False).aggregate(
        [
            ("start_us", "min"),
            ("end_us", "max"),
            ("track", "count"),
            *((name, "first") for name in firsts),
        ]
    )
    columns = {
        "video": made["video"],
        "start_us": made["start_us_min"],
        "end_us": made["end_us_max"],
        "track": made["track"],
        **{name: made[f"{name}_first"] for name in firsts},
        "detections": made["track_count"],
    }
    order = [(name, "ascending") for name in (*KEYS, "track")]
    return items_of(pa.table(columns).sort_by(order))


def segments(
    tables: Sequence[pa.Table], extents: Mapping[str, tuple[int, int]] | None = None
) -> pa.Table:
    """Cut the time of each video at every border of every row.

    Inside a segment nothing begins and nothing ends, so each row covers it wholly or not at all.
    An instant is one tick long. There are at most twice as many segments as rows, and one more for
    each video.

    Parameters
    ----------
    tables
        ``video, start_us, end_us``.
    extents
        From where to where each video goes: these borders are cut at too, and what lies outside is
        left out. Without it a video goes from the first border to the last.

    >>> rows = pa.table({"video": ["a", "a"], "start_us": [0, 5], "end_us": [9, 5]})
    >>> found = segments([rows], {"a": (0, 20)})
    >>> list(zip(found["start_us"].to_pylist(), found["end_us"].to_pylist()))
    [(0, 5), (5, 6), (6, 9), (9, 20)]
    """
    known = extents or {}
    rows = [table.select(list(KEYS)) for table in tables]
    kind = rows[0].schema.field("video").type if rows else pa.string()
    names = [pc.unique(table["video"].cast(kind)) for table in rows]
    videos = pa.chunked_array([*names, pa.array(list(known), kind)], kind)
    videos = pc.unique(videos).sort()
    codes: list[Ints] = []
    times: list[Ints] = []
    for table in rows:
        code = ints(pa.chunked_array([pc.index_in(table["video"].cast(kind), value_set=videos)]))
        start, end = ints(table["start_us"]), ints(table["end_us"])
        codes += [code, code]
        times += [start, np.maximum(end, start + 1)]
    places = {video: place for place, video in enumerate(videos.to_pylist())}
    for video, span in known.items():
        codes.append(np.full(2, places[video]))
        times.append(np.array(span))
    none = np.empty(0, np.int64)
    code, time = np.concatenate([none, *codes]), np.concatenate([none, *times])
    order = np.lexsort((time, code))
    code, time = code[order], time[order]
    here = np.flatnonzero((code[1:] == code[:-1]) & (time[1:] > time[:-1]))
    inside = _inside(code[here], time[here], time[here + 1], [known.get(v) for v in places])
    here = here[inside]
    columns = {
        "item": np.arange(here.size),
        "video": videos.take(pa.array(code[here])),
        "start_us": time[here],
        "end_us": time[here + 1],
    }
    return pa.table(columns)


def _inside(code: Ints, start: Ints, end: Ints, extents: list[tuple[int, int] | None]) -> Bools:
    unbounded = np.iinfo(np.int64)
    low = np.array([each[0] if each else unbounded.min for each in extents], np.int64)
    high = np.array([each[1] if each else unbounded.max for each in extents], np.int64)
    found: Bools = (start >= low[code]) & (end <= high[code])
    return found


def runs(items: pa.Table, votes: NDArray[np.int16]) -> Ints:
    """Give numbers to the runs of neighbours on which every function says the same.

    Neighbours are items of one video that follow each other in the table, where one ends as the
    next begins.

    >>> rows = pa.table({"video": ["a"] * 3, "start_us": [0, 1, 2], "end_us": [1, 2, 3]})
    >>> runs(rows, np.array([[0], [0], [1]], np.int16))
    array([0, 0, 1])
    """
    if not items.num_rows:
        return np.empty(0, np.int64)
    video = value_codes(items["video"])[0]
    start, end = ints(items["start_us"]), ints(items["end_us"])
    new = np.ones(items.num_rows, bool)
    new[1:] = (video[1:] != video[:-1]) | (start[1:] != end[:-1])
    new[1:] |= (votes[1:] != votes[:-1]).any(axis=1)
    return np.cumsum(new) - 1
