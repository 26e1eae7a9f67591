"""Gather what an export needs from one snapshot: labelled items, videos, crops, provenance."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.tables import HUMAN, Wanted, crop, labels_of, propagated
from vquery.export.dense import interpolated
from vquery.export.items import ITEM, Labelled
from vquery.export.write import write_export

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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
    split: Sequence[float],
    threshold: float | None,
    seed: int,
    images: bool,
    progress: Callable[[int, int], None] | None,
    keyframes_only: bool,
) -> Written:
    """Write the labels of a concept; see `Collection.export`."""
    with store.snapshot() as snapshot:
        said = store.labels(concept, snapshot), store.rejected(concept, snapshot)
        labelled = gather(snapshot, *said, concept, threshold, dense=not keyframes_only)
        return write_export(
            labelled,
            folder,
            format=format,
            split=split,
            seed=seed,
            pictures=images,
            progress=progress,
        )


def gather(
    snapshot: Snapshot,
    seeds: pa.Table,
    rejected: pa.Table,
    concept: str,
    threshold: float | None,
    *,
    dense: bool,
) -> Labelled:
    """Collect every labelled detection; with ``dense`` also the boxes that tracks lack."""
    rows = _with_labels(snapshot, seeds, rejected, concept, threshold)
    items = [rows.filter(pc.is_valid(rows["label"])).cast(ITEM)]
    if dense:
        items.append(interpolated(rows, lambda video: snapshot.read("frames", videos=[video])))
    return Labelled(
        concept=concept,
        items=pa.concat_tables(items),
        videos={row["video"]: row for row in snapshot.videos().to_pylist()},
        unlabelled=rows.filter(pc.is_null(rows["label"])).select(["video", "frame"]),
        crop=lambda item: crop(snapshot, item),
        provenance=_provenance(snapshot, seeds, threshold) | {"without_label": _reasons(rows)},
    )


def _reasons(rows: pa.Table) -> dict[str, int]:
    """Count the detections that have no label to export, by why they have none."""
    rest = rows.filter(pc.is_null(rows["label"]))
    human = pc.fill_null(pc.equal(rest["label_source"], HUMAN), fill_value=False)
    guessed = pc.and_(pc.invert(human), pc.greater(pc.fill_null(rest["probability"], 0), 0))
    counts = {
        "said to be none of them": pc.sum(human).as_py() or 0,
        "probability below the threshold": pc.sum(guessed).as_py() or 0,
    }
    counts["like no labelled one, or not propagated over"] = rest.num_rows - sum(counts.values())
    return {reason: count for reason, count in counts.items() if count}


def _with_labels(
    snapshot: Snapshot,
    seeds: pa.Table,
    rejected: pa.Table,
    concept: str,
    threshold: float | None,
) -> pa.Table:
    """Return all detections with the columns of ITEM; ``label`` is null where there is none."""
    rows = snapshot.read("detections")
    wanted = Wanted(concept, threshold=threshold, detail=True)
    labels = labels_of(snapshot, seeds, rejected, rows["detection_id"].to_numpy(), wanted)
    columns = {name: rows[name] for name in ITEM.names if name in rows.column_names} | {
        "detector": rows["source"],
        "label": labels[concept],
        "probability": labels[f"{concept}_probability"],
        "label_source": labels[f"{concept}_source"],
        "run_id": _runs(snapshot, rows, labels[f"{concept}_source"], concept),
    }
    nullable = pa.schema([field.with_nullable(nullable=True) for field in ITEM])
    return pa.table([columns[name] for name in ITEM.names], schema=nullable)


def _runs(
    snapshot: Snapshot, rows: pa.Table, source: pa.ChunkedArray, concept: str
) -> pa.ChunkedArray:
    """Name the propagation that gave each label; human labels have none."""
    soft = propagated(snapshot, concept)
    at = pc.index_in(rows["detection_id"], value_set=soft["detection_id"])
    human = pc.equal(source, HUMAN)
    return pc.if_else(human, pa.scalar(None, pa.int64()), soft["run_id"].take(at))


def _provenance(snapshot: Snapshot, seeds: pa.Table, threshold: float | None) -> dict[str, Any]:
    runs = snapshot.runs().to_pylist()
    for run in runs:
        run["arguments"] = json.loads(run["arguments"])
        del run["report"]
    return {
        "collection_generation": snapshot.generation,
        "threshold": threshold,
        "human_labels": seeds.drop_columns(["concept"]).to_pylist(),
        "runs": runs,
    }
