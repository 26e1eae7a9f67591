"""The tables of a collection as relations read them: one snapshot, with the labels in force."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.api.extents import extents, frame_times
from vquery.store.drawn import is_drawn
from vquery.store.parts import has_video
from vquery.store.settle import CROPS as DRAWN_CROPS

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from vquery.store.snapshot import Snapshot

INT64 = pa.int64()
HUMAN = "human"
PROPAGATED = "propagated"
FUSED = "fused"
PREDICTED = "predicted"
CROPS = "picture.detection"
PUBLIC_DETECTION = pa.schema(
    [field for field in schema.DETECTION if field.name not in {"frame", "shot_id", "source"}]
)


class OfCollection:
    """What every table of a snapshot can tell of the videos that it is about."""

    snapshot: Snapshot

    @property
    def collection(self) -> str:
        """Collection that the videos are of."""
        return str(self.snapshot.root.resolve())

    @property
    def extents(self) -> Callable[[], pa.Table]:
        """What is known of whole videos."""
        return functools.partial(extents, self.snapshot)

    @property
    def frame_times(self) -> Callable[[], pa.Table]:
        """When each frame is shown."""
        return functools.partial(frame_times, self.snapshot)


@dataclass(frozen=True, eq=False)
class StoredTable(OfCollection):
    """One table of a snapshot, under the name that people know it by."""

    snapshot: Snapshot
    stored: str
    name: str

    @property
    def schema(self) -> pa.Schema:
        """Columns and types."""
        return self.snapshot.schema(self.stored)

    @property
    def num_rows(self) -> int:
        """Rows of the table, for estimates."""
        return self.snapshot.count(self.stored)

    @property
    def identity(self) -> tuple[Any, ...]:
        """Equal for tables that give the same rows."""
        return (self.snapshot, self.stored)

    @property
    def videos(self) -> Callable[[], pa.Table] | None:
        """What videos have rows; None where rows do not name videos of the collection."""
        if not has_video(self.schema):
            return None
        return functools.partial(listed_videos, self.snapshot, self.stored)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Read all rows, sorted."""
        return self.snapshot.read(self.stored, columns=columns)

    def read_videos(self, columns: list[str], videos: pa.Array) -> pa.Table:
        """Read the rows of some videos, sorted."""
        return self.snapshot.read(self.stored, columns=columns, videos=videos.to_pylist())

    @property
    def versions(self) -> Callable[[pa.Array], list[bytes]] | None:
        """What the rows of each video are, without reading them; None as for ``videos``."""
        if not has_video(self.schema):
            return None
        return functools.partial(part_versions, self.snapshot, self.stored)

    def picture(self, detection_id: int) -> bytes | None:
        """Return the JPEG crop of a detection: a saved relation may have some."""
        return crop(self.snapshot, detection_id)


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


