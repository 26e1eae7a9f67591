"""Labels of spans of time, derived from the events: the latest word on each moment and concept."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import LabelError
from vquery.store.events import (
    ON_SPANS,
    REJECT_SPANS,
    TRIM_SPANS,
    UNLABEL_SPANS,
    UNSURE_SPANS,
    Event,
    by_concept,
)
from vquery.store.labels import one_array

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from vquery.store.labels import Labels

    Ints = npt.NDArray[np.int64]

SPAN_ROWS = pa.schema([*schema.TIME_FIELDS, ("label", pa.string())])
"""The rows of an event that labels or rejects; one that unlabels or doubts has spans alone."""
SAYS, TAKES, REJECTS, DOUBTS = range(4)
"""What a row of an action does: gives its label, takes any off, rejects its label, cannot tell."""
OF_ACTION = {UNLABEL_SPANS: TAKES, REJECT_SPANS: REJECTS, UNSURE_SPANS: DOUBTS}
TRIM_ROWS = pa.schema([*SPAN_ROWS, ("removes", pa.bool_())])
"""The rows of a "trim spans" event: the span as it was, which is taken off, then as it is."""


def span_rows(spans: pa.Table, label: Labels, *, several: bool = False) -> pa.Table:
    """Return the rows of one label action on spans, sorted; those of one label do not overlap.

    O(n log n).

    Parameters
    ----------
    spans : pyarrow.Table (n,)
        ``video, start_us, end_us``. Spans of one label that overlap become one; those that only
        touch stay two. An instant is labelled as the microsecond that it lasts.
    label : str, None or sequence (n,)
        One label for all, or one each; None says "none of them".
    several
        Whether there may be two labels at one time, as of those that are rejected.

    Raises
    ------
    LabelError
        If there are no rows, one lacks a video or a time or ends before it starts, or two
        labels of the action overlap in time.

    >>> spans = pa.table({"video": ["a", "a"], "start_us": [0, 5], "end_us": [9, 12]})
    >>> span_rows(spans, "yes").to_pylist()
    [{'video': 'a', 'start_us': 0, 'end_us': 12, 'label': 'yes'}]
    >>> span_rows(spans, ["yes", "no"])
    Traceback (most recent call last):
    vquery.errors.LabelError: 'a' from 5 to 9 us is given two labels in one action: 'yes' and 'no'
    """
    n = spans.num_rows
    _check(spans)
    if label is None or isinstance(label, str):
        labels = pa.repeat(pa.scalar(label, pa.string()), n)
    else:
        labels = one_array(label, pa.string())
        if len(labels) != n:
            raise LabelError(f"{n} spans but {len(labels)} labels; give one each")
    start = np.asarray(spans["start_us"].to_numpy())
    rows = pa.table(
        [
            spans["video"].cast(pa.string()),
            pa.array(start),
            pa.array(np.maximum(spans["end_us"].to_numpy(), start + 1)),
            labels,
        ],
        schema=SPAN_ROWS,
    )
    merged = _merged(rows)
    if not several:
        _refuse_contradictions(merged)
    return merged


def trim_rows(old: pa.Table, new: pa.Table, label: str | None) -> pa.Table:
    """Return the rows of an action that gives a span other ends.

    Parameters
    ----------
    old, new : pyarrow.Table (1,)
        ``video, start_us, end_us`` before and after, of one video.

    Raises
    ------
    LabelError
        If the span would end before it starts, or lies in two videos.
    """
    rows = [span_rows(old, label), span_rows(new, label)]
    if rows[0]["video"][0] != rows[1]["video"][0]:
        raise LabelError("a span is trimmed inside its video: label it anew in the other one")
    marks = pa.array([True, False])
    return pa.concat_tables(rows).append_column("removes", marks).cast(TRIM_ROWS).combine_chunks()


def _check(spans: pa.Table) -> None:
    if not spans.num_rows:
        raise LabelError("the label hits nothing: no rows were given")
    for name in schema.KEYS:
        if spans[name].null_count:
            raise LabelError(f"every span needs {name!r}; {spans[name].null_count} rows have none")
    wrong = pc.index(pc.greater(spans["start_us"], spans["end_us"]), value=True).as_py()
    if wrong >= 0:
        raise LabelError(f"row {wrong + 1}: a span must not start after its end")


def _merged(rows: pa.Table) -> pa.Table:
    """Unite the spans of one label and video that overlap."""
    video, code = codes(rows["video"]), codes(rows["label"])
    start, end = (rows[name].to_numpy() for name in ("start_us", "end_us"))
    order = np.lexsort((end, start, code, video))
    group = np.r_[True, (np.diff(video[order]) != 0) | (np.diff(code[order]) != 0)].cumsum()
    start, end = start[order], end[order]
    # ranks rise from group to group, so that the running maximum starts anew in each
    by_end = np.lexsort((end, group))
    rank = np.empty(len(end), np.int64)
    rank[by_end] = np.arange(len(end))
    reach = end[by_end][np.maximum.accumulate(rank)]
    opens = np.r_[True, (np.diff(group) != 0) | (start[1:] >= reach[:-1])]
    first = np.flatnonzero(opens)
    last = np.r_[first[1:], len(end)] - 1
    found = rows.take(pa.array(order[first]))
    found = found.set_column(2, SPAN_ROWS.field("end_us"), pa.array(reach[last]))
    return schema.sort_intervals(found).combine_chunks()


def _refuse_contradictions(rows: pa.Table) -> None:
    """Of spans that overlap, sorted and no two of one label, two neighbours overlap too."""
    video = codes(rows["video"])
    start, end = (rows[name].to_numpy() for name in ("start_us", "end_us"))
    clash = np.flatnonzero((video[1:] == video[:-1]) & (start[1:] < end[:-1]))
    if len(clash):
        at = int(clash[0])
        first, second = (rows["label"][at + i].as_py() for i in (0, 1))
        raise LabelError(
            f"{rows['video'][at].as_py()!r} from {start[at + 1]} to {min(end[at], end[at + 1])} us "
            f"is given two labels in one action: {first!r} and {second!r}"
        )


def derive_spans(events: Iterable[Event], concept: str | None = None) -> pa.Table:
    """Return the labels of spans in force, by concept, video and start: schema SEED_SPAN.

    The latest action that is not undone wins at each moment: what it covers of earlier spans is
    cut away, so that no two spans of a concept overlap; a rejection cuts away the label that it
    rejects alone. Depends on the events alone.
    O(n log n) for n labelled spans, and the moments that later actions cover once more.

    Parameters
    ----------
    events : iterable of Event
        All of them, in order.
    concept : str, optional
        Only the labels of this concept.

    >>> derive_spans([]).num_rows
    0
    """
    acts = by_concept(events, concept, ON_SPANS)
    found = [_painted(name, acts[name]) for name in sorted(acts)]
    return pa.concat_tables([schema.SEED_SPAN.empty_table(), *found]).combine_chunks()


def _painted(concept: str, acts: list[Event]) -> pa.Table:
    """Paint the spans of one concept over one another, in the order of the actions."""
    layers = layers_of(acts)
    video, label = codes(layers.rows["video"]), codes(layers.rows["label"])
    return shown(layers, on_top(layers, video, label), SAYS, concept, acts)


class Layers(NamedTuple):
    """The rows of actions in their order, which action each is of, and what it does."""

    rows: pa.Table
    act: Ints
    kind: Ints

    def take(self, mask: npt.NDArray[np.bool_]) -> Layers:
        """Keep some rows."""
        return Layers(self.rows.filter(pa.array(mask)), self.act[mask], self.kind[mask])


class Shown(NamedTuple):
    """Which row is on top from one time to another, all (n,)."""

    row: Ints
    start: Ints
    end: Ints


def layers_of(acts: list[Event]) -> Layers:
    """Bring actions on spans, of which there is at least one, to rows."""
    tables = [_rows(event) for event in acts]
    act = np.repeat(np.arange(len(acts)), [table.num_rows for table in tables])
    kind = np.concatenate([_kinds(event) for event in acts])
    return Layers(pa.concat_tables(tables).combine_chunks(), act, kind)


def on_top(layers: Layers, group: Ints, label: Ints | None = None) -> Shown:
    """Lay rows over one another within groups: what is seen from above.

    With the labels of the rows, a rejection covers the label that it rejects alone.
    """
    place, time = _borders(layers.rows, group)
    n = layers.rows.num_rows
    top = np.full(len(time), -1, np.int64)
    says = layers.kind == SAYS
    for at in range(n):
        under = top[place[at] : place[n + at]]
        if label is not None and layers.kind[at] == REJECTS:
            under[(under >= 0) & says[under] & (label[under] == label[at])] = at
        else:
            under[:] = at
    opens = np.flatnonzero(np.r_[True, np.diff(top) != 0])
    closes = np.r_[opens[1:], len(time) - 1]
    seen = np.flatnonzero(top[opens] >= 0)
    return Shown(top[opens[seen]], time[opens[seen]], time[closes[seen]])


def shown(layers: Layers, top: Shown, kind: int, concept: str, acts: list[Event]) -> pa.Table:
    """Return what is on top and does one thing, as schema SEED_SPAN."""
    keep = layers.kind[top.row] == kind
    row, which = top.row[keep], pa.array(layers.act[top.row[keep]])
    columns = [
        layers.rows["video"].take(pa.array(row)),
        pa.array(top.start[keep]),
        pa.array(top.end[keep]),
        pa.repeat(pa.scalar(concept, pa.string()), len(row)),
        layers.rows["label"].take(pa.array(row)),
        pa.array([event.who for event in acts], pa.string()).take(which),
        pa.array([event.at_us for event in acts], pa.int64()).take(which),
    ]
    return schema.sort_intervals(pa.table(columns, schema=schema.SEED_SPAN))


def _borders(rows: pa.Table, group: Ints) -> tuple[Ints, Ints]:
    """Give the borders of all spans numbers, by group and time.

    Returns
    -------
    (ndarray, ndarray)
        The number of each start, then of each end (2n,); the time of each number.
    """
    group = np.tile(group, 2)
    time = np.concatenate([rows["start_us"].to_numpy(), rows["end_us"].to_numpy()])
    order = np.lexsort((time, group))
    fresh = np.r_[True, (np.diff(group[order]) != 0) | (np.diff(time[order]) != 0)]
    place = np.empty(len(time), np.int64)
    place[order] = fresh.cumsum() - 1
    first = order[fresh]
    return place, time[first]


def _rows(event: Event) -> pa.Table:
    rows = event.rows
    assert rows is not None
    if event.action in (UNLABEL_SPANS, UNSURE_SPANS):
        return rows.append_column("label", pa.nulls(rows.num_rows, pa.string())).cast(SPAN_ROWS)
    return rows.select(SPAN_ROWS.names).cast(SPAN_ROWS)


def _kinds(event: Event) -> Ints:
    """Tell what each row of an action does."""
    rows = event.rows
    assert rows is not None
    if event.action == TRIM_SPANS:
        return np.where(rows["removes"].to_numpy(), TAKES, SAYS)
    return np.full(rows.num_rows, OF_ACTION.get(event.action, SAYS))


def codes(column: pa.ChunkedArray | pa.Array) -> Ints:
    """Give the values of a column numbers, -1 for null."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    found = column.dictionary_encode().indices
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False)).astype(np.int64)
