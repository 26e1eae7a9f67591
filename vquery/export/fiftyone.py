"""FiftyOne's image detection dataset: ``SPLIT/labels.json`` beside ``SPLIT/data/VIDEO/FRAME.jpg``.

Read it with ``fo.Dataset.from_dir(dataset_dir="…/train",
dataset_type=fo.types.FiftyOneImageDetectionDataset)``. Boxes are ``[x, y, width, height]``
relative to the picture and clipped to it; what has no place of its own is an attribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.export.coco import rounded
from vquery.export.folder import write_json
from vquery.export.items import by_frame, picture_file, picture_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from vquery.export.items import Labelled
    from vquery.export.report import Written

ATTRIBUTES = (
    "detection_id", "track", "score", "label_source", "detector", "run_id", "start_us", "frame"
)  # fmt: skip


def write_fiftyone(labelled: Labelled, folder: Path, written: Written) -> None:
    """Write one ``labels.json`` per split that has items."""
    numbers = {label: i for i, label in enumerate(labelled.classes)}
    for split, items in labelled.splits():
        write_json(
            folder / split / "labels.json",
            {"classes": labelled.classes},
            objects={"labels": _labels(items, numbers)},
        )
        written.add(split, items)


def _labels(items: pa.Table, numbers: dict[str, int]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the boxes of each picture under its path in ``data/`` without the ending."""
    for (video, frame), rows in by_frame(items):
        name = f"{picture_folder(video)}/{picture_file(frame)}".removesuffix(".jpg")
        yield name, [_detection(row, numbers[row["label"]]) for row in rows]


def _detection(row: dict[str, Any], label: int) -> dict[str, Any]:
    x1, y1, x2, y2 = row["box"]
    attributes = {name: row[name] for name in ATTRIBUTES if row[name] is not None}
    if "score" in attributes:
        attributes["score"] = rounded(row["score"])
    detection = {
        "label": label,
        "bounding_box": [x1, y1, x2 - x1, y2 - y1],
        "attributes": attributes,
    }
    if row["probability"] is not None:
        detection["confidence"] = rounded(row["probability"])
    return detection
