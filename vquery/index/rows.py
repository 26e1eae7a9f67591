"""Bare detections wait here until their shot is over; then they get tracks, ends and ids.

A detection lasts from its frame to the next sampled frame, cut at the end of the shot and of the
video and where footage is missing, so that sampled detections of one moment overlap.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from vquery import schema
from vquery.media.tracks import track_boxes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vquery.index.parts import Parts

    Ints = npt.NDArray[np.int64]

MOST_SAMPLES = 4096
"""Samples that wait before some are written: a shot may last for hours."""
CARRY_S = 4.0
CARRY_SAMPLES = 8
"""What tracks are continued from when the first part of a shot has been written already."""
END_OF_TIME = 1 << 62


@dataclass
class Sample:
    """One sampled frame and what was found in it.

    Attributes
    ----------
    frame
        Number of the frame; None where there are no frames.
    boxes, scores, classes
        float32 (n, 4), float32 (n,), n texts.
    tracks
        Tracks that came with the detections; None lets them be found.
    ends_us
        Ends that came with the detections; None lets the next sample end them.
    until_us
        The next sample is not believed to end them later than this.
    """

    frame: int | None
    start_us: int
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    classes: Sequence[str]
    tracks: Sequence[int | None] | None = None
    ends_us: Sequence[int] | None = None
    until_us: int = END_OF_TIME


class DetectionRows:
    """Collects the samples of one video in order of time and writes them out shot by shot.

    Parameters
    ----------
    parts
        Where the table ``detections`` is written.
    source
        The detector or the file.
    first, first_track
        Numbers of the first detection and track in the video, from 1.

    Attributes
    ----------
    count
        Detections taken so far.
    next_track
        Number of the next track in the video.
    """

    def __init__(
        self,
        parts: Parts,
        video: str,
        video_id: int,
        source: str,
        *,
        first: int = 1,
        first_track: int = 1,
    ) -> None:
        self.count = 0
        self.next_track = first_track
        self._parts = parts
        self._video = video
        self._source = source
        self._base = video_id * schema.IDS_PER_VIDEO
        self._first = first
        self._written = 0
        self._samples: list[Sample] = []
        self._given: dict[int, int] = {}
        self._carry = _Carry.empty()

    def add(self, sample: Sample) -> Ints:
        """Take a sampled frame, empty ones too; return the ids of its detections."""
        self._samples.append(sample)
        n = len(sample.boxes)
        first = self._base + self._first + self.count
        self.count += n
        if self._first + self.count > schema.DRAWN_FROM:  # says that there is no room for so many
            schema.item_ids(0, self._first, self.count, end=schema.DRAWN_FROM)
        return np.arange(first, first + n, dtype=np.int64)

    def cut(self, end_us: int) -> None:
        """Say that footage is missing from this time on: nothing seen before lasts longer."""
        if self._samples:
            self._samples[-1].until_us = min(self._samples[-1].until_us, end_us)

    def spill(self, before_us: int, shot_id: int | None) -> None:
        """Write what can be written of a long shot, all of which before this time is settled."""
        if len(self._samples) <= MOST_SAMPLES:
            return
        keep = self._index_of(min(before_us, self._samples[-1].start_us))
        if keep >= MOST_SAMPLES // 2:
            self._write(keep, self._samples[keep].start_us, shot_id)

    def close_shot(self, end_us: int, shot_id: int | None) -> None:
        """Write every detection that starts before ``end_us``, the end of the shot.

        A single picture is an instant, whose shot ends when it starts.
        """
        self._write(self._index_of(max(end_us, 1)), end_us, shot_id)
        self._carry = _Carry.empty()

    def _index_of(self, time_us: int) -> int:
        """Count the samples that start before a time."""
        return bisect_left(self._samples, time_us, key=lambda sample: sample.start_us)

    def _write(self, count: int, end_us: int, shot_id: int | None) -> None:
        samples, self._samples = self._samples[:count], self._samples[count:]
        if any(len(sample.boxes) for sample in samples):
            self._parts.write("detections", self._table(samples, end_us, shot_id))

    def _table(self, samples: list[Sample], end_us: int, shot_id: int | None) -> pa.Table:
        counts = [len(sample.boxes) for sample in samples]
        total = sum(counts)
        boxes = np.concatenate([sample.boxes for sample in samples]).astype(np.float32)
        frames = [sample.frame for sample in samples for _ in range(len(sample.boxes))]
        ids = self._base + self._first + self._written + np.arange(total, dtype=np.int64)
        self._written += total
        starts = np.repeat(np.array([sample.start_us for sample in samples], np.int64), counts)
        columns = {
            "detection_id": pa.array(ids),
            "video": pa.repeat(self._video, total),
            "start_us": pa.array(starts),
            "end_us": pa.array(_ends(samples, end_us)),
            **{name: pa.array(boxes[:, i]) for i, name in enumerate(schema.BOX)},
            "class": pa.array([c for sample in samples for c in sample.classes], pa.string()),
            "score": pa.array(np.concatenate([sample.scores for sample in samples]), pa.float32()),
            "track": pa.array(self._tracks(samples, boxes, starts), pa.int64()),
            "frame": pa.array(frames, pa.int64()),
            "shot_id": pa.array([shot_id] * total, pa.int64()),
            "source": pa.repeat(self._source, total),
        }
        return pa.table(columns)

    def _tracks(
        self, samples: list[Sample], boxes: npt.NDArray[np.float32], starts: Ints
    ) -> list[int | None]:
        """Tracks that came with the detections are kept; others are found inside the shot."""
        if samples[0].tracks is not None:
            given = [track for sample in samples for track in sample.tracks or ()]
            return [
                None if track is None else self._base + self._renumber(track) for track in given
            ]
        classes = np.array([c for sample in samples for c in sample.classes])
        scores = np.concatenate([sample.scores for sample in samples])
        new = _Carry(starts, boxes, scores, classes, np.full(len(starts), -1, np.int64))
        self._carry = self._carry.then(new)
        for kind in dict.fromkeys(classes.tolist()):
            self._find_tracks(np.flatnonzero(self._carry.classes == kind))
        numbers = self._carry.tracks[-len(starts) :]
        self._carry = self._carry.tail(samples)
        return [self._base + int(number) for number in numbers]

    def _find_tracks(self, rows: Ints) -> None:
        """Give numbers to the tracks of one class; those that went on before keep theirs."""
        held = self._carry
        found = track_boxes(
            held.starts[rows], held.boxes[rows], held.scores[rows], start_us=held.starts[rows]
        )
        known: dict[int, int] = {}  # by number found; the latest box with a number decides
        for at in np.flatnonzero(held.tracks[rows] >= 0)[::-1]:
            number = int(held.tracks[rows[at]])
            if number not in known.values():
                known.setdefault(int(found[at]), number)
        for row, one in zip(rows.tolist(), found.tolist(), strict=True):
            if held.tracks[row] >= 0:
                continue
            if one not in known:
                known[one] = self.next_track
                self.next_track += 1
            held.tracks[row] = known[one]

    def _renumber(self, track: int) -> int:
        if track not in self._given:
            self._given[track] = self.next_track
            self.next_track += 1
        return self._given[track]


@dataclass
class _Carry:
    """Detections of the open shot that tracks are found among: (n,), boxes (n, 4), in order."""

    starts: Ints
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.str_]
    tracks: Ints
    """Number in the video, -1 where there is none yet."""

    @classmethod
    def empty(cls) -> _Carry:
        none = np.empty(0, np.int64)
        return cls(
            none, np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, "U1"), none
        )

    def then(self, other: _Carry) -> _Carry:
        """Return both, one after the other."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return _Carry(*(np.concatenate(pair) for pair in pairs))

    def tail(self, samples: list[Sample]) -> _Carry:
        """Keep the detections of the last samples."""
        last = samples[-1].start_us - round(CARRY_S * 1e6)
        last = min(last, samples[-CARRY_SAMPLES:][0].start_us)
        keep = self.starts >= last
        return _Carry(*(column[keep] for column in vars(self).values()))


def _ends(samples: list[Sample], shot_end: int) -> Ints:
    ends: list[int] = []
    following = [after.start_us for _, after in pairwise(samples)] + [shot_end]
    for sample, after in zip(samples, following, strict=True):
        if sample.ends_us is not None:
            ends += sample.ends_us
        else:
            ends += [min(after, sample.until_us, shot_end)] * len(sample.boxes)
    return np.array(ends, np.int64)
