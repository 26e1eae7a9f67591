"""Propagate concepts, keep what is found, and read it again."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.labelling import ids_of
from vquery.api.propagation import graphs, keeping, solving
from vquery.api.propagation.options import Options
from vquery.api.propagation.reasons import reasons_of
from vquery.api.propagation.result import NOT_KEPT, Propagation
from vquery.api.tables import crop
from vquery.errors import LabelError
from vquery.store.labels import derive
from vquery.store.verdicts import rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vquery.api.labelling import Rows
    from vquery.api.propagation.graphs import Built, Say
    from vquery.api.propagation.reasons import Reasons
    from vquery.api.propagation.solving import Solved
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store
    from vquery.store.writer import Writer

T = TypeVar("T")
NO_ROWS = "there are no detections to propagate over"


def quiet(_: str) -> None:
    """Tell nobody what is being done."""


def propagate(
    store: Store,
    concepts: Sequence[str],
    over: Rows,
    options: Options,
    say: Say = quiet,
    *,
    keep: bool = True,
) -> list[Propagation]:
    """Spread the human labels of concepts over one graph; see `Collection.propagate`."""
    if isinstance(concepts, str) or not concepts or len(set(concepts)) < len(concepts):
        raise LabelError(
            f"propagate_concepts() takes a list of one or more different concepts, got {concepts!r}"
        )
    ids = np.unique(ids_of(over, none=NO_ROWS))
    with store.snapshot() as snapshot:
        for concept in concepts:
            seeds = store.labels(concept, snapshot)
            if seeds["label"].null_count == seeds.num_rows:
                said = store.labels(None, snapshot).filter(pc.field("label").is_valid())
                others = sorted(set(said["concept"].to_pylist()))
                raise solving.unlabelled(concept, "", others)
        built = functools.cache(lambda: graphs.build(snapshot, ids, options, say))
        found: list[Propagation] = []
        for concept in concepts:
            arguments = {
                "concept": concept,
                "threshold": options.threshold,
                "items": len(ids),
                "last_event": snapshot.last_event,
                **options.told(),
            }
            one = _One(store, snapshot, options, arguments, say)
            if not keep:
                found.append(one.solved(built(), NOT_KEPT))
                continue
            # the first one waits for its turn before it builds, as building takes long
            with store.writer("propagate", arguments) as writer:
                found.append(one.solved(built(), writer.run_id))
                say("writing")
                _write(store, writer, found[-1])
    return found


def _write(store: Store, writer: Writer, found: Propagation) -> None:
    keeping.keep(store, writer, found.concept, found.table)
    writer.finish(found.summary())


@dataclass(frozen=True)
class _One:
    """The propagation of one concept."""

    store: Store
    snapshot: Snapshot
    options: Options
    arguments: dict[str, Any]
    say: Say

    def solved(self, built: Built, run_id: int) -> Propagation:
        concept = str(self.arguments["concept"])
        self.say(f"solving {concept!r}")
        seeds = self.store.labels(concept, self.snapshot)
        refused = self.store.rejected(concept, self.snapshot)
        solved = solving.solve(built, seeds, refused, concept, self.options)
        return _result(
            self.store,
            self.arguments,
            solving.table_of(solved, concept, run_id),
            solving.report_of(solved),
            rows=functools.partial(_given, built.rows),
            solved=functools.partial(_given, solved),
        )


def _keep(store: Store, arguments: dict[str, Any], found: Propagation) -> int:
    """Put in force what was only looked at so far; returns the run."""
    with store.writer("propagate", arguments) as writer:
        found.made_by(int(writer.run_id))
        _write(store, writer, found)
    return found.run_id


def _result(
    store: Store,
    arguments: dict[str, Any],
    table: pa.Table,
    report: dict[str, Any],
    *,
    rows: Callable[[], pa.Table],
    solved: Callable[[], Solved],
) -> Propagation:
    concept, threshold = arguments["concept"], float(arguments["threshold"])

    def explain(found: Solved, row: int, top: int) -> Reasons:
        return reasons_of(
            found,
            row,
            table,
            concept=concept,
            threshold=threshold,
            top=top,
            pictures=functools.partial(_crops, store),
        )

    return Propagation(
        concept,
        table,
        report,
        run_id=int(table["run_id"][0].as_py()),
        threshold=threshold,
        rows=rows,
        solved=solved,
        explain=explain,
        keep=functools.partial(_keep, store, arguments),
    )


def _given(value: T) -> T:
    return value


def _crops(store: Store, ids: list[int]) -> dict[int, bytes | None]:
    with store.snapshot() as snapshot:
        return {item: crop(snapshot, item) for item in ids}


def _rows(store: Store, table: pa.Table) -> pa.Table:
    with store.snapshot() as snapshot:
        return graphs.read_rows(snapshot, table["detection_id"].to_numpy())


def stored(store: Store, concept: str) -> Propagation:
    """Read what was propagated of a concept last; see `Collection.propagation`."""
    with store.snapshot() as snapshot:
        table = keeping.last_propagated(snapshot, concept)
        if not table.num_rows:
            soft = snapshot.read("soft_labels", columns=["concept"])
            there = sorted(soft["concept"].unique().to_pylist())
            hint = f"; propagated are {', '.join(map(repr, there))}" if there else ""
            raise LabelError(
                f"nothing is propagated of {concept!r}{hint}: label some detections, then "
                f"db.propagate({concept!r})"
            )
        run = _run(snapshot, table["run_id"][0].as_py())
    arguments = json.loads(run["arguments"])
    report = json.loads(run["report"] or "{}").get("graph", {})
    rows = functools.partial(_rows, store, table)
    again = functools.partial(_solved_again, store, table, arguments)
    return _result(store, arguments, table.combine_chunks(), report, rows=rows, solved=again)


def _run(snapshot: Snapshot, run_id: int) -> dict[str, Any]:
    runs = snapshot.runs()
    found: dict[str, Any] = runs.filter(pc.equal(runs["run_id"], run_id)).to_pylist()[0]
    return found


def _solved_again(store: Store, table: pa.Table, arguments: dict[str, Any]) -> Solved:
    """Build and solve as the run did: its items, its options, the labels as they were then."""
    if arguments.get("edges"):
        raise LabelError(
            "this run used edges that were given to it, and those are not kept: call "
            f"db.propagate({arguments['concept']!r}, edges=…) again and ask its result"
        )
    names = ("threshold", "k", "floor", "leak", "exclusive", "captions", "spaces")
    options = Options(**{name: arguments[name] for name in names if name in arguments})
    ids = table["detection_id"].to_numpy()
    with store.snapshot() as snapshot:
        seen = arguments["last_event"]
        events = [event for event in store.events(snapshot) if event.event_id <= seen]
        seeds, refused = (of(events, arguments["concept"]) for of in (derive, rejected))
        built = graphs.build(snapshot, ids, options, quiet)
    return solving.solve(built, seeds, refused, arguments["concept"], options)
