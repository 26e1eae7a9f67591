"""Put the detections of a file on the frames of a video, and say how long each is believed.

Files give frame numbers, or times that were rounded, or the spans of tracks. Where all of them
are momentary, a detection lasts until the next sampled frame: what lies further away than one and
a half steps of the file was missed, not sampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from vquery import schema
from vquery.index.rows import END_OF_TIME
from vquery.index.sampling import EARLY_US

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

MISSED = 1.5
"""Steps of the file after which the next detection is not the next sample."""


@dataclass(frozen=True)
class Placed:
    """Detections in order of time; the moment ``i`` has the rows ``edges[i] : edges[i + 1]``.

    Attributes
    ----------
    table
        The detections, with ends that do not lie before the starts.
    frames, starts
        Number (None without frames) and time of each moment.
    until
        When the detections of each moment end at the latest.
    edges
        One more than there are moments.
    ends_given
        Whether the ends in the table hold.
    tracked
        Whether tracks came with the file.
    """

    table: pa.Table
    frames: list[int | None]
    starts: list[int]
    until: list[int]
    edges: list[int]
    ends_given: bool
    tracked: bool

    def __len__(self) -> int:
        return len(self.starts)


def place_on_frames(table: pa.Table, frames: pa.Table) -> tuple[Placed, int]:
    """Put each detection on the frame that starts nearest to its start. O(n log n).

    Parameters
    ----------
    table
        DETECTION rows, as a reader gives them.
    frames
        FRAME rows of the video, in order.

    Returns
    -------
    The detections, and how many were left out because no frame is shown at their time (one
    frame's length of rounding allowed).
    """
    starts, ends = frames["start_us"].to_numpy(), frames["end_us"].to_numpy()
    times = table["start_us"].to_numpy()
    at = _nearest(starts, times)
    slack = np.maximum(ends - starts, EARLY_US)[at]
    there = (times >= starts[at] - slack) & (times <= ends[at] + slack)
    at, table = at[there], table.filter(pa.array(there))
    order = np.lexsort((np.arange(len(at)), at))
    at, table = at[order], table.take(pa.array(order))
    given = table["end_us"].to_numpy()
    momentary = bool((given <= ends[at] + EARLY_US).all())
    edges = _edges(at)
    rows = at[edges[:-1]]
    placed = Placed(
        _with_ends(table, np.maximum(given, ends[at])),
        frames["frame"].to_numpy()[rows].tolist(),
        starts[rows].tolist(),
        _until(rows, table["start_us"].to_numpy()[edges[:-1]], starts, ends),
        edges,
        ends_given=not momentary,
        tracked=_tracked(table),
    )
    return placed, int((~there).sum())


def place_by_time(table: pa.Table) -> Placed:
    """Group detections of a file without a video by their start.

    Instants, and detections that the file counts in frames, last until the next sample.
    """
    table = schema.sort_intervals(table)
    times, ends = table["start_us"].to_numpy(), table["end_us"].to_numpy()
    edges = _edges(times)
    firsts = edges[:-1]
    starts = times[firsts]
    framed = table["frame"].null_count == 0
    numbers = table["frame"].to_numpy()[firsts].tolist() if framed else [None] * len(starts)
    length = np.maximum.reduceat(ends - times, firsts) if len(firsts) else starts
    until = np.where(_missed(starts), starts + np.maximum(_step(starts), length), END_OF_TIME)
    if len(until):
        until[-1] = starts[-1] + max(_step(starts), int(length[-1]))
    given = not framed and bool((ends > times).any())
    return Placed(table, numbers, starts.tolist(), until.tolist(), edges, given, _tracked(table))


def _nearest(starts: Ints, times: Ints) -> Ints:
    """Row of the frame that starts nearest to each time, the earlier one if two are."""
    right = np.searchsorted(starts, times)
    left = np.maximum(right - 1, 0)
    right = np.minimum(right, len(starts) - 1)
    nearer = np.abs(starts[right] - times) < np.abs(times - starts[left])
    return np.where(nearer, right, left).astype(np.int64)


def _until(rows: Ints, times: Ints, starts: Ints, ends: Ints) -> list[int]:
    """Latest end of the detections on each frame row: the step of the file, up to a gap."""
    gaps = np.flatnonzero(starts[1:] > ends[:-1])
    next_gap = np.append(gaps, len(starts) - 1)[np.searchsorted(gaps, rows)]
    bounds = np.append(starts, ends[-1])
    by_step = bounds[_nearest(bounds, starts[rows] + _step(times))]
    until = np.where(_missed(times), np.maximum(by_step, ends[rows]), END_OF_TIME)
    if len(until):
        until[-1] = max(by_step[-1], ends[rows[-1]])
    found: list[int] = np.minimum(until, ends[next_gap]).tolist()
    return found


def _step(times: Ints) -> int:
    """Time between samples of the file: the median, so that a few missed ones do not count."""
    return int(np.median(np.diff(times))) if len(times) > 1 else 0


def _missed(times: Ints) -> npt.NDArray[np.bool_]:
    """Tell of each moment whether the one after it is further away than a step."""
    steps = np.diff(times, append=times[-1:])
    return steps > MISSED * _step(times)


def _edges(keys: Ints) -> list[int]:
    """Where sorted keys change, with both ends."""
    inner = np.flatnonzero(np.diff(keys)) + 1
    return [0, *inner.tolist(), len(keys)] if len(keys) else [0]


def _with_ends(table: pa.Table, ends: Ints) -> pa.Table:
    return table.set_column(table.schema.get_field_index("end_us"), "end_us", pa.array(ends))


def _tracked(table: pa.Table) -> bool:
    return bool(table["track"].null_count < len(table))
