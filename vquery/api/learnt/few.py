"""A concept from one to five examples, in milliseconds; see `Collection.few_shot`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.labelling import ids_of
from vquery.api.learnt.items import detections, seen
from vquery.engine.bring import any_table
from vquery.errors import LabelError
from vquery.learn.ends.few_shot import FewShot
from vquery.store.verdicts import rejected, unsure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vquery.api.fusion.items import Items
    from vquery.engine.intervals import Intervals
    from vquery.store.store import Store

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Ints = np.ndarray[Any, np.dtype[np.int64]]
    Kind = Literal["prototype", "ridge"]

BACKGROUND = 2_000
"""Detections, drawn once, whose mean vectors are compared from."""
FEW_SHOT = "fewshot"


@dataclass(frozen=True, eq=False)
class Scored:
    """Detections that have vectors, and how much each is like each class."""

    items: Items
    rows: Ints
    head: FewShot
    scores: Floats
    seeds: Ints


def scored(
    store: Store,
    concept: str,
    kind: Kind,
    over: Any,
    spaces: Sequence[str] | None,
    examples: Any,
) -> Scored:
    """Learn from the human labels of a concept, or from examples, and score detections."""
    with store.snapshot() as snapshot:
        ids = np.unique(ids_of(over, none="there are no detections to look at"))
        if examples is None:
            said = store.labels(concept, snapshot)
            given = dict(
                zip(said["detection_id"].to_pylist(), said["label"].to_pylist(), strict=True)
            )
        else:
            given = _examples(examples)
        if all(label is None for label in given.values()):
            raise LabelError(f"nothing is labelled of {concept!r}: label one example, or more")
        every = np.union1d(ids, np.array(list(given), np.int64)).astype(np.int64)
        items = detections(snapshot, every)
        view = seen(snapshot, items, spaces, None)
    rows = np.flatnonzero(view.there)
    numbers = items.numbers[rows]
    mine = np.isin(numbers, np.array(list(given), np.int64))
    if not mine.any():
        raise LabelError(f"none of the {len(given)} examples of {concept!r} has a vector")
    labels = np.empty(int(mine.sum()), object)
    labels[:] = [_named(given[int(one)]) for one in numbers[mine]]
    drawn = np.random.default_rng(0).permutation(len(rows))[:BACKGROUND]
    head = FewShot(kind).fit(view.x[mine], labels, background=view.x[drawn], rest=NOBODY)
    wanted = np.isin(numbers, ids)
    return Scored(items, rows[wanted], head, head.scores(view.x[wanted]), numbers[mine])


NOBODY = ""
"""The class of what people say is none of them, and of all else; no label is empty."""


def _examples(given: Any) -> dict[int, str | None]:
    """Check examples: detection → label."""
    good = isinstance(given, Mapping) and all(
        isinstance(item, int | np.integer) and isinstance(label, str | None)
        for item, label in given.items()
    )
    if not good:
        raise LabelError(f"examples= must give each detection id its label, got {given!r}")
    return {int(item): label for item, label in given.items()}


def _named(label: str | None) -> str:
    return NOBODY if label is None else label


def few_shot(
    store: Store,
    concept: str,
    kind: Kind,
    over: Any,
    spaces: Sequence[str] | None,
    examples: Any,
) -> Intervals:
    """Score detections by a few examples; see `Collection.few_shot`."""
    found = scored(store, concept, kind, over, spaces, examples)
    rows = found.items.table.take(pa.array(found.rows)).drop_columns("item")
    best, score, margin = _best(found)
    for name, column in (("best", best), ("likeness", score), ("margin", margin)):
        rows = rows.append_column(name, column)
    rows = rows.append_column(
        "example", pa.array(np.isin(found.items.numbers[found.rows], found.seeds))
    )
    return any_table(rows, f"few-shot {concept}")


def _best(found: Scored) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Best label of each row (null for nobody), its score, and its lead over the next one."""
    names = found.head.classes_
    at = found.scores.argmax(1)
    top = np.sort(found.scores, axis=1)
    best = pa.array([str(names[one]) or None for one in at], pa.string())
    return best, pa.array(top[:, -1]), pa.array(top[:, -1] - top[:, -2])


def suggest(
    store: Store, n: int, concept: str, over: Any, spaces: Sequence[str] | None = None
) -> Intervals:
    """Choose what to label next by a few-shot head: one of a track, the least sure first.

    The head is sure where its best class leads; half of the suggestions are the rows where it
    leads least, and half those that are most like a class that has fewest examples, so that a new
    concept also gets examples that are right.
    """
    found = scored(store, concept, "prototype", over, spaces, None)
    numbers = found.items.numbers[found.rows]
    with store.snapshot() as snapshot:
        events = store.events(snapshot)
        asked = {*unsure(events, concept).tolist(), *found.seeds.tolist()}
        refused = set(rejected(events, concept)["detection_id"].to_pylist())
    rows = found.items.table.take(pa.array(found.rows)).drop_columns("item")
    track = pc.fill_null(rows["track"], -1).to_numpy()
    taken = np.isin(numbers, list(asked | refused))
    done = set(track[taken & (track >= 0)].tolist())
    free = ~taken & ~np.isin(track, list(done) or [-2])
    best, score, margin = (column.to_numpy(zero_copy_only=False) for column in _best(found))
    order = _alternating(free, margin, score, best)
    chosen: list[int] = []
    reasons: list[str] = []
    seen_tracks: set[int] = set()
    for row, reason in order:
        if len(chosen) == n:
            break
        if track[row] >= 0 and track[row] in seen_tracks:
            continue
        seen_tracks.add(int(track[row]))
        chosen.append(row)
        reasons.append(reason)
    size = dict(zip(*np.unique(track, return_counts=True), strict=True))
    chance = found.head.sharpness * found.scores
    share = np.exp(chance - chance.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    out = rows.take(pa.array(chosen, pa.int64()))
    more = {
        "rank": pa.array(range(1, len(chosen) + 1), pa.int64()),
        "suggestion": pa.array(1.0 - margin[chosen] if chosen else []),
        "reason": pa.array(reasons, pa.string()),
        "items": pa.array(
            [int(size[track[one]]) if track[one] >= 0 else 1 for one in chosen], pa.int64()
        ),
        "best": pa.array([best[one] for one in chosen], pa.string()),
        "best_probability": pa.array(share[chosen].max(1) if chosen else [], pa.float32()),
    }
    for name, column in more.items():
        out = out.append_column(name, column)
    return any_table(out, "suggestions").sort("rank")


def _alternating(free: Any, margin: Any, score: Any, best: Any) -> list[tuple[int, str]]:
    """Alternate between rows that are least sure and those most like a class."""
    rows = np.flatnonzero(free)
    unsure_first = rows[np.argsort(margin[rows], kind="stable")]
    named = rows[[best[row] is not None for row in rows]] if len(rows) else rows
    alike_first = named[np.argsort(-score[named], kind="stable")]
    out: list[tuple[int, str]] = []
    for at in range(max(len(unsure_first), len(alike_first))):
        if at < len(unsure_first):
            row = int(unsure_first[at])
            out.append((row, f"least sure of few examples: leads by {margin[row]:.2f}"))
        if at < len(alike_first):
            row = int(alike_first[at])
            out.append((row, f"most like few examples of {best[row]}: {score[row]:.2f}"))
    return out
