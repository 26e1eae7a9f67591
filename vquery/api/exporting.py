"""Gather what an export needs from one snapshot: labelled boxes and spans, videos, provenance."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.extents import extents
from vquery.api.span_labels import without_rejected
from vquery.api.tables import (
    FUSED,
    HUMAN,
    PREDICTED,
    Wanted,
    at_threshold,
    crop,
    labels_of,
    propagated,
)
from vquery.errors import ExportError
from vquery.export.dense import INTERPOLATED, interpolated
from vquery.export.items import ITEM, Labelled
from vquery.export.spans import SPAN, LabelledSpans, left_by_people
from vquery.export.write import BOXES, FORMATS, write_export
from vquery.schema import KEYS
from vquery.store.drawn import BETWEEN, is_drawn
from vquery.store.span_verdicts import rejected_spans
from vquery.store.spans import derive_spans

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
        seeds, rejected = store.labels(concept, snapshot), store.rejected(concept, snapshot)
        events = store.events(snapshot)
        said, wrong = derive_spans(events, concept), rejected_spans(events, concept)
        spans = gather_spans(snapshot, said, wrong, concept, threshold)
        if seeds.num_rows or propagated(snapshot, concept).num_rows:
            dense = format in BOXES and not keyframes_only
            labelled = gather(snapshot, seeds, rejected, concept, threshold, dense=dense)
        else:
            labelled = _no_boxes(concept)
        if format in FORMATS and not (labelled.items.num_rows or _told(spans)):
            raise ExportError(_nothing(store, snapshot, concept))
        return write_export(
            labelled,
            folder,
            format=format,
            spans=spans,
            split=split,
            seed=seed,
            pictures=images,
            progress=progress,
        )


def _told(spans: LabelledSpans) -> bool:
    """Whether there are spans, with a label or without: then what is missing is said of those."""
    return spans.rows.num_rows > 0 or bool(spans.without_label)


def _no_boxes(concept: str) -> Labelled:
    nothing = pa.schema([("video", pa.string()), ("frame", pa.int64())]).empty_table()
    return Labelled(concept, ITEM.empty_table(), {}, nothing, lambda _: None)


def _nothing(store: Store, snapshot: Snapshot, concept: str) -> str:
    """Say that a concept has no labels, and which ones have."""
    kinds = {
        "detections": (store.labels(snapshot=snapshot), "soft_labels"),
        "spans of time": (store.span_labels(snapshot=snapshot), "soft_intervals"),
    }
    found: dict[str, list[str]] = {}
    for kind, (said, table) in kinds.items():
        soft = snapshot.read(table, columns=["concept"])
        for name in {*said["concept"].to_pylist(), *pc.unique(soft["concept"]).to_pylist()}:
            found.setdefault(name, []).append(kind)
    if concept in found:
        return (
            f"nothing has a label of {concept!r} to export: all is said to be none of them, or "
            "below the threshold"
        )
    there = ", ".join(f"{name!r} ({' and '.join(found[name])})" for name in sorted(found))
    missing = f"nothing has a label of {concept!r}: label some rows, then propagate or fuse"
    return f"{missing}; there are labels of {there}" if there else missing


def gather_spans(
    snapshot: Snapshot,
    human: pa.Table,
    rejected: pa.Table,
    concept: str,
    threshold: float | None,
) -> LabelledSpans:
    """Collect every labelled span of time: human labels, and what was fused where there are none.

    Parameters
    ----------
    human
        The human labels of spans of the concept in force (SEED_SPAN).
    rejected
        The labels that people said are wrong, and when (SEED_SPAN).
    threshold
        Least probability of a fused label; None: that of its fusion.
    """
    soft = snapshot.read("soft_intervals")
    soft = soft.filter(pc.equal(soft["concept"], concept))
    # where no source says anything there is only the balance of the classes, whatever the threshold
    label = pc.if_else(soft["reached"], at_threshold(snapshot, soft, threshold), None)
    soft = soft.set_column(soft.column_names.index("label"), "label", label)
    soft, *wrong = without_rejected(soft, rejected)
    fused, dropped, cut = left_by_people(soft, human)
    rows = pa.concat_tables([_said(human), _found(fused)])
    ends = extents(snapshot)
    seeds = human.drop_columns(["concept"])
    return LabelledSpans(
        concept=concept,
        rows=rows.filter(pc.is_valid(rows["label"])).cast(SPAN),
        videos={row["video"]: row for row in snapshot.videos().to_pylist()},
        ends=dict(zip(ends["video"].to_pylist(), ends["end_us"].to_pylist(), strict=True)),
        without_label=_span_reasons(human, fused),
        provenance=_common(snapshot, threshold)
        | {
            "human_spans": seeds.to_pylist(),
            "fused_spans_under_human_labels": {"dropped": dropped, "cut": cut},
            "fused_spans_rejected": {"dropped": wrong[0], "cut": wrong[1]},
        },
    )


def _said(human: pa.Table) -> pa.Table:
    """Give human labels the columns of SPAN; ``label`` is null where they say none of them."""
    n = human.num_rows
    columns = {name: human[name] for name in (*KEYS, "label", "by")} | {
        "probability": pa.repeat(pa.scalar(1.0, pa.float32()), n),
        "label_source": pa.repeat(pa.scalar(HUMAN), n),
    }
    return _spans(columns, n)


def _found(fused: pa.Table) -> pa.Table:
    """Give fused spans the columns of SPAN; what people said once and no more counts as found."""
    names = (*KEYS, "label", "probability", "calibrated", "why", "run_id")
    columns = {name: fused[name] for name in names}
    n = fused.num_rows
    model = pc.any(pc.equal(fused["source"], PREDICTED)).as_py()
    source = pa.repeat(pa.scalar(PREDICTED if model else FUSED), n)
    return _spans(columns | {"label_source": source}, n)


def _spans(columns: dict[str, Any], n: int) -> pa.Table:
    nullable = pa.schema([field.with_nullable(nullable=True) for field in SPAN])
    given = [columns.get(field.name, pa.nulls(n, field.type)) for field in nullable]
    return pa.table(given, schema=nullable)


def _span_reasons(human: pa.Table, fused: pa.Table) -> dict[str, int]:
    """Count the spans that have no label to export, by why they have none."""
    rest = fused.filter(pc.is_null(fused["label"]))
    reached = pc.fill_null(rest["reached"], fill_value=False)
    none = pc.and_(reached, pc.is_null(rest["best"]))
    counts = {
        "said to be none of them": human["label"].null_count,
        "nothing was said of them": rest.num_rows - (pc.sum(reached).as_py() or 0),
        "most likely none of them": pc.sum(none).as_py() or 0,
    }
    counts["probability below the threshold, or as likely something else"] = (
        rest.num_rows - sum(counts.values()) + counts["said to be none of them"]
    )
    return {reason: count for reason, count in counts.items() if count}


def gather(
    snapshot: Snapshot,
    seeds: pa.Table,
    rejected: pa.Table,
    concept: str,
    threshold: float | None,
    *,
    dense: bool,
) -> Labelled:
    """Collect every labelled detection; with ``dense`` also the boxes that tracks lack.

    Where people drew a track they said themselves which frames have a box, so only what they left
    out on purpose is missing there.
    """
    rows = _with_labels(snapshot, seeds, rejected, concept, threshold)
    if not dense:
        rows = rows.filter(pc.fill_null(pc.not_equal(rows["detector"], BETWEEN), fill_value=True))
    items = [rows.filter(pc.is_valid(rows["label"])).cast(ITEM)]
    if dense:
        found = rows.filter(pa.array(~is_drawn(rows["detection_id"].to_numpy())))
        items.append(interpolated(found, lambda video: snapshot.read("frames", videos=[video])))
    drawn = _drawn(snapshot)
    return Labelled(
        concept=concept,
        items=pa.concat_tables(items),
        videos={row["video"]: row for row in snapshot.videos().to_pylist()},
        unlabelled=rows.filter(pc.is_null(rows["label"])).select(["video", "frame"]),
        crop=lambda item: crop(snapshot, item),
        provenance=_provenance(snapshot, seeds, threshold)
        | {"without_label": _reasons(rows), "drawn_boxes": list(drawn.values())},
        drawn=drawn,
    )


def _drawn(snapshot: Snapshot) -> dict[int, dict[str, Any]]:
    """Say of each drawn box who drew it, when, and by which points."""
    columns = ["detection_id", "by", "at_us", "interpolated", "points"]
    rows = snapshot.read("drawn", columns=columns).to_pylist()
    return {row["detection_id"]: row for row in rows}


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
        "label_source": _sources(rows, labels[f"{concept}_source"]),
        "run_id": _runs(snapshot, rows, labels[f"{concept}_source"], concept),
    }
    nullable = pa.schema([field.with_nullable(nullable=True) for field in ITEM])
    return pa.table([columns[name] for name in ITEM.names], schema=nullable)


def _sources(rows: pa.Table, source: pa.ChunkedArray) -> pa.ChunkedArray:
    """Say where labels come from; boxes between drawn ones are interpolated, whoever named them."""
    between = pc.and_(pc.equal(rows["source"], BETWEEN), pc.is_valid(source))
    return pc.if_else(pc.fill_null(between, fill_value=False), pa.scalar(INTERPOLATED), source)


def _runs(
    snapshot: Snapshot, rows: pa.Table, source: pa.ChunkedArray, concept: str
) -> pa.ChunkedArray:
    """Name the propagation that gave each label; human labels have none."""
    soft = propagated(snapshot, concept)
    at = pc.index_in(rows["detection_id"], value_set=soft["detection_id"])
    human = pc.equal(source, HUMAN)
    return pc.if_else(human, pa.scalar(None, pa.int64()), soft["run_id"].take(at))


def _provenance(snapshot: Snapshot, seeds: pa.Table, threshold: float | None) -> dict[str, Any]:
    human = seeds.drop_columns(["concept"]).to_pylist()
    return _common(snapshot, threshold) | {"human_labels": human}


def _common(snapshot: Snapshot, threshold: float | None) -> dict[str, Any]:
    """Say of which state of the collection an export is, and by which runs it came to be."""
    runs = snapshot.runs().to_pylist()
    for run in runs:
        run["arguments"] = json.loads(run["arguments"])
        del run["report"]
    return {"collection_generation": snapshot.generation, "threshold": threshold, "runs": runs}
