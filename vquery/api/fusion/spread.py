"""What was propagated of a concept, as one more source of a fusion."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.propagation import keeping, running
from vquery.api.tables import HUMAN, run_arguments
from vquery.errors import LabelError
from vquery.graph.calibrate import apply_power
from vquery.supervise.fusion import hints

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from vquery.api.fusion.items import Items
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store
    from vquery.supervise.fusion import Source

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

LEAST_SEEDS = 10
"""Five of each of two classes: fewer teach nothing when they are left out."""
LEAST_SHARE = 1e-3
"""Of every class among what was propagated: what got no label may still be right."""


@dataclass(frozen=True, eq=False)
class Spread:
    """What was propagated, brought to items.

    Attributes
    ----------
    best
        Object array (n,): the most probable label; None may be "none of them".
    probability
        Shape (n,).
    says
        Shape (n,): whether a seed reaches the item, other than its own human label.
    seen
        Shape (n,): whether ``left_best`` and ``left_probability`` are known: what the propagation
        says of items that were seeds when they are left out.
    row
        Shape (n,): row of ``table`` (SOFT_LABEL) for each item, -1 where there is none.
    """

    table: pa.Table
    best: npt.NDArray[np.object_]
    probability: Floats
    says: npt.NDArray[np.bool_]
    left_best: npt.NDArray[np.object_]
    left_probability: Floats
    seen: npt.NDArray[np.bool_]
    row: Ints
    notes: tuple[str, ...]

    def labels(self) -> list[str]:
        """Labels that were propagated, sorted."""
        return sorted({*self.best[self.says], *self.left_best[self.seen]} - {None})

    def source(self, name: str, codes: Mapping[str | None, int], balance: Floats) -> Source:
        """Make it a source: what its best label leaves goes to the others as it names them."""
        code = np.array([codes[label] for label in self.best], np.int64)
        share = np.bincount(code[self.says], self.probability[self.says], minlength=len(balance))
        share[codes[None]] += (1 - self.probability[self.says]).sum()
        rest = np.maximum(share / max(share.sum(), 1.0), LEAST_SHARE)
        code[~self.says] = -1
        left = np.array([codes[label] for label in self.left_best], np.int64)
        left[~self.seen] = -1
        return hints(
            name,
            code,
            self.probability,
            balance,
            rest=rest / rest.sum(),
            left_out=(left, self.left_probability),
        )

    def seeds(self, item: int) -> list[tuple[int, float]]:
        """Seeds that speak most for an item, with the chance that a walk meets each first."""
        row = int(self.row[item])
        text = self.table["why"][row].as_py() if row >= 0 else None
        return [(one["seed"], one["weight"]) for one in json.loads(text or "[]")]


def read_spread(
    store: Store, snapshot: Snapshot, items: Items, concept: str, *, learn: bool
) -> Spread | None:
    """Read what was propagated of a concept last; None where that is nothing.

    Parameters
    ----------
    learn
        Whether to solve again for what is said of seeds that are left out, which teaches how far
        to believe the propagation.
    """
    table = keeping.last_propagated(snapshot, concept)
    here, item = items.of_detections(table["detection_id"].to_numpy())
    if not len(here):
        return None
    notes = []
    arguments = run_arguments(snapshot).get(table["run_id"][0].as_py(), {})
    newer = [e for e in store.events(snapshot) if e.event_id > arguments.get("last_event", 0)]
    if any(event.payload.get("concept") == concept for event in newer):
        notes.append("labels were given since the propagation: propagate again to spread them")
    chance = pc.fill_null(table["probability"], 0.0).to_numpy().astype(np.float64)
    best = np.array(table["best"].to_pylist(), object)
    nobody = np.array([one is None for one in best], bool)
    chance[nobody] = 1.0  # its seeds all say "none of them"
    usable = _usable(table, float(arguments.get("threshold", 1.0)))
    # of the detections of one item the surest speaks
    order = np.lexsort((chance[here], usable[here]))
    row = np.full(items.n, -1)
    row[item[order]] = here[order]
    found = row >= 0
    at = np.maximum(row, 0)
    says = found & usable[at]
    mine = best[at] if len(best) else np.full(items.n, None)
    mine[~found] = None
    sure = np.where(found, chance[at], 0.0)
    left_best, left_sure, seen = mine.copy(), sure.copy(), says.copy()
    if learn:
        left = _left_out(store, concept, table, notes)
        ids = np.array(list(left), np.int64)
        places, owners = items.of_detections(ids)
        for seed, owner in zip(ids[places].tolist(), owners.tolist(), strict=True):
            left_best[owner], left_sure[owner] = left[seed]
            seen[owner] = True
    return Spread(table, mine, sure, says, left_best, left_sure, seen, row, tuple(notes))


def _left_out(
    store: Store, concept: str, table: pa.Table, notes: list[str]
) -> dict[int, tuple[str | None, float]]:
    """Ask the propagation what it says of its seeds when each is left out, with its probability.

    Seeds that no other seed reaches are left out for good. The graph is built again for this, of
    neighbour lists that are kept.
    """
    if pc.sum(pc.equal(table["source"], HUMAN)).as_py() < LEAST_SEEDS:
        return {}
    try:
        solved = running.stored(store, concept).solved
    except LabelError as error:
        notes.append(f"the propagation counts in full, as its seeds cannot be left out: {error}")
        return {}
    names, node = solved.names, solved.built.tracks.node
    if names.solver is None or not names.classes:
        return {}
    given = [solved.given[int(row)] for row in names.seed_rows]
    one_hot = np.array([[label == name for name in names.classes] for label in given], np.float64)
    which = names.solver.held_out()
    scores = names.solver.leave_one_out(one_hot, which)
    reached = np.asarray(np.isfinite(scores).all(axis=1))
    scores = np.where(reached[:, None], scores, 0.0)
    unknown = np.clip(1.0 - scores.sum(axis=1, keepdims=True), 0.0, 1.0)
    chance = apply_power(np.hstack([scores, unknown]), names.report["power"])[:, :-1]
    told = {
        int(node[names.seed_rows[position]]): (str(names.classes[row.argmax()]), float(row.max()))
        for position, row, there in zip(which, chance, reached, strict=True)
        if there
    }
    ids = solved.built.ids
    return {int(ids[row]): told[int(node[row])] for row in solved.given if int(node[row]) in told}


def _usable(table: pa.Table, threshold: float) -> npt.NDArray[np.bool_]:
    """Rows that say something: reached, not a seed, not beaten by another one in the frame."""
    reached = pc.fill_null(table["reached"], fill_value=False).to_numpy()
    seed = pc.equal(table["source"], HUMAN).to_numpy()
    enough = pc.greater_equal(table["probability"], pa.scalar(threshold, pa.float32()))
    named = pc.and_(pc.is_null(table["label"]), pc.is_valid(table["best"]))
    beaten = pc.fill_null(pc.and_(named, enough), fill_value=False).to_numpy()
    return np.asarray(reached & ~seed & ~beaten)
