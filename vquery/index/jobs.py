"""What is asked of one video, and what came of it: plain data that travels as JSON."""

from __future__ import annotations

import dataclasses
import hashlib
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
        "auto" (YuNet when weights are found, else Haar), "yunet", "haar" or "none".
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

    def key(self) -> str:
        """Name what changes the result; the place of the weights does not.

        >>> Settings().key() == Settings(models="/weights").key() != Settings(every_s=1).key()
        True
        """
        facts = dataclasses.asdict(self)
        facts.pop("models")
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Job:
    """Index one video (``look``), or only add the detections of files to one that is indexed."""

    root: str
    video: str
    video_id: int
    path: str
    kind: str
    sha256: str
    settings: Settings
    detections: tuple[str, ...] = ()
    look: bool = True
    first_detection: int = 1
    first_track: int = 1
    """Numbers of the first detection and track: above 1 where the video has some already."""
    rate: tuple[int, int] | None = None
    size: tuple[int, int] = (1, 1)
    """Frame rate and picture size of detections without a video."""

    def to_json(self) -> str:
        """Write as one line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Read what `to_json` wrote.

        >>> job = Job("c.vq", "a.mp4", 1, "/v/a.mp4", "video", "00", Settings(), ("a.csv",))
        >>> Job.from_json(job.to_json()) == job
        True
        """
        facts = json.loads(text)
        facts["settings"] = Settings(**facts["settings"])
        for name in ("detections", "rate", "size"):
            facts[name] = None if facts[name] is None else tuple(facts[name])
        return cls(**facts)


@dataclass
class Outcome:
    """What indexing one video gave: part files that wait to be committed, and counts."""

    video: str
    parts: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """The VIDEO row, where the pictures were looked at."""
    counts: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    detector: str | None = None
    detector_note: str = ""
    notes: list[str] = field(default_factory=list)
    error: str | None = None

    def to_json(self) -> str:
        """Write as one line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))
