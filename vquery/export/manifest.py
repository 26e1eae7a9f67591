"""``manifest.json``: what is in the folder, where it comes from, and what is not in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from vquery.export.items import picture_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from vquery.export.items import Labelled
    from vquery.export.report import Written

NOTE = (
    "A box without a label is unknown, not negative, and so is a frame that is not here. "
    "label_source: human, propagated, or interpolated in a short gap of a track."
)


def manifest(
    labelled: Labelled, written: Written, format_: str, shares: Sequence[float], seed: int
) -> dict[str, Any]:
    """Account for an export.

    Returns
    -------
    ``format, concept, classes``; ``splits`` with the videos, frames and labels of each;
    ``label_sources``, ``left_out`` with reasons, ``warnings``,
    ``unlabelled_boxes_in_exported_frames``; ``split`` with shares and seed; ``videos`` with
    SHA-256 and picture folder; and the provenance that came with the labels: every human label,
    every run, and why detections have no label.
    """
    frames = labelled.items.group_by(["video", "frame", "split"]).aggregate([])
    splits = {
        split: {
            "videos": sorted(pc.unique(items["video"]).to_pylist()),
            "frames": frames.filter(pc.equal(frames["split"], split)).num_rows,
            "labels": written.by_split[split],
            "classes": written.by_class[split],
        }
        for split, items in labelled.splits()
        if written.by_split[split]
    }
    used = {video for about in splits.values() for video in about["videos"]}
    return {
        "format": format_,
        "concept": labelled.concept,
        "classes": labelled.classes,
        "splits": splits,
        "label_sources": dict(sorted(written.by_source.items())),
        "pictures": written.pictures,
        "left_out": written.skipped,
        "warnings": written.warnings,
        "unlabelled_boxes_in_exported_frames": _in_frames(labelled.unlabelled, frames),
        "note": NOTE,
        "split": {"shares": list(shares), "seed": seed, "by": "video"},
        "videos": [_video(labelled.videos[name]) for name in sorted(used)],
        **labelled.provenance,
    }


def _in_frames(unlabelled: pa.Table, frames: pa.Table) -> int:
    keys = ["video", "frame"]
    rows: int = unlabelled.join(frames.select(keys), keys, join_type="left semi").num_rows
    return rows


def _video(facts: dict[str, Any]) -> dict[str, Any]:
    about = {name: facts[name] for name in ("video", "sha256", "uri", "width", "height")}
    return about | {"picture_folder": picture_folder(facts["video"])}
