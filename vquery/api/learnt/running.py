"""Train an end model of a concept, and keep it; see `Collection.train`."""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vquery.api.fusion import items as described
from vquery.api.labelling import check_concept
from vquery.api.learning import room
from vquery.api.learnt import report
from vquery.api.learnt.items import made_by, seen
from vquery.api.learnt.labels import known_of
from vquery.api.learnt.trained import LEFT_OUT, MODEL, SLICE, VERSION, Trained, folder_of
from vquery.errors import LearnError
from vquery.schema import KEYS
from vquery.store.disk import guarded
from vquery.supervise.slices import slices_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vquery.api.learnt.items import Ints, Seen
    from vquery.api.learnt.labels import Known
    from vquery.learn.ends.model import EndModel
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

    Say = Callable[[str], None]

COMMAND = "train"
WORK = "parts"
"""Where the checkpoints of a run lie until it is done."""
SOFT, HUMAN_ONLY = "soft", "human"


@dataclass(frozen=True, eq=False)
class Given:
    """What a training begins with.

    Attributes
    ----------
    name, folder
        Where the model is to be kept.
    model
        Not trained yet, its options checked.
    known, found
        What is known of items, and what is seen of them.
    told
        What is to be noted with the model, as far as it is known now.
    """

    name: str
    folder: Path
    model: EndModel
    known: Known
    found: Seen
    side: int
    told: dict[str, Any]
    began: float

    @property
    def work(self) -> Path:
        """Where checkpoints lie."""
        return self.folder / WORK

    def about(self, model: EndModel, at: Ints, notes: Sequence[str]) -> dict[str, Any]:
        """Say what a model is that learnt from the items ``at``, as plain values."""
        table = self.known.items.table
        missing = int((self.known.weight > 0).sum()) - len(at)
        lost = [f"{missing:,} labelled items have no vector or picture"] if missing else []
        kinds = set()
        if self.known.items.kind == described.DETECTIONS:
            kinds = set(table["class"].take(pa.array(at)).to_pylist())
        return self.told | {
            "kind": model.options.kind,
            "items": len(at),
            "human": int(self.known.human[at].sum()),
            "detections": sorted(kinds),
            "curves": model.curves_,
            "seconds": time.monotonic() - self.began,
            "without_features": missing,
            "notes": [*self.known.notes, *notes, *lost],
        }


def begin(
    store: Store,
    concept: str,
    name: str | None,
    *,
    over: Callable[[Snapshot], Any],
    spaces: Sequence[str] | None,
    labels: str,
    side: int,
    start: Any,
    progress: Say | None,
    options: dict[str, Any],
) -> Given:
    """Check what is asked for, and read labels and what is seen."""
    began, say = time.monotonic(), progress or (lambda _: None)
    check_concept(concept)
    if labels not in (SOFT, HUMAN_ONLY):
        raise LearnError(f"labels= must be 'soft' or 'human', got {labels!r}")
    name = concept if name is None else name
    folder = folder_of(store.path, name)
    _refuse_embedding(folder)
    model: EndModel = room("ends").EndModel(**options, start=start)
    pictures = model.options.kind == "network"
    with store.snapshot() as snapshot:
        say("reading labels")
        human = labels == HUMAN_ONLY
        known = known_of(store, snapshot, concept, over(snapshot), human_only=human)
        say("reading what is seen")
        found = seen(snapshot, known.items, spaces, side if pictures else None)
        told = {
            "concept": concept,
            "over": known.items.kind,
            "by": known.by,
            "from_run": known.run_id,
            "spaces": list(found.spaces),
            "made_by": made_by(store, found.spaces),
            "side": side if pictures else None,
            "last_event": snapshot.last_event,
        }
    return Given(name, folder, model, known, found, side, told, began)


def _refuse_embedding(folder: Path) -> None:
    """Refuse the folder of a learned embedding: end models have left-out predictions."""
    files = (MODEL, room("core.training").CHECKPOINT)
    if any((folder / name).exists() for name in files) and not (folder / LEFT_OUT).exists():
        raise LearnError(
            f"{folder}: holds a learned embedding, which would be lost; give another name="
        )


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
    progress: Say | None,
    options: dict[str, Any],
) -> Trained:
    """Train and keep a model; see `Collection.train`."""
    given = begin(
        store, concept, name, over=lambda _: over, spaces=spaces, labels=labels, side=side,
        start=start, progress=progress, options=options,
    )  # fmt: skip
    known, found, model = given.known, given.found, given.model
    rows = np.flatnonzero(known.weight[found.there] > 0)
    at = np.flatnonzero(found.there)[rows]
    table = known.items.table.take(pa.array(at))
    members = slices_of(slices, table, len(at)) if slices is not None else {}
    model.fit(
        found.x[rows],
        known.soft[at],
        weights=known.weight[at],
        groups=known.group[at],
        classes=tuple(known.classes),
        slices=members,
        trusted=known.human[at],
        augment=augment,
        folder=given.work,
        fresh=fresh,
        progress=progress,
    )
    told = given.about(model, at, model.notes_)
    return kept(store, given, model, told, left_out_of(known, model, at, members))


def left_out_of(known: Known, model: EndModel, at: Ints, members: dict[str, Any]) -> pa.Table:
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
        "probability": pa.array(list(model.oof_[judged]), pa.list_(pa.float64())),
    }
    for name, inside in members.items():
        columns[SLICE + name] = inside[judged]
    return pa.table(columns)


def kept(
    store: Store,
    given: Given,
    model: EndModel,
    told: dict[str, Any],
    left_out: pa.Table,
    command: str = COMMAND,
) -> Trained:
    """Write a model, its left-out predictions and its report, and note the run."""
    folder = given.folder
    told["version"] = version_of(model, told["concept"])
    options = room("ends.storing").options_of(model)
    arguments = {"concept": told["concept"], "name": given.name, "options": options}
    with store.writer(command, arguments) as writer, guarded(folder, "keeping a model"):
        told["run_id"] = int(writer.run_id)
        _write(folder / LEFT_OUT, left_out.replace_schema_metadata({VERSION: told["version"]}))
        room("ends.storing").save(model, folder / MODEL, told=told)
        found = Trained.read(store.path, given.name)
        report.write(found, model.curves_)
        writer.finish({"items": told["items"], "version": told["version"]})
    shutil.rmtree(given.work, ignore_errors=True)
    return found


def version_of(model: EndModel, concept: str) -> str:
    """Name what a model says, whatever it is asked, by a hash."""
    found = hashlib.sha256(repr((concept, model.classes_, model.temperature_)).encode())
    for name, tensor in sorted(model.network_.state_dict().items()):
        found.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
    return found.hexdigest()[:12]


def _write(path: Path, table: pa.Table) -> None:
    unfinished = path.with_name(f".{path.name}.unfinished")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        pq.write_table(table, unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
