"""What people say of labels that were proposed to them, derived from the events.

A rejection says that one label of a detection is wrong, "unsure" that a person looked and could
not tell, a judgement whether a row of a result is right. As with labels the latest word counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from vquery import schema
from vquery.errors import LabelError
from vquery.store.drawn import without_gone
from vquery.store.events import JUDGE, ON_DETECTIONS, REJECT, UNSURE, Event, by_concept, in_force
from vquery.store.labels import entries

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

JUDGED = pa.schema(
    [
        ("detection_id", pa.int64()),
        *schema.TIME_FIELDS,
        ("label", pa.string()),
        ("right", pa.bool_()),
    ]
)
"""The rows of a "judge" event: what was judged, the label that was shown, and the verdict."""


def rejected(events: Iterable[Event], concept: str | None = None) -> pa.Table:
    """Return the rejected labels in force, sorted by concept and detection: schema SEED.

    A later label of the same value on the same detection ends a rejection.

    >>> rejected([]).num_rows
    0
    """
    log = list(events)
    acts = by_concept(log, concept, ON_DETECTIONS)
    found = [_rejected(name, acts[name]) for name in sorted(acts)]
    said = pa.concat_tables([schema.SEED.empty_table(), *found])
    return without_gone(said, log).combine_chunks()


def _rejected(concept: str, acts: list[Event]) -> pa.Table:
    rows = entries(acts)
    says = np.array([event.action in {"label", REJECT} for event in acts])[rows.act]
    at = np.flatnonzero(says & (rows.label >= 0))
    order = at[np.lexsort((rows.act[at], rows.label[at], rows.item[at]))]
    last = order[_ends(rows.item[order], rows.label[order])]
    rejects = np.array([event.action == REJECT for event in acts])
    last = last[rejects[rows.act[last]]]
    act = pa.array(rows.act[last])
    columns = [
        pa.array(rows.item[last], pa.int64()),
        pa.repeat(pa.scalar(concept, pa.string()), len(last)),
        rows.names.take(pa.array(rows.label[last])),
        pa.array([event.who for event in acts], pa.string()).take(act),
        pa.array([event.at_us for event in acts], pa.int64()).take(act),
    ]
    return pa.table(columns, schema=schema.SEED)


def unsure(events: Iterable[Event], concept: str) -> npt.NDArray[np.int64]:
    """Return the detections, ascending, of which "unsure" is the latest word.

    >>> unsure([], "name").tolist()
    []
    """
    acts = by_concept(events, concept, ON_DETECTIONS).get(concept)
    if acts is None:
        return np.zeros(0, np.int64)
    rows = entries(acts)
    order = np.lexsort((rows.act, rows.item))
    last = order[_ends(rows.item[order])]
    says = np.array([event.action == UNSURE for event in acts])
    return np.asarray(rows.item[last[says[rows.act[last]]]])


def _ends(*keys: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Tell the last row of each run of equal keys."""
    if not len(keys[0]):
        return np.zeros(0, bool)
    changes = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return np.asarray(np.r_[changes, True])


def judged_rows(rows: pa.Table) -> pa.Table:
    """Return the rows of a judgement, checked: a detection, or a video with times, and a verdict.

    Raises
    ------
    LabelError
        If there are no rows, or one lacks what it is about.
    """
    if not rows.num_rows:
        raise LabelError("the judgement hits nothing: no rows were given")
    for name in (*schema.KEYS, "right"):
        if rows[name].null_count:
            raise LabelError(f"every row judged needs {name!r}; {rows[name].null_count} have none")
    return rows.select(JUDGED.names).cast(JUDGED).combine_chunks()


def judged(events: Iterable[Event], concept: str, by: str, query: str | None) -> pa.Table:
    """Return the latest verdict in force on each row and label: schema JUDGED.

    Parameters
    ----------
    by, query
        What was judged: labels "probability" of any query; hits by a "score" of this query alone.
    """
    acts = [
        event
        for event in in_force(events)
        if event.action == JUDGE
        and (event.payload["concept"], event.payload["by"]) == (concept, by)
        and (by != "score" or event.query == query)
    ]
    rows = pa.concat_tables([JUDGED.empty_table(), *(e.rows for e in acts if e.rows is not None)])
    keys = ["detection_id", *schema.KEYS, "label"]
    numbered = rows.append_column("number", pa.array(np.arange(rows.num_rows)))
    last = numbered.group_by(keys).aggregate([("number", "max")])["number_max"]
    return rows.take(last).combine_chunks()
