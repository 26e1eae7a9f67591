"""Write one export: labels in a format, pictures where the format needs them, the manifest."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from vquery.errors import ExportError
from vquery.export.coco import write_coco
from vquery.export.fiftyone import write_fiftyone
from vquery.export.folder import new_folder, write_json
from vquery.export.frames import write_frames
from vquery.export.items import picture_folder, usable
from vquery.export.manifest import manifest
from vquery.export.parquet import write_parquet
from vquery.export.report import Written
from vquery.export.splits import split_videos
from vquery.export.yolo import write_yolo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vquery.export.items import Labelled

FORMATS = {
    "coco": write_coco,
    "yolo": write_yolo,
    "parquet": write_parquet,
    "fiftyone": write_fiftyone,
}
PICTURES = {"coco": "images/{split}", "yolo": "images/{split}", "fiftyone": "{split}/data"}
"""Where pictures lie, by format; Parquet carries crops inside."""


def write_export(
    labelled: Labelled,
    target: Path,
    *,
    format: str,  # noqa: A002 - the public name
    split: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    pictures: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Write the folder ``target``; it appears as a whole or not at all.

    Parameters
    ----------
    format
        coco, yolo, parquet or fiftyone.
    split, seed
        Shares of train, val and test, see `split_videos`.
    pictures
        Whether to decode the videos once more and write the frames that have labels.
    progress
        Called with pictures written and pictures to write.

    Raises
    ------
    ExportError
        If the format is unknown, nothing is labelled or can be written, the folder exists, a
        video has moved or changed, or the disk is full or read-only.
    """
    if format not in FORMATS:
        raise ExportError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    if not labelled.items.num_rows:
        raise ExportError(
            f"nothing has a label of {labelled.concept!r}: label some rows and propagate first "
            "(labels of spans of time are no boxes: read them by db.labelled() or db.fused())"
        )
    written = Written()
    with new_folder(target) as folder:
        labelled = _split(labelled, split, seed, written)
        FORMATS[format](labelled, folder, written)
        _check_any(labelled, written)
        written.warnings += _untrained(written)
        if pictures and format in PICTURES:
            written.pictures = _write_pictures(labelled, folder, format, progress)
        written.manifest = manifest(labelled, written, format, split, seed)
        write_json(folder / "manifest.json", written.manifest)
    return written


def _split(labelled: Labelled, shares: Sequence[float], seed: int, written: Written) -> Labelled:
    """Keep the items that can be written and give each the split of its video."""
    items = usable(labelled, written)
    videos = items["video"].to_pylist()
    sides = split_videos(Counter(videos), shares, seed=seed)
    column = pa.array([sides[video] for video in videos], pa.string())
    return replace(labelled, items=items.append_column("split", column))


def _check_any(labelled: Labelled, written: Written) -> None:
    if not written.total:
        reasons = "; ".join(f"{count} {reason}" for reason, count in written.skipped.items())
        raise ExportError(
            f"none of the labels of {labelled.concept!r} can be written: {reasons}. Index the "
            "videos that they are in, or choose another format"
        )


def _untrained(written: Written) -> list[str]:
    """Name the labels that no training video has: splitting whole videos can cause that."""
    trained = written.by_class.get("train", Counter())
    held = {
        label: split
        for split, labels in written.by_class.items()
        if split != "train"
        for label in labels
        if label not in trained
    }
    return [
        f"{label!r} is in {split} but in no training video: label it in more videos, or give "
        "other shares"
        for label, split in sorted(held.items())
    ]


def _write_pictures(
    labelled: Labelled, folder: Path, format_: str, progress: Callable[[int, int], None] | None
) -> int:
    frames = labelled.items.group_by(["video", "frame", "split"], use_threads=False).aggregate([])
    wanted: dict[str, tuple[Path, set[int]]] = {}
    for row in frames.to_pylist():
        place = folder / PICTURES[format_].format(split=row["split"]) / picture_folder(row["video"])
        wanted.setdefault(row["video"], (place, set()))[1].add(row["frame"])
    told = None if progress is None else lambda done: progress(done, frames.num_rows)
    return write_frames(wanted, labelled.videos, same_size=format_ == "coco", progress=told)
