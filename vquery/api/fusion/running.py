"""Fuse concepts, keep what is found, and read it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.fusion import items as described
from vquery.api.fusion.gather import gather
from vquery.api.fusion.result import Fused
from vquery.api.propagation import keeping
from vquery.engine.bring import any_table
from vquery.errors import LabelError, QueryError
from vquery.schema import BOX, KEYS
from vquery.supervise.fusion import fuse as fuse_sources

if TYPE_CHECKING:
    from vquery.api.fusion.gather import Gathered, Wanted
    from vquery.engine.intervals import Intervals
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store
    from vquery.supervise.fusion import Fusion
    from vquery.supervise.votes.matrix import LabelMatrix

COMMAND = "fuse"
COLUMNS = ("label", "best", "probability", "margin", "reached", "calibrated", "source")


def fuse(
    store: Store,
    votes: LabelMatrix,
    wanted: Wanted,
    calibrate: str,
    threshold: float,
    *,
    keep: bool,
) -> Fused:
    """Fuse, and keep the result; see `Collection.fuse`."""
    if not 0 <= threshold <= 1:
        raise QueryError(f"fuse(threshold=) must be from 0 to 1, got {threshold!r}")
    if not wanted.concept.isidentifier():
        raise LabelError(f"{wanted.concept!r} cannot name a concept: use letters, digits and '_'")
    with store.snapshot() as snapshot:
        known = gather(store, snapshot, votes, wanted)
        seen = snapshot.last_event
    groups = described.groups_of(known.items)
    found = fuse_sources(
        known.sources,
        balance=known.balance,
        human=known.human.codes,
        groups=groups,
        calibrate=calibrate,
    )
    if not keep:
        return Fused(wanted.concept, found, known, threshold=threshold, run_id=None)
    return _kept(store, wanted.concept, found, known, threshold, seen)


def _kept(
    store: Store, concept: str, found: Fusion, known: Gathered, threshold: float, seen: int
) -> Fused:
    shelf = keeping.SPANS if known.items.kind == described.SPANS else keeping.DETECTIONS
    arguments = {
        "concept": concept,
        "threshold": threshold,
        "over": known.items.kind,
        "items": known.items.n,
        "functions": [] if known.voted is None else list(known.voted.matrix.functions),
        "last_event": seen,
    }
    with store.writer(COMMAND, arguments) as writer:
        run = int(writer.run_id)
        result = Fused(concept, found, known, threshold=threshold, run_id=run)
        keeping.keep(store, writer, concept, result.table, shelf)
        told = result.summary()
        named = {str(label): value for label, value in told["labels"].items()}
        shares = {str(label): value for label, value in told["balance"].items()}
        writer.finish(told | {"labels": named, "balance": shares})
    return result


def fused(store: Store, concept: str) -> Intervals:
    """Read what was fused of a concept last; see `Collection.fused`."""
    with store.snapshot() as snapshot:
        commands = keeping.commands(snapshot)
        found: list[tuple[int, str, pa.Table]] = []
        for shelf in keeping.SHELVES:
            rows = snapshot.read(shelf.now)
            rows = rows.filter(pc.equal(rows["concept"], concept))
            run = rows["run_id"][0].as_py() if rows.num_rows else None
            if run is not None and commands.get(run) == COMMAND:
                found.append((run, shelf.now, rows))
        if not found:
            raise LabelError(
                f"nothing fused of {concept!r} is in force: call db.fuse({concept!r}, votes)"
            )
        _, table, rows = max(found, key=lambda one: one[0])
        if table == keeping.DETECTIONS.now:
            rows = _with_times(snapshot, rows)
            columns = [*KEYS, *BOX, "detection_id", *COLUMNS]
        else:
            columns = [*KEYS, "item", *COLUMNS]
    return any_table(rows.select(columns), f"fused {concept}")


def _with_times(snapshot: Snapshot, rows: pa.Table) -> pa.Table:
    columns = ["detection_id", "start_us", "end_us", *BOX]
    videos = rows["video"].unique().to_pylist()
    times = snapshot.read("detections", columns=columns, videos=videos)
    return rows.join(times, "detection_id", join_type="inner").combine_chunks()
