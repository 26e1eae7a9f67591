"""What the collection holds, as the page asks for it first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from vquery.api import texts
from vquery.api.concept_files import runs_alone
from vquery.api.relations import relation, table_names
from vquery.engine.concept import REGISTRY
from vquery.media.playing import playable
from vquery.store.spans import derive_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vquery.api.moment import Moment
    from vquery.store.events import Event
    from vquery.web.state import Workbench


def overview(workbench: Workbench) -> dict[str, Any]:
    """Say what is in the collection and who is at work."""
    moment = workbench.moment()
    events = workbench.store.events_until(moment.last_event)
    saved = texts.saved(events)
    labels = counted(moment, events)
    concepts = {"name", *labels, *workbench.once("concepts", lambda: found_of(moment))}
    return {
        "path": str(workbench.root),
        "name": workbench.root.name,
        "generation": moment.snapshot.generation,
        "last_event": moment.last_event,
        "who": workbench.who,
        "videos": workbench.once("videos", lambda: videos(moment)),
        "tables": workbench.once("tables", lambda: tables(moment)),
        "concepts": [
            *({"name": one, "kind": "registered"} for one in registered(workbench)),
            *({"name": n, "kind": "saved text", "text": t} for n, t in sorted(saved.items())),
        ],
        "labels": [
            {
                "concept": concept,
                "values": [{"value": value, "count": count} for value, count in found],
            }
            for concept, found in labels.items()
        ],
        "label_concepts": sorted(concepts, key=lambda name: (name != "name", name)),
    }


def registered(workbench: Workbench) -> list[str]:
    """Name the concepts, and the functions of files that run as queries, as the files are now."""
    functions = workbench.files.known()
    names = table_names(workbench.moment())
    plain = [
        name
        for name, one in functions.items()
        if not name.startswith("_") and runs_alone(one, names)
    ]
    return list(dict.fromkeys([*(one.name for one in REGISTRY), *plain]))


def found_of(moment: Moment) -> list[str]:
    """List the concepts of which something was propagated or fused."""
    concepts: set[str] = set()
    for name in ("soft_labels", "soft_intervals"):
        there = moment.snapshot.read(name, columns=["concept"])["concept"]
        concepts.update(pc.unique(there).to_pylist())
    return sorted(concepts)


def counted(moment: Moment, events: Sequence[Event]) -> dict[str, list[tuple[str | None, int]]]:
    """Count human labels by concept, of detections and of spans; the most frequent first."""
    totals: dict[str, Counter[str | None]] = {}
    for seeds in (moment.seeds, derive_spans(events)):
        groups = seeds.select(["concept", "label"]).group_by(["concept", "label"])
        for row in groups.aggregate([([], "count_all")]).to_pylist():
            counts = totals.setdefault(row["concept"], Counter())
            counts[row["label"]] += row["count_all"]
    return {concept: found.most_common() for concept, found in sorted(totals.items())}


def videos(moment: Moment) -> list[dict[str, Any]]:
    """List the videos, without where their files are."""
    names = ["video", "duration_us", "width", "height", "kind", "uri"]
    found = []
    for row in moment.snapshot.videos().select(names).to_pylist():
        uri = row.pop("uri")
        plays = row["kind"] == "video" and uri is not None and playable(Path(uri))
        found.append({**row, "playable": plays})
    return found


def tables(moment: Moment) -> list[dict[str, Any]]:
    """List the tables that queries may use, with their columns and rows."""
    return [
        {
            "name": name,
            "rows": rows(moment, name),
            "columns": [
                {"name": field.name, "type": str(field.type)}
                for field in relation(moment, name).schema
            ],
        }
        for name in table_names(moment)
    ]


def rows(moment: Moment, name: str) -> int:
    """Count the rows of a table."""
    if name != "faces":
        return moment.snapshot.count("cues" if name == "captions" else name)
    classes = moment.snapshot.read("detections", columns=["class"])["class"]
    return int(pc.sum(pc.equal(classes, "face")).as_py() or 0)
