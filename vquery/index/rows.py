"""Bare detections wait here until their shot is over; then they get tracks, ends and ids.

A detection lasts from its frame to the next sampled frame, cut at the end of the shot and of the
video, so that sampled detections of one moment overlap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from vquery import schema
from vquery.media.tracks import track_boxes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vquery.store.parts import PartWriter


@dataclass
class Sample:
    """One sampled frame and what was found in it."""

    frame: int
    start_us: int
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    classes: Sequence[str]
    tracks: Sequence[int | None] | None = None
    ends_us: Sequence[int] | None = None
    """Ends that came with the detections; None lets the next sample end them."""
    lasts_us: int | None = None
    """The longest that a detection lasts which the next sample ends."""


@dataclass
class DetectionRows:
    """Collects the samples of one video in order of time and writes them out shot by shot.

    Parameters
    ----------
    writer
        Part of the table ``detections``.
    source
        The detector or the file.
    first
        Number of the first detection in the video, from 1.
    first_track
        Number of the first track in the video, from 1.
    """

    writer: PartWriter
    video: str
    video_id: int
    source: str
    first: int = 1
    first_track: int = 1
    fps: float = 25.0
    _samples: list[Sample] = field(default_factory=list)
    _given: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.next_id = self.video_id * schema.IDS_PER_VIDEO + self.first
        self._track = self.first_track
        self.count = 0

    def add(self, sample: Sample) -> npt.NDArray[np.int64]:
        """Take a sampled frame, empty ones too; return the ids of its detections."""
        self._samples.append(sample)
        ids = np.arange(self.next_id, self.next_id + len(sample.boxes), dtype=np.int64)
        self.next_id += len(sample.boxes)
        return ids

    @property
    def next_track(self) -> int:
        """Number of the next track in the video."""
        return self._track

    def close_shot(self, end_us: int, shot_id: int | None) -> None:
        """Write every detection that starts before ``end_us``, the end of the shot.

        A single picture is an instant, whose shot ends when it starts.
        """
        keep = next(
            (i for i, one in enumerate(self._samples) if one.start_us >= max(end_us, 1)),
            len(self._samples),
        )
        shot, self._samples = self._samples[:keep], self._samples[keep:]
        if any(len(sample.boxes) for sample in shot):
            self.writer.write(self._table(shot, end_us, shot_id))

    def _table(self, shot: list[Sample], end_us: int, shot_id: int | None) -> pa.Table:
        counts = [len(sample.boxes) for sample in shot]
        total = sum(counts)
        starts = np.array([sample.start_us for sample in shot], np.int64)
        boxes = np.concatenate([sample.boxes for sample in shot]).astype(np.float32)
        ids = self.video_id * schema.IDS_PER_VIDEO + self.first + self.count
        self.count += total
        columns = {
            "detection_id": pa.array(np.arange(ids, ids + total, dtype=np.int64)),
            "video": pa.array([self.video] * total, pa.string()),
            "start_us": pa.array(np.repeat(starts, counts)),
            "end_us": pa.array(_ends(shot, end_us)),
            **{name: pa.array(boxes[:, i]) for i, name in enumerate(schema.BOX)},
            "class": pa.array([c for sample in shot for c in sample.classes], pa.string()),
            "score": pa.array(np.concatenate([sample.scores for sample in shot]), pa.float32()),
            "track": pa.array(self._tracks(shot, counts), pa.int64()),
            "frame": pa.array(np.repeat([sample.frame for sample in shot], counts)),
            "shot_id": pa.array([shot_id] * total, pa.int64()),
            "source": pa.array([self.source] * total, pa.string()),
        }
        return pa.table(columns)

    def _tracks(self, shot: list[Sample], counts: list[int]) -> list[int | None]:
        """Tracks that came with the detections are kept; others are found inside the shot."""
        base = self.video_id * schema.IDS_PER_VIDEO
        if any(sample.tracks is not None for sample in shot):
            given = [
                track for sample in shot for track in (sample.tracks or [None] * len(sample.boxes))
            ]
            return [None if track is None else base + self._renumber(track) for track in given]
        numbers = track_boxes(
            np.repeat([sample.frame for sample in shot], counts),
            np.concatenate([sample.boxes for sample in shot]),
            np.concatenate([sample.scores for sample in shot]),
            start_us=np.repeat([sample.start_us for sample in shot], counts),
            fps=self.fps,
        )
        found = [base + self._track + int(number) for number in numbers]
        self._track += int(numbers.max()) + 1
        return list(found)

    def _renumber(self, track: int) -> int:
        if track not in self._given:
            self._given[track] = self._track
            self._track += 1
        return self._given[track]


def _ends(shot: list[Sample], shot_end: int) -> npt.NDArray[np.int64]:
    ends: list[int] = []
    following = [sample.start_us for sample in shot[1:]] + [shot_end]
    for sample, after in zip(shot, following, strict=True):
        if sample.ends_us is not None:
            ends += sample.ends_us
            continue
        lasts = shot_end if sample.lasts_us is None else sample.start_us + sample.lasts_us
        ends += [min(after, lasts, shot_end)] * len(sample.boxes)
    return np.array(ends, np.int64)
