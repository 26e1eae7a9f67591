"""FiftyOne's image detection dataset: ``SPLIT/labels.json`` beside ``SPLIT/data/VIDEO/FRAME.jpg``.

Read it with ``fo.Dataset.from_dir(dataset_dir="…/train",
dataset_type=fo.types.FiftyOneImageDetectionDataset)``. Boxes are ``[x, y, width, height]``
relative to the picture; what has no place of its own is an attribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vquery import schema
from vquery.export.folder import write_json
from vquery.export.items import SPLITS, picture_name

if TYPE_CHECKING:
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
    for split in SPLITS:
        items = labelled.of_split(split)
        if items.num_rows:
            labels = _labels(items, numbers, written, split)
            content = {"classes": labelled.classes, "labels": labels}
            write_json(folder / split / "labels.json", content)


def _labels(
    items: pa.Table, numbers: dict[str, int], written: Written, split: str
) -> dict[str, list[dict[str, Any]]]:
    boxes = np.stack([items[name].to_numpy() for name in schema.BOX], axis=1).astype(float)
    labels: dict[str, list[dict[str, Any]]] = {}
    for item, (x1, y1, x2, y2) in zip(items.to_pylist(), boxes.tolist(), strict=True):
        key = picture_name(item["video"], item["frame"]).removesuffix(".jpg")
        labels.setdefault(key, []).append(
            {
                "label": numbers[item["label"]],
                "bounding_box": [x1, y1, x2 - x1, y2 - y1],
                "confidence": item["probability"],
                "attributes": {name: item[name] for name in ATTRIBUTES if item[name] is not None},
            }
        )
        written.count(split, 1)
    return labels
