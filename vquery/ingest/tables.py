"""Detections and other intervals from table files: CSV, Parquet, Arrow IPC, JSON lines."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import IngestError
from vquery.ingest.boxes import NO_AREA, corners, detection_table, has_area, normalised
from vquery.ingest.clock import FrameClock
from vquery.ingest.columns import Columns, read_columns
from vquery.ingest.result import Ingested, counts
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    import numpy.typing as npt

    Clocks = FrameClock | Mapping[str, FrameClock]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

PIXELS_FROM = 2.0
"""A normalised box may stick out of the picture, but not by a whole picture."""

CORNERS = ("x1", "y1", "x2", "y2")
SIZES = ("x", "y", "w", "h")
TIMES = (("start_us", "end_us"), ("start", "end"), ("time",), ("frame",))
OTHERS = ("video", "class", "score", "track", "name")
NAMES = (*OTHERS, *CORNERS, *SIZES, *(name for names in TIMES for name in names))
ALSO = {"score": "confidence", "track": "track_id", "name": "label"}
"""What a column may be called as well, where it has not its own name."""


@dataclass(frozen=True)
class Reading:
    """How a table file is to be understood; see `read_detection_table`."""

    video: str | None = None
    clock: Clocks | None = None
    columns: Mapping[str, str] | None = None
    pixels: bool | None = None
    every: float | None = None
    videos: Collection[str] | None = None


def read_detection_table(
    path: Path,
    *,
    video: str | None = None,
    clock: Clocks | None = None,
    columns: Mapping[str, str] | None = None,
    pixels: bool | None = None,
    every: float | None = None,
    videos: Collection[str] | None = None,
    source: str | None = None,
) -> Ingested:
    """Read detections from CSV, TSV, Parquet, Arrow IPC (Feather) or JSON lines.

    The file has one row a detection and these columns, of which others are ignored: a box as
    ``x1, y1, x2, y2`` or ``x, y, w, h`` (left, top, width, height); a time as ``start_us,
    end_us``, or as ``start, end`` or ``time`` (an instant) in seconds or as ``1:02:03.5``, or
    ``frame`` (from 0); optional ``video``, ``class``, ``score`` or ``confidence``, ``track`` or
    ``track_id``, ``name`` or ``label``.

    Parameters
    ----------
    path
        The file.
    video
        The video of rows without one.
    clock
        Times of frames and size of pictures, for ``frame`` and for boxes in pixels: of the one
        video, or by video.
    columns
        What the file calls a column: ``{"x1": "left"}``.
    pixels
        Whether boxes are in pixels. By default they are if a coordinate exceeds 2, with a note.
    every
        Seconds that a detection with a ``time`` lasts; by default it is an instant.
    videos
        The videos there are: a row of another one is an error.
    source
        The value of column ``source``; by default the name of the file.

    Returns
    -------
    Ingested
        Table ``detections`` in the order of the file. Boxes without area are skipped.

    Raises
    ------
    IngestError
        Naming row and column of what is missing, no number, or cannot be: a box that is not
        finite or inverted, a start after the end, an unknown video or frame. Rows of text files
        count as an editor counts lines.
    """
    table, notes = _open(path, Reading(video, clock, columns, pixels, every, videos))
    boxes = table.boxes(notes)
    area = has_area(boxes)
    start, end = table.times()
    found = detection_table(
        boxes,
        area,
        video=table.video,
        start_us=start,
        end_us=end,
        class_=table.text("class"),
        score=table.score(),
        track=table.track(),
        frame=table.columns.integers("frame") if "frame" in table.columns else None,
        name=table.text("name"),
        source=source or path.name,
    )
    return Ingested({"detections": found}, counts({NO_AREA: int((~area).sum())}), notes=notes)


def read_interval_table(
    path: Path,
    *,
    video: str | None = None,
    clock: Clocks | None = None,
    columns: Mapping[str, str] | None = None,
    pixels: bool | None = None,
    every: float | None = None,
    videos: Collection[str] | None = None,
) -> Ingested:
    """Read intervals of any kind: as `read_detection_table`, but a box is optional.

    Returns
    -------
    Ingested
        Table ``intervals``: ``video, start_us, end_us``, the box if the file has one, and all
        other columns of the file; text columns of numbers become numbers.

    Raises
    ------
    IngestError
        See `read_detection_table`.
    """
    table, notes = _open(path, Reading(video, clock, columns, pixels, every, videos))
    start, end = table.times()
    found: dict[str, Any] = {"video": table.video, "start_us": start, "end_us": end}
    used = {"video", *(name for form in TIMES[:3] for name in form)}
    if any(name in table.columns for name in (*CORNERS, *SIZES)):
        boxes = table.boxes(notes).astype(np.float32)
        found |= {name: boxes[:, at] for at, name in enumerate(CORNERS)}
        used |= {*CORNERS, *SIZES}
    used = {table.columns.own(name) for name in used} | used
    for name in table.columns.names:
        if name and name not in used:
            found[name] = _typed(table.columns.table[name].combine_chunks())
    return Ingested({"intervals": pa.table(found)}, notes=notes)


def _typed(column: pa.Array) -> pa.Array:
    """Return text as numbers if all of it is, else with null for nothing."""
    if not pa.types.is_string(column.type):
        return column
    column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    if column.null_count == len(column):
        return column
    for kind in (pa.int64(), pa.float64()):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            continue
    return column


def _open(path: Path, reading: Reading) -> tuple[_Table, list[str]]:
    columns, notes = read_columns(path)
    names = dict(reading.columns or {})
    for name, own in names.items():
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            problem = f"columns= has no meaning for {name!r}; known: {', '.join(NAMES)}.{hint}"
            raise IngestError.at(path, problem)
        columns.need(own)
    for name, other in ALSO.items():
        if name not in columns and other in columns:
            names.setdefault(name, other)
    return _Table(columns.calling(names), reading), notes


class _Table:
    """The meaning of the columns of one file."""

    def __init__(self, columns: Columns, reading: Reading) -> None:
        self.columns = columns
        self.reading = reading
        self.video = self._video()

    def _video(self) -> pa.Array:
        reading, columns = self.reading, self.columns
        if "video" in columns:
            video = columns.text("video")
            if reading.video is not None:
                video = pc.fill_null(video, reading.video)
            missing = pc.is_null(video).to_numpy(zero_copy_only=False)
            columns.refuse(missing, "is empty", "video")
        elif reading.video is None:
            columns.need("video")
        else:
            video = pa.array([reading.video] * len(columns), pa.string())
        known = reading.videos
        for name in pc.unique(video).to_pylist():
            if known is not None and name not in known:
                self._refuse_video(video, name, known)
        return video

    def _refuse_video(self, video: pa.Array, name: str, known: Collection[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        shown = ", ".join(sorted(known)[:10]) + (", ..." if len(known) > 10 else "")
        problem = f"no video {name!r}; there are {len(known)}: {shown}.{hint}"
        raise self.columns.error(problem, pc.index(video, name).as_py(), "video")

    def _clocks(self, why: str, column: str) -> list[tuple[FrameClock, npt.NDArray[np.bool_]]]:
        """Return each video's clock and rows."""
        given = self.reading.clock
        everything = np.ones(len(self.columns), bool)
        if isinstance(given, FrameClock):
            return [(given, everything)]
        if given is None:
            raise self.columns.error(f"{why}: give clock= (FrameClock)", column=column)
        clocks = []
        for name in pc.unique(self.video).to_pylist():
            rows = pc.equal(self.video, name).to_numpy(zero_copy_only=False)
            if name not in given:
                self.columns.refuse(rows, f"{why}, and clock= has none for {name!r}", column)
            clocks.append((given[name], rows))
        return clocks

    def times(self) -> tuple[Ints, Ints]:
        """Return start and end in microseconds, ``(n,)`` each."""
        columns = self.columns
        form = next((form for form in TIMES if form[0] in columns), None)
        if form is None:
            columns.need("start")
        elif form[-1] not in columns:
            columns.need(form[-1])
        if form == ("frame",):
            return self._frame_times()
        if form == ("start_us", "end_us"):
            start, end = columns.integers("start_us"), columns.integers("end_us")
        elif form == ("start", "end"):
            start, end = columns.microseconds("start"), columns.microseconds("end")
        else:
            start = columns.microseconds("time")
            end = start + round((self.reading.every or 0) * US_PER_S)
        columns.refuse(start > end, "start must not be after end")
        columns.refuse(start < 0, "must not be before 0", form[0] if form else None)
        return start, end

    def _frame_times(self) -> tuple[Ints, Ints]:
        frames = self.columns.integers("frame")
        start, end = np.zeros_like(frames), np.zeros_like(frames)
        for clock, rows in self._clocks("frame numbers need the times of frames", "frame"):
            bad = rows & ~clock.has(frames)
            self.columns.refuse(bad, f"no such frame: {clock.extent}", "frame")
            start[rows], end[rows] = clock.start_us(frames[rows]), clock.end_us(frames[rows])
        return start, end

    def boxes(self, notes: list[str]) -> Floats:
        """Return the normalised boxes, ``(n, 4)``."""
        columns = self.columns
        sized = "x" in columns and not any(name in columns for name in CORNERS)
        names = SIZES if sized else CORNERS
        for name in names:
            columns.need(name, known=NAMES)
        boxes = np.stack([columns.floats(name) for name in names], axis=1)
        low = np.zeros((len(boxes), 2)) if sized else boxes[:, :2]
        for axis, rule in enumerate(("x1", "y1")):
            problem = "must not be negative" if sized else f"must not be less than {rule}"
            columns.refuse(boxes[:, 2 + axis] < low[:, axis], problem, names[2 + axis])
        boxes = corners(boxes) if sized else boxes
        large = np.abs(boxes).max(axis=1, initial=0) > PIXELS_FROM
        pixels = self.reading.pixels
        if pixels is None and large.any():
            pixels = True
            notes.append("boxes are taken as pixels, because coordinates exceed 2")
        if pixels:
            for clock, rows in self._clocks("pixels need the size of the picture", names[0]):
                boxes[rows] = normalised(boxes[rows], clock.width, clock.height)
        else:
            columns.refuse(
                large, "exceeds the picture: expected shares of it, or pixels=True", names[0]
            )
        return boxes

    def text(self, name: str) -> pa.Array | None:
        """Return an optional column of text."""
        return self.columns.text(name) if name in self.columns else None

    def score(self) -> pa.Array | None:
        """Return the optional scores, null where there is none."""
        if "score" not in self.columns:
            return None
        return pa.array(self.columns.floats("score", missing=True), pa.float32(), from_pandas=True)

    def track(self) -> pa.Array | None:
        """Return the optional tracks, null where there is none or it is -1."""
        if "track" not in self.columns:
            return None
        numbers = self.columns.floats("track", missing=True)
        bad = (numbers != np.round(numbers)) & ~np.isnan(numbers)
        self.columns.refuse(bad, "expected an integer", "track")
        missing = np.isnan(numbers) | (numbers < 0)
        return pa.array(np.where(missing, 0, numbers).astype(np.int64), mask=missing)
