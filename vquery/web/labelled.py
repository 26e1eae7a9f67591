"""The labels of a concept beside rows of any result, as they are at the time of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.labelling import NONE_OF_THEM
from vquery.api.tables import FUSED, HUMAN, PROPAGATED, propagated
from vquery.store.spans import derive_spans
from vquery.store.verdicts import unsure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vquery.api.moment import Moment
    from vquery.store.events import Event
    from vquery.store.snapshot import Snapshot

    Ints = npt.NDArray[np.int64]

COLUMNS = pa.schema(
    [
        ("label", pa.string()),
        ("label_source", pa.string()),
        ("probability", pa.float32()),
        ("margin", pa.float32()),
        ("rejected", pa.string()),
        ("conflict", pa.bool_()),
        ("unsure", pa.bool_()),
    ]
)
"""What is known of a row: its label, whence it is, how sure that is, what was rejected for it."""
_NAMES = ["detection_id", "labels"]


@dataclass(frozen=True, eq=False)
class Found:
    """What was propagated or fused of one concept, sorted by detection; slow to read, seldom new.

    Attributes
    ----------
    ids : int64 (n,)
    rows : pyarrow.Table (n,)
        ``label, best, probability, margin`` and ``source``, which is "human" where a person had
        said so at the time.
    spread : str
        What such a label counts as when the person has taken it back.
    """

    ids: Ints
    rows: pa.Table
    spread: str

    @classmethod
    def of(cls, snapshot: Snapshot, concept: str) -> Found:
        """Read it."""
        soft = propagated(snapshot, concept)
        order = np.argsort(soft["detection_id"].to_numpy(), kind="stable")
        names = ["label", "best", "probability", "margin", "source"]
        rows = soft.select(["detection_id", *names]).take(pa.array(order)).combine_chunks()
        fused = pc.any(pc.equal(rows["source"], FUSED)).as_py()
        return cls(
            rows["detection_id"].to_numpy(), rows.select(names), FUSED if fused else PROPAGATED
        )


@dataclass(frozen=True, eq=False)
class Labelled:
    """All that is known of detections about one concept, as `vquery.api.tables.labels_of` has it.

    Attributes
    ----------
    found : Found
    human, rejected : pyarrow.Table
        ``detection_id`` and ``label``, sorted by detection.
    refused : pyarrow.Table
        ``detection_id`` and ``labels``: all that were rejected for it, as one text.
    doubts : int64 (n,)
        Detections, ascending, that a person was unsure of.
    """

    found: Found
    human: pa.Table
    rejected: pa.Table
    refused: pa.Table
    doubts: Ints

    @classmethod
    def of(cls, moment: Moment, events: Sequence[Event], concept: str, found: Found) -> Labelled:
        """Bring what people said to what was found."""
        human, rejected = _about(moment.seeds, concept), _about(moment.rejected, concept)
        return cls(found, human, rejected, _refused(rejected), unsure(events, concept))

    def beside(self, rows: pa.Table) -> pa.Table:
        """Return COLUMNS for each row, by its ``detection_id``."""
        ids = rows["detection_id"].to_numpy()  # null becomes NaN, which is no id
        at = _places(self.found.ids, ids)
        soft = self.found.rows.take(pa.array(at, mask=at < 0)).combine_chunks()
        soft, refused = self._without_rejected(soft, ids), self.refused
        by_hand = _places(self.human["detection_id"].to_numpy(), ids)
        human, told = pa.array(by_hand >= 0), _at(self.human["label"], by_hand)
        label, source = soft["label"].combine_chunks(), soft["source"].combine_chunks()
        guessed = _true(pc.not_equal(source, HUMAN))
        whence = pc.if_else(guessed, source, pa.scalar(self.found.spread))
        none = pa.scalar(None, pa.string())
        columns = [
            pc.if_else(human, told, label),
            pc.if_else(human, HUMAN, pc.if_else(pc.is_valid(label), whence, none)),
            pc.if_else(human, _sure(told), soft["probability"].combine_chunks()),
            _margin(soft["margin"].combine_chunks(), human),
            _at(refused["labels"], _places(refused["detection_id"].to_numpy(), ids)),
            pc.and_(human, pc.and_(guessed, _other(told, label))),
            pa.array(_places(self.doubts, ids) >= 0),
        ]
        return pa.table(columns, schema=COLUMNS)

    def _without_rejected(self, soft: pa.Table, ids: Ints) -> pa.Table:
        """Forget what was found of rows whose best label a person rejected."""
        refused = self.rejected["detection_id"].to_numpy()
        maybe = np.flatnonzero(_places(refused, ids) >= 0)
        if not len(maybe):
            return soft
        pairs = set(zip(refused.tolist(), self.rejected["label"].to_pylist(), strict=True))
        best = soft["best"].take(pa.array(maybe)).to_pylist()
        wrong = np.zeros(len(ids), bool)
        wrong[maybe] = [pair in pairs for pair in zip(ids[maybe].tolist(), best, strict=True)]
        return soft.take(pa.array(np.arange(len(ids)), mask=wrong))


def _refused(seeds: pa.Table) -> pa.Table:
    """Say of each detection which labels were rejected for it: ``detection_id, labels``."""
    said = pa.table([seeds["detection_id"], pc.fill_null(seeds["label"], NONE_OF_THEM)], _NAMES)
    lists = said.group_by("detection_id", use_threads=False).aggregate([("labels", "list")])
    joined = pc.binary_join(lists["labels_list"], ", ")
    return pa.table([lists["detection_id"], joined], _NAMES).combine_chunks()


def _about(seeds: pa.Table, concept: str) -> pa.Table:
    """Return what seeds (schema SEED) say of one concept, sorted by detection."""
    mine = seeds.filter(pc.equal(seeds["concept"], concept)).select(["detection_id", "label"])
    return mine.sort_by("detection_id").combine_chunks()


def _places(known: Ints, ids: Ints) -> Ints:
    """Find each id among ascending ones, -1 where it is not.

    >>> _places(np.array([5, 7]), np.array([7, 6, 5])).tolist()
    [1, -1, 0]
    """
    if not len(known):
        return np.full(len(ids), -1)
    place = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[place] == ids, place, -1)


def _other(told: pa.Array, label: pa.Array) -> pa.Array:
    """Whether something else was found than a person says, who may say "none of them"."""
    return _true(pc.not_equal(label, pc.fill_null(told, NONE_OF_THEM)))


def _sure(told: pa.Array) -> pa.Array:
    one = pa.scalar(1.0, pa.float32())
    return pc.if_else(pc.is_valid(told), one, pa.scalar(None, pa.float32()))


def _margin(margin: pa.Array, human: pa.Array) -> pa.Array:
    """Margins of what was reached; what a person said is beyond doubt."""
    none = pa.scalar(None, pa.float32())
    known = pc.if_else(pc.greater_equal(margin, 0), margin, none)
    return pc.if_else(human, pa.scalar(1.0, pa.float32()), known)


def _true(condition: pa.Array) -> pa.Array:
    return pc.fill_null(condition, fill_value=False)


@dataclass(frozen=True, eq=False)
class LabelledSpans:
    """All that is said of spans about one concept; they do not overlap within human or found."""

    human: pa.Table
    found: pa.Table

    @classmethod
    def of(cls, moment: Moment, events: Sequence[Event], concept: str) -> LabelledSpans:
        """Read what people said of spans, and what was fused."""
        names = ["video", "start_us", "end_us", "label", "probability", "margin", "source"]
        soft = moment.snapshot.read("soft_intervals", columns=["concept", *names])
        mine = soft.filter(pc.equal(soft["concept"], concept)).select(names)
        keys = [("video", "ascending"), ("start_us", "ascending")]
        return cls(derive_spans(events, concept).sort_by(keys), mine.sort_by(keys))

    def beside(self, rows: pa.Table) -> pa.Table:
        """Return COLUMNS for each row, by what is said of its middle."""
        by_hand, at = _covering(self.human, rows), _covering(self.found, rows)
        human, told = pa.array(by_hand >= 0), _at(self.human["label"], by_hand)
        guessed = _at(self.found["label"], at)
        own = _true(pc.equal(_at(self.found["source"], at), HUMAN))
        source = pc.if_else(pc.is_valid(guessed), pa.scalar(FUSED), pa.scalar(None, pa.string()))
        columns = [
            pc.if_else(human, told, guessed),
            pc.if_else(human, pa.scalar(HUMAN), source),
            pc.if_else(human, _sure(told), _at(self.found["probability"], at)),
            _margin(_at(self.found["margin"], at), human),
            pa.nulls(rows.num_rows, pa.string()),
            pc.and_(human, pc.and_not(_other(told, guessed), own)),
            pa.array(np.zeros(rows.num_rows, bool)),
        ]
        return pa.table(columns, schema=COLUMNS)


def _at(column: pa.ChunkedArray, place: Ints) -> pa.Array:
    return column.combine_chunks().take(pa.array(place, mask=place < 0))


def _covering(spans: pa.Table, rows: pa.Table) -> Ints:
    """Find the span that the middle of each row lies in, -1 where there is none.

    >>> spans = pa.table({"video": ["a", "b"], "start_us": [0, 5], "end_us": [10, 9]})
    >>> rows = pa.table({"video": ["a", "b", "b"], "start_us": [4, 0, 6], "end_us": [8, 2, 6]})
    >>> _covering(spans, rows).tolist()
    [0, -1, 1]
    """
    if not spans.num_rows:
        return np.full(rows.num_rows, -1)
    videos = spans["video"].combine_chunks().unique()
    start, end = spans["start_us"].to_numpy(), spans["end_us"].to_numpy()
    reach = int(max(end.max(), 1)) + 1  # a video's times lie side by side, one after the other
    of_span = pc.index_in(spans["video"].combine_chunks(), value_set=videos).to_numpy()
    code = pc.fill_null(pc.index_in(rows["video"], value_set=videos), -1).to_numpy()
    first, last = rows["start_us"].to_numpy(), rows["end_us"].to_numpy()
    middle = np.clip(first + (last - first) // 2, 0, reach - 1)
    place = np.searchsorted(
        of_span * reach + start, code.astype(np.int64) * reach + middle, "right"
    )
    place -= 1
    at = np.maximum(place, 0)
    inside = (place >= 0) & (of_span[at] == code) & (middle >= start[at])
    inside &= (middle < end[at]) | (start[at] == end[at])
    return np.where(inside, at, -1)
