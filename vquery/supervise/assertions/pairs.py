"""Rows that are there at the same time, and how far their boxes overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery_kernels.overlap_join import overlap_join
from vquery_kernels.residual import Compare, Iou, residual_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.assertions.rows import Rows
    from vquery_kernels.residual import Condition

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

TOGETHER = 0.5
"""Least share of the shorter row's time that two boxes of one moment have in common: rounded times
let a row end a little after the next one starts."""
LEAST_SIDE = 1e-9
"""Boxes without width or height count as so wide where sizes are compared: far below a pixel."""
ROUNDED = 0.999
"""The kernel computes in float32: it may keep a little too much, never too little."""


def together(
    rows: Rows, group: Ints, *, least: float = TOGETHER, iou: float = 0.0
) -> tuple[Ints, Ints]:
    """Pair rows of one video and group that share time, each pair once, sorted.

    Parameters
    ----------
    group
        Shape (n,); rows of group -1 take no part.
    least
        Share of the shorter one's time, instants last one tick.
    iou
        Only boxes that overlap by about this at least, which the kernel tests while it looks.

    Notes
    -----
    O(n log n + pairs); those without enough overlap are not kept in memory.
    """
    taking = np.flatnonzero(group >= 0)
    key = np.unique(
        rows.video[taking] * (group.max(initial=0) + 1) + group[taking], return_inverse=True
    )[1]
    start = rows.start[taking]
    end = np.maximum(rows.end[taking], start + 1)
    side = (key.reshape(-1).astype(np.int64), start, end)
    number = np.arange(len(taking))
    conditions: list[Condition] = [Compare("<", number, number)]
    if iou and rows.box is not None:
        sides = np.ascontiguousarray(rows.box[taking].T, np.float32)
        box = (sides[0], sides[1], sides[2], sides[3])
        conditions.append(Iou(box, box, iou * ROUNDED))
    residual = residual_of(conditions, len(taking), len(taking))
    left, right = (
        found.astype(np.int64) for found in overlap_join(*side, *side, residual=residual)
    )
    shared = np.minimum(end[left], end[right]) - np.maximum(start[left], start[right])
    shorter = np.minimum(end[left] - start[left], end[right] - start[right])
    enough = shared > least * shorter if least else shared > 0
    left, right = taking[left[enough]], taking[right[enough]]
    order = np.lexsort((right, left))
    return left[order], right[order]


def iou_of(box: Floats, other: Floats) -> Floats:
    """Intersection over union of two boxes a row, shapes (k, 4); 0 without area, NaN without box.

    >>> iou_of(np.array([[0, 0, 2, 2.0], [0, 0, 0, 0]]), np.array([[1, 0, 3, 2.0], [0, 0, 0, 0]]))
    array([0.33333333, 0.        ])
    """
    low, high = np.maximum(box[:, :2], other[:, :2]), np.minimum(box[:, 2:], other[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=1)
    area = (box[:, 2:] - box[:, :2]).prod(axis=1) + (other[:, 2:] - other[:, :2]).prod(axis=1)
    union = area - shared
    out = np.where(np.isnan(union), np.nan, 0.0)
    np.divide(shared, union, out=out, where=union > 0)
    return out
