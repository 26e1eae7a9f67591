"""Corrections in the collection: put in force, read, and taken back.

Each run adds its log to the table ``corrections``. Of each table that was corrected the log of the
latest run there is in force; the others are kept so that runs can be undone, the last
`KEPT_RUNS` of each table. The rows themselves are never changed.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.api.propagation.keeping import Undone, newest
from vquery.api.tables import OfCollection, crop
from vquery.errors import LabelError, StoreError
from vquery.store.names import UNDONE
from vquery.supervise.assertions.correcting import CORRECTED, WEIGHT, apply

if TYPE_CHECKING:
    from vquery.engine.intervals import Intervals
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store
    from vquery.store.writer import Writer
    from vquery.supervise.assertions.checked import Checked

TABLE = "corrections"
COMMAND = "correct"
DONE = "corrected/"
"""With the number of a run: the unit of work that put its corrections in force."""
FIRED = "violations"
"""In the report of a run: how many violations each rule had."""
KEPT_RUNS = 3
"""Runs of each table that can be taken back, one after the other."""


class Uncorrected(Undone):
    """Corrections that were taken back; ``concept`` is the table that they are of."""

    def __str__(self) -> str:
        """Say what is in force now."""
        now = (
            f"the {self.items:,} corrections of run {self.restored} are in force again"
            if self.restored is not None
            else "none are in force now"
        )
        return f"run {self.run_id}, which corrected {self.concept!r}, is undone: {now}"


def correct(store: Store, checked: Checked, over: str) -> int:
    """Keep the corrections of a check; see `Collection.correct`. Returns the run."""
    counts = dict.fromkeys(checked.rules, 0) | _by_rule(checked.corrections)
    arguments = {"over": over, "rules": list(checked.rules), "rows": checked.rows}
    if not checked.corrections.num_rows:
        raise LabelError(
            f"the check of {over!r} has no corrections to keep; undo_run() takes back those that "
            "are in force"
        )
    with store.writer(COMMAND, arguments) as writer:
        run = int(writer.run_id)
        with store.snapshot() as now:
            there = _log(now)
        own = _with_run(checked.corrections, over, run)
        _commit(writer, pa.concat_tables([_recent(there, over), own]), f"{DONE}{run}")
        writer.finish(
            {**arguments, "corrections": own.num_rows, "by_rule": counts, FIRED: checked.counts}
        )
    return run


def in_force(snapshot: Snapshot, over: str | None) -> pa.Table:
    """Read the corrections of a table (None: of all) in the order in which they are applied."""
    log = _log(snapshot)
    keep = pc.is_in(log["run_id"], value_set=pa.array(_latest(log).values(), pa.int64()))
    if over is not None:
        keep = pc.and_(keep, pc.equal(log["over"], over))
    return log.filter(keep).sort_by([("run_id", "ascending"), ("correction", "ascending")])


def is_next(store: Store, run_id: int | None) -> bool:
    """Whether `undo` is meant: the run is a correction, or the last thing in force is one."""
    with store.snapshot() as snapshot:
        if run_id is not None:
            return any(
                run["run_id"] == run_id and run["command"] == COMMAND
                for run in snapshot.runs().to_pylist()
            )
        last = max(_latest(_log(snapshot)).values(), default=0)
        return last > newest(snapshot)


def runs(snapshot: Snapshot) -> list[dict[str, Any]]:
    """List runs that corrected, as those of propagations; ``concept`` is the table."""
    latest = _latest(_log(snapshot))
    found = []
    for run in snapshot.runs().to_pylist():
        if run["command"] != COMMAND:
            continue
        over, report = json.loads(run["arguments"])["over"], json.loads(run["report"] or "{}")
        state = "in force" if latest.get(over) == run["run_id"] else "replaced"
        if run["undone_by"] is not None or not report:
            state = "undone" if report else "failed"
        told = {name: run[name] for name in ("run_id", "started_us", "undone_by")}
        none = dict.fromkeys(("seeds", "labelled"))
        found.append({"did": "corrected", "concept": over, **told, **none, "state": state})
    return found


def fired(snapshot: Snapshot, checked: Checked) -> dict[str, int] | None:
    """Return how often each rule was broken when corrections of an earlier check were last kept.

    None if that was never: corrections of ``checked`` itself, kept already, are no earlier round.
    """
    own = _latest(_log(snapshot)).get(checked.over) if _is_kept(snapshot, checked) else None
    for run in reversed(snapshot.runs().to_pylist()):
        report = json.loads(run["report"] or "{}")
        mine = run["command"] == COMMAND and run["run_id"] != own
        if mine and FIRED in report and report["over"] == checked.over:
            return {str(rule): int(count) for rule, count in report[FIRED].items()}
    return None


def _is_kept(snapshot: Snapshot, checked: Checked) -> bool:
    """Whether the corrections in force are those of this check."""
    columns = ["correction", "rule", "action", "item", "video", "start_us"]
    kept, found = in_force(snapshot, checked.over), checked.corrections
    if not kept.num_rows or kept.num_rows != found.num_rows:
        return False
    pairs = (one.select(columns).sort_by("correction").combine_chunks() for one in (kept, found))
    return bool(next(pairs).equals(next(pairs)))


def undo(store: Store, run_id: int | None) -> Uncorrected:
    """Take corrections back; see `Collection.undo_run`.

    Raises
    ------
    StoreError
        If the run was undone before, failed, or another one of its table must be undone first.
    """
    with store.snapshot() as snapshot:
        chosen, over = _to_undo(snapshot, run_id)
    arguments = {"run_id": chosen, "over": over}
    with store.writer("undo", arguments) as writer:
        with store.snapshot() as now:  # another process may have written before the lock was ours
            _to_undo(now, chosen)
            log = _log(now)
        rest = log.filter(pc.not_equal(log["run_id"], chosen))
        _commit(writer, rest, f"{UNDONE}{chosen}")
        restored = _latest(rest).get(over)
        items = pc.sum(pc.equal(rest["run_id"], restored)).as_py() if restored is not None else 0
        writer.finish({**arguments, "restored": restored, "items": items})
    return Uncorrected(chosen, over, restored, items or 0)


@dataclass(frozen=True, eq=False)
class CorrectedTable(OfCollection):
    """Rows of a relation with the corrections in force, read when they are asked for."""

    snapshot: Snapshot
    relation: Intervals
    log: pa.Table
    name: str

    @property
    def schema(self) -> pa.Schema:
        """Columns and types."""
        own = self.relation.schema.remove_metadata()
        marks = [pa.field(CORRECTED, pa.string()), pa.field(WEIGHT, pa.float32())]
        return pa.schema([*own, *(mark for mark in marks if mark.name not in own.names)])

    @property
    def num_rows(self) -> int:
        """Rows, for estimates."""
        return int(self._rows.num_rows)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Read all rows, sorted."""
        return self._rows if columns is None else self._rows.select(columns)

    @functools.cached_property
    def _rows(self) -> pa.Table:
        rows = self.relation.collect().replace_schema_metadata(None)
        return schema.sort_intervals(apply(rows, self.log))

    def picture(self, detection_id: int) -> bytes | None:
        """Return the JPEG crop of a detection; an added row has none."""
        return crop(self.snapshot, detection_id) if detection_id > 0 else None


