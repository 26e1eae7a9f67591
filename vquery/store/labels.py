"""Labels, derived from the events: the latest word on each detection and concept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import LabelError
from vquery.store.events import ON_DETECTIONS, Event, in_force

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


def derive(events: Iterable[Event], concept: str | None = None) -> pa.Table:
    """Return the labels in force, sorted by concept and detection: the SEED table.

    The latest action that is not undone wins for each detection and concept. Depends on the
    events alone, so replaying them gives the same labels. O(n log n) in labelled rows.

    Parameters
    ----------
    events : iterable of Event
        All of them, in order.
    concept : str, optional
        Only the labels of this concept.

    >>> derive([]).num_rows
    0
    """
    acts: dict[str, list[Event]] = {}
    for event in in_force(events):
        mine = concept is None or event.payload["concept"] == concept
        if mine and event.action in ON_DETECTIONS:
            acts.setdefault(event.payload["concept"], []).append(event)
    found = [_latest(name, acts[name]) for name in sorted(acts)]
    return pa.concat_tables([schema.SEED.empty_table(), *found]).combine_chunks()


def _latest(concept: str, acts: list[Event]) -> pa.Table:
    """Labels of one concept after a sequence of actions."""
    ids = [_ids(event) for event in acts]
    labels = [_labels(event) for event in acts]
    act = np.repeat(np.arange(len(acts)), [len(one) for one in ids])
    every = np.concatenate(ids)
    items, last = np.unique(every[::-1], return_index=True)
    last = len(every) - 1 - last
    removed = np.array([event.action == "unlabel" for event in acts])
    keep = ~removed[act[last]]
    items, last = items[keep], last[keep]
    who = pa.array([event.who for event in acts], pa.string())
    at = pa.array([event.at_us for event in acts], pa.int64())
    which = pa.array(act[last])
    columns = [
        pa.array(items, pa.int64()),
        pa.repeat(pa.scalar(concept, pa.string()), len(items)),
        pa.chunked_array(labels, pa.string()).take(pa.array(last)),
        who.take(which),
        at.take(which),
    ]
    return pa.table(columns, schema=schema.SEED)


def _ids(event: Event) -> npt.NDArray[np.int64]:
    rows = event.rows
    assert rows is not None
    return np.asarray(rows["detection_id"].to_numpy())


def _labels(event: Event) -> pa.Array:
    rows = event.rows
    assert rows is not None
    if event.action == "unlabel":
        return pa.nulls(rows.num_rows, pa.string())
    return rows["label"].combine_chunks()
