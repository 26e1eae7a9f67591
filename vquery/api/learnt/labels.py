"""What an end model of a collection learns: the soft labels in force, and what people said.

Fused labels come before propagated ones, and what people said before both. What a model predicted
is never learnt from: it would only hear itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.fusion import items as described
from vquery.api.learnt.items import detections, items_of
from vquery.api.propagation import keeping
from vquery.errors import LabelError
from vquery.schema import KEYS

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery.api.fusion.items import Items
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Members = npt.NDArray[np.bool_]

MOST_OF_TRACK = 8
"""Detections of a track that are learnt from, spread evenly: its neighbours look the same."""
FEW_VIDEOS = 3
BLOCK_US = 60_000_000
"""Of one long video, what stays together in a fold."""


@dataclass(frozen=True, eq=False)
class Known:
    """Items, and what is known of each.

    Attributes
    ----------
    soft : (n, k)
    weight : (n,)
        How far the label is believed; 0 where nothing is said.
    human : (n,)
        Whose label a person gave.
    classes
        None is "none of them".
    group : (n,)
        What stays together in folds.
    by
        "fused", "propagated" or "human": where soft labels are from.
    """

    items: Items
    soft: Floats
    weight: Floats
    human: Members
    classes: tuple[str | None, ...]
    group: Ints
    by: str
    run_id: int | None
    notes: tuple[str, ...]

    @property
    def rows(self) -> Ints:
        """The items that are learnt from."""
        return np.flatnonzero(self.weight > 0)


def known_of(
    store: Store, snapshot: Snapshot, concept: str, over: Any, *, human_only: bool
) -> Known:
    """Read the labels of a concept that are to be learnt from.

    Raises
    ------
    LabelError
        If nothing is labelled.
    """
    soft, spans = (None, None) if human_only else _last(snapshot, concept)
    items = _items(store, snapshot, concept, over, soft, spans)
    made = spans if items.kind == described.SPANS else soft
    said = described.labels_in(
        store.labels(concept, snapshot), store.span_labels(concept, snapshot)
    )
    classes = _classes(made, said)
    codes = {label: at for at, label in enumerate(classes)}
    human = described.said_of(store, snapshot, items, concept, codes)
    chances, weight = np.full((items.n, len(classes)), 1 / len(classes)), np.zeros(items.n)
    by, run = "human", None
    if made is not None and made.num_rows:
        by = _made_by(snapshot, made)
        run = made["run_id"][0].as_py()
        _believe(items, made, codes, store, snapshot, concept, by, chances, weight)
    mine = human.codes >= 0
    chances[mine] = np.eye(len(classes))[human.codes[mine]]
    weight[mine] = 1.0
    if not weight.any():
        raise LabelError(
            f"nothing is labelled of {concept!r}: label some items, then propagate or fuse"
        )
    weight *= shares_of_tracks(items, weight > 0, mine)
    group, notes = _groups(items, weight > 0)
    return Known(
        items, chances, weight, mine, classes, group, by, run, (*human.notes, *notes)
    )  # fmt: skip


def _last(snapshot: Snapshot, concept: str) -> tuple[pa.Table, pa.Table]:
    of_detections, of_spans = keeping.SHELVES
    return (
        keeping.last_made(snapshot, concept, of_detections),
        keeping.last_made(snapshot, concept, of_spans),
    )


def _made_by(snapshot: Snapshot, made: pa.Table) -> str:
    command = keeping.commands(snapshot).get(made["run_id"][0].as_py(), "propagate")
    return keeping.DID.get(command, "propagated")


def _items(
    store: Store,
    snapshot: Snapshot,
    concept: str,
    over: Any,
    soft: pa.Table | None,
    spans: pa.Table | None,
) -> Items:
    if over is not None:
        return items_of(over, snapshot)
    seeds = store.labels(concept, snapshot)["detection_id"].to_numpy()
    of_soft = np.empty(0, np.int64) if soft is None else soft["detection_id"].to_numpy()
    ids = np.union1d(seeds, of_soft).astype(np.int64)
    if len(ids) and not (spans is not None and spans.num_rows and not len(of_soft)):
        return detections(snapshot, ids)
    if spans is not None and spans.num_rows:
        return items_of(spans.select(["video", "start_us", "end_us", "item"]), snapshot)
    said = store.span_labels(concept, snapshot)
    if not said.num_rows:
        raise LabelError(
            f"nothing is labelled of {concept!r}: label some items, then propagate or fuse"
        )
    return items_of(said.select(["video", "start_us", "end_us"]), snapshot)


def _classes(made: pa.Table | None, said: Any) -> tuple[str | None, ...]:
    """All labels, sorted; None ("none of them") last where somebody says it or nobody is known."""
    best = [] if made is None else made.filter(made["reached"])["best"].unique().to_pylist()
    names = {*best, *said}
    none = None in names or len(names) < 2
    return (*sorted(one for one in names if one is not None), *([None] if none else []))


def _believe(
    items: Items,
    made: pa.Table,
    codes: dict[str | None, int],
    store: Store,
    snapshot: Snapshot,
    concept: str,
    by: str,
    chances: Floats,
    weight: Floats,
) -> None:
    """Write soft labels into rows: what is left of 1 is of nobody, or of all others alike.

    Where it is of all others it teaches none of them: a face that is probably not Ann's is not
    Bob's for it, and counts nothing.
    """
    row = _rows_of(items, made)
    there = row >= 0
    reached = pc.fill_null(made["reached"], fill_value=False).to_numpy(zero_copy_only=False)[row]
    chance = np.clip(pc.fill_null(made["probability"], 0.0).to_numpy()[row].astype(float), 0, 1)
    best = np.array([codes.get(one, 0) for one in made["best"].to_pylist()])[row]
    refused = _refused(store, snapshot, concept, items, codes)
    usable = there & reached & ~refused[np.arange(items.n), best]
    rest = codes.get(None) if by == "propagated" else None
    for item in np.flatnonzero(usable).tolist():
        code, p = int(best[item]), float(chance[item])
        others = [rest] if rest is not None and rest != code else [
            at for at in range(len(codes)) if at != code
        ]  # fmt: skip
        chances[item] = 0.0
        chances[item, code] = p
        chances[item, others] = (1 - p) / max(len(others), 1)
    top = np.sort(chances, axis=1)
    lead = top[:, -1] - (top[:, -2] if chances.shape[1] > 1 else 0)
    against = (chances.argmax(1) != best) & (rest is None)
    weight[usable] = np.where(against, 0.0, lead)[usable]


def _rows_of(items: Items, made: pa.Table) -> Ints:
    """Find the row of each item, -1 where it has none: by detection, or by the very same span."""
    if items.kind == described.SPANS:
        known = {key: at for at, key in enumerate(_spans(made))}
        return np.array([known.get(key, -1) for key in _spans(items.table)], np.int64)
    key = made["detection_id"].to_numpy()
    order = np.argsort(key, kind="stable")
    place = np.minimum(np.searchsorted(key, items.numbers, sorter=order), len(key) - 1)
    return np.where(key[order[place]] == items.numbers, order[place], -1)


def _spans(table: pa.Table) -> zip[tuple[object, ...]]:
    return zip(*(table[name].to_pylist() for name in KEYS), strict=True)


def _refused(
    store: Store, snapshot: Snapshot, concept: str, items: Items, codes: dict[str | None, int]
) -> Members:
    """Labels that people said are wrong, (n, k)."""
    found = np.zeros((items.n, len(codes)), bool)
    if items.kind == described.SPANS:
        return found
    wrong = store.rejected(concept, snapshot)
    here, item = items.of_detections(wrong["detection_id"].to_numpy())
    label = wrong["label"].to_pylist()
    for at, owner in zip(here.tolist(), item.tolist(), strict=True):
        if label[at] in codes:
            found[owner, codes[label[at]]] = True
    return found


def shares_of_tracks(items: Items, used: Members, always: Members | None = None) -> Floats:
    """Let each track count once, by at most `MOST_OF_TRACK` detections; 0 for the others.

    Those in ``always``, whose labels people gave, are among them, however many they are.
    """
    share = np.where(used, 1.0, 0.0)
    if items.kind == described.SPANS or "track" not in items.table.column_names:
        return share
    track = pc.fill_null(items.table["track"], -1).to_numpy()
    rows = np.flatnonzero(used & (track >= 0))
    order = rows[np.lexsort((items.table["start_us"].to_numpy()[rows], track[rows]))]
    for part in np.split(order, np.flatnonzero(np.diff(track[order])) + 1):
        if len(part):
            evenly = np.linspace(0, len(part) - 1, MOST_OF_TRACK).round().astype(int)
            chosen = part[np.unique(evenly)]
            if always is not None:
                chosen = np.union1d(chosen, part[always[part]])
            share[part] = 0.0
            share[chosen] = 1 / len(chosen)
    return share


def _groups(items: Items, used: Members) -> tuple[Ints, tuple[str, ...]]:
    """Videos; of few videos their shots, or minutes."""
    video = described.groups_of(items)
    if len(np.unique(video[used])) >= FEW_VIDEOS:
        return video, ()
    if "shot_id" in items.table.column_names:
        part, what = pc.fill_null(items.table["shot_id"], -1).to_numpy(), "shots"
    else:
        part, what = items.table["start_us"].to_numpy() // BLOCK_US, "minutes"
    code = np.unique(np.c_[video, part], axis=0, return_inverse=True)[1].ravel()
    note = f"labels are in fewer than {FEW_VIDEOS} videos: {what} are left out instead"
    return code.astype(np.int64), (f"{note}, which makes figures too good",)
