"""Gather what an export needs from one snapshot: labelled items, videos, crops, provenance."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.tables import Wanted, labels_of
from vquery.export.items import ITEM, Labelled, split_videos
from vquery.export.write import write_export

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vquery.export.report import Written
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store


def export(
    store: Store,
    folder: Path,
    *,
    format: str,  # noqa: A002 - as in Collection.export
    concept: str,
    split: tuple[float, float, float],
    threshold: float | None,
    seed: int,
    images: bool,
    progress: Callable[[int, int], None] | None,
) -> Written:
    """Write the labels of a concept; see `Collection.export`."""
    with store.snapshot() as snapshot:
        seeds = store.labels(concept, snapshot)
        labelled = gather(snapshot, seeds, concept, split, threshold, seed)
        return write_export(labelled, folder, format=format, pictures=images, progress=progress)


def gather(
    snapshot: Snapshot,
    seeds: pa.Table,
    concept: str,
    split: tuple[float, float, float],
    threshold: float | None,
    seed: int,
) -> Labelled:
    """Collect every labelled detection with its split."""
    rows = snapshot.read("detections")
    found = labels_of(
        snapshot,
        seeds,
        rows["detection_id"].to_numpy(),
        Wanted(concept, threshold=threshold, detail=True),
    )
    named = pc.is_valid(found[concept])
    items, labels = rows.filter(named), found.filter(named)
    counts = Counter(items["video"].to_pylist())
    sides = split_videos(dict(counts), split, seed=seed)
    columns = {
        **{name: items[name] for name in ITEM.names if name in items.column_names},
        "detector": items["source"],
        "label": labels[concept],
        "probability": labels[f"{concept}_probability"],
        "label_source": labels[f"{concept}_source"],
        "run_id": _runs(snapshot, items, labels, concept),
        "split": pa.array([sides[video] for video in items["video"].to_pylist()], pa.string()),
    }
    videos = {row["video"]: row for row in snapshot.videos().to_pylist()}
    return Labelled(
        concept=concept,
        items=pa.table([columns[name] for name in ITEM.names], schema=ITEM),
        videos=videos,
        others=_others(rows.filter(pc.invert(named))),
        crop=lambda item: snapshot.picture("picture.detection", item),
        provenance=_provenance(snapshot, seeds, split, threshold, seed),
    )


def _runs(
    snapshot: Snapshot, items: pa.Table, labels: pa.Table, concept: str
) -> pa.ChunkedArray | pa.Array:
    """Name the propagation that gave each label; human labels have none."""
    soft = snapshot.read("soft_labels")
    soft = soft.filter(pc.equal(soft["concept"], concept))
    at = pc.index_in(items["detection_id"], value_set=soft["detection_id"])
    runs = soft["run_id"].take(at)
    human = pc.equal(labels[f"{concept}_source"], "human")
    return pc.if_else(human, pa.scalar(None, pa.int64()), runs)


def _others(rows: pa.Table) -> dict[tuple[str, int], int]:
    return dict(Counter(zip(rows["video"].to_pylist(), rows["frame"].to_pylist(), strict=True)))


def _provenance(
    snapshot: Snapshot,
    seeds: pa.Table,
    split: tuple[float, float, float],
    threshold: float | None,
    seed: int,
) -> dict[str, Any]:
    runs = snapshot.runs().select(["run_id", "command", "arguments", "version", "started_us"])
    return {
        "collection_generation": snapshot.generation,
        "split": {"shares": list(split), "seed": seed, "by": "video"},
        "threshold": threshold,
        "human_labels": [
            {
                "detection_id": s["detection_id"],
                "label": s["label"],
                "by": s["by"],
                "at_us": s["at_us"],
            }
            for s in seeds.to_pylist()
        ],
        "runs": runs.to_pylist(),
        "videos": [
            {"video": row["video"], "sha256": row["sha256"]}
            for row in snapshot.videos().to_pylist()
        ],
    }
