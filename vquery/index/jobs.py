"""What is asked of one video, and what came of it: plain data that travels as JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Settings:
    """How videos are looked at; one collection keeps to one of these.

    Parameters
    ----------
    every_s
        Seconds between the frames in which detections are made; 0 is every frame.
    frames_per_second
        Thumbnails and frame descriptors per second of video.
    faces
        "auto" (YuNet when weights are found, else Haar; none for videos with detections beside
        them), "yunet", "haar" or "none".
    ensemble
        Whether the detector looks at each picture several times; see `vquery.media.ensemble`.
    models
        Folder to look for weights in, before the usual places.
    embedding
        Path of an ONNX file that embeds face crops, instead of the built-in descriptor.
    images_fps
        Frames per second of picture folders, as text ("1", "30000/1001").
    """

    every_s: float = 0.0
    frames_per_second: float = 5.0
    faces: Literal["auto", "yunet", "haar", "none"] = "auto"
    models: str | None = None
    embedding: str | None = None
    images_fps: str | None = None
    ensemble: bool = False


@dataclass(frozen=True)
class Job:
    """Index one video (``look``), or only add the detections of files to one that is indexed."""

    root: str
    video: str
    video_id: int
    path: str
    kind: str
    settings: Settings
    captions: tuple[str, ...] = ()
    detections: tuple[str, ...] = ()
    look: bool = True
    detect: bool = True
    """Whether to look for faces, if the settings want any."""
    first_detection: int = 1
    first_track: int = 1
    """Numbers of the first detection and track: above 1 where the video has some already."""
    rate: tuple[int, int] | None = None
    size: tuple[int, int] | None = None
    """Frame rate and picture size of detections without a video."""

    def to_json(self) -> str:
        """Write as one line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Read what `to_json` wrote.

        >>> job = Job("c.vq", "a.mp4", 1, "/v/a.mp4", "video", Settings(), ("a.srt",))
        >>> Job.from_json(job.to_json()) == job
        True
        """
        facts = json.loads(text)
        facts["settings"] = Settings(**facts["settings"])
        for name in ("captions", "detections", "rate", "size"):
            facts[name] = None if facts[name] is None else tuple(facts[name])
        return cls(**facts)


@dataclass
class Outcome:
    """What indexing one video gave: part files that wait to be committed, and counts."""

    video: str
    parts: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """The VIDEO row, where the pictures were looked at."""
    read: list[str] = field(default_factory=list)
    """Caption and detection files whose rows are in ``parts``."""
    unread: dict[str, str] = field(default_factory=dict)
    """Those that cannot be read, and why; the video is whole without them."""
    counts: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    """Rows of files that were left out, by reason."""
    suspect: dict[str, int] = field(default_factory=dict)
    """Rows that look wrong but were kept, by reason."""
    detector: str | None = None
    notes: list[str] = field(default_factory=list)
    error: str | None = None
    """Why there is nothing of this video."""
    fatal: bool = False
    """The error is one of the collection, not of the video."""

    def skip(self, file: str, reason: str, count: int) -> None:
        """Count rows of a file that are left out."""
        if count:
            self.skipped[reason] = self.skipped.get(reason, 0) + count
            self.notes.append(f"{file}: left out {count} x {reason}")

    def doubt(self, file: str, reason: str, count: int) -> None:
        """Count rows of a file that look wrong but are kept."""
        if count:
            self.suspect[reason] = self.suspect.get(reason, 0) + count
            self.notes.append(f"{file}: kept {count} x {reason}")

    def count(self, what: str, number: int) -> None:
        """Count rows that were made."""
        self.counts[what] = self.counts.get(what, 0) + number

    def to_json(self) -> str:
        """Write as one line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """Read what `to_json` wrote.

        >>> Outcome.from_json(Outcome("a.mp4", counts={"frames": 2}).to_json()).counts
        {'frames': 2}
        """
        return cls(**json.loads(text))