@dataclass(frozen=True, eq=False)
class DetectionTable(OfCollection):
    """Detections of one class (None: of all) with the labels of some concepts.

    A label is the human one, else the propagated one: at its own threshold, or at the one given,
    and never one that a person rejected for this detection.
    """

    snapshot: Snapshot
    seeds: pa.Table
    rejected: pa.Table
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

    @property
    def identity(self) -> tuple[Any, ...]:
        """Equal for tables that give the same rows."""
        return (self.snapshot, self.seeds, self.rejected, self.only_class, self.labels)

    def videos(self) -> pa.Table:
        """List the videos that have detections of any class."""
        return listed_videos(self.snapshot, "detections")

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Read all rows, sorted; labels are looked up only where they are asked for."""
        return self._read(columns, None)

    def read_videos(self, columns: list[str], videos: pa.Array) -> pa.Table:
        """Read the rows of some videos, sorted."""
        return self._read(columns, videos.to_pylist())

    def _read(self, columns: list[str] | None, videos: list[str] | None) -> pa.Table:
        names = self.schema.names if columns is None else columns
        stored = [name for name in PUBLIC_DETECTION.names if name in names]
        needed = list(dict.fromkeys([*stored, "detection_id", "class"]))
        rows = self.snapshot.read("detections", columns=needed, videos=videos)
        if self.only_class is not None:
            rows = rows.filter(pc.equal(rows["class"], self.only_class))
        for one in self.labels:
            if any(field.name in names for field in one.fields()):
                rows = self._with(rows, one, videos)
        return rows.select(names)

    def _with(self, rows: pa.Table, wanted: Wanted, videos: list[str] | None) -> pa.Table:
        ids = rows["detection_id"].to_numpy()
        found = labels_of(self.snapshot, self.seeds, self.rejected, ids, wanted, videos)
        for field in wanted.fields():
            rows = rows.append_column(field, found[field.name])
        return rows

    def picture(self, detection_id: int) -> bytes | None:
        """Return the JPEG crop of a detection, None where there is none."""
        return crop(self.snapshot, detection_id)


def listed_videos(snapshot: Snapshot, stored: str) -> pa.Table:
    """List the videos of a table and about how many rows each has, from the catalog alone."""
    rows: dict[str, int] = {}
    for live in snapshot.live(stored):
        videos = live.videos
        for video in videos:
            rows[video] = rows.get(video, 0) + live.rows // len(videos) + 1
    return pa.table({"video": pa.array(rows, pa.string()), "rows": pa.array(rows.values(), INT64)})


def part_versions(snapshot: Snapshot, stored: str, videos: pa.Array) -> list[bytes]:
    """Name the parts in which the rows of each video are: parts never change."""
    found: dict[str, list[str]] = {}
    for live in snapshot.live(stored):
        for video in live.videos:
            found.setdefault(video, []).append(live.path)
    paths = (found.get(video, ()) for video in videos.to_pylist())
    return ["\0".join(sorted(each)).encode() for each in paths]


def crop(snapshot: Snapshot, detection_id: int) -> bytes | None:
    """Return the JPEG crop of a detection, None where there is none."""
    table = DRAWN_CROPS if is_drawn(detection_id) else CROPS
    if table not in snapshot.tables():
        return None
    return snapshot.picture(table, detection_id)


def labels_of(
    snapshot: Snapshot,
    seeds: pa.Table,
    rejected: pa.Table,
    ids: npt.NDArray[np.int64],
    wanted: Wanted,
    videos: list[str] | None = None,
) -> pa.Table:
    """Return the label, its probability and its source for each id, null where there is none.

    ``seeds`` are the human labels, ``rejected`` those that people said are wrong (both of schema
    SEED); ``videos`` are those that the ids are of, where that is known.

    A human label comes before one that was found, also where it says "none of them". What was a
    human label when it was propagated or fused, and is taken back, counts as found, and what was
    rejected as not found.
    """
    soft = without_rejected(propagated(snapshot, wanted.concept, videos), rejected)
    said = seeds.filter(pc.equal(seeds["concept"], wanted.concept))
    at = _rows_of(soft["detection_id"].to_numpy(), ids)
    by_hand = _rows_of(said["detection_id"].to_numpy(), ids)
    human, told = pc.is_valid(by_hand), said["label"].take(by_hand)
    sure = pc.if_else(pc.is_valid(told), 1.0, pa.scalar(None, pa.float32())).cast(pa.float32())
    source = soft["source"].take(at)
    source = pc.if_else(pc.equal(source, HUMAN), found_as(soft["source"]), source)
    found = [
        pc.if_else(human, told, at_threshold(snapshot, soft, wanted.threshold).take(at)),
        pc.if_else(human, sure, soft["probability"].take(at)),
        pc.if_else(human, pa.scalar(HUMAN), source),
    ]
    detailed = Wanted(wanted.concept, detail=True)
    return pa.table(found, schema=pa.schema(detailed.fields()))


def found_as(source: pa.ChunkedArray | pa.Array) -> str:
    """Say what a person's label counts as once it is taken back: as the others of its run do.

    >>> found_as(pa.array(["human", "fused"])), found_as(pa.array(["human"]))
    ('fused', 'propagated')
    """
    there = source.unique().to_pylist()
    return next((one for one in (PREDICTED, FUSED) if one in there), PROPAGATED)


def propagated(snapshot: Snapshot, concept: str, videos: list[str] | None = None) -> pa.Table:
    """Read what was propagated of a concept, without the reasons, which take most of the room."""
    columns = [name for name in schema.SOFT_LABEL.names if name != "why"]
    soft = snapshot.read("soft_labels", columns=columns, videos=videos)
    return soft.filter(pc.equal(soft["concept"], concept))


def without_rejected(soft: pa.Table, rejected: pa.Table) -> pa.Table:
    """Leave out the rows of one concept (schema SOFT_LABEL) whose best label is rejected."""
    if not soft.num_rows or not rejected.num_rows:
        return soft
    refused = rejected.filter(pc.equal(rejected["concept"], soft["concept"][0]))
    own, wrong = soft["detection_id"].to_numpy(), refused["detection_id"].to_numpy()
    maybe = np.flatnonzero(np.isin(own, wrong))
    if not len(maybe):
        return soft
    pairs = set(zip(wrong.tolist(), refused["label"].to_pylist(), strict=True))
    best = soft["best"].take(pa.array(maybe)).to_pylist()
    keep = np.ones(len(own), bool)
    keep[maybe] = [pair not in pairs for pair in zip(own[maybe].tolist(), best, strict=True)]
    return soft.filter(pa.array(keep))


def at_threshold(snapshot: Snapshot, soft: pa.Table, threshold: float | None) -> pa.ChunkedArray:
    """Choose labels at another threshold than that of the propagation or fusion.

    A row without a label above its own threshold lost its name to another one in its frame, and
    does not get it back by a lower threshold.
    """
    if threshold is None:
        return soft["label"]
    enough = pa.scalar(threshold, pa.float32())
    arguments = run_arguments(snapshot)
    runs = soft["run_id"].unique()
    least = [arguments.get(run, {}).get("threshold", 1.0) for run in runs.to_pylist()]
    own = pa.array(least, pa.float32()).take(pc.index_in(soft["run_id"], runs))
    beaten = pc.and_(pc.is_null(soft["label"]), pc.greater_equal(soft["probability"], own))
    sure = pc.and_not(pc.greater_equal(soft["probability"], enough), beaten)
    return pc.if_else(sure, soft["best"], pa.scalar(None, pa.string()))


def run_arguments(snapshot: Snapshot) -> dict[int, dict[str, Any]]:
    """Return what each run was given, by ``run_id``."""
    runs = snapshot.runs().select(["run_id", "arguments"]).to_pylist()
    return {run["run_id"]: json.loads(run["arguments"]) for run in runs}


def _rows_of(known: npt.NDArray[np.int64], ids: npt.NDArray[np.int64]) -> pa.Array:
    """Find the row of each id in ``known`` (any order, unique), null where it is not.

    >>> _rows_of(np.array([7, 5]), np.array([5, 6, 7])).to_pylist()
    [1, None, 0]
    """
    if not len(known):
        return pa.nulls(len(ids), pa.int64())
    order = np.argsort(known, kind="stable")
    place = np.minimum(np.searchsorted(known, ids, sorter=order), len(known) - 1)
    rows = order[place]
    return pa.array(rows.astype(np.int64), mask=known[rows] != ids)
