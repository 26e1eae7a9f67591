"""What a video consists of before it is drawn: shots, who is in them, and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vquery_newsroom.script import Cue

BLEND = {"dissolve": 16, "fade": 20}  # frames
SHORTEST = 2.0  # seconds of a shot: blends at both ends never meet


@dataclass(frozen=True, slots=True)
class Role:
    """A character in a shot: where the head rests (fractions of the picture) and its size.

    ``size`` is half the height of the face as a fraction of the picture's, ``facing`` the yaw at
    rest in radians, ``walk`` the speed across the picture in widths a second.
    """

    character: str
    x: float
    y: float
    size: float
    facing: float = 0.0
    walk: float = 0.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot: frames ``[first, end)`` of its video. Roles are listed from back to front."""

    kind: str  # title, single, two, over_shoulder, panel, standup, street, graphic, commercial
    first: int
    end: int
    scene: str  # a set, a graphic or a product
    roles: tuple[Role, ...] = ()
    backs: tuple[Role, ...] = ()  # people seen from behind, before everybody else
    speech: tuple[Cue, ...] = ()  # seconds from the start of the video
    headline: str = ""
    tag: str = ""
    opens_with: str = "cut"  # start, cut, dissolve, fade
    block: int = 0  # shots of one interview, panel, ... share a number
    block_kind: str = ""
    set_seed: int = 0
    camera: float = 0.5
    zoom: float = 1.0
    light: tuple[float, float, float] = (1.0, 1.0, 1.0)  # gain of blue, green, red
    side: int = 1  # where the key light comes from: 1 right, -1 left
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Programme:
    """A whole video before it is drawn."""

    name: str
    shots: tuple[Shot, ...]

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.shots[-1].end

    @property
    def cues(self) -> tuple[Cue, ...]:
        """All captions in order of time."""
        return tuple(cue for shot in self.shots for cue in shot.speech)
