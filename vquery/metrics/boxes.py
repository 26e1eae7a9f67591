"""Which true box a detection shows: overlap of boxes at the same moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vquery.schema import BOX

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa


def iou_matrix(
    left: npt.NDArray[np.floating], right: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Return the intersection over union of every pair of boxes.

    Parameters
    ----------
    left, right
        ``(n, 4)`` and ``(m, 4)``, ``x1, y1, x2, y2`` in one unit.

    Returns
    -------
    float64 ``(n, m)``; 0 where both boxes have no area.

    >>> iou_matrix(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [2, 0, 3, 2]])).round(3)
    array([[0.333, 0.   ]])
    """
    low = np.maximum(left[:, None, :2], right[None, :, :2])
    high = np.minimum(left[:, None, 2:], right[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) for box in (left, right)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    overlap = np.zeros_like(union, dtype=np.float64)
    np.divide(shared, union, out=overlap, where=union > 0)
    return overlap


def true_values(
    detections: pa.Table, truth: pa.Table, column: str, *, at_least: float = 0.5, within_us: int = 0
) -> list[object]:
    """Give each detection the value of the true box that it overlaps most at its moment.

    Parameters
    ----------
    detections, truth
        ``video, start_us`` and a box; ``truth`` also has ``column``.
    at_least
        Least overlap that counts.
    within_us
        Moments that lie at most so far apart are one.

    Returns
    -------
    list (n,)
        None where no true box is near enough.
    """
    moments: dict[object, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}
    videos = np.array(truth["video"].to_pylist(), object)
    starts, boxes = truth["start_us"].to_numpy(), _boxes(truth)
    for video in set(videos.tolist()):
        rows = np.flatnonzero(videos == video)
        rows = rows[np.argsort(starts[rows], kind="stable")]
        moments[video] = (starts[rows], rows)
    values = truth[column].to_pylist()
    found: list[object] = []
    for video, start, box in zip(
        detections["video"].to_pylist(),
        detections["start_us"].to_pylist(),
        _boxes(detections),
        strict=True,
    ):
        times, rows = moments.get(video, (np.empty(0, np.int64), np.empty(0, np.int64)))
        low = np.searchsorted(times, start - within_us)
        high = np.searchsorted(times, start + within_us, side="right")
        near = rows[low:high]
        overlap = iou_matrix(box[None], boxes[near])[0]
        best = int(overlap.argmax()) if len(near) else -1
        found.append(values[near[best]] if best >= 0 and overlap[best] >= at_least else None)
    return found


def _boxes(table: pa.Table) -> npt.NDArray[np.float64]:
    columns = [table[name].to_numpy(zero_copy_only=False) for name in BOX]
    return np.stack(columns, axis=1).astype(np.float64)
