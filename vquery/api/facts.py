"""What is in a collection, as plain values, as one line and as a fragment of HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.labelling import counts
from vquery.api.tables import run_arguments
from vquery.schema import KEYS, US_PER_S
from vquery.store import cache
from vquery.store.labels import derive
from vquery.store.spans import derive_spans
from vquery.store.verdicts import rejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store


def info(store: Store) -> dict[str, Any]:
    """Count videos, rows, labels and runs."""
    with store.snapshot() as snapshot:
        videos = snapshot.videos()
        seconds = (pc.sum(videos["duration_us"]).as_py() or 0) / US_PER_S
        rows = {name: snapshot.count(name) for name in snapshot.tables()}
        seeds = store.labels(snapshot=snapshot)
        return {
            "path": str(store.path),
            "videos": videos.num_rows,
            "hours": round(seconds / 3600, 3),
            "rows": {name: n for name, n in rows.items() if n and name not in {"videos", "runs"}},
            "human_labels": counts(seeds),
            "human_spans": counts(store.span_labels(snapshot=snapshot)),
            "propagated": _propagated(store, snapshot, seeds),
            "fused_spans": _fused_spans(store, snapshot),
            "runs": rows["runs"],
            "cache_bytes": cache.size(store.path),
        }


def _propagated(store: Store, snapshot: Snapshot, seeds: pa.Table) -> dict[str, Any]:
    """Say for each concept what was propagated or fused, and whether labels changed since."""

    def changed(concept: str, seen: int) -> bool:
        events = [one for one in store.events(snapshot) if one.event_id <= seen]
        now = seeds.filter(pc.equal(seeds["concept"], concept))
        refused = store.rejected(concept, snapshot)
        return not (
            _said(derive(events, concept)).equals(_said(now))
            and _said(rejected(events, concept)).equals(_said(refused))
        )

    return _soft(snapshot, "soft_labels", changed)


def _fused_spans(store: Store, snapshot: Snapshot) -> dict[str, Any]:
    """Say for each concept what was fused over spans of time, and whether labels changed since."""

    def changed(concept: str, seen: int) -> bool:
        events = [one for one in store.events(snapshot) if one.event_id <= seen]
        then, now = derive_spans(events, concept), store.span_labels(concept, snapshot)
        columns = [*KEYS, "label"]
        return not then.select(columns).combine_chunks().equals(now.select(columns))

    return _soft(snapshot, "soft_intervals", changed)


def _soft(
    snapshot: Snapshot, table: str, changed: Callable[[str, int], bool]
) -> dict[str, dict[str, Any]]:
    """Say what a table of soft labels holds of each concept, and whether it is up to date."""
    from vquery.api.propagation.keeping import DID, commands  # with what solves, which loads slowly

    soft = snapshot.read(table, columns=["concept", "label", "run_id"])
    arguments, did = run_arguments(snapshot), commands(snapshot)
    found = {}
    for concept in sorted(soft["concept"].unique().to_pylist()):
        mine = soft.filter(pc.equal(soft["concept"], concept))
        run = mine["run_id"][0].as_py()
        found[concept] = {
            "items": mine.num_rows,
            "labelled": mine.num_rows - mine["label"].null_count,
            "run_id": run,
            "how": DID.get(did.get(run, ""), "propagated"),
            "up_to_date": not changed(concept, arguments.get(run, {}).get("last_event", 0)),
        }
    return found


def _said(seeds: pa.Table) -> pa.Table:
    return seeds.select(["detection_id", "label"]).combine_chunks()


def line(store: Store) -> str:
    """Say what it is, for ``repr``."""
    with store.snapshot() as snapshot:
        videos, found = snapshot.videos().num_rows, snapshot.count("detections")
    return f"<Collection {store.path.name}: {videos:,} videos, {found:,} detections>"


def html(store: Store) -> str:
    """Show the facts in a notebook."""
    from vquery.view.page import fragment, heading, table_html

    facts = info(store)
    rows: list[list[object]] = [["videos", facts["videos"]], ["hours", facts["hours"]]]
    rows += [[name, count] for name, count in facts["rows"].items()]
    for concept, labels in facts["human_labels"].items():
        rows += [[f"human {concept}: {label}", count] for label, count in labels.items()]
    for concept, labels in facts["human_spans"].items():
        rows += [[f"human {concept}, spans: {label}", count] for label, count in labels.items()]
    rows += [[f"{one['how']} {c}", one["labelled"]] for c, one in facts["propagated"].items()]
    spans = facts["fused_spans"].items()
    rows += [[f"{one['how']} {c}, spans", one["labelled"]] for c, one in spans]
    return fragment(heading(store.path.name), table_html(["what", "rows"], rows))
