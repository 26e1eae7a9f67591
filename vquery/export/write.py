"""Write one export: labels in a format, pictures where the format needs them, the manifest."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import ExportError
from vquery.export.coco import write_coco
from vquery.export.fiftyone import write_fiftyone
from vquery.export.folder import new_folder, write_json
from vquery.export.frames import write_frames
from vquery.export.items import picture_folder, usable
from vquery.export.manifest import manifest
from vquery.export.parquet import write_parquet
from vquery.export.report import Written
from vquery.export.spans import ORDER, no_spans
from vquery.export.splits import split_videos
from vquery.export.times import write_activitynet, write_csv, write_span_parquet, write_vtt
from vquery.export.yolo import write_yolo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vquery.export.items import Labelled
    from vquery.export.spans import LabelledSpans

BOXES = {
    "coco": write_coco,
    "yolo": write_yolo,
    "parquet": write_parquet,
    "fiftyone": write_fiftyone,
}
"""Formats of labels of detections."""
TIMES = {
    "parquet": write_span_parquet,
    "activitynet": write_activitynet,
    "csv": write_csv,
    "vtt": write_vtt,
}
"""Formats of labels of spans of time."""
FORMATS = tuple(dict.fromkeys([*BOXES, *TIMES]))
PICTURES = {"coco": "images/{split}", "yolo": "images/{split}", "fiftyone": "{split}/data"}
"""Where pictures lie, by format; Parquet carries crops inside."""
NO_BOXES = "label of a detection, which this format cannot hold"
NO_TIMES = "label of a span of time, which this format cannot hold"
TOO_EARLY = "span that starts before its video, which this format cannot hold"


def write_export(
    labelled: Labelled,
    target: Path,
    *,
    format: str,  # noqa: A002 - the public name
    spans: LabelledSpans | None = None,
    split: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    pictures: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Write the folder ``target``; it appears as a whole or not at all.

    Parameters
    ----------
    format
        For detections coco, yolo, parquet or fiftyone; for spans of time activitynet, csv, vtt
        or parquet. Parquet holds both, in files of their own; what a format cannot hold is
        counted and left out.
    spans
        The labelled spans of time of the concept; by default there are none.
    split, seed
        Shares of train, val and test, see `split_videos`; boxes and spans of a video go together.
    pictures
        Whether to decode the videos once more and write the frames that have labels.
    progress
        Called with pictures written and pictures to write; for spans of time, with spans.

    Raises
    ------
    ExportError
        If the format is unknown, nothing is labelled or can be written, the folder exists, a
        video has moved or changed, or the disk is full or read-only.
    """
    if format not in FORMATS:
        raise ExportError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    written = Written()
    labelled, spans = _held(labelled, spans or no_spans(labelled.concept), format, written)
    with new_folder(target) as folder:
        labelled, spans = _split(labelled, spans, split, seed, written)
        if labelled.items.num_rows:
            BOXES[format](labelled, folder, written)
        if spans.rows.num_rows:
            TIMES[format](spans, folder, _told(progress, spans.rows.num_rows))
            for side, rows in spans.splits():
                written.add(side, rows)
        _check_any(labelled, written)
        written.warnings += _untrained(written)
        if pictures and format in PICTURES:
            written.pictures = _write_pictures(labelled, folder, format, progress)
        written.manifest = manifest(labelled, spans, written, format, split, seed)
        write_json(folder / "manifest.json", written.manifest)
    return written


def _held(
    labelled: Labelled, spans: LabelledSpans, format_: str, written: Written
) -> tuple[Labelled, LabelledSpans]:
    """Keep what the format can hold, and count the rest; refuse if that is all."""
    boxes, times = labelled.items.num_rows, spans.rows.num_rows
    if not (boxes if format_ in BOXES else 0) + (times if format_ in TIMES else 0):
        raise ExportError(_nothing(labelled, spans, format_))
    if format_ not in BOXES:
        written.skip(NO_BOXES, boxes)
        labelled = replace(labelled, items=labelled.items.slice(0, 0), provenance={})
    if format_ not in TIMES:
        written.skip(NO_TIMES, times)
        spans = no_spans(spans.concept)
    if format_ == "vtt":
        early = pc.less(spans.rows["start_us"], 0)
        written.skip(TOO_EARLY, pc.sum(early).as_py())
        spans = replace(spans, rows=spans.rows.filter(pc.invert(early)))
    return labelled, spans


def _nothing(labelled: Labelled, spans: LabelledSpans, format_: str) -> str:
    concept, boxes, times = labelled.concept, labelled.items.num_rows, spans.rows.num_rows
    if boxes:
        return (
            f"{format_} holds labels of spans of time, but those of {concept!r} are all of "
            f"detections ({boxes:,}): choose format {', '.join(BOXES)}"
        )
    if times:
        return (
            f"{format_} holds labels of detections, but those of {concept!r} are all of spans of "
            f"time ({times:,}): choose format {', '.join(TIMES)}"
        )
    reasons = "; ".join(f"{count:,} spans: {why}" for why, count in spans.without_label.items())
    if reasons:
        return f"nothing has a label of {concept!r} to export ({reasons})"
    return f"nothing has a label of {concept!r}: label some rows, then propagate or fuse"


def _told(progress: Callable[[int, int], None] | None, total: int) -> Callable[[int], None]:
    """Add up what is written for who wants to know."""
    done = 0

    def told(more: int) -> None:
        nonlocal done
        done += more
        if progress is not None:
            progress(done, total)

    return told


def _split(
    labelled: Labelled,
    spans: LabelledSpans,
    shares: Sequence[float],
    seed: int,
    written: Written,
) -> tuple[Labelled, LabelledSpans]:
    """Keep the items that can be written and give each the split of its video."""
    items = usable(labelled, written) if labelled.items.num_rows else labelled.items
    rows = spans.rows.sort_by(ORDER)
    videos = [items["video"].to_pylist(), rows["video"].to_pylist()]
    sides = split_videos(Counter(videos[0] + videos[1]), shares, seed=seed)
    columns = [pa.array([sides[video] for video in some], pa.string()) for some in videos]
    return (
        replace(labelled, items=items.append_column("split", columns[0])),
        replace(spans, rows=rows.append_column("split", columns[1])),
    )


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
