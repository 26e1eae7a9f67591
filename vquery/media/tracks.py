"""Join the boxes of one shot into tracks, one for every object.

Frame after frame, each new box is given to the track whose last box it resembles most, all of
them at once by the Hungarian method (H. W. Kuhn 1955), as in SORT (A. Bewley et al. 2016). What
counts as resemblance is the overlap less the distance of the centres (Distance-IoU, Z. Zheng et
al. 2020), so that boxes of sampled frames, which may not touch, still find each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery.errors import MediaError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# All limits below were chosen on the ground-truth boxes of MOT16-11 and TUD-Campus (walking
# people, every, every third and every tenth frame); on faces they are far from binding.
REACH = 0.6
"""Box sizes that a centre may move at once."""
SPEED = 1.5
"""Box sizes that a centre may move in a second, besides."""
FAR = 2.5
"""Box sizes that a centre may move at most, however long ago it was seen."""
GROWTH = 2.0
"""How many times higher or wider a box may be than the track's last one."""
MOMENTUM_S = 0.5
"""For how long an unseen box is expected to go on as it went."""
SMOOTH_S = 0.1
"""Time constant of the measured speed: detectors tremble."""
SIZE_WEIGHT = 1.0
"""What a change of size by `GROWTH` costs, where a perfect overlap gains 1."""
SCORE_WEIGHT = 0.05
MAX_GAP_S = 0.5
"""How long a track may be unseen, unless two samples last longer."""
MEMORY_SAMPLES = 2
"""A track's next box may be this many samples away, however long the time between them."""
LONGEST_SAMPLE_S = 2.0
"""Frames with boxes that lie further apart may just be two faces in a long shot."""


def track_boxes(
    frames: ArrayLike,
    boxes: ArrayLike,
    scores: ArrayLike,
    *,
    start_us: ArrayLike | None = None,
    fps: float = 25.0,
    every_s: float | None = None,
    max_gap_s: float = MAX_GAP_S,
) -> NDArray[np.int64]:
    """Give every box of one shot the number of its track, 0 for the first to appear.

    Parameters
    ----------
    frames : int (n,)
        Frame of each box, in any order.
    boxes : float (n, 4)
        ``x1, y1, x2, y2`` in any unit.
    scores : float (n,)
        In [0, 1]; of two boxes that fit a track equally well, the better one continues it.
    start_us : int (n,), optional
        Time of each box; by default ``frames / fps``.
    fps : float, optional
        Frames a second, where there is no ``start_us``.
    every_s : float, optional
        Time between the frames that were looked at. By default the shortest time between two
        frames with boxes, where that is at most ``LONGEST_SAMPLE_S``.
    max_gap_s : float, optional
        How long a track may be unseen, or twice ``every_s`` if that is longer.

    Returns
    -------
    int64 (n,)
        Track numbers. A track holds at most one box of a frame.

    Notes
    -----
    Linear in the number of frames; cubic in the boxes of one frame.

    Examples
    --------
    >>> track_boxes([0, 0, 1, 1], [[0, 0, 2, 2], [6, 0, 8, 2], [6, 0, 8, 2], [0, 1, 2, 3]], [1] * 4)
    array([0, 1, 1, 0])
    >>> track_boxes([], [], [])
    array([], dtype=int64)
    """
    frame, box, score, time = _checked(frames, boxes, scores, start_us, fps)
    order = np.lexsort((np.arange(len(frame)), frame))
    firsts = np.flatnonzero(np.diff(frame[order], prepend=frame[order[:1]] - 1))
    groups = np.split(order, firsts[1:]) if len(order) else []
    moments = np.array([time[group[0]] for group in groups])
    if every_s is None:
        shortest = float(np.diff(moments).min(initial=np.inf))
        every_s = shortest if shortest <= LONGEST_SAMPLE_S else 0.0
    gap = max(max_gap_s, MEMORY_SAMPLES * every_s)

    track = np.full(len(frame), -1, np.int64)
    speed = np.zeros((len(frame), 2))  # of the box's centre, a second
    last = np.empty(0, np.int64)  # the last box of every track that may still go on
    total = 0
    for moment, group in zip(moments, groups, strict=True):
        last = last[moment - time[last] <= gap * (1 + 1e-9)]
        elapsed = moment - time[last]
        expected = _moved(box[last], speed[last], elapsed)
        old, new = _assign(expected, box[group], elapsed, score[group])
        before, after = last[old], group[new]
        track[after] = track[before]
        speed[after] = _speed(box[before], box[after], elapsed[old], speed[before])
        fresh = group[track[group] < 0]
        track[fresh] = total + np.arange(len(fresh))
        total += len(fresh)
        last = np.concatenate([np.delete(last, old), group])
    return track


