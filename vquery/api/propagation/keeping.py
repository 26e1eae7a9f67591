"""Soft labels in the collection: put in the place of older ones, and taken back.

Rows that a propagation or fusion replaces are kept in a second table with the run that replaced
them, for the last `KEPT_RUNS` runs of each concept; then they are let go, but for what was
propagated and fused last, which fusions and models draw on. One commit moves rows in both
directions, so that a run is in force or undone and never half of each. Labels of detections and
those of spans lie in tables of their own (`Shelf`), and one does not replace the other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import StoreError
from vquery.store.names import UNDONE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store
    from vquery.store.writer import Writer

KEPT_RUNS = 3
"""Runs of each concept that can be taken back, one after the other."""
DONE = "propagated/"
"""With the number of a run: the unit of work that put its labels in force."""
DID = {"propagate": "propagated", "fuse": "fused", "predict": "predicted"}
"""Commands whose runs can be taken back, and what each did."""
PREDICT = "predict"


@dataclass(frozen=True)
class Shelf:
    """Two tables: what is in force, and what it replaced."""

    now: str
    before: str
    schema: pa.Schema
    order: tuple[str, ...]


DETECTIONS = Shelf(
    "soft_labels", "soft_labels_before", schema.SOFT_LABEL, ("detection_id", "concept")
)
SPANS = Shelf(
    "soft_intervals",
    "soft_intervals_before",
    schema.SOFT_INTERVAL,
    (*schema.KEYS, "concept", "item"),
)
SHELVES = (DETECTIONS, SPANS)


@dataclass(frozen=True)
class Undone:
    """A propagation or fusion that was taken back.

    Attributes
    ----------
    run_id, concept
        Which one it was.
    restored
        The run whose labels are in force again; None: the concept has no soft labels now.
    items
        Rows that came back.
    did
        "propagated", "fused" or "predicted".
    """

    run_id: int
    concept: str
    restored: int | None
    items: int
    did: str = "propagated"

    def __str__(self) -> str:
        """Say what is in force now."""
        now = (
            f"{self.items:,} items have the labels of run {self.restored} again"
            if self.restored is not None
            else f"nothing {self.did} of it is left"
        )
        return f"run {self.run_id}, which {self.did} {self.concept!r}, is undone: {now}"


def keep(
    store: Store, writer: Writer, concept: str, table: pa.Table, shelf: Shelf = DETECTIONS
) -> None:
    """Put rows in the place of what the concept had, which is kept for an undo."""
    with store.snapshot() as snapshot:
        there, before = snapshot.read(shelf.now), snapshot.read(shelf.before)
        made_by = commands(snapshot)
    own = pc.equal(there["concept"], concept)
    replaced = _replaced_by(there.filter(own), writer.run_id)
    rows = pa.concat_tables([there.filter(pc.invert(own)), table])
    before = pa.concat_tables([before, replaced.select(before.column_names)])
    before = _latest(before, concept, KEPT_RUNS, made_by)
    _commit(writer, rows, before, f"{DONE}{writer.run_id}", shelf)


def undo(store: Store, run_id: int | None) -> Undone:
    """Take a propagation, fusion or prediction back; see `Collection.undo_run`."""
    with store.snapshot() as snapshot:
        chosen, concept, shelf = _to_undo(store, snapshot, run_id)
        did = DID[commands(snapshot)[chosen]]
    arguments = {"run_id": chosen, "concept": concept}
    with store.writer("undo", arguments) as writer:
        with store.snapshot() as now:  # another process may have written before the lock was ours
            _to_undo(store, now, chosen)
            there, before = now.read(shelf.now), now.read(shelf.before)
        back = before.filter(pc.equal(before["replaced_by"], chosen))
        rest = before.filter(pc.not_equal(before["replaced_by"], chosen))
        others = there.filter(pc.not_equal(there["concept"], concept))
        rows = pa.concat_tables([others, back.select(shelf.schema.names)])
        _commit(writer, rows, rest, f"{UNDONE}{chosen}", shelf)
        restored = back["run_id"][0].as_py() if back.num_rows else None
        writer.finish({**arguments, "restored": restored, "items": back.num_rows})
    return Undone(chosen, concept, restored, back.num_rows, did)


def last_propagated(
    snapshot: Snapshot, concept: str, columns: Sequence[str] = tuple(schema.SOFT_LABEL.names)
) -> pa.Table:
    """Read what was propagated of a concept last: in force, or below the fusions that are.

    Columns of the schema SOFT_LABEL, among them ``detection_id`` and ``run_id``, by detection;
    without rows where nothing was propagated.
    """
    made_by = commands(snapshot)
    for table in (DETECTIONS.now, DETECTIONS.before):
        rows = snapshot.read(table, columns=sorted({*columns, "concept"}))
        rows = rows.filter(pc.equal(rows["concept"], concept)).select(list(columns))
        made = [run for run in rows["run_id"].unique().to_pylist() if _propagates(made_by, run)]
        if made:
            mine = rows.filter(pc.equal(rows["run_id"], max(made)))
            return mine.sort_by("detection_id").combine_chunks()
    return pa.schema([schema.SOFT_LABEL.field(name) for name in columns]).empty_table()


def last_made(snapshot: Snapshot, concept: str, shelf: Shelf) -> pa.Table:
    """Read what was propagated or fused of a concept last, be it in force or below predictions."""
    made_by = commands(snapshot)
    names = shelf.schema.names
    states = [snapshot.read(table, columns=names) for table in (shelf.now, shelf.before)]
    rows = pa.concat_tables([one.select(names) for one in states])
    rows = rows.filter(pc.equal(rows["concept"], concept))
    made = [run for run in rows["run_id"].unique().to_pylist() if made_by.get(run) != PREDICT]
    if not made:
        return shelf.schema.empty_table()
    mine = rows.filter(pc.equal(rows["run_id"], max(made)))
    if shelf is DETECTIONS:  # a run that was replaced twice, with an undo in between, is kept twice
        mine = mine.sort_by("detection_id").combine_chunks()
        ids = mine["detection_id"].to_numpy()
        return mine.filter(pa.array(np.r_[True, ids[1:] != ids[:-1]][: len(ids)]))
    return mine.sort_by([(name, "ascending") for name in shelf.order]).combine_chunks()


def runs(snapshot: Snapshot) -> list[dict[str, Any]]:
    """List propagations and fusions, oldest first, with what became of each.

    ``state`` is "in force", "replaced", "undone" or "failed" (nothing was kept of it).
    """
    in_force = set(_in_force(snapshot).values())
    return [_told(run, in_force) for run in snapshot.runs().to_pylist() if run["command"] in DID]


def _told(run: Mapping[str, Any], in_force: set[int]) -> dict[str, Any]:
    report = json.loads(run["report"] or "{}")
    state = "replaced" if "labelled" in report else "failed"
    if run["undone_by"] is not None:
        state = "undone"
    elif run["run_id"] in in_force:
        state = "in force"
    return {
        "run_id": run["run_id"],
        "did": DID[run["command"]],
        "concept": json.loads(run["arguments"])["concept"],
        "started_us": run["started_us"],
        "seeds": report.get("seeds"),
        "labelled": report.get("labelled"),
        "state": state,
        "undone_by": run["undone_by"],
    }


def newest(snapshot: Snapshot) -> int:
    """Return the last run whose labels are in force, 0 where there are none."""
    return max(_in_force(snapshot).values(), default=0)


def commands(snapshot: Snapshot) -> dict[int, str]:
    """Return the command of each run."""
    every = snapshot.runs()
    return dict(zip(every["run_id"].to_pylist(), every["command"].to_pylist(), strict=True))


def _propagates(made_by: Mapping[int, str], run_id: int) -> bool:
    # a run that is not known any more is of before there were fusions
    return made_by.get(run_id, "propagate") == "propagate"


def _in_force(snapshot: Snapshot) -> dict[tuple[Shelf, str], int]:
    """Return the run whose labels each concept has on each shelf."""
    found = {}
    for shelf in SHELVES:
        rows = snapshot.read(shelf.now, columns=["concept", "run_id"])
        last = rows.group_by("concept").aggregate([("run_id", "max")])
        runs_ = zip(last["concept"].to_pylist(), last["run_id_max"].to_pylist(), strict=True)
        found.update({(shelf, concept): run for concept, run in runs_})
    return found


def _to_undo(store: Store, snapshot: Snapshot, run_id: int | None) -> tuple[int, str, Shelf]:
    """Choose the run that is taken back, its concept and shelf; refuse what cannot be."""
    in_force = _in_force(snapshot)
    if run_id is None:
        if not in_force:
            raise StoreError(f"{store.path}: there is no propagation to undo, nor a fusion")
        (shelf, concept), run_id = max(in_force.items(), key=lambda item: item[1])
    else:
        concept, shelf = _made_by(snapshot, run_id)
        if in_force.get((shelf, concept)) != run_id:
            last = in_force.get((shelf, concept))
            raise StoreError(
                f"run {run_id}: its labels of {concept!r} were replaced by run {last}; undo that "
                "one first"
                if last is not None
                else f"run {run_id}: it failed, so there is nothing to undo"
            )
    _refuse_forgotten(store, snapshot, run_id, concept, shelf)
    return run_id, concept, shelf


def _made_by(snapshot: Snapshot, run_id: int) -> tuple[str, Shelf]:
    """Return the concept and the shelf of a run that was not undone."""
    every = {run["run_id"]: run for run in snapshot.runs().to_pylist()}
    known = [number for number, run in every.items() if run["command"] in DID]
    shown = ", ".join(map(str, known[-10:]))
    hint = f"propagations and fusions are {shown}" if known else "there are none"
    if run_id not in every:
        raise StoreError(f"there is no run {run_id}; {hint}")
    run = every[run_id]
    if run["command"] not in DID:
        raise StoreError(
            f"run {run_id} is no propagation but {run['command']!r}, which cannot be undone; {hint}"
        )
    if run["undone_by"] is not None:
        raise StoreError(f"run {run_id} is undone already, by run {run['undone_by']}")
    return _of_run(run)


def _of_run(run: Mapping[str, Any]) -> tuple[str, Shelf]:
    arguments = json.loads(run["arguments"])
    return str(arguments["concept"]), SPANS if arguments.get("over") == "spans" else DETECTIONS


def _refuse_forgotten(
    store: Store, snapshot: Snapshot, run_id: int, concept: str, shelf: Shelf
) -> None:
    """Refuse to undo a run when what it replaced was let go."""
    kept = snapshot.read(shelf.before, columns=["replaced_by"])["replaced_by"]
    if pc.any(pc.equal(kept, run_id)).as_py():
        return
    done = {int(unit.removeprefix(DONE)) for unit in store.units(DONE)}
    earlier = [
        run["run_id"]
        for run in snapshot.runs().to_pylist()
        if run["run_id"] in done
        and run["run_id"] < run_id
        and run["undone_by"] is None
        and _of_run(run) == (concept, shelf)
    ]
    if earlier:
        raise StoreError(
            f"run {run_id}: the labels of {concept!r} that it replaced, of run {earlier[-1]}, are "
            f"kept no more: the last {KEPT_RUNS} runs of a concept can be undone. Propagate again"
        )


def _replaced_by(rows: pa.Table, run_id: int) -> pa.Table:
    by = pa.repeat(pa.scalar(run_id, pa.int64()), rows.num_rows)
    return rows.append_column(pa.field("replaced_by", pa.int64()), by)


def _latest(before: pa.Table, concept: str, states: int, made_by: Mapping[int, str]) -> pa.Table:
    """Let the oldest states of a concept go, but for what was propagated and fused last."""
    own = before.filter(pc.equal(before["concept"], concept))
    recent = sorted(own["replaced_by"].unique().to_pylist())[-states:]
    every = own["run_id"].unique().to_pylist()
    spread = [run for run in every if _propagates(made_by, run)]
    made = [run for run in every if made_by.get(run) != PREDICT]
    last = {max(spread, default=0), max(made, default=0)}
    keep_ = pc.or_(
        pc.not_equal(before["concept"], concept),
        pc.or_(
            pc.is_in(before["replaced_by"], value_set=pa.array(recent, pa.int64())),
            pc.is_in(before["run_id"], value_set=pa.array(sorted(last), pa.int64())),
        ),
    )
    return before.filter(keep_)


def _commit(writer: Writer, rows: pa.Table, before: pa.Table, unit: str, shelf: Shelf) -> None:
    order = [(name, "ascending") for name in shelf.order]
    parts = [
        writer.write(name, table.sort_by(order))
        for name, table in ((shelf.now, rows), (shelf.before, before))
        if table.num_rows
    ]
    writer.commit(parts, units=[unit], replace={shelf.now: None, shelf.before: None})
