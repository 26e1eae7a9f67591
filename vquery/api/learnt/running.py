"""Train an end model of a concept, and keep it; see `Collection.train`."""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vquery.api.labelling import check_concept
from vquery.api.learning import room
from vquery.api.learnt import report
from vquery.api.learnt.items import seen
from vquery.api.learnt.labels import known_of
from vquery.api.learnt.trained import LEFT_OUT, MODEL, SLICE, Trained, folder_of
from vquery.errors import LearnError
from vquery.schema import KEYS
from vquery.supervise.slices import slices_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vquery.api.learnt.items import Seen
    from vquery.api.learnt.labels import Known
    from vquery.learn.ends.model import EndModel
    from vquery.store.store import Store

COMMAND = "train"
WORK = "parts"
"""Where the checkpoints of a run lie until it is done."""
SOFT, HUMAN_ONLY = "soft", "human"


def train(
    store: Store,
    concept: str,
    name: str | None,
    *,
    over: Any,
    spaces: Sequence[str] | None,
    labels: str,
    side: int,
    slices: Any,
    start: Any,
    augment: Any,
    fresh: bool,
    progress: Callable[[str], None] | None,
    options: dict[str, Any],
) -> Trained:
    """Train and keep a model; see `Collection.train`."""
    began = time.monotonic()
    check_concept(concept)
    if labels not in (SOFT, HUMAN_ONLY):
        raise LearnError(f"train(labels=) must be 'soft' or 'human', got {labels!r}")
    name = concept if name is None else name
    folder = folder_of(store.path, name)
    say = progress or (lambda _: None)
    model: EndModel = room("ends").EndModel(**options, start=start)
    with store.snapshot() as snapshot:
        say("reading labels")
        known = known_of(store, snapshot, concept, over, human_only=labels == HUMAN_ONLY)
        say("reading what is seen")
        pictures = model.options.kind == "network"
        found = seen(snapshot, known.items, spaces, side if pictures else None)
        seen_until = snapshot.last_event
    rows = np.flatnonzero(known.weight[found.there] > 0)
    at = np.flatnonzero(found.there)[rows]
    table = known.items.table.take(pa.array(at))
    members = slices_of(slices, table, len(at)) if slices is not None else {}
    names = tuple(known.classes)
    model.fit(
        found.x[rows],
        known.soft[at],
        weights=known.weight[at],
        groups=known.group[at],
        classes=names,
        slices=members,
        trusted=known.human[at],
        augment=augment,
        folder=folder / WORK,
        fresh=fresh,
        progress=progress,
    )
    missing = int((known.weight > 0).sum()) - len(at)
    told = told_of(concept, known, found, model, side, at)
    told["seconds"] = time.monotonic() - began
    told["without_features"] = missing
    told["last_event"] = seen_until
    told["notes"] = [*known.notes, *model.notes_]
    if missing:
        told["notes"].append(f"{missing:,} labelled items have no vector or picture")
    left_out = left_out_of(known, model, at, members)
    return kept(store, folder, name, model, told, left_out)


def told_of(
    concept: str, known: Known, found: Seen, model: EndModel, side: int, at: Any
) -> dict[str, Any]:
    """Say what a model is of, as plain values."""
    pictures = model.options.kind == "network"
    return {
        "concept": concept,
        "kind": model.options.kind,
        "over": known.items.kind,
        "items": len(at),
        "human": int(known.human[at].sum()),
        "by": known.by,
        "from_run": known.run_id,
        "spaces": [] if pictures else list(found.spaces),
        "side": side if pictures else None,
        "curves": model.curves_,
    }


def left_out_of(known: Known, model: EndModel, at: Any, members: dict[str, Any]) -> pa.Table:
    """Keep what was said of items that a model did not learn from."""
    judged = np.isfinite(model.oof_).all(1)
    rows = known.items.table.take(pa.array(at[judged]))
    columns: dict[str, Any] = {key: rows[key] for key in KEYS}
    columns |= {
        "item": rows["item"],
        "label": known.soft[at[judged]].argmax(1),
        "human": known.human[at[judged]],
        "group": known.group[at[judged]],
        "weight": known.weight[at[judged]],
        "probability": pa.array(list(model.oof_[judged])),
    }
    for name, inside in members.items():
        columns[SLICE + name] = inside[judged]
    return pa.table(columns)


def kept(
    store: Store,
    folder: Path,
    name: str,
    model: EndModel,
    told: dict[str, Any],
    left_out: pa.Table,
    command: str = COMMAND,
) -> Trained:
    """Write a model, its left-out predictions and its report, and note the run."""
    weights = hashlib.sha256(repr(told["concept"]).encode())
    for one, tensor in sorted(model.network_.state_dict().items()):
        weights.update(one.encode() + tensor.detach().cpu().numpy().tobytes())
    weights.update(repr(model.temperature_).encode())
    told["version"] = weights.hexdigest()[:12]
    arguments = {"concept": told["concept"], "name": name, "options": asdict(model.options)}
    arguments["options"]["balance"] = str(arguments["options"]["balance"])
    with store.writer(command, arguments) as writer:
        told["run_id"] = int(writer.run_id)
        room("ends.storing").save(model, folder / MODEL, told=told)
        pq.write_table(left_out, folder / LEFT_OUT)
        found = Trained.read(store.path, name)
        report.write(found, model.curves_)
        writer.finish({"items": told["items"], "version": told["version"]})
    shutil.rmtree(folder / WORK, ignore_errors=True)
    return found
