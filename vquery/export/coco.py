"""COCO: ``annotations/SPLIT.json`` beside ``images/SPLIT/VIDEO/FRAME.jpg``.

Boxes are ``[x, y, width, height]`` in pixels from the top left. Ids start at 1 and are unique
over a file, because readers take 0 for "no match". Besides the fields of COCO, images carry the
video's (``video_id``, ``frame_id``, ``time_s``) and annotations their provenance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from vquery.export.folder import write_json
from vquery.export.items import SPLITS, Labelled, picture_name, pixel_boxes

if TYPE_CHECKING:
    from pathlib import Path

    from vquery.export.report import Written


def write_coco(labelled: Labelled, folder: Path, written: Written) -> None:
    """Write one annotation file per split that has items."""
    for split in SPLITS:
        items = labelled.of_split(split)
        if items.num_rows:
            content = coco(labelled, split, written)
            write_json(folder / "annotations" / f"{split}.json", content)


def coco(labelled: Labelled, split: str, written: Written) -> dict[str, Any]:
    """Return the content of the annotation file of one split."""
    items = labelled.of_split(split)
    names = sorted(pc.unique(items["video"]).to_pylist())
    videos = {
        name: {"id": i, "name": name, **_size(labelled, name)} for i, name in enumerate(names, 1)
    }
    categories = {label: i for i, label in enumerate(labelled.classes, start=1)}
    images: dict[tuple[str, int], dict[str, Any]] = {}
    annotations: list[dict[str, Any]] = []
    for name in names:
        mine = items.filter(pc.equal(items["video"], name))
        boxes = pixel_boxes(mine, videos[name]["width"], videos[name]["height"])
        for item, box in zip(mine.to_pylist(), boxes.tolist(), strict=True):
            if box[2] <= 0 or box[3] <= 0:
                written.skip("box without area inside the picture")
                continue
            image = images.setdefault(
                (name, item["frame"]), _image(len(images) + 1, videos[name], item, split)
            )
            annotations.append(
                _annotation(len(annotations) + 1, image, categories[item["label"]], item, box)
            )
    written.count(split, len(annotations))
    return {
        "info": {"description": f"labels of {labelled.concept!r}, {split}", "version": "1.0"},
        "licenses": [],
        "videos": list(videos.values()),
        "images": list(images.values()),
        "annotations": annotations,
        "categories": [
            {"id": i, "name": label, "supercategory": labelled.concept}
            for label, i in categories.items()
        ],
    }


def _size(labelled: Labelled, video: str) -> dict[str, int]:
    facts = labelled.videos[video]
    return {"width": facts["width"], "height": facts["height"]}


def _image(number: int, video: dict[str, Any], item: dict[str, Any], split: str) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": f"{split}/{picture_name(video['name'], item['frame'])}",
        "width": video["width"],
        "height": video["height"],
        "video_id": video["id"],
        "frame_id": item["frame"],
        "time_s": item["start_us"] / 1e6,
    }


def _annotation(
    number: int, image: dict[str, Any], category: int, item: dict[str, Any], box: list[float]
) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image["id"],
        "category_id": category,
        "bbox": [round(value, 3) for value in box],
        "area": round(box[2] * box[3], 3),
        "iscrowd": 0,
        "segmentation": [],
        "video_id": image["video_id"],
        "track_id": item["track"],
        "score": item["score"],
        "probability": item["probability"],
        "label_source": item["label_source"],
        "detection_id": item["detection_id"],
        "detector": item["detector"],
        "run_id": item["run_id"],
    }
