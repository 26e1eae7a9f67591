"""The named Arrow schemas of every table that moves between modules, and their checks.

Time is int64 microseconds, half-open ``[start_us, end_us)``; boxes are float32, normalised to the
picture, ``x1, y1, x2, y2`` with x to the right and y downward. ``video`` is the path of the video
relative to the indexed folder, with ``/``.

Ids are int64, stable and at least 1: ``video_id * IDS_PER_VIDEO + number``, number counting from 1
inside the video, so that ids do not depend on which video was finished first.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import SchemaError

IDS_PER_VIDEO = 1_000_000_000
"""Ids that one video has room for in each table: 38 days of 10 faces at 30 frames a second."""

DRAWN_FROM = 900_000_001
"""The first number in a video of detections, and of tracks, that people drew."""

US_PER_S = 1_000_000

US = pa.int64()
KEYS = ("video", "start_us", "end_us")
BOX = ("x1", "y1", "x2", "y2")
TIME_FIELDS = [
    pa.field("video", pa.string(), nullable=False),
    pa.field("start_us", US, nullable=False),
    pa.field("end_us", US, nullable=False),
]
_SPAN = [(field.name, field.type) for field in TIME_FIELDS]
BOX_FIELDS = [pa.field(name, pa.float32()) for name in BOX]


def _schema(*fields: pa.Field | tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema(
        [field if isinstance(field, pa.Field) else pa.field(*field) for field in fields]
    )


VIDEO = _schema(
    pa.field("video", pa.string(), nullable=False),
    ("video_id", pa.int64()),
    ("uri", pa.string()),  # where the file was when it was indexed
    ("kind", pa.string()),  # "video", "images" (a folder), "image" (one picture), "none" (no media)
    ("sha256", pa.string()),
    ("fps_num", pa.int64()),
    ("fps_den", pa.int64()),
    ("n_frames", pa.int64()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("duration_us", US),
)
"""One row a video. The frame rate is nominal: times come from FRAME."""

FRAME = _schema(*TIME_FIELDS, ("frame", pa.int64()))
"""Every frame with the container's timestamp; ``end_us`` is the next frame's timestamp."""

SHOT = _schema(
    *TIME_FIELDS, ("shot_id", pa.int64()), ("first_frame", pa.int64()), ("opens_with", pa.string())
)
"""Shots cover the video without gaps. ``opens_with``: start, cut or gradual (a gradual transition
belongs to the shot before it up to its middle frame)."""

TRANSITION = _schema(
    *TIME_FIELDS,
    ("first_frame", pa.int64()),
    ("last_frame", pa.int64()),
    ("kind", pa.string()),
)
"""What separates shots. kind "cut": first_frame == last_frame == first frame of the new shot;
kind "gradual": the first and last frame of the fade or dissolve."""

DETECTION = _schema(
    ("detection_id", pa.int64()),
    *TIME_FIELDS,
    *BOX_FIELDS,
    ("class", pa.string()),
    ("score", pa.float32()),
    ("track", pa.int64()),  # null where there is no track
    ("frame", pa.int64()),
    ("shot_id", pa.int64()),
    ("source", pa.string()),  # the detector or the file
)
"""One object in one frame, until the next sampled frame (cut at the end of shot and video)."""

DRAWN = _schema(
    ("detection_id", pa.int64()),
    *TIME_FIELDS,
    *BOX_FIELDS,
    ("class", pa.string()),
    ("track", pa.int64()),
    ("points", pa.list_(pa.float32())),  # the four extreme points, x and y of each; or null
    ("interpolated", pa.bool_()),  # between two drawn boxes of its track
    ("by", pa.string()),
    ("at_us", US),
    ("event", pa.int64()),  # the action that drew it, or moved it last
)
"""Who drew a detection by hand, and how; in DETECTION its source is "human" or "interpolated"."""

CUE = _schema(
    ("cue_id", pa.int64()),
    *TIME_FIELDS,
    ("text", pa.string()),
    ("speaker", pa.string()),
    ("source", pa.string()),
)
"""One timed caption."""

WORD = _schema(
    ("word_id", pa.int64()),
    ("cue_id", pa.int64()),
    *TIME_FIELDS,
    ("word", pa.string()),
    ("score", pa.float32()),
    ("speaker", pa.string()),
    ("source", pa.string()),
)
"""One spoken word: its time is spread inside the cue for captions, exact for transcripts."""

SEED = _schema(
    ("detection_id", pa.int64()),
    ("concept", pa.string()),
    ("label", pa.string()),
    ("by", pa.string()),
    ("at_us", US),
)
"""The human labels in force; a null label says "none of them"."""

SEED_SPAN = _schema(
    *TIME_FIELDS,
    ("concept", pa.string()),
    ("label", pa.string()),
    ("by", pa.string()),
    ("at_us", US),
)
"""The human labels of spans in force, which do not overlap within a concept; null as for SEED."""

HUMAN_LABEL = pa.schema([*SEED, *(pa.field(name, kind) for name, kind in _SPAN)])
"""Labels of detections (SEED; video and times are null) and of spans (``detection_id`` is null)."""

SOFT_LABEL = _schema(
    ("detection_id", pa.int64()),
    ("video", pa.string()),
    ("concept", pa.string()),
    ("label", pa.string()),  # null: unknown, or below the threshold
    ("best", pa.string()),  # the most probable label, even below the threshold
    ("probability", pa.float32()),  # of `best`, calibrated
    ("margin", pa.float32()),
    ("reached", pa.bool_()),
    ("calibrated", pa.bool_()),
    ("source", pa.string()),  # human, propagated, fused
    ("why", pa.string()),  # JSON: what contributes most (seeds, or sources) and its weight
    ("run_id", pa.int64()),
)
"""The outcome of a propagation or a fusion, one row an item."""

SOFT_INTERVAL = _schema(
    *TIME_FIELDS,
    ("item", pa.int64()),  # its number among the items that were voted on
    ("concept", pa.string()),
    ("label", pa.string()),  # null: unknown, tied, or below the threshold
    ("best", pa.string()),  # the most probable label, even below the threshold
    ("probability", pa.float32()),  # of `best`
    ("margin", pa.float32()),
    ("reached", pa.bool_()),
    ("calibrated", pa.bool_()),
    ("source", pa.string()),  # human, fused
    ("why", pa.string()),  # JSON: the sources that contribute most and their weight
    ("run_id", pa.int64()),
)
"""The outcome of a fusion over items that are spans of time, one row an item."""

INTERVAL_BEFORE = pa.schema([*SOFT_INTERVAL, pa.field("replaced_by", pa.int64())])
"""What a fusion replaced, as LABEL_BEFORE."""

VOTE = _schema(
    pa.field("item", pa.int64(), nullable=False),
    ("video", pa.string()),  # null, as are the times, where items have no time
    ("start_us", US),
    ("end_us", US),
    pa.field("function", pa.string(), nullable=False),
    pa.field("vote", pa.string(), nullable=False),
    ("seconds", pa.float64()),  # how much the item weighs in shares of time
)
"""What one label function says of one item; where it abstains there is no row."""

LABEL_BEFORE = pa.schema([*SOFT_LABEL, pa.field("replaced_by", pa.int64())])
"""What a propagation or fusion replaced, and which run did: kept so that it can be undone."""

VIOLATION = _schema(
    ("violation", pa.int64()),  # from 1, in the order in which they were found
    ("rule", pa.string()),
    *TIME_FIELDS,
    ("items", pa.list_(pa.int64())),  # ids of the rows that cannot be true together
    ("before", pa.string()),
    ("after", pa.string()),  # null: nobody can say what is right
    ("severity", pa.float32()),  # 0 to 1, comparable within one rule
    ("action", pa.string()),  # remove, add, relabel; null where nothing is corrected
    ("weight", pa.float32()),  # how far the correction is believed; null without one
)
"""What cannot be, one row a finding."""

CORRECTION = _schema(
    ("correction", pa.int64()),  # from 1, in the order in which they are applied
    ("violation", pa.int64()),
    ("rule", pa.string()),
    ("action", pa.string()),
    ("item", pa.int64()),  # the row that is corrected; below 0: the row that is added
    *TIME_FIELDS,
    *BOX_FIELDS,
    ("score", pa.float32()),
    ("neighbours", pa.list_(pa.int64())),  # the rows that an added one lies between
    ("column", pa.string()),  # what a relabelled row gets another value of
    ("before", pa.string()),
    ("after", pa.string()),
    ("weight", pa.float32()),
    ("over", pa.string()),  # the table that it is of; null until it is kept, like the next
    ("run_id", pa.int64()),
)
"""What is done about violations, one row for each row that changes."""

RUN = _schema(
    ("run_id", pa.int64()),
    ("command", pa.string()),
    ("arguments", pa.string()),  # JSON
    ("input_sha256", pa.string()),
    ("version", pa.string()),
    ("started_us", US),
    ("finished_us", US),
    ("report", pa.string()),  # JSON
    ("undone_by", pa.int64()),  # the run that took this one back; null while it is in force
)
"""One row for every command that wrote."""


def embedding(dimensions: int) -> pa.Schema:
    """Return the schema of an embedding table; vectors have unit length."""
    vector = pa.field("vector", pa.list_(pa.float32(), dimensions))
    return pa.schema([pa.field("item_id", pa.int64()), pa.field("video", pa.string()), vector])


PICTURE = _schema(("item_id", pa.int64()), ("video", pa.string()), ("jpeg", pa.binary()))
"""JPEG crops (item = detection) and thumbnails (item = frame number + 1 within the video's ids)."""


def conform(table: pa.Table, schema: pa.Schema, *, what: str) -> pa.Table:
    """Return ``table`` with exactly the columns and types of ``schema``; missing ones become null.

    Raises
    ------
    SchemaError
        If a column that may not be null is missing or null, or a type cannot be converted.

    >>> rows = pa.table({"video": ["a"], "start_us": [0], "end_us": [5]})
    >>> conform(rows, FRAME, what="frames")["frame"].null_count
    1
    """
    columns = []
    for field in schema:
        if field.name in table.column_names:
            column = table[field.name]
            if column.type != field.type:
                column = _cast(column, field, what)
        else:
            column = pa.chunked_array([pa.nulls(table.num_rows, field.type)])
        if not field.nullable and column.null_count:
            raise SchemaError(
                f"{what}: column {field.name!r} must be given for every row; "
                f"{column.null_count} of {table.num_rows} rows have none"
            )
        columns.append(column)
    return pa.table(columns, schema=schema)


def _cast(column: pa.ChunkedArray, field: pa.Field, what: str) -> pa.ChunkedArray:
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SchemaError(
            f"{what}: column {field.name!r} must be {field.type}, got {column.type}: {error}"
        ) from error


def check_intervals(table: pa.Table, *, what: str) -> None:
    """Check the rules of intervals: no start after end, boxes finite and not inverted.

    Raises
    ------
    SchemaError
        Naming the first row (counted from 1) that breaks a rule, and how many do.

    >>> rows = pa.table({"video": ["a"], "start_us": [5], "end_us": [3]})
    >>> check_intervals(rows, what="faces.csv")
    Traceback (most recent call last):
    vquery.errors.SchemaError: faces.csv, row 1: start must not be after end (1 such row)
    """
    refuse(pc.greater(table["start_us"], table["end_us"]), what, "start must not be after end")
    if not set(BOX) <= set(table.column_names):
        return
    for name in BOX:
        refuse(
            pc.invert(pc.is_finite(table[name])), what, f"column {name!r} must be a finite number"
        )
    for low, high in (("x1", "x2"), ("y1", "y2")):
        refuse(pc.greater(table[low], table[high]), what, f"{low} must not be greater than {high}")


def refuse(bad: pa.ChunkedArray, what: str, rule: str) -> None:
    """Raise for the first row where ``bad`` is true, saying how many there are; null is not bad.

    Raises
    ------
    SchemaError
        Naming the row, counted from 1.

    >>> refuse(pa.chunked_array([[False, True, None]]), "faces.csv", "x1 must be given")
    Traceback (most recent call last):
    vquery.errors.SchemaError: faces.csv, row 2: x1 must be given (1 such row)
    """
    bad = pc.fill_null(bad, fill_value=False)
    count = pc.sum(bad).as_py() or 0
    if count:
        first = pc.index(bad, value=True).as_py() + 1
        rows = "1 such row" if count == 1 else f"{count} such rows"
        raise SchemaError(f"{what}, row {first}: {rule} ({rows})")


def item_ids(video_id: int, first: int, count: int, *, end: int = IDS_PER_VIDEO) -> pa.Array:
    """Ids ``first .. first + count - 1`` (numbers count from 1 and stay below ``end``) of a video.

    >>> item_ids(3, 1, 2).to_pylist()
    [3000000001, 3000000002]
    """
    if first < 1 or first + count > end:
        raise SchemaError(
            f"a video has room for ids 1 to {end - 1} in a table; asked for {first} to "
            f"{first + count - 1}. Split the video"
        )
    base = video_id * IDS_PER_VIDEO
    return pa.array(np.arange(base + first, base + first + count))


def sort_intervals(table: pa.Table) -> pa.Table:
    """Sort by video, start and end; ties stay in order."""
    return table.sort_by([(name, "ascending") for name in KEYS])
