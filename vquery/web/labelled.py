"""The labels of a concept beside rows of any result, as they are at the time of a request."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.labelling import NONE_OF_THEM
from vquery.api.tables import FUSED, HUMAN, PREDICTED, found_as, propagated
from vquery.store.verdicts import unsure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vquery.api.moment import Moment
    from vquery.api.span_labels import SpanLabels
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
CODED = ("label", "best", "whence")
DROPPED = ["detection_id", "source"]
_NAMES = ["detection_id", "labels"]


@dataclass(frozen=True, eq=False)
class Found:
    """What was propagated or fused of one concept, sorted by detection; slow to read, seldom new.

    Attributes
    ----------
    ids : int64 (n,)
    rows : pyarrow.Table (n,)
        ``label, best, probability, margin`` and ``whence`` it is.
    by_person : bool (n,)
        Where a person had said so at the time; taken back such a label counts as found.
    """

    ids: Ints
    rows: pa.Table
    by_person: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, snapshot: Snapshot, concept: str) -> Found:
        """Read it."""
        soft = propagated(snapshot, concept)
        order = np.argsort(soft["detection_id"].to_numpy(), kind="stable")
        names = ["label", "best", "probability", "margin", "source"]
        rows = soft.select(["detection_id", *names]).take(pa.array(order)).combine_chunks()
        source, by_person = rows["source"], _true(pc.equal(rows["source"], HUMAN))
        spread = found_as(source)
        whence = pc.if_else(by_person, pa.scalar(spread), source)
        rows = rows.append_column("whence", whence).combine_chunks()
        by_hand = by_person.to_numpy()
        for name in CODED:
            at = rows.schema.get_field_index(name)
            rows = rows.set_column(at, name, rows[name].combine_chunks().dictionary_encode())
        return cls(rows["detection_id"].to_numpy(), rows.drop_columns(DROPPED), by_hand)


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
        made = _Beside(self, rows["detection_id"].to_numpy())  # null becomes NaN, which is no id
        return pa.table([getattr(made, name) for name in COLUMNS.names], schema=COLUMNS)

    def column(self, rows: pa.Table, name: str) -> pa.Array:
        """Return one of COLUMNS alone, for which the others need not be made.

        Labels come as a dictionary, in which each is once.
        """
        beside = _Beside(self, rows["detection_id"].to_numpy())
        made: pa.Array = beside.coded_label if name == "label" else getattr(beside, name)
        return made


class _Beside:
    """COLUMNS of some detections, each made when it is asked for."""

    def __init__(self, known: Labelled, ids: Ints) -> None:
        self._known = known
        self._ids = ids
        self._by_hand = _places(known.human["detection_id"].to_numpy(), ids)
        self._human = self._by_hand >= 0

    @cached_property
    def _at(self) -> Ints:
        """Rows of what was found, -1 where there is none or its best label is rejected."""
        found, rejected = self._known.found, self._known.rejected
        at = _places(found.ids, self._ids)
        refused = rejected["detection_id"].to_numpy()
        maybe = np.flatnonzero((_places(refused, self._ids) >= 0) & (at >= 0))
        if len(maybe):
            pairs = set(zip(refused.tolist(), rejected["label"].to_pylist(), strict=True))
            best = _at(found.rows["best"], at[maybe]).to_pylist()
            rows = zip(self._ids[maybe].tolist(), best, strict=True)
            at[maybe[np.array([pair in pairs for pair in rows])]] = -1
        return at

    @cached_property
    def _told(self) -> pa.Array:
        return _at(self._known.human["label"], self._by_hand)

    @cached_property
    def _found(self) -> pa.Array:
        return _at(self._known.found.rows["label"], self._at)

    @cached_property
    def label(self) -> pa.Array:
        return pc.if_else(pa.array(self._human), self._told, self._found)

    @property
    def coded_label(self) -> pa.DictionaryArray:
        found = self._known.found.rows["label"].combine_chunks()
        told = self._known.human["label"].combine_chunks().dictionary_encode()
        names = pc.unique(pa.concat_arrays([found.dictionary, told.dictionary]))
        codes = np.full(len(self._ids), -1)
        for kept, at in ((found, self._at), (told, self._by_hand)):  # what people say comes last
            own = np.append(pc.index_in(kept.dictionary, value_set=names).to_numpy(), -1)
            rows = np.flatnonzero(at >= 0)
            codes[rows] = own[pc.fill_null(kept.indices, -1).to_numpy()[at[rows]]]
        indices = pa.array(codes.astype(np.int32), mask=codes < 0)
        return pa.DictionaryArray.from_arrays(indices, names)

    @property
    def label_source(self) -> pa.Array:
        none = pa.scalar(None, pa.string())
        whence = _at(self._known.found.rows["whence"], self._at)
        found = pc.if_else(pc.is_valid(self.label), whence, none)
        return pc.if_else(pa.array(self._human), HUMAN, found)

    @property
    def probability(self) -> pa.Array:
        found = _at(self._known.found.rows["probability"], self._at)
        return pc.if_else(pa.array(self._human), _sure(self._told), found)

    @property
    def margin(self) -> pa.Array:
        return _margin(_at(self._known.found.rows["margin"], self._at), pa.array(self._human))

    @property
    def rejected(self) -> pa.Array:
        refused = self._known.refused
        place = _places(refused["detection_id"].to_numpy(), self._ids)
        return _at(refused["labels"], place)

    @property
    def conflict(self) -> pa.Array:
        rows = np.flatnonzero(self._human & (self._at >= 0))  # both have said something
        by_hand = _at(self._known.human["label"], self._by_hand[rows])
        other = _other(by_hand, _at(self._known.found.rows["label"], self._at[rows]))
        found = np.zeros(len(self._ids), bool)
        guessed = ~self._known.found.by_person[self._at[rows]]
        found[rows] = guessed & other.to_numpy(zero_copy_only=False)
        return pa.array(found)

    @property
    def unsure(self) -> pa.Array:
        return pa.array(_places(self._known.doubts, self._ids) >= 0)


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
    if len(known) == len(ids) and np.array_equal(known, ids):  # all of them, as they are kept
        return np.arange(len(ids))
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


class LabelledSpans:
    """COLUMNS of spans, by what is said of the time that they cover."""

    def __init__(self, known: SpanLabels) -> None:
        self._known = known

    def column(self, rows: pa.Table, name: str) -> pa.ChunkedArray:
        """Return one of COLUMNS."""
        return self.beside(rows)[name]

    def beside(self, rows: pa.Table) -> pa.Table:
        """Return COLUMNS for each row."""
        looked = self._known.look(rows)
        found, at = self._known.found, looked.at
        human, told = pa.array(looked.by_hand >= 0), _at(self._known.human["label"], looked.by_hand)
        guessed = _at(found["label"], at)
        own = _true(pc.equal(_at(found["source"], at), HUMAN))
        source = pc.if_else(
            pc.is_valid(guessed),
            pa.scalar(PREDICTED if found_as(found["source"]) == PREDICTED else FUSED),
            pa.scalar(None, pa.string()),
        )
        columns = [
            pc.if_else(human, told, guessed),
            pc.if_else(human, pa.scalar(HUMAN), source),
            pc.if_else(human, _sure(told), _at(found["probability"], at)),
            _margin(_at(found["margin"], at), human),
            looked.rejected,
            pc.and_(human, pc.and_not(_other(told, guessed), own)),
            pa.array(looked.doubted),
        ]
        return pa.table(columns, schema=COLUMNS)


def _at(column: pa.ChunkedArray, place: Ints) -> pa.Array:
    found = column.combine_chunks().take(pa.array(place, mask=place < 0))
    return found.dictionary_decode() if pa.types.is_dictionary(found.type) else found
