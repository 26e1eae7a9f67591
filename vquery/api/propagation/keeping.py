"""Soft labels in the collection: put in the place of older ones, and taken back.

Rows that a propagation replaces are kept in the table ``soft_labels_before`` with the run that
replaced them, for the last `KEPT_RUNS` runs of each concept; then they are let go. One commit moves
rows in both directions, so that a run is in force or undone and never half of each.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import StoreError
from vquery.store.names import UNDONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store
    from vquery.store.writer import Writer

KEPT_RUNS = 3
"""Runs of each concept that can be taken back, one after the other."""
DONE = "propagated/"
"""With the number of a run: the unit of work that put its labels in force."""
NOW, BEFORE = "soft_labels", "soft_labels_before"
ORDER = [("detection_id", "ascending"), ("concept", "ascending")]


@dataclass(frozen=True)
class Undone:
    """A propagation that was taken back.

    Attributes
    ----------
    run_id, concept
        Which one it was.
    restored
        The run whose labels are in force again; None: the concept has no propagated labels now.
    items
        Rows that came back.
    """

    run_id: int
    concept: str
    restored: int | None
    items: int

    def __str__(self) -> str:
        """Say what is in force now."""
        now = (
            f"{self.items:,} items have the labels of run {self.restored} again"
            if self.restored is not None
            else "nothing propagated of it is left"
        )
        return f"run {self.run_id}, which propagated {self.concept!r}, is undone: {now}"


def keep(store: Store, writer: Writer, concept: str, table: pa.Table) -> None:
    """Put rows in the place of what the concept had, which is kept for an undo."""
    with store.snapshot() as now:
        there, before = now.read(NOW), now.read(BEFORE)
    own = pc.equal(there["concept"], concept)
    replaced = _replaced_by(there.filter(own), writer.run_id)
    rows = pa.concat_tables([there.filter(pc.invert(own)), table])
    before = pa.concat_tables([_latest(before, concept, KEPT_RUNS - 1), replaced])
    _commit(writer, rows, before, f"{DONE}{writer.run_id}")


def undo(store: Store, run_id: int | None) -> Undone:
    """Take a propagation back; see `Collection.undo_run`."""
    with store.snapshot() as snapshot:
        chosen, concept = _to_undo(store, snapshot, run_id)
    arguments = {"run_id": chosen, "concept": concept}
    with store.writer("undo", arguments) as writer:
        with store.snapshot() as now:  # another process may have written before the lock was ours
            _to_undo(store, now, chosen)
            there, before = now.read(NOW), now.read(BEFORE)
        back = before.filter(pc.equal(before["replaced_by"], chosen))
        rest = before.filter(pc.not_equal(before["replaced_by"], chosen))
        others = there.filter(pc.not_equal(there["concept"], concept))
        rows = pa.concat_tables([others, back.select(schema.SOFT_LABEL.names)])
        _commit(writer, rows, rest, f"{UNDONE}{chosen}")
        restored = back["run_id"][0].as_py() if back.num_rows else None
        writer.finish({**arguments, "restored": restored, "items": back.num_rows})
    return Undone(chosen, concept, restored, back.num_rows)


def runs(snapshot: Snapshot) -> list[dict[str, Any]]:
    """List the propagations, oldest first, with what became of each.

    ``state`` is "in force", "replaced", "undone" or "failed" (nothing was kept of it).
    """
    in_force = set(_in_force(snapshot).values())
    return [_told(run, in_force) for run in snapshot.runs().to_pylist() if _is_propagation(run)]


def _told(run: Mapping[str, Any], in_force: set[int]) -> dict[str, Any]:
    report = json.loads(run["report"] or "{}")
    state = "replaced" if "labelled" in report else "failed"
    if run["undone_by"] is not None:
        state = "undone"
    elif run["run_id"] in in_force:
        state = "in force"
    return {
        "run_id": run["run_id"],
        "concept": json.loads(run["arguments"])["concept"],
        "started_us": run["started_us"],
        "seeds": report.get("seeds"),
        "labelled": report.get("labelled"),
        "state": state,
        "undone_by": run["undone_by"],
    }


def _is_propagation(run: Mapping[str, Any]) -> bool:
    return bool(run["command"] == "propagate")


def _in_force(snapshot: Snapshot) -> dict[str, int]:
    """Return the run whose labels each concept has."""
    rows = snapshot.read(NOW, columns=["concept", "run_id"])
    last = rows.group_by("concept").aggregate([("run_id", "max")])
    return dict(zip(last["concept"].to_pylist(), last["run_id_max"].to_pylist(), strict=True))


def _to_undo(store: Store, snapshot: Snapshot, run_id: int | None) -> tuple[int, str]:
    """Choose the run that is taken back, and its concept; refuse what cannot be."""
    in_force = _in_force(snapshot)
    if run_id is None:
        if not in_force:
            raise StoreError(f"{store.path}: there is no propagation to undo")
        concept, run_id = max(in_force.items(), key=lambda item: item[1])
    else:
        concept = _concept_of(snapshot, run_id)
        if in_force.get(concept) != run_id:
            last = in_force.get(concept)
            raise StoreError(
                f"run {run_id}: its labels of {concept!r} were replaced by run {last}; undo that "
                "one first"
                if last is not None
                else f"run {run_id}: it failed, so there is nothing to undo"
            )
    _refuse_forgotten(store, snapshot, run_id, concept)
    return run_id, concept


def _concept_of(snapshot: Snapshot, run_id: int) -> str:
    """Return the concept of a propagation that was not undone."""
    every = {run["run_id"]: run for run in snapshot.runs().to_pylist()}
    known = [number for number, run in every.items() if _is_propagation(run)]
    hint = f"propagations are {', '.join(map(str, known[-10:]))}" if known else "there are none"
    if run_id not in every:
        raise StoreError(f"there is no run {run_id}; {hint}")
    run = every[run_id]
    if not _is_propagation(run):
        raise StoreError(
            f"run {run_id} is no propagation but {run['command']!r}, which cannot be undone; {hint}"
        )
    if run["undone_by"] is not None:
        raise StoreError(f"run {run_id} is undone already, by run {run['undone_by']}")
    return str(json.loads(run["arguments"])["concept"])


def _refuse_forgotten(store: Store, snapshot: Snapshot, run_id: int, concept: str) -> None:
    """Refuse to undo a run when what it replaced was let go."""
    kept = snapshot.read(BEFORE, columns=["replaced_by"])["replaced_by"]
    if pc.any(pc.equal(kept, run_id)).as_py():
        return
    done = {int(unit.removeprefix(DONE)) for unit in store.units(DONE)}
    earlier = [
        run["run_id"]
        for run in snapshot.runs().to_pylist()
        if run["run_id"] in done
        and run["run_id"] < run_id
        and run["undone_by"] is None
        and json.loads(run["arguments"])["concept"] == concept
    ]
    if earlier:
        raise StoreError(
            f"run {run_id}: the labels of {concept!r} that it replaced, of run {earlier[-1]}, are "
            f"kept no more: the last {KEPT_RUNS} runs of a concept can be undone. Propagate again"
        )


def _replaced_by(rows: pa.Table, run_id: int) -> pa.Table:
    by = pa.repeat(pa.scalar(run_id, pa.int64()), rows.num_rows)
    return rows.append_column(schema.LABEL_BEFORE.field("replaced_by"), by)


def _latest(before: pa.Table, concept: str, states: int) -> pa.Table:
    """Let the oldest states of a concept go; other concepts keep theirs."""
    own = pc.equal(before["concept"], concept)
    runs_ = sorted(before.filter(own)["replaced_by"].unique().to_pylist())
    recent = pc.is_in(before["replaced_by"], value_set=pa.array(runs_[-states:], pa.int64()))
    return before.filter(pc.or_(pc.invert(own), recent))


def _commit(writer: Writer, rows: pa.Table, before: pa.Table, unit: str) -> None:
    parts = [
        writer.write(name, table.sort_by(ORDER))
        for name, table in ((NOW, rows), (BEFORE, before))
        if table.num_rows
    ]
    writer.commit(parts, units=[unit], replace={NOW: None, BEFORE: None})
