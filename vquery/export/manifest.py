"""``manifest.json``: what is in the folder, where it comes from, and what is not in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from vquery.export.items import SPLITS, picture_folder
from vquery.export.times import vtt_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from vquery.export.items import Labelled
    from vquery.export.report import Written
    from vquery.export.spans import LabelledSpans

NOTE = (
    "A box without a label is unknown, not negative, and so is a frame that is not here. "
    "label_source: human, propagated, or interpolated in a short gap of a track or between two "
    "boxes that a person drew."
)
SPAN_NOTE = (
    "A moment without a span is unknown, not negative, and so is a video that is not here. "
    "source: human, or fused where people have not labelled at least half of what was fused."
)


def manifest(
    labelled: Labelled,
    spans: LabelledSpans,
    written: Written,
    format_: str,
    shares: Sequence[float],
    seed: int,
) -> dict[str, Any]:
    """Account for an export.

    Returns
    -------
    ``format, concept, classes``; ``splits`` with the videos, frames, spans and labels of each;
    ``label_sources``, ``left_out`` with reasons, ``warnings``,
    ``unlabelled_boxes_in_exported_frames``; ``split`` with shares and seed; ``videos`` with
    SHA-256 and where their pictures or cues lie; and the provenance that came with the labels:
    every human label and drawn box, every run, and why detections and spans have no label. Where
    there are boxes, ``classes`` are theirs, in the order of their numbers; those of spans are
    ``span_classes``.
    """
    boxes, times = labelled.items.num_rows > 0, spans.rows.num_rows > 0
    frames = labelled.items.group_by(["video", "frame", "split"]).aggregate([])
    splits = _splits(labelled, spans, frames, written)
    used = {video for about in splits.values() for video in about["videos"]}
    videos = {**spans.videos, **labelled.videos}
    found: dict[str, Any] = {
        "format": format_,
        "concept": labelled.concept,
        "classes": labelled.classes if boxes or not times else spans.classes,
        "splits": splits,
        "label_sources": dict(sorted(written.by_source.items())),
        "pictures": written.pictures,
        "left_out": written.skipped,
        "warnings": written.warnings,
        "note": " ".join([NOTE] * boxes + [SPAN_NOTE] * times),
        "split": {"shares": list(shares), "seed": seed, "by": "video"},
        "videos": [_video(videos[name], format_) for name in sorted(used)],
    }
    if boxes:
        found["unlabelled_boxes_in_exported_frames"] = _in_frames(labelled.unlabelled, frames)
        found |= labelled.provenance
    if times:
        found |= {"span_classes": spans.classes, **spans.provenance}
        found["spans_without_label"] = dict(spans.without_label)
    return found


def _splits(
    labelled: Labelled, spans: LabelledSpans, frames: pa.Table, written: Written
) -> dict[str, Any]:
    boxes, times = dict(labelled.splits()), dict(spans.splits())
    found = {}
    for split in SPLITS:
        if not written.by_split[split]:
            continue
        held = [side[split]["video"] for side in (boxes, times) if split in side]
        about: dict[str, Any] = {
            "videos": sorted({video for names in held for video in pc.unique(names).to_pylist()})
        }
        if boxes:
            about["frames"] = frames.filter(pc.equal(frames["split"], split)).num_rows
        if times:
            about["spans"] = times[split].num_rows if split in times else 0
        about |= {"labels": written.by_split[split], "classes": written.by_class[split]}
        found[split] = about
    return found


def _in_frames(unlabelled: pa.Table, frames: pa.Table) -> int:
    keys = ["video", "frame"]
    rows: int = unlabelled.join(frames.select(keys), keys, join_type="left semi").num_rows
    return rows


def _video(facts: dict[str, Any], format_: str) -> dict[str, Any]:
    about = {name: facts[name] for name in ("video", "sha256", "uri", "width", "height")}
    if format_ == "vtt":
        return about | {"file": vtt_name(facts["video"])}
    return about | {"picture_folder": picture_folder(facts["video"])}
