"""Add the detections of files to a video: crops and vectors from a second pass over its frames.

The second pass needs the frame table of the first, because files count frames or give rounded
times; a detection belongs to the frame whose timestamp is nearest to its start.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import IngestError
from vquery.index.crops import ItemWriter, crops
from vquery.index.rows import DetectionRows, Sample
from vquery.index.sampling import EARLY_US
from vquery.ingest.clock import FrameClock
from vquery.ingest.detections import read_detections
from vquery.media.video import FrameReader
from vquery.store.parts import PartWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from vquery.index.crops import Describer
    from vquery.index.jobs import Job, Outcome
    from vquery.index.video import Report
    from vquery.store.parts import Part

REPORT_EVERY = 32
_AFTER_ALL = 1 << 62


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
    detections keep the times of the file and get neither crops nor vectors.
    """
    parts: list[Part] = []
    first, first_track = job.first_detection, job.first_track
    for name in job.detections:
        table = _read(Path(name), job, frames, outcome)
        if frames is None or shots is None or not table.num_rows:
            rows, made = _write_plain(job, Path(name), table, first, first_track)
        else:
            attachment = _Attachment(job, Path(name), table, frames, shots, describer)
            rows, made = attachment.run(first, first_track, report)
        parts += made
        first, first_track = first + rows.count, rows.next_track
        outcome.counts["detections"] = outcome.counts.get("detections", 0) + rows.count
    return parts


def _read(path: Path, job: Job, frames: pa.Table | None, outcome: Outcome) -> pa.Table:
    clock = None
    width, height = job.size
    if frames is not None:
        clock = FrameClock.from_frames(frames, width=width, height=height)
    elif job.rate is not None:
        clock = FrameClock.from_rate(*job.rate, width=width, height=height)
    read = read_detections(path, video=job.video, clock=clock)
    for reason, count in read.skipped.items():
        outcome.skipped[f"{path.name}: {reason}"] = count
    outcome.notes += [f"{path.name}: {note}" for note in read.notes]
    return schema.sort_intervals(read.tables["detections"])


def _write_plain(
    job: Job, path: Path, table: pa.Table, first: int, first_track: int
) -> tuple[DetectionRows, list[Part]]:
    writer = PartWriter(Path(job.root), "detections")
    rows = DetectionRows(
        writer, job.video, job.video_id, path.name, first=first, first_track=first_track
    )
    for group in _split(table, table["start_us"].to_numpy()):
        number = group["frame"][0].as_py()
        sample = _sample(-1 if number is None else number, group["start_us"][0].as_py(), group)
        sample.ends_us = group["end_us"].to_pylist()
        rows.add(sample)
    rows.close_shot(_AFTER_ALL, None)
    return rows, ([writer.close()] if writer.rows else _aborted(writer))


def _aborted(writer: PartWriter) -> list[Part]:
    writer.abort()
    return []


class _Attachment:
    """One file of detections on its way into one video."""

    def __init__(
        self,
        job: Job,
        path: Path,
        table: pa.Table,
        frames: pa.Table,
        shots: pa.Table,
        describer: Describer,
    ) -> None:
        self.job = job
        self.path = path
        self.table = table
        self.describer = describer
        self.numbers = frames["frame"].to_numpy()
        self.starts = frames["start_us"].to_numpy()
        self.last_end = int(frames["end_us"][-1].as_py())
        self.shots = shots.select(["shot_id", "end_us"]).to_pylist()

    def run(
        self, first: int, first_track: int, report: Report | None
    ) -> tuple[DetectionRows, list[Part]]:
        """Read the frames that have detections and write everything."""
        root = Path(self.job.root)
        items = ItemWriter(root, self.job.video, "picture.detection", self.describer.spaces)
        writer = PartWriter(root, "detections")
        rows = DetectionRows(
            writer, self.job.video, self.job.video_id, self.path.name,
            first=first, first_track=first_track,
        )  # fmt: skip
        try:
            self._fill(rows, items, report)
            return rows, [*items.close(), writer.close()]
        except BaseException:
            items.abort()
            writer.abort()
            raise

    def _fill(self, rows: DetectionRows, items: ItemWriter, report: Report | None) -> None:
        samples = self._samples()
        wanted = {sample.frame: sample for sample in samples}
        fps = self.job.settings.images_fps
        seen = set()
        with FrameReader(
            Path(self.job.path), images_fps=fps, wanted=lambda index, _: index in wanted
        ) as reader:
            for done, frame in enumerate(reader, start=1):
                sample = wanted.get(frame.index)
                if sample is not None and frame.image is not None:
                    seen.add(frame.index)
                    ids = rows.add(sample)
                    vectors = self.describer.describe(frame.image, sample.boxes, None)
                    items.add(ids, crops(frame.image, sample.boxes), vectors)
                if report is not None and done % REPORT_EVERY == 0:
                    report(done, len(self.numbers))
        if len(seen) < len(wanted):
            lost = len(wanted) - len(seen)
            raise IngestError.at(self.path, f"{lost} frames with detections cannot be read again")
        for shot in self.shots:
            rows.close_shot(shot["end_us"], shot["shot_id"])

    def _samples(self) -> list[Sample]:
        """Put each detection on its nearest frame; of one frame's length, it ends with the next sample."""
        at = self._nearest(self.table["start_us"].to_numpy())
        own_end = np.append(self.starts[1:], self.last_end)[at]
        momentary = bool((self.table["end_us"].to_numpy() <= own_end + EARLY_US).all())
        lasts = _step(self.starts[np.unique(at)]) if momentary else None
        order = np.argsort(at, kind="stable")
        samples = []
        for group in _split(self.table.take(order), at[order]):
            index = self._nearest(np.array([group["start_us"][0].as_py()]))[0]
            sample = _sample(int(self.numbers[index]), int(self.starts[index]), group)
            sample.lasts_us = lasts
            sample.ends_us = None if momentary else group["end_us"].to_pylist()
            samples.append(sample)
        return samples

    def _nearest(self, times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        right = np.searchsorted(self.starts, times)
        left = np.maximum(right - 1, 0)
        right = np.minimum(right, len(self.starts) - 1)
        nearer = np.abs(self.starts[right] - times) < np.abs(times - self.starts[left])
        return np.where(nearer, right, left)


def _step(starts: npt.NDArray[np.int64]) -> int | None:
    """Guess the sampling step: a missed detection must not stretch the one before it."""
    return int(np.median(np.diff(starts))) if len(starts) > 1 else None


def _split(table: pa.Table, keys: npt.NDArray[np.int64]) -> Iterator[pa.Table]:
    """Cut a table where its sorted keys change."""
    edges = np.flatnonzero(np.diff(keys)) + 1
    for low, high in pairwise([0, *edges.tolist(), len(keys)]):
        if high > low:
            yield table.slice(low, high - low)


def _sample(frame: int, start_us: int, group: pa.Table) -> Sample:
    boxes = np.stack([group[name].to_numpy() for name in schema.BOX], axis=1)
    scores = pc.fill_null(group["score"], 1.0).to_numpy()
    tracks = group["track"]
    return Sample(
        frame,
        start_us,
        boxes.astype(np.float32),
        scores.astype(np.float32),
        pc.fill_null(group["class"], "object").to_pylist(),
        tracks=None if tracks.null_count == len(tracks) else tracks.to_pylist(),
    )
