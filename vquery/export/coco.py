"""COCO: ``annotations/SPLIT.json`` beside ``images/SPLIT/VIDEO/FRAME.jpg``.

Boxes are ``[x, y, width, height]`` in pixels from the top left, clipped to the picture. Ids start
at 1 and are unique over a file, because readers take 0 for "no match". Besides the fields of
COCO, images carry the video's (``video_id``, ``frame_id`` from 0, ``time_s``) and annotations
their provenance; those of boxes that a person drew say who and when (``drawn_by``,
``drawn_at_us``) and have the four ``extreme_points`` that were clicked, in pixels. Category numbers
are the same in all splits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from vquery.export.folder import write_json
from vquery.export.items import Labelled, by_frame, picture_file, picture_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from vquery.export.report import Written

DECIMALS = 3
"""Of pixels: finer than any detector."""


def write_coco(labelled: Labelled, folder: Path, written: Written) -> None:
    """Write one annotation file per split that has items."""
    categories = {label: i for i, label in enumerate(labelled.classes, start=1)}
    for split, items in labelled.splits():
        videos = {
            name: _video(i, labelled.videos[name])
            for i, name in enumerate(pc.unique(items["video"]).to_pylist(), start=1)
        }
        write_json(
            folder / "annotations" / f"{split}.json",
            {
                "info": {"description": f"labels of {labelled.concept!r}, {split}"},
                "licenses": [],
                "categories": [
                    {"id": i, "name": label, "supercategory": labelled.concept}
                    for label, i in categories.items()
                ],
            },
            lists={
                "videos": videos.values(),
                "images": _images(items, videos, split),
                "annotations": _annotations(items, videos, categories, labelled.drawn),
            },
        )
        written.add(split, items)


def _video(number: int, facts: dict[str, Any]) -> dict[str, Any]:
    """Describe a video; its frame rate is nominal, ``time_s`` of the images is exact."""
    video = {
        "id": number,
        "name": facts["video"],
        "width": facts["width"],
        "height": facts["height"],
    }
    if facts["fps_num"]:
        video["fps"] = round(facts["fps_num"] / facts["fps_den"], 6)
    return video


def _images(
    items: pa.Table, videos: dict[str, dict[str, Any]], split: str
) -> Iterator[dict[str, Any]]:
    for number, ((name, frame), rows) in enumerate(by_frame(items), start=1):
        video = videos[name]
        yield {
            "id": number,
            "file_name": f"{split}/{picture_folder(name)}/{picture_file(frame)}",
            "width": video["width"],
            "height": video["height"],
            "video_id": video["id"],
            "frame_id": frame,
            "time_s": rows[0]["start_us"] / 1e6,
        }


def _annotations(
    items: pa.Table,
    videos: dict[str, dict[str, Any]],
    categories: dict[str, int],
    drawn: dict[int, dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    """Yield the annotations; images are numbered as in `_images`."""
    number = 0
    for image, ((name, _), rows) in enumerate(by_frame(items), start=1):
        video = videos[name]
        for row in rows:
            number += 1
            yield {
                "id": number,
                "image_id": image,
                "category_id": categories[row["label"]],
                **_place(row["box"], video["width"], video["height"]),
                "iscrowd": 0,
                "segmentation": [],
                "video_id": video["id"],
                "track_id": row["track"],
                "score": rounded(row["score"]),
                "probability": rounded(row["probability"]),
                "label_source": row["label_source"],
                "detection_id": row["detection_id"],
                "detector": row["detector"],
                "run_id": row["run_id"],
                **_hand(drawn.get(row["detection_id"]), video["width"], video["height"]),
            }


def _hand(about: dict[str, Any] | None, width: int, height: int) -> dict[str, Any]:
    """Say who drew a box, and by which points; nothing of one that was detected."""
    if about is None:
        return {}
    said = {"drawn_by": about["by"], "drawn_at_us": about["at_us"]}
    if about["points"] is None:
        return said
    sides = (width, height) * 4
    values = [
        round(min(max(value, 0.0), 1.0) * side, DECIMALS)
        for value, side in zip(about["points"], sides, strict=True)
    ]
    return said | {"extreme_points": [values[at : at + 2] for at in range(0, len(values), 2)]}


def _place(box: list[float], width: int, height: int) -> dict[str, Any]:
    x1, y1, x2, y2 = box
    place = x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height
    bbox = [round(value, DECIMALS) for value in place]
    return {"bbox": bbox, "area": round(bbox[2] * bbox[3], DECIMALS)}


def rounded(value: float | None) -> float | None:
    """Write a float32 with the digits that it has.

    >>> rounded(0.8999999761581421)
    0.9
    """
    return None if value is None else round(value, 6)
