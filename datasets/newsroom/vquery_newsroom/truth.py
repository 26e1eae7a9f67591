"""What is really in the videos: faces, shots, concepts, and two seed labels a person."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vquery_newsroom.people import CAST, NAMES
from vquery_newsroom.picture import FPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vquery_newsroom.film import Box
    from vquery_newsroom.programme import Programme

SEEDS_PER_PERSON = 2
Span = tuple[int, int]  # frames, half-open


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face in a frame of a video."""

    video: str
    frame: int
    shot: int
    character: str
    box: Box
    frontal: float  # radians away from looking straight into the camera
    detected: bool  # the detector has a box around the middle of this face, in this frame

    @property
    def person(self) -> str:
        """The name, or nothing for a stranger."""
        return CAST[self.character].name

    @property
    def middle(self) -> tuple[float, float]:
        """Centre of the box."""
        x1, y1, x2, y2 = self.box
        return (x1 + x2) / 2, (y1 + y2) / 2


@dataclass(frozen=True, slots=True)
class Reel:
    """One rendered video and the truth about it."""

    video: str
    programme: Programme
    faces: tuple[SeenFace, ...]
    n_detections: int
    n_missed: int
    n_false: int


def runs(frames: Iterable[int]) -> list[Span]:
    """Spans of consecutive frames.

    >>> runs([3, 4, 5, 9])
    [(3, 6), (9, 10)]
    """
    spans: list[Span] = []
    for frame in sorted(frames):
        if spans and spans[-1][1] == frame:
            spans[-1] = (spans[-1][0], frame + 1)
        else:
            spans.append((frame, frame + 1))
    return spans


def _together(reel: Reel, *people: str) -> list[Span]:
    seen: dict[int, set[str]] = defaultdict(set)
    for face in reel.faces:
        seen[face.frame].add(face.person)
    return runs(frame for frame, there in seen.items() if there.issuperset(people))


def _panel(reel: Reel) -> list[Span]:
    """Frames of panel shots in which all three faces can be seen."""
    count: dict[int, int] = defaultdict(int)
    for face in reel.faces:
        count[face.frame] += reel.programme.shots[face.shot].kind == "panel"
    return runs(frame for frame, faces in count.items() if faces == 3)


def _block(kind: str) -> Callable[[Reel], list[Span]]:
    return lambda reel: runs(
        frame
        for s in reel.programme.shots
        if s.block_kind == kind
        for frame in range(s.first, s.end)
    )


def concepts(reel: Reel) -> list[tuple[str, float, float]]:
    """Every concept with its start and end in seconds; captions are exact to the millisecond."""
    framed: dict[str, Callable[[Reel], list[Span]]] = {
        "bernie_and_jake": lambda r: _together(r, "Bernie", "Jake"),
        "commercial": _block("commercial"),
        "interview": _block("interview"),
        "panel": _panel,
    }
    rows = [
        (name, start / FPS, end / FPS) for name, find in framed.items() for start, end in find(reel)
    ]
    rows += [
        ("thanks", cue.start, cue.end) for cue in reel.programme.cues if "THANK YOU" in cue.text
    ]
    return rows


def seeds(reels: Iterable[Reel]) -> list[SeenFace]:
    """Choose two faces a person to point at: frontal, detected, of two shots and videos."""
    best: dict[str, dict[tuple[str, int], SeenFace]] = defaultdict(dict)
    for face in (face for reel in reels for face in reel.faces if face.person and face.detected):
        shot = (face.video, face.shot)
        if shot not in best[face.person] or face.frontal < best[face.person][shot].frontal:
            best[face.person][shot] = face
    chosen: list[SeenFace] = []
    for name in NAMES:
        ranked = sorted(best[name].values(), key=lambda face: face.frontal)
        first = ranked[:1]
        rest = sorted(
            ranked[1:], key=lambda face: face.video == first[0].video
        )  # stable: frontal first
        chosen += first + rest[: SEEDS_PER_PERSON - 1]
    return chosen
