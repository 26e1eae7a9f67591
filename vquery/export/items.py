"""What every format is given: the labelled items, the videos they are in, and their crops."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.media.pictures import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    import numpy.typing as npt

    from vquery.export.report import Written

ITEM = pa.schema(
    [
        pa.field("detection_id", pa.int64()),
        *schema.TIME_FIELDS,
        *schema.BOX_FIELDS,
        pa.field("class", pa.string()),
        pa.field("score", pa.float32()),
        pa.field("track", pa.int64()),
        pa.field("frame", pa.int64()),
        pa.field("shot_id", pa.int64()),
        pa.field("detector", pa.string()),
        pa.field("label", pa.string(), nullable=False),
        pa.field("probability", pa.float32()),
        pa.field("label_source", pa.string()),
        pa.field("run_id", pa.int64()),
    ]
)
"""One labelled box in one frame. ``label_source`` is human, propagated, or interpolated (then it
has no ``detection_id``, unless it lies between two boxes that a person drew); ``run_id`` is the
propagation that gave the label."""

SPLITS = ("train", "val", "test")
ORDER = [(name, "ascending") for name in ("video", "frame", "detection_id", "track")]
BATCH = 4096
LEAST_PIXELS = 1.0
LONGEST_NAME = 120
"""Bytes of a folder's name; file systems take 255."""

NO_PICTURES = "box in a video that has no pictures"
NO_FRAME = "box without a frame"
TOO_SMALL = "box of less than a pixel inside the picture"


@dataclass(frozen=True)
class Labelled:
    """Everything that one export may use.

    Attributes
    ----------
    concept
        What is labelled, such as "name".
    items
        Schema ITEM; while it is written also ``split``.
    videos
        Schema VIDEO, of the collection, by name.
    unlabelled
        ``video, frame`` of each box that has no label. They are no negatives: nobody has looked.
    crop
        JPEG of a detection, None where there is none.
    provenance
        What the manifest says about the collection, the runs and the human labels.
    drawn
        ``by, at_us, interpolated, points`` of each box that was drawn by hand.
    """

    concept: str
    items: pa.Table
    videos: dict[str, dict[str, Any]]
    unlabelled: pa.Table
    crop: Callable[[int], bytes | None]
    provenance: dict[str, Any] = field(default_factory=dict)
    drawn: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """The labels, sorted: their order is the order of class numbers."""
        return sorted(pc.unique(self.items["label"]).to_pylist())

    def splits(self) -> Iterator[tuple[str, pa.Table]]:
        """Yield every split that has items, with them."""
        for split in SPLITS:
            items = self.items.filter(pc.equal(self.items["split"], split))
            if items.num_rows:
                yield split, items


def usable(labelled: Labelled, written: Written) -> pa.Table:
    """Return the items that have a place in a picture, by video and frame; count the others."""
    items = labelled.items.sort_by(ORDER)
    sizes = picture_sizes(labelled, items)
    corners = clipped(items) * np.tile(sizes, 2)
    # written so that NaN is too small
    large = ((corners[:, 2:] - corners[:, :2]) >= LEAST_PIXELS).all(axis=1)
    frames = pc.fill_null(items["frame"], -1).to_numpy()
    keep = np.ones(items.num_rows, bool)
    for reason, good in (
        (NO_PICTURES, sizes[:, 0] > 0),
        (NO_FRAME, frames >= 0),
        (TOO_SMALL, large),
    ):
        written.skip(reason, int((keep & ~good).sum()))
        keep &= good
    return items.filter(pa.array(keep))


def picture_sizes(labelled: Labelled, items: pa.Table) -> npt.NDArray[np.float64]:
    """Return width and height in pixels of each item's picture, ``(n, 2)``; 0 without pictures."""
    video = items["video"].combine_chunks().dictionary_encode()
    of_video = [_size(labelled.videos[name]) for name in video.dictionary.to_pylist()]
    rows: npt.NDArray[np.int32] = video.indices.to_numpy()
    return np.array(of_video, np.float64).reshape(-1, 2)[rows]


def _size(video: dict[str, Any]) -> tuple[int, int]:
    if video["kind"] == "none":
        return 0, 0
    return video["width"] or 0, video["height"] or 0


def clipped(items: pa.Table) -> npt.NDArray[np.float64]:
    """Return ``x1, y1, x2, y2`` clipped to the picture, float64 ``(n, 4)`` in [0, 1]."""
    columns = [items[name].to_numpy() for name in schema.BOX]
    corners: npt.NDArray[np.float64] = np.stack(columns, axis=1).astype(np.float64)
    return corners.clip(0, 1)


def by_frame(items: pa.Table) -> Iterator[tuple[tuple[str, int], list[dict[str, Any]]]]:
    """Yield ``(video, frame)`` and the rows of each frame, in the order of the items.

    A row has ``box`` besides its columns: ``x1, y1, x2, y2``, clipped to the picture. Only a few
    thousand rows are in memory as Python values at a time.
    """
    for key, rows in groupby(_rows(items), key=lambda row: (row["video"], row["frame"])):
        yield key, list(rows)


def _rows(items: pa.Table) -> Iterator[dict[str, Any]]:
    for start in range(0, items.num_rows, BATCH):
        some = items.slice(start, BATCH)
        boxes = clipped(some).tolist()
        for row, box in zip(some.to_pylist(), boxes, strict=True):
            yield row | {"box": box}


def picture_folder(video: str) -> str:
    """Name the folder of a video's pictures: one level, another for every video, fit for any disk.

    A name that had to be changed, or could be taken for another's, gets a part of its SHA-256. It
    never ends like a picture's, because readers that collect ``*.jpg`` would take it for one.

    >>> picture_folder("news/monday.mp4"), picture_folder("news__monday.mp4")
    ('news__monday.mp4', 'news__monday.mp4-8cba1737')
    """
    flat = re.sub(r'[\x00-\x1f\x7f<>:"|?*\\]', "_", video.replace("/", "__")).strip(". ")
    if Path(flat).suffix.lower() in SUFFIXES | {".gif"}:
        flat = flat[: flat.rindex(".")]
    name = flat.encode()[:LONGEST_NAME].decode(errors="ignore")
    if name.split("__") == video.split("/"):
        return name
    return f"{name}-{hashlib.sha256(video.encode()).hexdigest()[:8]}"


def picture_file(frame: int) -> str:
    """Name the picture of a frame.

    >>> picture_file(17)
    '000017.jpg'
    """
    return f"{frame:06d}.jpg"
