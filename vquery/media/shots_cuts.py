"""Hard cuts: one step between neighbouring frames that dwarfs the steps around it."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Times: TypeAlias = NDArray[np.int64]
Seconds: TypeAlias = NDArray[np.float64]
Grids: TypeAlias = NDArray[np.float32]
Steps: TypeAlias = NDArray[np.float32]

MIN_STEP = 4.0
"""Least distance across a cut; anything from 4 to 7.5 finds the same cuts in the test clips."""
STEADY_S = 1 / 15
"""Frames further apart than this move further, and the least distance grows in proportion."""
RATIO = 1.5
"""In the test clips cuts reach 2.3 and other steps 1.34; with every second frame 1.5 and 1.43."""
SLACK = 0.5
REACH_S = 0.25
REACH_STEPS = 3.5
"""A cut must exceed RATIO x the largest other step within the reach, plus SLACK."""
MIN_SPACING_S = 0.2

MIXED_STEP = 12.0
MIXED_RESIDUAL = 0.3
"""A cut may hold one frame that mixes both pictures: it then lies on the line between them."""

SPARSE_S = 0.21
SPARSE_STEP = 20.0
SPARSE_RATIO = 2.0
SPARSE_REACH = 3
RETURN = 0.5
"""Samples further apart than SPARSE_S: see :func:`_sparse_cuts`."""


def find_cuts(seconds: Seconds, grids: Grids) -> list[int]:
    """Return the rows that open a new shot, ascending.

    Parameters
    ----------
    seconds
        Times of consecutive frames, float64 ``(n,)``, increasing.
    grids
        Float32 ``(n, d)``; distance is the sum of absolute differences.

    >>> find_cuts(np.arange(3) / 25, np.array([[0], [0], [9]], np.float32))
    [2]
    """
    if len(seconds) < 2:
        return []
    steps = np.zeros(len(seconds), np.float32)
    steps[1:] = np.abs(np.diff(grids, axis=0)).sum(axis=1)
    spacing = np.diff(seconds, prepend=seconds[0])
    sparse = spacing > SPARSE_S
    found = _dense_cuts(seconds, np.where(sparse, 0, steps), spacing, grids)
    found += _sparse_cuts(steps, sparse, grids)
    return _spaced(sorted(set(found)), seconds, steps)


def _dense_cuts(seconds: Seconds, steps: Steps, spacing: Seconds, grids: Grids) -> list[int]:
    """Find single steps that stand out, and pairs of steps around one mixed frame."""
    found = []
    mixed = _mixed(steps, grids)
    least = MIN_STEP * np.maximum(spacing / STEADY_S, 1)
    for row in np.flatnonzero(steps >= least):
        reach = max(REACH_S, REACH_STEPS * spacing[row])
        low = int(np.searchsorted(seconds, seconds[row] - reach))
        high = int(np.searchsorted(seconds, seconds[row] + reach + 1e-9))
        around = steps[low:high].copy()
        around[row - low] = 0
        if steps[row] >= RATIO * around.max() + SLACK:
            found.append(int(row))
        elif mixed[row]:
            second = around[row + 1 - low]
            around[row + 1 - low] = 0
            if steps[row] + second >= 2 * (RATIO * around.max() + SLACK):
                found.append(int(row if steps[row] >= second else row + 1))
    return found


def _mixed(steps: Steps, grids: Grids) -> NDArray[np.bool_]:
    """Mark frames that lie between their neighbours, on the line, in one big double step."""
    mixed = np.zeros(len(steps), np.bool_)
    rows = np.flatnonzero((steps[1:-1] > 0) & (steps[1:-1] + steps[2:] >= MIXED_STEP)) + 1
    if not len(rows):
        return mixed
    whole = grids[rows + 1] - grids[rows - 1]
    part = grids[rows] - grids[rows - 1]
    length2 = np.maximum((whole * whole).sum(axis=1), 1e-12)
    share = (whole * part).sum(axis=1) / length2
    residual = np.sqrt(((part - share[:, None] * whole) ** 2).sum(axis=1) / length2)
    mixed[rows] = (residual < MIXED_RESIDUAL) & (share > 0.1) & (share < 0.9)
    return mixed


def _sparse_cuts(steps: Steps, sparse: NDArray[np.bool_], grids: Grids) -> list[int]:
    """Compare samples that are too far apart for motion to be seen, or with a gap between.

    The step must be large in itself and against the median step around it, and the picture must
    not come back at once: a single odd sample (a flash, a cutaway of one sample) opens no shot.
    A gap alone is no cut.
    """
    found = []
    for row in np.flatnonzero(sparse & (steps >= SPARSE_STEP)):
        low, high = max(int(row) - SPARSE_REACH, 1), int(row) + SPARSE_REACH + 1
        around = np.delete(steps[low:high], row - low)
        if len(around) and steps[row] < SPARSE_RATIO * np.median(around):
            continue
        before, after = grids[row - 1], grids[row + 1 : row + 2]
        earlier = grids[max(row - 2, 0) : row - 1]
        returns = [np.abs(other - before).sum() for other in after]
        returns += [np.abs(other - grids[row]).sum() for other in earlier]
        if min(returns, default=np.inf) >= RETURN * steps[row]:
            found.append(int(row))
    return found


def _spaced(rows: list[int], seconds: Seconds, steps: Steps) -> list[int]:
    """Of cuts closer than MIN_SPACING_S keep the largest."""
    kept: list[int] = []
    for row in rows:
        if kept and seconds[row] - seconds[kept[-1]] < MIN_SPACING_S:
            if steps[row] > steps[kept[-1]]:
                kept[-1] = row
        else:
            kept.append(row)
    return kept
