"""Predictions of an end model over a collection, kept as soft labels; see `Collection.predict`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.api.fusion import items as described
from vquery.api.labelling import check_concept
from vquery.api.learnt.items import detections, ids_like, in_blocks, items_of, made_by
from vquery.api.learnt.trained import Trained, shown
from vquery.api.propagation import keeping
from vquery.api.tables import HUMAN, PREDICTED
from vquery.engine.bring import any_table
from vquery.errors import LearnError, QueryError
from vquery.supervise.soft import lead
from vquery.view.page import fragment, heading, table_html

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vquery.api.fusion.items import Items
    from vquery.engine.intervals import Intervals
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

    Floats = np.ndarray[Any, np.dtype[np.float64]]

TINY = 1e-6
ONNX = ".onnx"
TRACK, DETECTION = "track", "detection"


class Predicted:
    """What a model says of items, with what people said in its place.

    Attributes
    ----------
    concept, model, version
        What is told, and by which model.
    table
        Schema SOFT_LABEL for detections, SOFT_INTERVAL for spans; ``source`` is "predicted", or
        "human" where a person decided.
    probability, classes
        Of all classes, (n, k), NaN where the model saw nothing; by item, before people, after
        those of a track were averaged.
    run_id
        The run that kept it; None where it was not kept.
    """

    def __init__(
        self,
        concept: str,
        model: str,
        version: str,
        items: Items,
        classes: tuple[str | None, ...],
        probability: Floats,
        human: described.Human,
        labels: tuple[str | None, ...],
        threshold: float,
        run_id: int | None,
        *,
        calibrated: bool = True,
    ) -> None:
        self.concept, self.model, self.version = concept, model, version
        self.calibrated = calibrated
        self.classes, self.probability, self.run_id = classes, probability, run_id
        self._items, self._human, self._labels = items, human, labels
        self._threshold = threshold
        self.table = self._table()

    def _table(self) -> pa.Table:
        items, n = self._items, self._items.n
        reached: np.ndarray[Any, np.dtype[np.bool_]] = np.asarray(
            np.isfinite(self.probability).all(1)
        )
        chance = np.where(reached[:, None], self.probability, 0.0)
        names = np.empty(len(self.classes), object)
        names[:] = self.classes
        best, sure = names[chance.argmax(1)], chance.max(1, initial=0.0)
        margin = lead(chance)
        best[~reached] = None
        said = self._human.codes >= 0
        told = np.empty(len(self._labels), object)
        told[:] = self._labels
        best[said] = told[self._human.codes[said]]
        odds = _odds(chance)
        del chance  # as large as all of the rest
        sure, margin = np.where(said, 1.0, sure), np.where(said, 1.0, margin)
        label, unsure = best.copy(), reached & ~said & (sure < self._threshold)
        label[unsure] = None
        self._unsure = int(unsure.sum())
        columns = {
            "concept": pa.repeat(pa.scalar(self.concept), n),
            "label": pa.array(label, pa.string()),
            "best": pa.array(best, pa.string()),
            "probability": pa.array(sure, pa.float32()),
            "margin": pa.array(margin, pa.float32()),
            "reached": pa.array(reached | said),
            "calibrated": pa.repeat(pa.scalar(self.calibrated), n),
            "source": pa.array(np.where(said, HUMAN, PREDICTED), pa.string()),
            "why": self._why(odds, reached),
            "run_id": pa.repeat(pa.scalar(self.run_id, pa.int64()), n),
            "video": items.table["video"],
        }
        if items.kind == described.SPANS:
            more = {name: items.table[name] for name in ("start_us", "end_us", "item")}
            return schema.conform(pa.table(columns | more), schema.SOFT_INTERVAL, what="predicted")
        columns["detection_id"] = items.table["detection_id"]
        return schema.conform(pa.table(columns), schema.SOFT_LABEL, what="predicted")

    def _why(self, odds: Floats, reached: Any) -> pa.Array:
        """Name the model, its version, and the log-odds of its best class over the next one."""
        source = {"source": f"model {self.model}", "version": self.version}
        some, at = np.unique(np.where(reached, odds, np.nan), return_inverse=True)
        texts = [
            "[]" if np.isnan(one) else json.dumps([{**source, "weight": float(one)}])
            for one in some
        ]
        return pa.array(texts, pa.string()).take(pa.array(at))

    def summary(self) -> dict[str, Any]:
        """Count labels, as plain values."""
        table = self.table
        given = table["label"].value_counts().to_pylist()
        labels = {one["values"]: one["counts"] for one in given if one["values"] is not None}
        labelled = sum(labels.values())
        reached = pc.sum(table["reached"]).as_py() or 0
        return {
            "concept": self.concept,
            "model": self.model,
            "version": self.version,
            "over": self._items.kind,
            "items": table.num_rows,
            "labelled": labelled,
            "none_of_them": reached - labelled - self._unsure,
            "unsure": self._unsure,
            "without_features": table.num_rows - reached,
            "human": int((self._human.codes >= 0).sum()),
            "labels": dict(sorted(labels.items(), key=lambda one: -one[1])),
        }

    def why(self, item: int) -> dict[str, Any]:
        """Say why an item has its label: the model, its version, and what it says of each class.

        Raises
        ------
        LearnError
            If the item took no part.
        """
        at = np.flatnonzero(self._items.numbers == item)
        if not len(at):
            raise LearnError(f"item {item!r} took no part in this prediction")
        row = self.table.slice(int(at[0]), 1).to_pylist()[0]
        chance = self.probability[at[0]].tolist()
        return {
            "item": int(item),
            "label": row["label"],
            "source": row["source"],
            "model": self.model,
            "version": self.version,
            "run_id": self.run_id,
            "probabilities": dict(zip(map(shown, self.classes), chance, strict=True)),
        }

    def __repr__(self) -> str:
        told = self.summary()
        labels = ", ".join(f"{name} {count:,}" for name, count in told["labels"].items())
        return (
            f"<Predicted {self.concept!r} by {self.model!r}: {told['labelled']:,} of "
            f"{told['items']:,} {told['over']} labelled ({labels or 'none'}), "
            f"{told['human']:,} by people>"
        )

    def _repr_html_(self) -> str:
        told = self.summary()
        rows: list[list[object]] = [[name, count] for name, count in told["labels"].items()]
        rows += [[shown(None), told["none_of_them"]], ["unsure", told["unsure"]]]
        rows += [["nothing to see", told["without_features"]]]
        title = f"{self.concept}, predicted by {self.model} over {told['items']:,} {told['over']}"
        return fragment(heading(title), table_html(["label", "items"], rows))


def _odds(chance: Floats) -> Floats:
    """Log-odds of the best class over the next one, to two places."""
    if chance.shape[1] < 2:
        chance = np.c_[np.full(len(chance), TINY), chance]
    top = np.clip(np.partition(chance, -2, axis=1)[:, -2:], TINY, 1 - TINY)
    return np.round(np.log(top[:, 1]) - np.log(top[:, 0]), 2)


def predict(
    store: Store,
    name: str,
    over: Any,
    concept: str | None,
    threshold: float,
    by: str,
    *,
    keep: bool,
) -> Predicted:
    """Predict and keep; see `Collection.predict`."""
    _check(threshold)
    if by not in (TRACK, DETECTION):
        raise QueryError(f"by= must be {TRACK!r} or {DETECTION!r}, got {by!r}")
    found = _usable(store, name)
    concept = found.concept if concept is None else concept
    check_concept(concept)
    with store.snapshot() as snapshot:
        items = _items(snapshot, over, found, concept)
        chance = _said(snapshot, items, found)
        if by == TRACK and items.kind == described.DETECTIONS:
            chance = of_tracks(chance, items.table["track"])
        said = described.labels_in(
            store.labels(concept, snapshot), store.span_labels(concept, snapshot)
        )
        labels = tuple(dict.fromkeys([*found.told["classes"], *said]))
        codes = {label: code for code, label in enumerate(labels)}
        human = described.said_of(store, snapshot, items, concept, codes)
        until = snapshot.last_event
    made = (
        concept,
        name,
        found.version,
        items,
        tuple(found.told["classes"]),
        chance,
        human,
        labels,
    )
    if not keep:
        return Predicted(*made, threshold, None, calibrated=found.told["calibrated"])
    shelf = keeping.SPANS if items.kind == described.SPANS else keeping.DETECTIONS
    arguments = {
        "concept": concept, "model": name, "version": found.version, "threshold": threshold,
        "by": by, "over": items.kind, "items": items.n, "last_event": until,
    }  # fmt: skip
    with store.writer(keeping.PREDICT, arguments) as writer:
        run = int(writer.run_id)
        result = Predicted(*made, threshold, run, calibrated=found.told["calibrated"])
        keeping.keep(store, writer, concept, result.table, shelf)
        writer.finish(result.summary())
    return result


def _check(threshold: Any) -> None:
    if not (isinstance(threshold, int | float) and 0 <= threshold <= 1):
        raise QueryError(f"threshold= must be from 0 to 1, got {threshold!r}")


def _usable(store: Store, name: str) -> Trained:
    """Read a model whose learned spaces are as they were when it was trained.

    Raises
    ------
    LearnError
        If there is none, or a space was learnt anew: its numbers mean something else now.
    """
    found = Trained.read(store.path, name)
    then = found.told.get("made_by", {})
    now = made_by(store, list(then))
    other = [space for space in then if now.get(space) != then[space]]
    if other:
        raise LearnError(
            f"the space {other[0]!r} is of another embedding than when {name!r} was trained on it: "
            "train it again"
        )
    return found


def of_tracks(chance: Floats, track: pa.ChunkedArray) -> Floats:
    """Give each item the mean probability of its track; those without a track keep their own.

    Parameters
    ----------
    chance : (n, k)
        Rows of NaN, of which nothing is seen, say nothing of their track and stay so.
    track : (n,)
        Null for none.

    >>> found = of_tracks(np.array([[1.0, 0.0], [0.5, 0.5], [0.2, 0.8]]), pa.array([7, 7, None]))
    >>> found.tolist()
    [[0.75, 0.25], [0.75, 0.25], [0.2, 0.8]]
    """
    known = track.is_valid().to_numpy(zero_copy_only=False) & np.isfinite(chance).all(1)
    rows, out = np.flatnonzero(known), chance.copy()
    _, code = np.unique(pc.fill_null(track, -1).to_numpy()[rows], return_inverse=True)
    count = np.bincount(code)
    for column in out.T:  # one after the other: many items take little more memory
        column[rows] = (np.bincount(code, column[rows]) / count)[code]
    return out


def _items(snapshot: Snapshot, over: Any, found: Trained, concept: str) -> Items:
    kind = found.told["over"]
    if kind not in (described.DETECTIONS, described.SPANS):
        raise LearnError(f"{found.name!r} is damaged (it is of {kind!r}): train it again")
    if over is not None:
        items = items_of(over, snapshot)
        if items.kind != kind:
            raise LearnError(f"{found.name!r} was trained on {kind}; over= gives {items.kind}")
        return items
    if kind == described.DETECTIONS:
        return detections(snapshot, ids_like(snapshot, found.told.get("detections")))
    spans = keeping.last_made(snapshot, concept, keeping.SPANS)
    if not spans.num_rows:
        spans = snapshot.read("shots", columns=["video", "start_us", "end_us"])
    names = [name for name in ("video", "start_us", "end_us", "item") if name in spans.column_names]
    return items_of(spans.select(names), snapshot)


def _chances(
    snapshot: Snapshot,
    items: Items,
    spaces: Sequence[str] | None,
    side: int | None,
    asked: Callable[[Any], Floats],
    classes: Sequence[Any],
) -> Floats:
    """Ask about all items, a block at a time: (n, k), NaN where nothing is seen."""
    chance = np.full((items.n, len(classes)), np.nan)
    for here, view in in_blocks(snapshot, items, spaces, side):
        if view.there.any():
            chance[here][view.there] = asked(view.x)
    return chance


def _said(snapshot: Snapshot, items: Items, found: Trained) -> Floats:
    told = found.told
    spaces, side = told["spaces"] or None, told["side"]
    return _chances(snapshot, items, spaces, side, found.model.predict_proba, told["classes"])


def classified(
    store: Store,
    model: str | Path,
    over: Any,
    threshold: float,
    spaces: Sequence[str] | None,
    options: dict[str, Any],
) -> Intervals:
    """Ask a model, or an ONNX file, for votes; see `Collection.classified`."""
    _check(threshold)
    classes: Sequence[Any]
    with store.snapshot() as snapshot:
        if str(model).endswith(ONNX):
            from vquery.media.networks import OnnxClassifier

            network = OnnxClassifier(Path(model), **options)
            asked = ids_like(snapshot) if over is None else over
            items, classes = items_of(asked, snapshot), network.classes_
            chance = _chances(snapshot, items, spaces, network.side, network.predict_proba, classes)
        else:
            if options or spaces is not None:
                odd = ", ".join([*options, *(["spaces"] if spaces is not None else [])])
                raise LearnError(f"{odd}: are for files .onnx; the model {model!r} has its own")
            found = _usable(store, str(model))
            items, classes = _items(snapshot, over, found, found.concept), found.told["classes"]
            chance = _said(snapshot, items, found)
    return _votes(items, classes, chance, threshold, Path(str(model)).stem)


def _votes(
    items: Items, classes: Sequence[Any], chance: Floats, threshold: float, name: str
) -> Intervals:
    there = np.flatnonzero(np.isfinite(chance).all(1))
    rows, chance = items.table.take(pa.array(there)), chance[there]
    best, sure = chance.argmax(1), chance.max(1, initial=0.0)
    votes = [None if classes[at] is None else str(classes[at]) for at in best]
    rows = rows.append_column("vote", pa.array(votes, pa.string()))
    rows = rows.append_column("probability", pa.array(sure))
    keep = pa.array((sure >= threshold) & np.array([one is not None for one in votes], bool))
    return any_table(rows.drop_columns("item").filter(keep), name)
