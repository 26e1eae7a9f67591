"""The labels of a concept beside rows of any result, as they are at the time of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.labelling import NONE_OF_THEM
from vquery.api.tables import HUMAN, Wanted, labels_of, propagated, without_rejected
from vquery.store.spans import derive_spans
from vquery.store.verdicts import unsure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vquery.api.moment import Moment
    from vquery.store.events import Event

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
class Labelled:
    """All that is said of detections about one concept, sorted by detection: COLUMNS."""

    ids: Ints
    said: pa.Table

    @classmethod
    def of(cls, moment: Moment, events: Sequence[Event], concept: str) -> Labelled:
        """Bring together what people said and what was found."""
        seeds = moment.seeds.filter(pc.equal(moment.seeds["concept"], concept))
        soft = without_rejected(propagated(moment.snapshot, concept), moment.rejected)
        doubts = unsure(events, concept)
        refused = _refused(moment.rejected.filter(pc.equal(moment.rejected["concept"], concept)))
        known = [each["detection_id"].to_numpy() for each in (seeds, soft, refused)] + [doubts]
        ids = np.unique(np.concatenate(known))
        wanted = Wanted(concept, detail=True)
        found = labels_of(moment.snapshot, moment.seeds, moment.rejected, ids, wanted)
        at = pc.index_in(pa.array(ids), value_set=soft["detection_id"].combine_chunks())
        label, source = found[concept], found[f"{concept}_source"]
        human = _true(pc.equal(source, HUMAN))
        sourced = pc.if_else(
            pc.or_(human, pc.is_valid(label)), source, pa.scalar(None, pa.string())
        )
        columns = [
            label,
            sourced,
            found[f"{concept}_probability"].cast(pa.float32()),
            _margin(soft["margin"].combine_chunks().take(at), human),
            refused["labels"].take(pc.index_in(pa.array(ids), refused["detection_id"])),
            pc.and_(human, _other(soft, at, label)),
            pa.array(np.isin(ids, doubts)),
        ]
        return cls(ids, pa.table(columns, schema=COLUMNS).combine_chunks())

    def beside(self, rows: pa.Table) -> pa.Table:
        """Return COLUMNS for each row, by its ``detection_id``."""
        ids = rows["detection_id"].to_numpy()  # null becomes NaN, which is no id
        if not len(self.ids):
            return _nothing(len(ids))
        place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return _taken(self.said, place, self.ids[place] == ids)


def _refused(seeds: pa.Table) -> pa.Table:
    """Say of each detection which labels were rejected for it: ``detection_id, labels``."""
    said = pa.table([seeds["detection_id"], pc.fill_null(seeds["label"], NONE_OF_THEM)], _NAMES)
    lists = said.group_by("detection_id", use_threads=False).aggregate([("labels", "list")])
    joined = pc.binary_join(lists["labels_list"], ", ")
    return pa.table([lists["detection_id"], joined], _NAMES).combine_chunks()


def _other(soft: pa.Table, at: pa.Array, label: pa.ChunkedArray) -> pa.Array:
    """Whether something else was found than a person says."""
    mine = pc.fill_null(label, NONE_OF_THEM).combine_chunks()
    theirs = soft["label"].combine_chunks().take(at)
    guessed = pc.not_equal(soft["source"].combine_chunks().take(at), HUMAN)
    return pc.and_(_true(guessed), _true(pc.not_equal(theirs, mine)))


def _margin(margin: pa.Array, human: pa.Array) -> pa.Array:
    """Margins of what was reached; what a person said is beyond doubt."""
    none = pa.scalar(None, pa.float32())
    known = pc.if_else(pc.greater_equal(margin, 0), margin, none)
    return pc.if_else(human, pa.scalar(1.0, pa.float32()), known)


def _true(condition: pa.Array) -> pa.Array:
    return pc.fill_null(condition, fill_value=False)


def _nothing(rows: int) -> pa.Table:
    none = pa.nulls
    columns = [none(rows, field.type) for field in COLUMNS]
    columns[-2:] = [pa.array(np.zeros(rows, bool))] * 2
    return pa.table(columns, schema=COLUMNS)


def _taken(said: pa.Table, place: Ints, known: npt.NDArray[np.bool_]) -> pa.Table:
    """Take rows, nulls where nothing is known."""
    found = said.take(pa.array(place, mask=~known))
    for name in ("conflict", "unsure"):
        at = found.schema.get_field_index(name)
        found = found.set_column(at, COLUMNS.field(name), _true(found[name]))
    return found


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
        source = pc.if_else(pc.is_valid(guessed), pa.scalar("fused"), pa.scalar(None, pa.string()))
        sure = pc.if_else(pc.is_valid(told), 1.0, pa.scalar(None, pa.float64())).cast(pa.float32())
        against = _true(pc.not_equal(guessed, pc.fill_null(told, NONE_OF_THEM)))
        columns = [
            pc.if_else(human, told, guessed),
            pc.if_else(human, pa.scalar(HUMAN), source),
            pc.if_else(human, sure, _at(self.found["probability"], at)),
            _margin(_at(self.found["margin"], at), human),
            pa.nulls(rows.num_rows, pa.string()),
            pc.and_(human, pc.and_not(against, own)),
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
