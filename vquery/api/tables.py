"""The tables of a collection as relations read them: one snapshot, with the labels in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vquery.store.snapshot import Snapshot

HUMAN = "human"
PUBLIC_DETECTION = pa.schema(
    [field for field in schema.DETECTION if field.name not in {"frame", "shot_id", "source"}]
)


@dataclass(frozen=True)
class StoredTable:
    """One table of a snapshot."""

    snapshot: Snapshot
    name: str

    @property
    def schema(self) -> pa.Schema:
        """Columns and types."""
        return self.snapshot.schema(self.name)

    @property
    def num_rows(self) -> int:
        """Rows of the table, for estimates."""
        return self.snapshot.count(self.name)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Read all rows, sorted."""
        return self.snapshot.read(self.name, columns=columns)


@dataclass(frozen=True)
class Wanted:
    """A concept whose labels become columns: ``column``, and with ``detail`` its certainty."""

    concept: str
    threshold: float | None = None
    detail: bool = False

    def fields(self) -> list[pa.Field]:
        """Name the columns."""
        fields = [pa.field(self.concept, pa.string())]
        if self.detail:
            fields += [
                pa.field(f"{self.concept}_probability", pa.float32()),
                pa.field(f"{self.concept}_source", pa.string()),
            ]
        return fields


@dataclass(frozen=True)
class DetectionTable:
    """Detections of one class (None: of all) with the labels of some concepts.

    A label is the human one, else the propagated one: at its own threshold, or at the one given.
    """

    snapshot: Snapshot
    seeds: pa.Table
    name: str
    only_class: str | None
    labels: tuple[Wanted, ...] = (Wanted("name"),)

    @property
    def schema(self) -> pa.Schema:
        """Columns and types."""
        return pa.schema([*PUBLIC_DETECTION, *(f for one in self.labels for f in one.fields())])

    @property
    def num_rows(self) -> int:
        """Detections of all classes, for estimates."""
        return self.snapshot.count("detections")

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Read all rows, sorted; labels are looked up only where they are asked for."""
        names = self.schema.names if columns is None else columns
        stored = [name for name in PUBLIC_DETECTION.names if name in names]
        needed = sorted({*stored, "detection_id", "class"})
        rows = self.snapshot.read("detections", columns=needed)
        if self.only_class is not None:
            rows = rows.filter(pc.equal(rows["class"], self.only_class))
        for one in self.labels:
            if any(field.name in names for field in one.fields()):
                rows = self._with(rows, one)
        return rows.select(names)

    def _with(self, rows: pa.Table, wanted: Wanted) -> pa.Table:
        found = labels_of(self.snapshot, self.seeds, rows["detection_id"].to_numpy(), wanted)
        for field in wanted.fields():
            rows = rows.append_column(field, found[field.name])
        return rows


def labels_of(
    snapshot: Snapshot, seeds: pa.Table, ids: npt.NDArray[np.int64], wanted: Wanted
) -> pa.Table:
    """Return the label, its probability and its source for each id, null where there is none."""
    soft = snapshot.read("soft_labels")
    soft = soft.filter(pc.equal(soft["concept"], wanted.concept))
    said = seeds.filter(pc.equal(seeds["concept"], wanted.concept))
    label, probability, source = _propagated(soft, wanted.threshold)
    at = _rows_of(soft["detection_id"].to_numpy(), ids)
    by_hand = _rows_of(said["detection_id"].to_numpy(), ids)
    human = pc.is_valid(by_hand)
    named = pc.is_valid(said["label"].take(by_hand))
    columns = [
        pc.if_else(human, said["label"].take(by_hand), label.take(at)),
        pc.if_else(
            human,
            pc.if_else(named, pa.scalar(1.0, pa.float32()), pa.scalar(None, pa.float32())),
            probability.take(at),
        ),
        pc.if_else(human, pa.scalar(HUMAN), source.take(at)),
    ]
    detailed = Wanted(wanted.concept, detail=True)
    return pa.table(columns, schema=pa.schema(detailed.fields()))


def _propagated(
    soft: pa.Table, threshold: float | None
) -> tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]:
    if threshold is None:
        return soft["label"], soft["probability"], soft["source"]
    sure = pc.greater_equal(soft["probability"], pa.scalar(threshold, pa.float32()))
    return (
        pc.if_else(sure, soft["best"], pa.scalar(None, pa.string())),
        soft["probability"],
        soft["source"],
    )


def _rows_of(known: npt.NDArray[np.int64], ids: npt.NDArray[np.int64]) -> pa.Array:
    """Find the row of each id in ``known`` (any order, unique), null where it is not."""
    order = np.argsort(known, kind="stable")
    place = np.searchsorted(known, ids, sorter=order)
    inside = place < len(known)
    rows = order[np.where(inside, place, 0)] if len(known) else np.zeros(len(ids), np.int64)
    hit = inside & (known[rows] == ids) if len(known) else np.zeros(len(ids), bool)
    return pa.array(rows.astype(np.int64), mask=~hit)


def ids_of(rows: pa.Table | Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Take detection ids out of a table or list."""
    if isinstance(rows, pa.Table):
        return np.asarray(rows["detection_id"].to_numpy(), np.int64)
    return np.asarray(rows, np.int64).reshape(-1)
