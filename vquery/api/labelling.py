"""Seeds from files, and what label actions were, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from vquery.ingest.seeds import match_seeds, read_seeds

if TYPE_CHECKING:
    from pathlib import Path

    from vquery.store.events import Event
    from vquery.store.store import Store


def match_file(path: Path, store: Store) -> tuple[list[int], list[str | None]]:
    """Read a file of seeds and find the detection that each hits; see `Collection.label_file`."""
    seeds = read_seeds(path).tables["seeds"]
    with store.snapshot() as snapshot:
        detections = snapshot.read("detections")
        seeds = _by_first_name(seeds, snapshot.aliases())
    ids = match_seeds(seeds, detections, what=str(path))
    return ids.tolist(), seeds["label"].to_pylist()


def _by_first_name(seeds: pa.Table, aliases: dict[str, str]) -> pa.Table:
    """Call a video that has several paths by the one it was indexed under."""
    names = [aliases.get(name, name) for name in seeds["video"].to_pylist()]
    at = seeds.schema.get_field_index("video")
    return seeds.set_column(at, "video", pa.array(names, pa.string()))


def describe(event: Event | None) -> str | None:
    """Say what an action was, for whoever took it back."""
    if event is None:
        return None
    rows = event.rows.num_rows if event.rows is not None else 0
    return f"{event.action} of {rows} detections ({event.payload.get('concept')}) by {event.who}"


def counts(seeds: pa.Table) -> dict[str, dict[str, int]]:
    """Count human labels by concept and label; "none of them" is written so."""
    found: dict[str, dict[str, int]] = {}
    for concept in sorted(pc.unique(seeds["concept"]).to_pylist()):
        mine = seeds.filter(pc.equal(seeds["concept"], concept))
        found[concept] = {
            entry["values"] or "none of them": entry["counts"]
            for entry in pc.value_counts(mine["label"]).to_pylist()
        }
    return found
