"""Boxes that several looks at one picture gave, merged by voting.

S. Gidaris, N. Komodakis, Object detection via a multi-region & semantic segmentation-aware CNN
model (2015), section 4: the boxes that suppression keeps are moved to the mean of all boxes that
share half of them, each counted by its score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import MediaError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

VOTES_IOU = 0.5
"""Shared area of two boxes over that of both, from which one votes for the other's place."""
SUPPRESS_IOU = 0.3


@dataclass(frozen=True, eq=False)
class Voted:
    """Merged boxes, best score first.

    Attributes
    ----------
    boxes : float64 (m, 4)
    scores : float64 (m,)
        The best of those that voted.
    views : int64 (m,)
        How many different looks voted.
    kept : int64 (m,)
        Which box each grew from.
    voters : tuple of int64 arrays
        Which boxes voted for each.
    """

    boxes: Floats
    scores: Floats
    views: Ints
    kept: Ints
    voters: tuple[Ints, ...]

    def __len__(self) -> int:
        """Count the merged boxes."""
        return len(self.boxes)


def vote_boxes(
    boxes: ArrayLike,
    scores: ArrayLike,
    views: ArrayLike | None = None,
    *,
    iou: float = VOTES_IOU,
    suppress: float = SUPPRESS_IOU,
    agree: int = 1,
) -> Voted:
    """Merge boxes of one picture.

    Parameters
    ----------
    boxes : (n, 4)
        ``x1, y1, x2, y2``, in any unit.
    scores : (n,)
        Above 0.
    views : (n,), optional
        Which look at the picture each is of; by default each is a look of its own.
    iou
        From which a box votes.
    suppress
        From which a worse box gives way without a vote; at most ``iou``.
    agree
        Boxes for which fewer different looks voted are left out, and no other gives way to them.

    Raises
    ------
    MediaError
        If shapes differ, or numbers cannot be.

    >>> found = vote_boxes([[0, 0, 10, 10], [2, 0, 12, 10], [50, 0, 60, 10]], [0.9, 0.3, 0.8])
    >>> found.boxes.tolist(), found.views.tolist()
    ([[0.5, 0.0, 10.5, 10.0], [50.0, 0.0, 60.0, 10.0]], [2, 1])
    >>> len(vote_boxes([], []))
    0
    """
    box, score, view = _checked(boxes, scores, views)
    if not 0 < suppress <= iou <= 1 or agree < 1:
        raise MediaError(
            f"suppress and iou must rise from above 0 to 1, agree be at least 1; got {suppress}, "
            f"{iou}, {agree}"
        )
    free = np.ones(len(box), bool)
    kept: list[int] = []
    voters: list[Ints] = []
    for at in np.argsort(-score, kind="stable").tolist():
        if not free[at]:
            continue
        shared = overlap(box[at], box)
        mine = np.flatnonzero(free & (shared >= iou))
        if len(np.unique(view[mine])) < agree:
            continue  # no other gives way to it, and it may vote for one
        free &= shared < suppress
        kept.append(at)
        voters.append(mine)
    best = np.array([score[one].max() for one in voters], np.float64)
    order = np.argsort(-best, kind="stable").tolist()
    voters = [voters[at] for at in order]
    merged = [np.average(box[one], axis=0, weights=score[one]) for one in voters]
    return Voted(
        np.array(merged, np.float64).reshape(-1, 4),
        best[order],
        np.array([len(np.unique(view[one])) for one in voters], np.int64),
        np.array(kept, np.int64)[order],
        tuple(voters),
    )


def overlap(one: ArrayLike, others: ArrayLike) -> Floats:
    """Return the shared area of a box with each of others, over the area of both, (n,).

    A box shares all of itself with itself, and boxes without area nothing with others.

    >>> overlap([0, 0, 2, 2], [[1, 0, 3, 2], [5, 5, 6, 6], [0, 0, 2, 2]]).round(3).tolist()
    [0.333, 0.0, 1.0]
    """
    a, b = np.asarray(one, np.float64), np.asarray(others, np.float64).reshape(-1, 4)
    low, high = np.maximum(a[:2], b[:, :2]), np.minimum(a[2:], b[:, 2:])
    inner = np.clip(high - low, 0, None).prod(1)
    both = (a[2:] - a[:2]).prod() + (b[:, 2:] - b[:, :2]).prod(1) - inner
    found: Floats = np.divide(inner, both, out=np.zeros(len(b)), where=both > 0)
    found[(a == b).all(1)] = 1.0
    return found


def _checked(boxes: Any, scores: Any, views: Any) -> tuple[Floats, Floats, Ints]:
    box = np.asarray(boxes, np.float64).reshape(-1, 4) if np.size(boxes) % 4 == 0 else None
    score = np.asarray(scores, np.float64)
    if box is None or score.shape != (len(box),):
        raise MediaError(
            f"boxes must have shape (n, 4) and scores (n,), got {np.shape(boxes)} and {score.shape}"
        )
    if not (np.isfinite(box).all() and np.isfinite(score).all() and (score > 0).all()):
        raise MediaError("boxes must be finite and scores above 0")
    view = np.arange(len(box)) if views is None else np.asarray(views, np.int64)
    if view.shape != score.shape:
        raise MediaError(f"views must have shape {score.shape}, got {view.shape}")
    return box, score, view
