"""Write one export: labels in a format, pictures where the format needs them, the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from vquery.errors import ExportError
from vquery.export.coco import write_coco
from vquery.export.fiftyone import write_fiftyone
from vquery.export.folder import new_folder, write_json
from vquery.export.frames import paths_of, write_frames
from vquery.export.parquet import write_parquet
from vquery.export.report import Written
from vquery.export.yolo import write_yolo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vquery.export.items import Labelled

FORMATS = {
    "coco": write_coco,
    "yolo": write_yolo,
    "parquet": write_parquet,
    "fiftyone": write_fiftyone,
}
PICTURES = {"coco": "images", "yolo": "images", "fiftyone": "{split}/data"}
"""Where pictures lie, by format; Parquet carries crops inside."""


def write_export(
    labelled: Labelled,
    target: Path,
    *,
    format: str,  # noqa: A002 - the public name
    pictures: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Write the folder ``target``; it appears as a whole or not at all.

    Parameters
    ----------
    format
        coco, yolo, parquet or fiftyone.
    pictures
        Whether to decode the videos once more and write the frames that have labels.
    progress
        Called with pictures written and pictures to write.

    Raises
    ------
    ExportError
        If the format is unknown, nothing is labelled, the folder exists, a video has moved, or
        the disk is full or read-only.
    """
    if format not in FORMATS:
        raise ExportError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    if not labelled.items.num_rows:
        raise ExportError(
            f"nothing has a label of {labelled.concept!r}: label some rows and propagate first"
        )
    written = Written()
    with new_folder(target) as folder:
        FORMATS[format](labelled, folder, written)
        if pictures and format in PICTURES:
            written.pictures = _write_pictures(labelled, folder, format, progress)
        written.manifest = _manifest(labelled, format, written)
        write_json(folder / "manifest.json", written.manifest)
    return written


def _frames(labelled: Labelled) -> dict[tuple[str, int], str]:
    columns = (labelled.items[name].to_pylist() for name in ("video", "frame", "split"))
    return {(video, frame): split for video, frame, split in zip(*columns, strict=True)}


def _write_pictures(
    labelled: Labelled, folder: Path, format_: str, progress: Callable[[int, int], None] | None
) -> int:
    frames = _frames(labelled)
    where = PICTURES[format_]
    if "{split}" in where:
        wanted: dict[str, dict[int, Path]] = {}
        for split in set(frames.values()):
            mine = {key: "data" for key, its in frames.items() if its == split}
            wanted |= paths_of(mine, folder / split)
    else:
        wanted = paths_of(frames, folder / where)
    told = None if progress is None else lambda done: progress(done, len(frames))
    return write_frames(wanted, labelled.videos, progress=told)


def _manifest(labelled: Labelled, format_: str, written: Written) -> dict[str, Any]:
    """Say what is in the folder, where it comes from, and what is not in it."""
    items = labelled.items
    splits: dict[str, dict[str, Any]] = {}
    for split in pc.unique(items["split"]).to_pylist():
        mine = labelled.of_split(split)
        splits[split] = {
            "videos": sorted(pc.unique(mine["video"]).to_pylist()),
            "labels": written.by_split[split],
            "classes": _counts(mine["label"]),
        }
    seen = {(video, frame) for video, frame in _frames(labelled)}
    return {
        "format": format_,
        "concept": labelled.concept,
        "classes": labelled.classes,
        "splits": splits,
        "label_sources": _counts(items["label_source"]),
        "pictures": written.pictures,
        "unlabelled_boxes_in_exported_frames": sum(
            count for frame, count in labelled.others.items() if frame in seen
        ),
        "left_out": dict(written.skipped),
        "note": "Boxes without a label are unknown, not negative.",
        **labelled.provenance,
    }


def _counts(column: Any) -> dict[str, int]:
    return {str(entry["values"]): entry["counts"] for entry in pc.value_counts(column).to_pylist()}
