"""Boxes of files as normalised boxes, and the detection table made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.ingest.result import DETECTION_ROWS
from vquery.schema import conform

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

NO_AREA = "box without area"


def corners(xywh: Floats) -> Floats:
    """Return ``x1, y1, x2, y2`` of ``left, top, width, height``, ``(n, 4)``.

    >>> corners(np.array([[1.0, 2.0, 3.0, 4.0]])).tolist()
    [[1.0, 2.0, 4.0, 6.0]]
    """
    boxes: Floats = np.hstack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]])
    return boxes


def normalised(boxes: Floats, width: npt.ArrayLike, height: npt.ArrayLike) -> Floats:
    """Divide pixel boxes ``(n, 4)`` by the size of the picture (numbers or ``(n,)``)."""
    size = np.stack(np.broadcast_arrays(width, height, width, height), axis=-1)
    shares: Floats = boxes / size
    return shares


def has_area(boxes: Floats) -> npt.NDArray[np.bool_]:
    """Tell which boxes ``x1, y1, x2, y2`` are wider and higher than nothing, ``(n,)``."""
    kept: npt.NDArray[np.bool_] = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return kept


def detection_table(boxes: Floats, kept: npt.NDArray[np.bool_], **columns: Any) -> pa.Table:
    """Return the detections of schema `DETECTION_ROWS` whose row is ``kept``.

    Parameters
    ----------
    boxes
        Normalised ``x1, y1, x2, y2``, ``(n, 4)``.
    kept
        Which rows to take, ``(n,)``.
    columns
        The other columns: one value for all rows, or ``(n,)``; ``class_`` stands for ``class``.
    """
    n = len(boxes)
    table = {
        name: boxes[:, at].astype(np.float32) for at, name in enumerate(("x1", "y1", "x2", "y2"))
    }
    for name, values in columns.items():
        alone = values is None or isinstance(values, str | int)
        table[name.rstrip("_")] = pa.array([values] * n) if alone else values
    return conform(pa.table(table).filter(pa.array(kept)), DETECTION_ROWS, what="detections")
