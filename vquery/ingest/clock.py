"""From frame numbers to time, and the size of the picture that pixels are counted in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vquery.errors import SchemaError
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    Ints = npt.NDArray[np.int64]

MAX_FRAMES = 1 << 31
"""More than a year at 60 frames a second: a larger number is no frame number."""


@dataclass(frozen=True, eq=False)
class FrameClock:
    """When each frame is shown, and how large it is.

    Make one with `from_frames` where the video was decoded, because only the container's
    timestamps are the truth; `from_rate` serves sequences that have no video.

    Parameters
    ----------
    width, height
        Size of the picture in pixels.
    frames, starts, ends
        Frame numbers (from 0, ascending, maybe with gaps), their timestamps and their ends in
        microseconds, ``(n,)`` each; None with a constant rate.
    rate
        Frames a second as numerator and denominator; None with timestamps.
    n_frames
        How many frames there are; None if that is not known.
    every
        Frames from one sampled frame to the next; a detection lasts that long.
    """

    width: int
    height: int
    frames: Ints | None = None
    starts: Ints | None = None
    ends: Ints | None = None
    rate: tuple[int, int] | None = None
    n_frames: int | None = None
    every: int = 1

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise SchemaError(
                f"width and height must be at least 1, got {self.width}x{self.height}"
            )
        if self.every < 1:
            raise SchemaError(f"every must be at least 1 frame, got {self.every}")
        if self.rate is not None and (self.rate[0] < 1 or self.rate[1] < 1):
            raise SchemaError(f"the frame rate must be positive, got {self.rate[0]}/{self.rate[1]}")

    @classmethod
    def from_frames(cls, table: pa.Table, *, width: int, height: int, every: int = 1) -> FrameClock:
        """Take the timestamps of the frames of one video (schema FRAME).

        Raises
        ------
        SchemaError
            If the table is empty or holds more than one video.
        """
        if len(table) == 0 or len(table["video"].unique()) != 1:
            raise SchemaError("a clock needs the frames of one video")
        table = table.sort_by("frame")
        frames = table["frame"].to_numpy()
        return cls(
            width=width,
            height=height,
            frames=frames,
            starts=table["start_us"].to_numpy(),
            ends=table["end_us"].to_numpy(),
            n_frames=int(frames[-1]) + 1,
            every=every,
        )

    @classmethod
    def from_rate(
        cls,
        fps_num: int,
        fps_den: int = 1,
        *,
        width: int,
        height: int,
        n_frames: int | None = None,
        every: int = 1,
    ) -> FrameClock:
        """Frame ``k`` starts at ``k * fps_den / fps_num`` seconds, rounded to the microsecond.

        >>> clock = FrameClock.from_rate(30000, 1001, width=640, height=360, n_frames=3)
        >>> clock.start_us([0, 1, 2]).tolist(), clock.end_us([2]).tolist()
        ([0, 33367, 66733], [100100])
        """
        return cls(
            width=width, height=height, rate=(fps_num, fps_den), n_frames=n_frames, every=every
        )

    def has(self, frames: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Tell which frame numbers (counted from 0) the video has, ``(n,)``."""
        wanted = np.asarray(frames, np.int64)
        if self.frames is not None:
            at = np.searchsorted(self.frames, wanted)
            found: npt.NDArray[np.bool_] = (
                self.frames[np.minimum(at, len(self.frames) - 1)] == wanted
            )
            return found
        if self.n_frames is None:
            return (wanted >= 0) & (wanted < MAX_FRAMES)
        return (wanted >= 0) & (wanted < self.n_frames)

    def start_us(self, frames: npt.ArrayLike) -> Ints:
        """Return the timestamps of frames, in microseconds.

        Raises
        ------
        SchemaError
            If the video has no such frame.
        """
        wanted = np.asarray(frames, np.int64)
        known = self.has(wanted)
        if not known.all():
            raise SchemaError(f"there is no frame {wanted[~known][0]}: {self.extent}")
        if self.frames is not None and self.starts is not None:
            starts: Ints = self.starts[np.searchsorted(self.frames, wanted)]
            return starts
        return self._time(wanted)

    def end_us(self, frames: npt.ArrayLike, *, every: npt.ArrayLike | None = None) -> Ints:
        """Return when the next sampled frame starts, cut at a gap and at the end of the video.

        ``every`` counts the frames up to the next sampled one, ``(n,)`` or a number; by default
        that of the clock.
        """
        wanted = np.asarray(frames, np.int64)
        following = wanted + np.asarray(self.every if every is None else every, np.int64)
        if self.frames is not None and self.ends is not None:
            ends: Ints = self.ends[np.searchsorted(self.frames, following) - 1]
            return ends
        return self._time(following)

    @property
    def extent(self) -> str:
        """Say which frames there are, for messages."""
        if self.n_frames is None:
            return "frames count from 0"
        first = 0 if self.frames is None else int(self.frames[0])
        return f"the video has frames {first} to {self.n_frames - 1}"

    def _time(self, frames: Ints) -> Ints:
        """Return when frames start at the constant rate; behind the last, when the video ends."""
        if self.rate is None:
            raise SchemaError("a clock needs timestamps (from_frames) or a rate (from_rate)")
        num, den = self.rate
        if self.n_frames is not None:
            frames = np.minimum(frames, self.n_frames)
        whole, rest = np.divmod(frames, num)  # in two steps, so that long videos do not overflow
        rounded: Ints = whole * (US_PER_S * den) + (rest * (US_PER_S * den) + num // 2) // num
        return rounded
