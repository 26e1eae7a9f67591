"""Distil an end model of a concept, and keep it; see `Collection.distil`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.fusion import items as described
from vquery.api.learning import room
from vquery.api.learnt import running
from vquery.api.learnt.items import ids_like
from vquery.api.learnt.labels import shares_of_tracks
from vquery.api.learnt.trained import Trained
from vquery.api.propagation import keeping
from vquery.supervise.slices import slices_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vquery.api.learnt.labels import Known
    from vquery.learn.distil import Distilled
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

COMMAND = "distil"
DISTILLED = "distilled"
"""By what labels were made that no person gave."""
OPEN = (
    "no label says 'none of them': every item is taken for one of those labelled; label some "
    "others as none of them"
)


class SelfTaught(Trained):
    """An end model that taught itself in rounds; see `Collection.distil`."""

    @property
    def rounds(self) -> pa.Table:
        """One row a round, 0 is the teacher.

        ``pseudo`` labels kept; of left-out labelled items ``accuracy``, ``measure`` (minus the
        Brier score), ``gain`` to the teacher and its standard ``error``, and how many they are.
        """
        return pa.Table.from_pylist(self.told["rounds"])

    @property
    def best(self) -> int:
        """The round whose model it is; 0 where none helped."""
        return int(self.told["best_round"])

    def __repr__(self) -> str:
        rows = self.told["rounds"]
        gain = rows[self.best].get("gain")
        told = "not measured"
        if gain is not None:
            told = f"Brier score {gain:.4f} better than the teacher's"
        kept = int(self.told["pseudo"])
        return (
            f"{super().__repr__()[:-1]}; round {self.best} of {len(rows) - 1}, {kept:,} pseudo "
            f"labels, {told}>"
        )


def distil(
    store: Store,
    concept: str,
    name: str | None,
    *,
    over: Any,
    spaces: Sequence[str] | None,
    labels: str,
    side: int,
    plan: dict[str, Any],
    looks: dict[str, Any],
    slices: Any,
    start: Any,
    augment: Any,
    fresh: bool,
    progress: Callable[[str], None] | None,
    options: dict[str, Any],
) -> SelfTaught:
    """Distil and keep a model; see `Collection.distil`."""
    learn = room("distil")
    made = learn.Plan(**plan, looks=learn.Looks(**looks))
    given = running.begin(
        store, concept, name, spaces=spaces, labels=labels, side=side, start=start,
        progress=progress, options=options,
        over=lambda snapshot: _everything(store, snapshot, concept) if over is None else over,
    )  # fmt: skip
    known, found = given.known, given.found
    there = np.flatnonzero(found.there)
    members = _members(slices, known, there)
    result: Distilled = learn.distil(
        found.x, known.soft[there], known.weight[there], classes=known.classes,
        groups=known.group[there], plan=made, options={**options, "start": start},
        **_lanes(known, there), slices=members, trusted=known.human[there], augment=augment,
        folder=given.work, fresh=fresh, progress=progress,
    )  # fmt: skip
    rows = np.flatnonzero(known.weight[there] > 0)
    at, model = there[rows], result.model
    model.oof_ = result.held_out[rows]
    notes = result.notes if None in known.classes else (*result.notes, OPEN)
    told = given.about(model, at, notes) | {
        "by": DISTILLED,
        "rounds": result.rounds,
        "best_round": result.best,
        "pseudo": 0 if result.chosen is None else len(result.chosen),
    }
    inside = {key: one[rows] for key, one in members.items()}
    left_out = running.left_out_of(known, model, at, inside)
    running.kept(store, given, model, told, left_out, COMMAND)
    return SelfTaught.read(store.path, given.name)  # type: ignore[return-value]


def _everything(store: Store, snapshot: Snapshot, concept: str) -> Any:
    """Take all faces; where only spans are labelled, those that were fused, else shots."""
    spans = store.span_labels(concept, snapshot)
    if store.labels(concept, snapshot).num_rows or not spans.num_rows:
        return ids_like(snapshot)
    made = keeping.last_made(snapshot, concept, keeping.SPANS)
    if made.num_rows:
        return made.select(["video", "start_us", "end_us", "item"])
    return snapshot.read("shots", columns=["video", "start_us", "end_us"])


def _members(slices: Any, known: Known, there: Any) -> dict[str, Any]:
    if slices is None:
        return {}
    return slices_of(slices, known.items.table.take(pa.array(there)), len(there))


def _lanes(known: Known, there: Any) -> dict[str, Any]:
    """Tracks, times, and what each item counts: a track is one item, seen a few times."""
    items = known.items
    count = shares_of_tracks(items, np.ones(items.n, bool))
    if items.kind == described.SPANS or "track" not in items.table.column_names:
        return {"counts": count[there]}
    track = pc.fill_null(items.table["track"], -1).to_numpy()
    time_us = items.table["start_us"].to_numpy()
    return {"counts": count[there], "track": track[there], "time_us": time_us[there]}
