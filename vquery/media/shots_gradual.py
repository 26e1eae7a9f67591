"""Fades and dissolves: frames that lie on the straight line between two pictures.

In a dissolve from picture A to picture B every frame is ``(1 - s) A + s B`` with ``s`` rising
from 0 to 1; a fade is a dissolve from or to a plain picture. Motion does not run along a line:
what an object leaves and what it covers change at different moments. Only a change of exposure
does, and it keeps the structure of the picture, so that A and B stay correlated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.media.shots_cuts import Grids, Seconds

SAMPLE_S = 1 / 16
"""Windows are searched on samples about this far apart; the ends are then placed on frames."""
MIN_WINDOW_S, MAX_WINDOW_S = 0.2, 1.7
MIN_LENGTH_S = 0.15
MIN_INSIDE = 3
"""Least number of samples inside a window."""
MIN_CHANGE = 6.0
MAX_RESIDUAL = 0.22
"""Largest distance of a frame from the line, as a share of the line's length."""
BACKWARD, FORWARD = 0.06, 0.5
"""How far one step may go back or forth along the line."""
SAME_STRUCTURE = 0.9
PLAIN = 0.1
"""A picture is plain beside another one when its contrast is at most this share of the other's."""
MIN_CONTRAST = 2.0
BRIDGE_S = 0.3
"""A fade out and a fade in so close together are one transition."""


@dataclass(frozen=True, slots=True)
class _Windows:
    """Candidate windows: rows of the first and last frame, squared distance between them."""

    first: NDArray[np.intp]
    last: NDArray[np.intp]
    length2: NDArray[np.float64]

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> _Windows:
        return _Windows(self.first[which], self.last[which], self.length2[which])


def find_gradual(seconds: Seconds, grids: Grids) -> list[tuple[int, int]]:
    """Return the first and last row of every fade and dissolve, ascending and apart.

    Parameters
    ----------
    seconds
        Times of consecutive frames, float64 ``(n,)``, increasing.
    grids
        Weighted grids, float32 ``(n, d)``, L, a and b of a cell side by side.

    Notes
    -----
    Costs ``O(n m)`` for ``m`` samples in the longest window, after one matrix product.
    """
    rows = _samples(seconds)
    windows = _on_a_line(seconds[rows], grids[rows])
    windows = _Windows(rows[windows.first], rows[windows.last], windows.length2)
    windows = windows.take(_new_picture(windows, grids))
    found: list[tuple[int, int]] = []
    for index in np.argsort(-windows.length2, kind="stable"):
        first, last = int(windows.first[index]), int(windows.last[index])
        if any(first < b and a < last for a, b in found):
            continue
        ends = _ends(seconds, grids, first, last)
        if ends is not None:
            found.append(ends)
    return _bridged(sorted(found), seconds)


def _samples(seconds: Seconds) -> NDArray[np.intp]:
    """Choose rows about SAMPLE_S apart."""
    if not len(seconds):
        return np.empty(0, np.intp)
    ticks = np.floor((seconds - seconds[0]) / SAMPLE_S + 0.05)
    return np.flatnonzero(np.diff(ticks, prepend=-1) > 0)


def _on_a_line(seconds: Seconds, grids: Grids) -> _Windows:
    """Keep the windows whose samples go straight and steadily from the first to the last."""
    first, last = _pairs(seconds)
    dots = (grids @ grids.T).astype(np.float64)
    norms = np.diag(dots)
    squares = np.maximum(norms[:, None] + norms[None] - 2 * dots, 0)
    windows = _Windows(first, last, squares[first, last])
    # Sums of absolute differences are at most sqrt(d) times the Euclidean distance.
    windows = windows.take(windows.length2 >= MIN_CHANGE**2 / max(grids.shape[1], 1))
    middle = (windows.first + windows.last) // 2
    share, residual2 = _project(squares, windows, middle)
    windows = windows.take((residual2 < MAX_RESIDUAL**2) & (share > 0) & (share < 1))
    if not len(windows.first):
        return windows
    longest = int((windows.last - windows.first).max())
    inner = np.minimum(windows.first + np.arange(longest + 1)[:, None], windows.last)
    share, residual2 = _project(squares, windows, inner)
    steps = np.diff(share, axis=0)
    straight = residual2.max(axis=0) < MAX_RESIDUAL**2
    steady = (steps.min(axis=0) > -BACKWARD) & (steps.max(axis=0) < FORWARD)
    windows = windows.take(straight & steady)
    change = np.abs(grids[windows.first] - grids[windows.last]).sum(axis=1)
    return windows.take(change >= MIN_CHANGE)


def _pairs(seconds: Seconds) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair the rows that may be the two ends of a window."""
    rows = np.arange(len(seconds))
    low = np.maximum(np.searchsorted(seconds, seconds + MIN_WINDOW_S), rows + MIN_INSIDE + 1)
    high = np.searchsorted(seconds, seconds + MAX_WINDOW_S, side="right")
    counts = np.maximum(high - low, 0)
    first = np.repeat(rows, counts)
    start = np.cumsum(counts) - counts
    last = np.arange(counts.sum()) - np.repeat(start, counts) + np.repeat(low, counts)
    return first, last


def _project(
    squares: NDArray[np.float64], windows: _Windows, rows: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place rows on the line of their window: share of the way, squared share off the line."""
    from_first = squares[windows.first, rows] / windows.length2
    to_last = squares[rows, windows.last] / windows.length2
    share = (1 + from_first - to_last) / 2
    return share, from_first - share * share


def _new_picture(windows: _Windows, grids: Grids) -> NDArray[np.bool_]:
    """Tell a new picture from the same one under another exposure, and from plain colours."""
    before, after = grids[windows.first][:, ::3], grids[windows.last][:, ::3]
    cells = max(before.shape[1], 1)
    before = before - before.mean(axis=1, keepdims=True)
    after = after - after.mean(axis=1, keepdims=True)
    # Grids are divided by the number of cells, so that this is the deviation in lightness.
    contrast = np.sqrt([(before**2).sum(axis=1) * cells, (after**2).sum(axis=1) * cells])
    weak, strong = contrast.min(axis=0), contrast.max(axis=0)
    plain = weak <= PLAIN * strong
    norm = np.sqrt((before**2).sum(axis=1) * (after**2).sum(axis=1))
    alike = (before * after).sum(axis=1) > SAME_STRUCTURE * norm
    new: NDArray[np.bool_] = (strong >= MIN_CONTRAST) & (plain | ~alike)
    return new


def _ends(seconds: Seconds, grids: Grids, first: int, last: int) -> tuple[int, int] | None:
    """Place the ends on frames: the straight part of the way, prolonged to both pictures."""
    whole = grids[last] - grids[first]
    way = (grids[first : last + 1] - grids[first]) @ whole / (whole @ whole)
    way = np.maximum.accumulate(way)
    inside = seconds[first : last + 1]
    near, far = np.interp([0.2, 0.8], way, inside)
    start, end = near - (far - near) / 3, far + (far - near) / 3
    low, high = np.searchsorted(seconds, [start - 1e-6, end - 1e-6])
    low, high = max(int(low), first), min(int(high), last)
    return (low, high) if seconds[high] - seconds[low] >= MIN_LENGTH_S else None


def _bridged(found: list[tuple[int, int]], seconds: Seconds) -> list[tuple[int, int]]:
    bridged: list[tuple[int, int]] = []
    for first, last in found:
        if bridged and seconds[first] - seconds[bridged[-1][1]] <= BRIDGE_S:
            bridged[-1] = (bridged[-1][0], last)
        else:
            bridged.append((first, last))
    return bridged
