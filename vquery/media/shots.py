"""Where one shot ends and the next begins: hard cuts, fades and dissolves, while frames stream by.

Every frame becomes a grid of 32 x 18 Lab colours. The distance of two frames is the mean
absolute difference of their grids; hard cuts stand out in the distances of neighbouring frames
(:mod:`vquery.media.shots_cuts`), and a fade or dissolve is a straight line in the space of grids
(:mod:`vquery.media.shots_gradual`). Both look at seconds, not at frame counts.

Weak spots: jump cuts inside one room, wipes, and samples a second apart of a moving camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from vquery.errors import MediaError
from vquery.media.shots_cuts import find_cuts
from vquery.media.shots_gradual import find_gradual

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vquery.media.pictures import Picture
    from vquery.media.shots_cuts import Grids, Times

THUMBNAIL = (128, 72)
GRID = (32, 18)
CELLS = GRID[0] * GRID[1]
WEIGHTS = np.tile(np.array([0.5, 1.0, 1.0], np.float32) / CELLS, CELLS)
"""What L, a and b count for; divided by the cells, so that sums over a grid are means."""

CONTEXT_S = 2.0
"""Seconds that must be known on both sides of a transition before it is final."""
CONTEXT_FRAMES = 4
STRIDE_S = 2.0
"""Seconds that are settled at a time."""


@dataclass(frozen=True, slots=True)
class Transition:
    """What separates two shots.

    A cut is the instant of the first frame of the new shot (``first_frame == last_frame``); a
    gradual transition runs from its first frame to the end of its last one.
    """

    kind: Literal["cut", "gradual"]
    first_frame: int
    last_frame: int
    start_us: int
    end_us: int


def grid_of(image: Picture) -> tuple[Picture, Picture]:
    """Return the 18 x 32 Lab grid of a picture and its 72 x 128 grey thumbnail, both uint8.

    The picture is sampled to 128 x 72 first, which costs the same at any resolution.
    """
    small = cv2.resize(image, THUMBNAIL, interpolation=cv2.INTER_LINEAR)
    cells = cv2.resize(small, GRID, interpolation=cv2.INTER_AREA)
    grid = cv2.cvtColor(cells, cv2.COLOR_BGR2LAB)
    return np.asarray(grid, np.uint8), np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)


def find_transitions(
    times_us: Times, grids: Grids, thumbnails: Sequence[Picture]
) -> list[tuple[int, int]]:
    """Find the transitions of consecutive frames as ``(first, last)`` rows; a cut has both equal.

    Parameters
    ----------
    times_us
        Int64 ``(n,)``, increasing.
    grids
        Weighted grids, float32 ``(n, 1728)``: the L1 distance of two rows is the distance of
        the frames.
    thumbnails
        Grey, ``n`` of shape ``(72, 128)``.
    """
    gradual = find_gradual(times_us / 1e6, grids, thumbnails)
    cuts = find_cuts(times_us / 1e6, grids)
    inside = [any(first < cut <= last + 1 for first, last in gradual) for cut in cuts]
    hard = [(cut, cut) for cut, covered in zip(cuts, inside, strict=True) if not covered]
    return sorted(gradual + hard)


class ShotDetector:
    """Find shot boundaries in one pass over the frames of one video.

    Memory holds about ``2 * CONTEXT_S + STRIDE_S`` seconds of grids and thumbnails, 16 kB a
    frame. Pushing costs some 100 to 200 microseconds a frame at any resolution.

    Attributes
    ----------
    transitions
        Final transitions in the order of time; grows while frames are pushed.
    settled_us
        Every shot boundary (a cut, or the middle of a gradual transition) before this time is in
        ``transitions``.

    Examples
    --------
    >>> shots = ShotDetector()
    >>> for frame, shade in enumerate([0] * 20 + [200] * 20):
    ...     shots.push(frame, frame * 40_000, np.full((36, 64, 3), shade, np.uint8))
    >>> shots.finish()
    >>> [(t.kind, t.first_frame, t.start_us) for t in shots.transitions]
    [('cut', 20, 800000)]
    """

    def __init__(self) -> None:
        self.transitions: list[Transition] = []
        self.settled_us = 0
        self._frames: list[int] = []
        self._times: list[int] = []
        self._new: list[Picture] = []
        self._thumbnails: list[Picture] = []
        self._grids = np.empty((0, 3 * CELLS), np.float32)
        self._decided = 0  # rows of the window that are settled already
        self._due_us = 0

    def push(self, index: int, start_us: int, image: Picture) -> None:
        """Take the next frame: its number, its time and its picture.

        Raises
        ------
        MediaError
            If time does not increase.
        """
        if self._times and start_us <= self._times[-1]:
            raise MediaError(
                f"frame {index} at {start_us} us must come after the one pushed before it,"
                f" at {self._times[-1]} us"
            )
        if not self._times:
            self._due_us = start_us + round(1e6 * (CONTEXT_S + STRIDE_S))
        self._frames.append(index)
        self._times.append(start_us)
        grid, thumbnail = grid_of(image)
        self._new.append(grid)
        self._thumbnails.append(thumbnail)
        if start_us >= self._due_us and len(self._times) - self._decided >= 2 * CONTEXT_FRAMES:
            self._settle(self._known())

    def finish(self) -> None:
        """Settle what is left; call it once, after the last frame."""
        if self._times:
            end = self._times[-1] + 1
            self._settle(len(self._times))
            self.settled_us = end

    def _known(self) -> int:
        """Count the rows whose context to the right is complete."""
        limit = self._times[-1] - round(1e6 * CONTEXT_S)
        by_time = int(np.searchsorted(self._times, limit))
        return max(self._decided, min(by_time, len(self._times) - CONTEXT_FRAMES))

    def _settle(self, until: int) -> None:
        """Make the transitions in rows ``[decided, until)`` final and forget what is not needed."""
        if self._new:
            new = np.asarray(self._new, np.float32).reshape(len(self._new), -1) * WEIGHTS
            self._grids = np.concatenate([self._grids, new])
            self._new = []
        times = np.array(self._times, np.int64)
        for first, last in find_transitions(times, self._grids, self._thumbnails):
            middle = (first + last + 1) // 2
            if self._decided <= middle < until and self._follows(first):
                self.transitions.append(self._transition(first, last))
        if until < len(times):
            self.settled_us = self._times[until]
        self._forget(times, until)

    def _follows(self, first: int) -> bool:
        """Two windows may place one gradual transition a frame apart: the earlier one stands."""
        return not self.transitions or self._frames[first] > self.transitions[-1].last_frame

    def _transition(self, first: int, last: int) -> Transition:
        start, end = self._times[first], self._times[first]
        if last > first:
            past = last + 1 < len(self._times)
            step = self._times[last] - self._times[last - 1]
            end = self._times[last + 1] if past else self._times[last] + step
        kind: Literal["cut", "gradual"] = "gradual" if last > first else "cut"
        return Transition(kind, self._frames[first], self._frames[last], start, end)

    def _forget(self, times: Times, until: int) -> None:
        if until == len(times):
            keep = until
        else:
            oldest = times[until] - round(1e6 * CONTEXT_S)
            keep = min(int(np.searchsorted(times, oldest)), max(until - CONTEXT_FRAMES, 0))
            self._due_us = self._times[until] + round(1e6 * (CONTEXT_S + STRIDE_S))
        del self._frames[:keep], self._times[:keep], self._thumbnails[:keep]
        self._grids = self._grids[keep:]
        self._decided = until - keep
