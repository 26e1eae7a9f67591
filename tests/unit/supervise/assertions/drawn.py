"""Tables for tests of assertions."""

from __future__ import annotations

import pyarrow as pa

import vquery as vq

STEP = 40_000
"""25 frames a second."""


def boxed(rows, **columns):
    """Rows ``(frame, track, x)`` or ``(frame, track, x, score)``: boxes .1 wide, one a frame."""
    made = []
    for row in rows:
        frame, track, x, *score = row
        box = {"x1": x, "y1": 0.2, "x2": x + 0.1, "y2": 0.5}
        time = {"start_us": frame * STEP, "end_us": (frame + 1) * STEP}
        made.append(
            {"video": "a", **time, **box, "track": track, "score": score[0] if score else 0.9}
        )
    table = pa.Table.from_pylist(made)
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table


def spans(rows):
    """Rows ``(video, start, end, track)`` in seconds, without boxes."""
    kinds = {"video": pa.string(), "start": pa.float64(), "end": pa.float64(), "track": pa.int64()}
    columns = [pa.array([row[at] for row in rows], kind) for at, kind in enumerate(kinds.values())]
    return pa.table(columns, names=list(kinds))


def told(table, rules, *columns, **options):
    """The named columns of the violations."""
    return vq.check(table, rules, **options).violations.select(list(columns)).to_pylist()