def _moved(
    box: NDArray[np.float64], speed: NDArray[np.float64], elapsed_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where the boxes would be if they went on as they went, for a moment at least."""
    step = speed * np.minimum(elapsed_s, MOMENTUM_S)[:, None]
    return box + np.tile(step, 2)


def _speed(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    elapsed_s: NDArray[np.float64],
    known: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Speed of the centres, smoothed over ``SMOOTH_S``."""
    step = (after[:, :2] + after[:, 2:] - before[:, :2] - before[:, 2:]) / 2
    # the share of the new speed is t / (t + SMOOTH_S), which makes the division by t vanish
    weight = 1.0 / (np.maximum(elapsed_s, 0.0) + SMOOTH_S)[:, None]
    return known * SMOOTH_S * weight + step * weight


def _assign(
    old: NDArray[np.float64],
    new: NDArray[np.float64],
    elapsed_s: NDArray[np.float64],
    score: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (index into old, index into new) with the greatest total resemblance."""
    if not len(old) or not len(new):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    likeness, possible = _likeness(old, new, elapsed_s)
    # a possible pair is never worth less than leaving both alone, which is worth nothing
    value = np.where(possible, likeness + SCORE_WEIGHT * score, 0.0)
    if possible.sum(0).max() <= 1 and possible.sum(1).max() <= 1:
        left, right = np.nonzero(possible)  # nobody competes
        return left.astype(np.int64), right.astype(np.int64)
    from scipy.optimize import linear_sum_assignment

    left, right = linear_sum_assignment(value, maximize=True)
    real = possible[left, right]
    return left[real], right[real]


def _likeness(
    old: NDArray[np.float64], new: NDArray[np.float64], elapsed_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How well each new box continues each old one (0 to 3), and whether it can at all."""
    a, b = old[:, None], new[None]
    size_a, size_b = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    shared = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    inner = np.clip(shared, 0, None).prod(-1)
    iou = inner / (size_a.prod(-1) + size_b.prod(-1) - inner)
    # in units of the box, each axis for itself, so the picture's shape does not matter
    unit = np.sqrt(size_a * size_b)
    moved = np.abs((a[..., :2] + a[..., 2:]) - (b[..., :2] + b[..., 2:])) / 2 / unit
    distance = np.sqrt((moved**2).sum(-1))
    grown = np.abs(np.log(size_a / size_b)).max(-1)
    reach = np.minimum(REACH + SPEED * elapsed_s, FAR)[:, None]
    possible = (distance <= reach) & (grown <= np.log(GROWTH))
    likeness = 1.0 + iou + (1 - distance / FAR) - SIZE_WEIGHT * grown / np.log(GROWTH)
    return likeness, possible


def _checked(
    frames: ArrayLike, boxes: ArrayLike, scores: ArrayLike, start_us: ArrayLike | None, fps: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Arrays of equal length; boxes with sides above zero; times in seconds."""
    frame = np.asarray(frames, np.int64).reshape(-1)
    box = np.asarray(boxes, np.float64).reshape(-1, 4).copy()
    score = np.asarray(scores, np.float64).reshape(-1)
    clock = frame / fps if start_us is None else np.asarray(start_us).reshape(-1) * 1e-6
    time = np.asarray(clock, np.float64)
    if not len(frame) == len(box) == len(score) == len(time):
        raise MediaError(
            "frames, boxes, scores and start_us must have one entry a box, got "
            f"{len(frame)}, {len(box)}, {len(score)} and {len(time)}"
        )
    if not np.isfinite(box).all():
        row = int(np.flatnonzero(~np.isfinite(box).all(1))[0])
        raise MediaError(f"boxes must be finite numbers, row {row} is {box[row].tolist()}")
    # a box without width can still be tracked: it is taken as a sliver about its centre
    side = box[:, 2:] - box[:, :2]
    tiny = 1e-6 * max(float(np.abs(box).max(initial=0.0)), 1e-30)
    lack = np.maximum(tiny - side, 0) / 2
    box[:, :2] -= lack
    box[:, 2:] += lack
    return frame, box, score, time
