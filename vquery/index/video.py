"""Look at one video in a single sequential pass, with memory that does not grow with its length.

Crops, thumbnails and vectors are written as they come. Only the bare detections of the shot that
is still open are held back, because tracks and the ends of spans need the whole shot.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from vquery import schema
from vquery.errors import MediaError
from vquery.index.crops import ItemWriter, crops, thumbnail
from vquery.index.parts import Parts
from vquery.index.rows import DetectionRows, Sample
from vquery.index.sampling import Every
from vquery.media import models
from vquery.media.descriptors import FaceDescriptor, FrameDescriptor, OnnxDescriptor
from vquery.media.ensemble import FLOOR, Ensemble
from vquery.media.faces import SCORE, Haar, YuNet, open_face_detector
from vquery.media.shots import ShotDetector
from vquery.media.tables import boundary_frame, frames_table, shots_table, transitions_table

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from vquery.index.crops import Describer
    from vquery.index.jobs import Job, Settings
    from vquery.media.faces import FaceDetector
    from vquery.media.pictures import Picture
    from vquery.media.shots import Transition
    from vquery.media.video import Frame, FrameReader
    from vquery.store.parts import Part

    Report = Callable[[int, int | None], None]

REPORT_EVERY = 16


def open_describer(settings: Settings) -> Describer:
    """Open the user's ONNX file, or the built-in descriptor."""
    return OnnxDescriptor(Path(settings.embedding)) if settings.embedding else FaceDescriptor()


def open_detector(settings: Settings) -> FaceDetector | None:
    """Open the face detector that the settings ask for; None for "none".

    Raises
    ------
    MediaError
        If YuNet is asked for and its weights are not found.
    """
    if settings.faces == "none":
        return None
    if settings.ensemble:
        return Ensemble(_open(settings, FLOOR), score=SCORE)
    return _open(settings, SCORE)


def _open(settings: Settings, score: float) -> FaceDetector:
    folder = Path(settings.models) if settings.models else None
    if settings.faces == "haar":
        return Haar(score=score)
    if settings.faces == "yunet":
        found = models.find("yunet", folder)
        if found is None:
            raise MediaError(
                "no YuNet weights found: run `vquery models get yunet`, or set VQUERY_MODELS"
            )
        return YuNet(found, score=score)
    return open_face_detector(folder, score)


class Look:
    """The pass over one video; see the module.

    Parameters
    ----------
    detector
        None leaves detections out: none wanted, or they come from a file.
    """

    def __init__(self, job: Job, detector: FaceDetector | None, describer: Describer) -> None:
        self.job = job
        self.detector = detector
        self.describer = describer
        self.base = job.video_id * schema.IDS_PER_VIDEO
        self.shots = ShotDetector()
        self.frame_describer = FrameDescriptor()
        self.parts = Parts(Path(job.root))
        self.frame_items = self._items("picture.frame", self.frame_describer)
        self.items = self._items("picture.detection", describer)
        self.rows = DetectionRows(
            self.parts,
            job.video,
            job.video_id,
            detector.name if detector else "",
            first=job.first_detection,
            first_track=job.first_track,
        )
        self._pick_frame = Every(1 / job.settings.frames_per_second)
        self._pick_detect = Every(job.settings.every_s)
        self._recent: deque[Frame] = deque()
        self._closed = 0
        self._end_us = 0

    def _items(self, pictures: str, describer: Describer | FrameDescriptor) -> ItemWriter:
        return ItemWriter(self.parts, self.job.video, pictures, describer.spaces)

    def run(self, reader: FrameReader, report: Report | None = None) -> None:
        """Read the video to its end."""
        info = reader.info
        for done, frame in enumerate(reader, start=1):
            if info.kind == "images" and done > 1 and frame.start_us > self._end_us:
                self.rows.cut(self._end_us)  # a gap between pictures stays a gap
            self._end_us = reader.end_us
            self._take(frame)
            self._settle()
            if report is not None and done % REPORT_EVERY == 0:
                report(done, info.frames_hint)
        self.shots.finish()
        self._settle()
        self.rows.close_shot(reader.end_us, self._shot_id())

    def _take(self, frame: Frame) -> None:
        image = frame.image
        if image is None:
            raise MediaError(f"{self.job.path}: frame {frame.index} has no picture")
        self.shots.push(frame.index, frame.start_us, image)
        if self._pick_frame.due(frame.start_us):
            vector = self.frame_describer.describe(image)
            item = self.base + frame.index + 1
            self.frame_items.add([item], [thumbnail(image)], {"frame": vector[None]})
        if self.detector is not None and self._pick_detect.due(frame.start_us):
            self._detect(self.detector, frame, image)
        frame.image = None
        self._recent.append(frame)

    def _detect(self, detector: FaceDetector, frame: Frame, image: Picture) -> None:
        faces = detector.detect(image)
        classes = ["face"] * len(faces)
        ids = self.rows.add(Sample(frame.index, frame.start_us, faces.boxes, faces.scores, classes))
        if len(ids):
            vectors = self.describer.describe(image, faces.boxes, faces.landmarks)
            self.items.add(ids, crops(image, faces.boxes), vectors)

    def _settle(self) -> None:
        """Write the shots that have ended, and what must not wait for the end of the open one."""
        for found in self.shots.transitions[self._closed :]:
            self.rows.close_shot(self._boundary_us(found), self._shot_id())
            self._closed += 1
        self.rows.spill(self.shots.settled_us, self._shot_id())
        while len(self._recent) > 1 and self._recent[0].start_us < self.shots.settled_us:
            self._recent.popleft()

    def _boundary_us(self, found: Transition) -> int:
        number = boundary_frame(found)
        return next(frame.start_us for frame in self._recent if frame.index >= number)

    def _shot_id(self) -> int:
        return self.base + self._closed + 1

    def close(self, reader: FrameReader) -> tuple[list[Part], pa.Table, pa.Table]:
        """Write the tables of frames and shots; return all parts, the frames and the shots."""
        video, transitions = self.job.video, self.shots.transitions
        frames = frames_table(video, reader.numbers, reader.starts_us, reader.ends_us)
        shots = shots_table(video, transitions, frames, video_id=self.job.video_id)
        self.parts.write("frames", frames)
        self.parts.write("shots", shots)
        self.parts.write("transitions", transitions_table(video, transitions))
        self.frame_items.flush()
        self.items.flush()
        return self.parts.close(), frames, shots
