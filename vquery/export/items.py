"""What every format is given: the labelled items, the videos they are in, and their pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import numpy.typing as npt

ITEM = pa.schema(
    [
        pa.field("detection_id", pa.int64(), nullable=False),
        *schema.TIME_FIELDS,
        *schema.BOX_FIELDS,
        pa.field("frame", pa.int64()),
        pa.field("class", pa.string()),
        pa.field("score", pa.float32()),
        pa.field("track", pa.int64()),
        pa.field("detector", pa.string()),
        pa.field("label", pa.string(), nullable=False),
        pa.field("probability", pa.float32()),
        pa.field("label_source", pa.string()),
        pa.field("run_id", pa.int64()),
        pa.field("split", pa.string()),
    ]
)
"""One labelled detection. ``label_source`` is human or propagated, ``run_id`` the propagation."""

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Labelled:
    """Everything that one export may use.

    Attributes
    ----------
    concept
        What is labelled, such as "name".
    items
        Schema ITEM, sorted.
    videos
        Schema VIDEO, of the collection.
    others
        Boxes in the same frames that have no label: ``video, frame`` and how many. They are no
        negatives: nobody has looked.
    crop
        JPEG of a detection, None where there is none.
    provenance
        What the manifest says about the collection, the runs and the labels.
    """

    concept: str
    items: pa.Table
    videos: dict[str, dict[str, Any]]
    others: dict[tuple[str, int], int]
    crop: Callable[[int], bytes | None]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """The labels, sorted: their order is the order of class numbers."""
        return sorted(pc.unique(self.items["label"]).to_pylist())

    def of_split(self, split: str) -> pa.Table:
        """Return the items of one split."""
        return self.items.filter(pc.equal(self.items["split"], split))


def split_videos(
    counts: dict[str, int], shares: tuple[float, float, float], *, seed: int = 0
) -> dict[str, str]:
    """Give whole videos to train, val and test, so that frames of one never stand on two sides.

    Videos are taken in a random order fixed by ``seed``, the largest first among those that
    fill a split best; the share of items follows as closely as whole videos allow. Every split
    with a share gets a video as long as there are enough; with one video all is train.

    Parameters
    ----------
    counts
        Items by video.
    shares
        Of train, val and test; they add up to 1.

    Raises
    ------
    ExportError
        If the shares are not three numbers from 0 to 1 that add up to 1.

    >>> split_videos({"a": 80, "b": 10, "c": 10}, (0.8, 0.1, 0.1))["a"]
    'train'
    >>> split_videos({"a": 5}, (0.8, 0.1, 0.1))
    {'a': 'train'}
    """
    if len(shares) != 3 or any(share < 0 for share in shares) or abs(sum(shares) - 1) > 1e-6:
        raise ExportError(f"split must be three shares that add up to 1, got {shares}")
    order = np.random.default_rng(seed).permutation(len(counts))
    videos = sorted(counts)
    ranked = sorted((videos[i] for i in order), key=lambda video: -counts[video])
    total = sum(counts.values())
    missing = {name: share * total for name, share in zip(SPLITS, shares, strict=True) if share}
    given: dict[str, str] = {}
    for i, video in enumerate(ranked):
        empty = [name for name in missing if name not in given.values()]
        left = len(ranked) - i
        among = empty if 0 < len(empty) >= left else list(missing)
        best = max(among, key=lambda name: missing[name])
        given[video] = best
        missing[best] -= counts[video]
    return {video: given[video] for video in videos}


def pixel_boxes(items: pa.Table, width: int, height: int) -> npt.NDArray[np.float64]:
    """Return boxes in pixels, ``x, y, width, height`` from the top left, clipped to the picture.

    A box that lies wholly outside comes out with no area.
    """
    corners = np.stack([items[name].to_numpy() for name in schema.BOX], axis=1).astype(np.float64)
    corners = np.clip(corners, 0, 1) * (width, height, width, height)
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)


def picture_name(video: str, frame: int) -> str:
    """Name the picture of a frame: unique, flat inside its split, and safe on any system.

    >>> picture_name("news/monday.mp4", 17)
    'news__monday.mp4/000017.jpg'
    """
    folder = video.replace("/", "__").replace("\\", "__")
    return f"{folder}/{frame:06d}.jpg"
