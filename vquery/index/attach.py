"""Add the detections of files to a video: crops and vectors from a second pass over its frames.

The second pass needs the frame table of the first, because files count frames or give rounded
times; a detection belongs to the frame whose timestamp is nearest to its start.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import IngestError, MediaError, SchemaError
from vquery.index.crops import ItemWriter, crops
from vquery.index.parts import Parts, aborting
from vquery.index.placing import Placed, place_by_time, place_on_frames
from vquery.index.rows import END_OF_TIME, DetectionRows, Sample
from vquery.ingest.clock import FrameClock
from vquery.ingest.detections import read_detections
from vquery.ingest.tables import PIXELS_FROM
from vquery.media.video import FrameReader

if TYPE_CHECKING:
    from vquery.index.crops import Describer
    from vquery.index.jobs import Job, Outcome
    from vquery.index.video import Report
    from vquery.store.parts import Part

REPORT_EVERY = 32
OFF = "detection at a time that has no frame"
NAMES = (
    "{} of its rows have a name, which was not taken over: labels are given by people, with "
    "`vquery label --from`"
)


def attach_detections(
    job: Job,
    frames: pa.Table | None,
    shots: pa.Table | None,
    describer: Describer,
    outcome: Outcome,
    report: Report | None = None,
) -> list[Part]:
    """Write the detections of all files of a job; return the parts.

    ``frames`` and ``shots`` are those of the video, None where it has no pictures: then the
    detections keep the times of the file and get neither crops nor vectors. A file that cannot
    be read is told in ``outcome.unread``; the others go on.
    """
    parts: list[Part] = []
    first, first_track = job.first_detection, job.first_track
    for name in job.detections:
        path = Path(name)
        try:
            table = _read(path, job, frames, outcome)
        except SchemaError as error:
            outcome.unread[name] = str(error)
            continue
        file = _File(job, path, first, first_track)
        with aborting(file.parts):
            if frames is None or shots is None:
                file.write_plain(table)
            else:
                file.write(table, frames, shots, describer, outcome, report)
            parts += file.parts.close()
        first, first_track = first + file.rows.count, file.rows.next_track
        outcome.count("detections", file.rows.count)
        outcome.read.append(name)
    return parts


def _read(path: Path, job: Job, frames: pa.Table | None, outcome: Outcome) -> pa.Table:
    clock = None
    width, height = job.size or (1, 1)
    if frames is not None:
        clock = FrameClock.from_frames(frames, width=width, height=height)
    elif job.rate is not None:
        clock = FrameClock.from_rate(*job.rate, width=width, height=height)
    try:
        read = read_detections(path, video=job.video, clock=clock)
    except IngestError as error:
        if clock is not None:
            raise
        hint = "For a file without a video give its frame rate and picture size (--fps, --size)"
        raise IngestError(f"{error}. {hint}") from error
    table = read.tables["detections"]
    largest = max((pc.max(pc.abs(table[name])).as_py() or 0 for name in schema.BOX), default=0)
    if largest > PIXELS_FROM and (width, height) == (1, 1):
        problem = "boxes are in pixels: give the size of the picture (--size WIDTHxHEIGHT)"
        raise IngestError.at(path, problem)
    for reason, count in read.skipped.items():
        outcome.skip(path.name, reason, count)
    for reason, count in read.suspect.items():
        outcome.doubt(path.name, reason, count)
    outcome.notes += [f"{path.name}: {note}" for note in read.notes]
    named = len(table) - table["name"].null_count
    if named:
        outcome.notes.append(f"{path.name}: {NAMES.format(named)}")
    return table


class _File:
    """One file of detections on its way into one video."""

    def __init__(self, job: Job, path: Path, first: int, first_track: int) -> None:
        self.job = job
        self.path = path
        self.parts = Parts(Path(job.root))
        self.rows = DetectionRows(
            self.parts, job.video, job.video_id, path.name, first=first, first_track=first_track
        )

    def write_plain(self, table: pa.Table) -> None:
        """Write detections that have no frames."""
        placed = place_by_time(table)
        for at in range(len(placed)):
            self.rows.add(_sample(placed, at))
            self.rows.spill(END_OF_TIME, None)
        self.rows.close_shot(END_OF_TIME, None)

    def write(
        self,
        table: pa.Table,
        frames: pa.Table,
        shots: pa.Table,
        describer: Describer,
        outcome: Outcome,
        report: Report | None,
    ) -> None:
        """Read the frames that have detections and write rows, crops and vectors."""
        items = ItemWriter(self.parts, self.job.video, "picture.detection", describer.spaces)
        placed, off = place_on_frames(table, frames)
        outcome.skip(self.path.name, OFF, off)
        self._fill(placed, shots, items, describer, report)
        items.flush()

    def _fill(
        self,
        placed: Placed,
        shots: pa.Table,
        items: ItemWriter,
        describer: Describer,
        report: Report | None,
    ) -> None:
        ends, ids = shots["end_us"].to_pylist(), shots["shot_id"].to_pylist()
        at = shot = 0
        with FrameReader(
            Path(self.job.path),
            images_fps=self.job.settings.images_fps,
            wanted=lambda index, _: at < len(placed) and index == placed.frames[at],
        ) as reader:
            for done, frame in enumerate(reader if len(placed) else (), start=1):
                if frame.image is not None:
                    sample = _sample(placed, at)
                    while shot < len(ends) - 1 and sample.start_us >= ends[shot]:
                        self.rows.close_shot(ends[shot], ids[shot])
                        shot += 1
                    vectors = describer.describe(frame.image, sample.boxes, None)
                    items.add(self.rows.add(sample), crops(frame.image, sample.boxes), vectors)
                    self.rows.spill(END_OF_TIME, ids[shot])
                    at += 1
                if at == len(placed):
                    break
                if report is not None and done % REPORT_EVERY == 0:
                    report(done, reader.info.frames_hint)
        if at < len(placed):
            raise MediaError(f"{self.job.path}: frame {placed.frames[at]} cannot be read again")
        for end, number in zip(ends[shot:], ids[shot:], strict=True):
            self.rows.close_shot(end, number)


def _sample(placed: Placed, at: int) -> Sample:
    """Make a sample of the detections of one moment."""
    group = placed.table.slice(placed.edges[at], placed.edges[at + 1] - placed.edges[at])
    boxes = np.stack([group[name].to_numpy() for name in schema.BOX], axis=1)
    return Sample(
        placed.frames[at],
        placed.starts[at],
        boxes.astype(np.float32),
        pc.fill_null(group["score"], 1.0).to_numpy().astype(np.float32),
        pc.fill_null(group["class"], "object").to_pylist(),
        tracks=group["track"].to_pylist() if placed.tracked else None,
        ends_us=group["end_us"].to_pylist() if placed.ends_given else None,
        until_us=placed.until[at],
    )
