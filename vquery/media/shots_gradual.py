"""Fades and dissolves: frames that lie on the straight line between two pictures.

In a dissolve from picture A to picture B every frame is ``(1 - s) A + s B`` with ``s`` rising
from 0 to 1; a fade is a dissolve from or to a plain picture. Motion does not run along a line:
what an object leaves and what it covers change at different moments. Only a change of exposure
does, and it keeps the structure of the picture, so that A and B stay correlated. A slow pan or
zoom looks straight in coarse grids only: in finer thumbnails its middle is no double exposure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vquery.media.pictures import Picture
    from vquery.media.shots_cuts import Grids, Seconds

SAMPLE_S = 1 / 16
"""Windows are searched on samples about this far apart; the ends are then placed on frames."""
MIN_WINDOW_S, MAX_WINDOW_S = 0.2, 1.7
MIN_LENGTH_S = 0.15
MIN_INSIDE = 3
"""Least number of samples inside a window."""
MIN_CHANGE = 6.0
MAX_RESIDUAL = 0.25
"""Largest distance of a frame from the line, as a share of the line's length."""
BACKWARD, FORWARD = 0.06, 0.5
"""How far one step may go back or forth along the line."""
MAX_FINE_RESIDUAL = 0.3
"""The same for the middle frame, in thumbnails. Over stills that pan and zoom the residual was
0.33 or more, in dissolves between moving shots 0.29 or less."""
SAME_STRUCTURE = 0.72
"""Largest correlation of the lightness of two pictures. Under a changing exposure it was 0.79 or
more, in 95 of 100 dissolves 0.6 or less."""
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


def find_gradual(
    seconds: Seconds, grids: Grids, thumbnails: Sequence[Picture]
) -> list[tuple[int, int]]:
    """Return the first and last row of every fade and dissolve, ascending and apart.

    Parameters
    ----------
    seconds
        Times of consecutive frames, float64 ``(n,)``, increasing.
    grids
        Weighted grids, float32 ``(n, d)``, L, a and b of a cell side by side.
    thumbnails
        Grey thumbnails, ``n`` of one shape, finer than the grids.

    Notes
    -----
    Costs ``O(n m d)`` for ``m`` samples in the longest window, and ``O(m)`` more for each window
    that passes the first test.
    """
    rows = _samples(seconds)
    windows = _on_a_line(seconds[rows], grids[rows])
    windows = _Windows(rows[windows.first], rows[windows.last], windows.length2)
    windows = windows.take(_new_picture(windows.first, windows.last, grids))
    found: list[tuple[int, int]] = []
    for index in np.argsort(-windows.length2, kind="stable"):
        first, last = int(windows.first[index]), int(windows.last[index])
        if any(first < b and a < last for a, b in found):
            continue
        ends = _ends(seconds, grids, first, last)
        if ends is None or not _double_exposed(thumbnails, *ends):
            continue
        if _new_picture(np.array(ends[:1]), np.array(ends[1:]), grids)[0]:
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
    longest = int((last - first).max(initial=0))
    squares = _squares(grids, longest)
    windows = _Windows(first, last, squares[first, last - first])
    # Sums of absolute differences are at most sqrt(d) times the Euclidean distance.
    windows = windows.take(windows.length2 >= MIN_CHANGE**2 / max(grids.shape[1], 1))
    middle = (windows.first + windows.last) // 2
    share, residual2 = _project(squares, windows, middle)
    windows = windows.take((residual2 < MAX_RESIDUAL**2) & (share > 0) & (share < 1))
    if not len(windows.first):
        return windows
    inner = np.minimum(windows.first + np.arange(longest + 1)[:, None], windows.last)
    share, residual2 = _project(squares, windows, inner)
    steps = np.diff(share, axis=0)
    straight = residual2.max(axis=0) < MAX_RESIDUAL**2
    steady = (steps.min(axis=0) > -BACKWARD) & (steps.max(axis=0) < FORWARD)
    windows = windows.take(straight & steady)
    change = np.abs(grids[windows.first] - grids[windows.last]).sum(axis=1)
    return windows.take(change >= MIN_CHANGE)


def _squares(grids: Grids, longest: int) -> NDArray[np.float64]:
    """Squared distances of each row to itself and the next ones, ``(n, longest + 1)``.

    Not by a matrix product: BLAS would start threads that fight with those of the decoder.
    """
    squares = np.zeros((len(grids), longest + 1))
    for row, grid in enumerate(grids):
        away = grids[row : row + longest + 1] - grid
        squares[row, : len(away)] = np.einsum("nd,nd->n", away, away)
    return squares


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
    from_first = squares[windows.first, rows - windows.first] / windows.length2
    to_last = squares[rows, windows.last - rows] / windows.length2
    share = (1 + from_first - to_last) / 2
    return share, from_first - share * share


def _new_picture(
    first: NDArray[np.intp], last: NDArray[np.intp], grids: Grids
) -> NDArray[np.bool_]:
    """Tell a new picture from the same one under another exposure, and from plain colours."""
    before, after = grids[first][:, ::3], grids[last][:, ::3]
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


def _double_exposed(thumbnails: Sequence[Picture], first: int, last: int) -> bool:
    """Check in finer detail that the middle frame mixes the first and the last."""
    before = thumbnails[first].astype(np.float32)
    whole = thumbnails[last] - before
    part = thumbnails[(first + last) // 2] - before
    length2 = float((whole * whole).sum())
    share = float((part * whole).sum()) / max(length2, 1e-12)
    residual2 = float(((part - share * whole) ** 2).sum())
    return residual2 <= MAX_FINE_RESIDUAL**2 * length2


def _bridged(found: list[tuple[int, int]], seconds: Seconds) -> list[tuple[int, int]]:
    bridged: list[tuple[int, int]] = []
    for first, last in found:
        if bridged and seconds[first] - seconds[bridged[-1][1]] <= BRIDGE_S:
            bridged[-1] = (bridged[-1][0], last)
        else:
            bridged.append((first, last))
    return bridged
