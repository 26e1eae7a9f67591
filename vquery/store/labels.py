"""Labels, derived from the events: the latest word on each detection and concept."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import LabelError
from vquery.store.catalog import text
from vquery.store.drawn import without_gone
from vquery.store.events import ON_DETECTIONS, REJECT, Event, by_concept

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    import numpy.typing as npt

    Ids: TypeAlias = Sequence[int] | npt.NDArray[np.int64] | pa.Array | pa.ChunkedArray
    Labels: TypeAlias = str | Sequence[str | None] | pa.Array | None

LABEL_ROWS = pa.schema([("detection_id", pa.int64()), ("label", pa.string())])
"""The rows of a "label" event; an "unlabel" event has the ids alone."""


def label_rows(ids: Ids, label: Labels) -> pa.Table:
    """Return the rows of one label action.

    Parameters
    ----------
    ids : array-like of int64 (n,)
        Detections; one given twice with the same label counts once.
    label : str, None or sequence (n,)
        One label for all, or one each; None says "none of them".

    Raises
    ------
    LabelError
        If there are no rows, an id is missing, or one detection gets two labels.

    >>> label_rows([7, 5, 7], "Bernie").to_pydict()
    {'detection_id': [5, 7], 'label': ['Bernie', 'Bernie']}
    >>> label_rows([7, 7], ["Bernie", None])
    Traceback (most recent call last):
    vquery.errors.LabelError: detection 7 is given two labels in one action: 'Bernie' and None
    """
    items = detection_ids(ids)
    if label is None or isinstance(label, str):
        labels = pa.repeat(pa.scalar(label, pa.string()), len(items))
    else:
        labels = one_array(label, pa.string())
        if len(labels) != len(items):
            raise LabelError(f"{len(items)} detections but {len(labels)} labels; give one each")
    order = np.argsort(items, kind="stable")
    items, labels = items[order], labels.take(pa.array(order))
    again = np.flatnonzero(items[1:] == items[:-1])
    if len(again):
        codes = pc.fill_null(pc.dictionary_encode(labels).indices, -1).to_numpy()
        clash = again[codes[again] != codes[again + 1]]
        if len(clash):
            at = int(clash[0])
            first, second = labels[at].as_py(), labels[at + 1].as_py()
            raise LabelError(
                f"detection {items[at]} is given two labels in one action: {first!r} and {second!r}"
            )
        keep = np.concatenate([[True], items[1:] != items[:-1]])
        items, labels = items[keep], labels.filter(pa.array(keep))
    return pa.table([pa.array(items), labels], schema=LABEL_ROWS)


def detection_ids(ids: Ids) -> npt.NDArray[np.int64]:
    """Return ids as an int64 array (n,), refusing none at all, nulls and numbers below 1.

    Raises
    ------
    LabelError
        Saying which rule is broken.
    """
    items = one_array(ids, pa.int64())
    if len(items) == 0:
        raise LabelError("the label hits nothing: no rows were given")
    if items.null_count or pc.min(items).as_py() < 1:
        raise LabelError("every row needs a detection_id of at least 1")
    return np.asarray(items.to_numpy())


def one_array(values: object, kind: pa.DataType) -> pa.Array:
    """Return values as one array of a type.

    Raises
    ------
    LabelError
        If they cannot have this type.
    """
    try:
        if isinstance(values, pa.ChunkedArray):
            return values.combine_chunks().cast(kind)
        if isinstance(values, pa.Array):
            return values.cast(kind)
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise LabelError(f"expected {kind} values: {error}") from error


def concept_name(concept: str) -> str:
    """Return the name of a concept if it can be kept.

    Raises
    ------
    LabelError, StoreError
        If it is blank, or too long.
    """
    if not concept.strip():
        raise LabelError("a label needs a concept, such as 'name'")
    return text(concept, 200, "the concept of a label")


def derive(events: Iterable[Event], concept: str | None = None) -> pa.Table:
    """Return the labels in force, sorted by concept and detection: the SEED table.

    The latest action that is not undone wins for each detection and concept; "unsure" takes a
    label off, and a rejection does so where the label is the one that it rejects. A drawn box that
    is gone has none. Depends on the events alone, so replaying them gives the same labels.
    O(n log n) in labelled rows.

    Parameters
    ----------
    events : iterable of Event
        All of them, in order.
    concept : str, optional
        Only the labels of this concept.

    >>> derive([]).num_rows
    0
    """
    log = list(events)
    acts = by_concept(log, concept, ON_DETECTIONS)
    found = [_latest(name, acts[name]) for name in sorted(acts)]
    said = pa.concat_tables([schema.SEED.empty_table(), *found])
    return without_gone(said, log).combine_chunks()


def _latest(concept: str, acts: list[Event]) -> pa.Table:
    """Labels of one concept after a sequence of actions."""
    rows = entries(acts)
    removes = np.array([event.action != "label" for event in acts])[rows.act]
    rejects = np.array([event.action == REJECT for event in acts])[rows.act]
    order = np.lexsort((rows.act, rows.item))
    item, label = rows.item[order], rows.label[order]
    # the last word before each entry, itself included, that is no rejection
    place = np.where(rejects[order], -1, np.arange(len(order)))
    first = np.r_[True, item[1:] != item[:-1]]
    floor = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    word = np.maximum.accumulate(place)
    word = np.where(word >= floor, word, -1)
    idle = rejects[order] & ((word < 0) | (label != label[word]))
    order = order[~idle]
    item = rows.item[order]
    last = order[np.r_[item[1:] != item[:-1], np.ones(min(1, len(item)), bool)]]
    last = last[~removes[last]]
    act = pa.array(rows.act[last])
    columns = [
        pa.array(rows.item[last], pa.int64()),
        pa.repeat(pa.scalar(concept, pa.string()), len(last)),
        rows.names.take(pa.array(rows.label[last], mask=rows.label[last] < 0)),
        pa.array([event.who for event in acts], pa.string()).take(act),
        pa.array([event.at_us for event in acts], pa.int64()).take(act),
    ]
    return pa.table(columns, schema=schema.SEED)


class Entries(NamedTuple):
    """Rows of actions in their order: the detection, the action (its place) and the label.

    ``label`` is a place in ``names``, -1 for none.
    """

    item: npt.NDArray[np.int64]
    act: npt.NDArray[np.int64]
    label: npt.NDArray[np.int64]
    names: pa.Array


def entries(acts: Sequence[Event]) -> Entries:
    """Bring the rows of actions on detections, of which there is at least one, to arrays."""
    ids = [_ids(event) for event in acts]
    act = np.repeat(np.arange(len(acts)), [len(one) for one in ids])
    labels = pa.chunked_array([_labels(event) for event in acts], pa.string())
    coded = labels.combine_chunks().dictionary_encode()
    label = pc.fill_null(coded.indices, -1).to_numpy().astype(np.int64)
    return Entries(np.concatenate(ids), act, label, coded.dictionary)


def _ids(event: Event) -> npt.NDArray[np.int64]:
    rows = event.rows
    assert rows is not None
    return np.asarray(rows["detection_id"].to_numpy())


def _labels(event: Event) -> pa.Array:
    rows = event.rows
    assert rows is not None
    if "label" not in rows.column_names:  # taken off, or not known
        return pa.nulls(rows.num_rows, pa.string())
    return rows["label"].combine_chunks()
