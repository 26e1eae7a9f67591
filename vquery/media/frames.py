"""What every source of frames shares: the facts about it, a frame, and exact times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Protocol

from vquery.errors import MediaError
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery.media.pictures import Picture


@dataclass(frozen=True)
class MediaInfo:
    """What can be said of a video, a folder of pictures or one picture before reading it.

    The frame rate is nominal, and frames and duration are what the container announces: the
    truth comes from reading.
    """

    kind: Literal["video", "images", "image"]
    width: int
    height: int
    fps_num: int
    fps_den: int
    frames_hint: int | None
    duration_hint_us: int | None
    codec: str


@dataclass(slots=True)
class Frame:
    """One frame: its number from 0, when it is first shown, and its picture if it was wanted."""

    index: int
    start_us: int
    image: Picture | None


class Source(Protocol):
    """Where frames come from, in the order of time."""

    info: MediaInfo
    warnings: list[str]

    nominal_us: int

    def __iter__(self) -> Iterator[tuple[int, int, int | None]]:
        """Go to the next frame: its number, start, and end if it is not the next start.

        After the last frame ``warnings`` is complete.
        """
        ...

    def picture(self) -> Picture | None:
        """Decode the frame at hand; None, and a warning at the end, if that fails."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


def frame_rate(fps: Fraction | float | str, *, what: str = "the frame rate") -> Fraction:
    """Turn a frame rate into the fraction it stands for, such as 30000/1001.

    Raises
    ------
    MediaError
        If it is not a positive finite number.

    >>> frame_rate(29.97002997002997), frame_rate(29.97), frame_rate("1/60"), frame_rate(1 / 3600)
    (Fraction(30000, 1001), Fraction(2997, 100), Fraction(1, 60), Fraction(1, 3600))
    """
    try:
        exact = Fraction(fps)
    except (ValueError, OverflowError, ZeroDivisionError, TypeError) as error:
        raise MediaError(f"{what} must be a positive number, got {fps!r}") from error
    if exact <= 0:
        raise MediaError(f"{what} must be a positive number, got {fps!r}")
    if not isinstance(fps, float):
        return exact
    if exact < 1:
        return 1 / frame_rate(1 / fps)
    for denominators in (1001, 1_000_000):
        near = exact.limit_denominator(denominators)
        if math.isclose(near, fps, rel_tol=1e-9):
            return near
    return exact.limit_denominator(1_000_000)


def time_of(number: int, fps: Fraction) -> int:
    """Start of a frame in microseconds at a constant rate, rounded once.

    >>> time_of(30000, Fraction(30000, 1001))
    1001000000
    """
    return round(Fraction(number) / fps * US_PER_S)
