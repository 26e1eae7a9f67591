"""The items of a fusion: what they are in the collection, and what people said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.labelling import check_known, known_spans
from vquery.engine.arrays import value_codes
from vquery.errors import LabelError
from vquery.metrics.spans import Spans
from vquery.schema import IDS_PER_VIDEO, KEYS
from vquery.supervise.fusion.covered import covered, settled
from vquery.supervise.votes.items import tells_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

    Ints = npt.NDArray[np.int64]

DETECTIONS, TRACKS, SPANS = "detections", "tracks", "spans"


@dataclass(frozen=True, eq=False)
class Items:
    """What was voted on.

    Attributes
    ----------
    kind
        "detections", "tracks" or "spans".
    table
        One row an item, with ``item``; spans and tracks have ``video, start_us, end_us``.
    members, owner
        The detections of items, ascending, and the item of each; none for spans.
    """

    kind: str
    table: pa.Table
    members: Ints
    owner: Ints

    @property
    def n(self) -> int:
        """Number of items."""
        return int(self.table.num_rows)

    @property
    def numbers(self) -> Ints:
        """What people call the items: their detection, track, or number."""
        return np.asarray(self.table["item"].to_numpy())

    def of_detections(self, ids: Ints) -> tuple[Ints, Ints]:
        """Find the items of detections: places among ``ids`` that have one, and the items."""
        if not len(self.members):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        at = np.minimum(np.searchsorted(self.members, ids), len(self.members) - 1)
        here = np.flatnonzero(self.members[at] == ids)
        return here, self.owner[at[here]]


@dataclass(frozen=True, eq=False)
class Human:
    """What people said of items.

    Attributes
    ----------
    codes
        Shape (n,): -1 where nobody said anything.
    rows
        The labels: schema SEED for detections and tracks, SEED_SPAN for spans.
    row
        Item → the row that its label is from.
    """

    codes: Ints
    rows: pa.Table
    row: Callable[[int], int]
    notes: tuple[str, ...]


def read_items(table: pa.Table | None, snapshot: Snapshot) -> Items:
    """Find out what items are: detections by their ids, else tracks, else spans of time.

    Raises
    ------
    LabelError
        If items have neither ids of detections nor a time, or are of no such collection.
    """
    if table is None or not {"video", "start_us"} <= set(table.column_names):
        raise LabelError(
            "fuse() needs votes on items of the collection: take them from db.votes(functions, "
            "over=db.faces), or over db.shots, 'tracks', or 'segments'"
        )
    none = np.empty(0, np.int64)
    if tells_apart(table, "detection_id"):
        ids = table["detection_id"].to_numpy().astype(np.int64)
        if (ids < 0).any():
            raise LabelError(
                f"{int((ids < 0).sum())} of {len(ids)} items were added by corrections and are no "
                "detections that can have labels: take votes over db.corrected().filter("
                "row.detection_id >= 0)"
            )
        if len(ids):
            check_known(ids, snapshot)
        order = np.argsort(ids, kind="stable")
        return Items(DETECTIONS, _named(table, "detection_id"), ids[order], order)
    if tells_apart(table, "track"):
        members, owner = _members(table, snapshot)
        if len(np.unique(owner)) == table.num_rows:
            return Items(TRACKS, _named(table, "track"), members, owner)
    if not table.num_rows:
        return Items(SPANS, table, none, none)
    spans = known_spans(table.select(list(KEYS)), snapshot)
    for name in KEYS:
        table = table.set_column(table.column_names.index(name), name, spans[name])
    return Items(SPANS, table, none, none)


def _named(table: pa.Table, name: str) -> pa.Table:
    column = table[name].cast(pa.int64())
    rest = table.drop_columns("item") if "item" in table.column_names else table
    return rest.append_column("item", column)


def _members(table: pa.Table, snapshot: Snapshot) -> tuple[Ints, Ints]:
    """Find the detections of tracks."""
    rows = snapshot.read("detections", columns=["detection_id", "track"])
    place = pc.index_in(rows["track"], value_set=table["track"].combine_chunks().cast(pa.int64()))
    known = place.is_valid()
    ids = rows["detection_id"].filter(known).to_numpy()
    owner = place.filter(known).to_numpy().astype(np.int64)
    order = np.argsort(ids, kind="stable")
    return ids[order], owner[order]


def said_of(
    store: Store, snapshot: Snapshot, items: Items, concept: str, codes: Mapping[str | None, int]
) -> Human:
    """Find what people said of items.

    Parameters
    ----------
    codes
        Label → code.

    Raises
    ------
    LabelError
        If two labels contradict inside one item.
    """
    if items.kind == SPANS:
        return _of_spans(items, store.span_labels(concept, snapshot), codes)
    return _of_detections(
        items, store.labels(concept, snapshot), codes, store.span_labels(concept, snapshot)
    )


def _of_detections(
    items: Items, seeds: pa.Table, codes: Mapping[str | None, int], spans: pa.Table
) -> Human:
    ids = seeds["detection_id"].to_numpy()
    here, item = items.of_detections(ids)
    said = np.array([codes[label] for label in seeds["label"].to_pylist()], np.int64)[here]
    found, row = np.full(items.n, -1), np.full(items.n, -1)
    found[item], row[item] = said, here
    wrong = np.flatnonzero(found[item] != said)
    if len(wrong):
        at = int(wrong[0])
        pair = [int(here[at]), int(row[item[at]])]
        a, b = (f"detection {ids[i]} {seeds['label'][i].as_py()!r}" for i in sorted(pair))
        raise LabelError(
            f"human labels contradict each other in {items.kind[:-1]} "
            f"{items.numbers[item[at]]}: {a}, {b}. Correct one of them (labelling it again "
            "replaces its label), or undo"
        )
    notes = []
    if len(ids) > len(here):
        notes.append(f"{len(ids) - len(here)} human labels are on detections that take no part")
    if spans.num_rows:
        notes.append(
            f"{spans.num_rows} labels of spans do not speak of {items.kind}, and take no part"
        )
    return Human(found, seeds, lambda item: int(row[item]), tuple(notes))


def _of_spans(items: Items, seeds: pa.Table, codes: Mapping[str | None, int]) -> Human:
    videos = pc.unique(pa.chunked_array([*items.table["video"].chunks, *seeds["video"].chunks]))
    mine, theirs = _spans(items.table, videos), _spans(seeds, videos)
    said = np.array([codes[label] for label in seeds["label"].to_pylist()], np.int64)
    found, left = settled(covered(mine, theirs, said, len(codes)))

    def row(item: int) -> int:
        here = np.flatnonzero((theirs.group == mine.group[item]) & (said == found[item]))
        ends = np.minimum(theirs.end[here], max(mine.end[item], mine.start[item] + 1))
        return int(here[(ends - np.maximum(theirs.start[here], mine.start[item])).argmax()])

    notes = []
    if len(left):
        notes.append(
            f"{len(left)} items have human labels on less than half of their time, or two on equal "
            "parts, and do not take them: vote over finer items, such as 'segments'"
        )
    return Human(found, seeds, row, tuple(notes))


def _spans(table: pa.Table, videos: pa.Array) -> Spans:
    code = pc.index_in(table["video"], value_set=videos).to_numpy()
    start, end = (table[name].to_numpy() for name in ("start_us", "end_us"))
    return Spans(np.asarray(code, np.int64), start, end)


def groups_of(items: Items) -> Ints:
    """Give the number of its video to each item."""
    if items.kind == SPANS or "video" in items.table.column_names:
        return value_codes(items.table["video"])[0]
    return items.numbers // IDS_PER_VIDEO


def labels_in(seeds: pa.Table, spans: pa.Table) -> Sequence[str | None]:
    """List the labels that people gave, sorted, None last."""
    given = {*seeds["label"].to_pylist(), *spans["label"].to_pylist()}
    return [*sorted(one for one in given if one is not None), *([None] if None in given else [])]