def _log(snapshot: Snapshot) -> pa.Table:
    return snapshot.read(TABLE)


def _latest(log: pa.Table) -> dict[str, int]:
    """Return the run in force of each table."""
    last = log.group_by("over").aggregate([("run_id", "max")])
    return dict(zip(last["over"].to_pylist(), last["run_id_max"].to_pylist(), strict=True))


def _recent(log: pa.Table, over: str) -> pa.Table:
    """Let the oldest runs of a table go; other tables keep theirs."""
    own = pc.equal(log["over"], over)
    runs = sorted(log.filter(own)["run_id"].unique().to_pylist())
    kept = pc.is_in(log["run_id"], value_set=pa.array(runs[-KEPT_RUNS:], pa.int64()))
    return log.filter(pc.or_(pc.invert(own), kept))


def _with_run(corrections: pa.Table, over: str, run: int) -> pa.Table:
    count = corrections.num_rows
    for name, value in (("over", pa.scalar(over)), ("run_id", pa.scalar(run, pa.int64()))):
        at = corrections.column_names.index(name)
        field = schema.CORRECTION.field(name)
        corrections = corrections.set_column(at, field, pa.repeat(value, count))
    return corrections


def _by_rule(corrections: pa.Table) -> dict[str, int]:
    counts = pc.value_counts(corrections["rule"]).to_pylist()
    return {one["values"]: one["counts"] for one in counts}


def _to_undo(snapshot: Snapshot, run_id: int | None) -> tuple[int, str]:
    latest = _latest(_log(snapshot))
    if run_id is None:
        if not latest:
            raise StoreError("there are no corrections to undo")
        over, run_id = max(latest.items(), key=lambda item: item[1])
        return run_id, over
    run: dict[str, Any] = next(
        one for one in snapshot.runs().to_pylist() if one["run_id"] == run_id
    )
    if run["undone_by"] is not None:
        raise StoreError(f"run {run_id} is undone already, by run {run['undone_by']}")
    over = str(json.loads(run["arguments"])["over"])
    if latest.get(over) != run_id:
        last = latest.get(over)
        raise StoreError(
            f"run {run_id}: its corrections of {over!r} were replaced by run {last}; undo that one "
            "first"
            if last is not None and last > run_id
            else f"run {run_id}: it failed, so there is nothing to undo"
        )
    return run_id, over


def _commit(writer: Writer, rows: pa.Table, unit: str) -> None:
    parts = [writer.write(TABLE, rows)] if rows.num_rows else []
    writer.commit(parts, units=[unit], replace={TABLE: None})
