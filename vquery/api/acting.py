"""Actions of people: what each did, in words; taken back, brought back, and listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from vquery.api import labelling
from vquery.errors import LabelError
from vquery.store.events import JUDGE, ON_BOXES, TRIM_SPANS, UNDOABLE, Event, in_force

if TYPE_CHECKING:
    from vquery.store.store import Store


ACCEPT = "accept"


class StaleError(LabelError):
    """What an action is about was changed meanwhile."""


class Acted(NamedTuple):
    """What an action did.

    Attributes
    ----------
    event
        Its number, of an undo that of the undo; None where there was nothing to do.
    labelled, skipped
        Rows that it is about, and rows that were given but had nothing to act on.
    sentence
        What was done, for people.
    """

    event: int | None
    labelled: int
    skipped: int
    sentence: str


def trim(
    store: Store,
    span: dict[str, Any],
    concept: str,
    start_us: int,
    end_us: int,
    *,
    by: str | None = None,
    key: str | None = None,
) -> Acted:
    """Give a labelled span other ends.

    Parameters
    ----------
    span
        ``video, start_us, end_us`` as it is in force.

    Raises
    ------
    LabelError
        If there is no such span (any more), or it would end before it starts.
    """
    before = done(store, key, TRIM_SPANS)
    if before is not None:
        return before
    with store.snapshot() as snapshot:
        old = labelling.known_spans(_one(span), snapshot)
        there = store.span_labels(concept, snapshot)
    video, start, end = (old[name][0].as_py() for name in ("video", "start_us", "end_us"))
    same = pc.and_(pc.equal(there["video"], video), pc.equal(there["start_us"], start))
    found = there.filter(pc.and_(same, pc.equal(there["end_us"], end)))
    if not found.num_rows:
        raise StaleError(
            f"no span of {concept!r} goes from {start} to {end} us in {video!r}: it was changed "
            "meanwhile, so look again"
        )
    if not 0 <= start_us < end_us:
        raise LabelError(f"a span ends after it starts; got {start_us} to {end_us} us")
    new = _one({"video": video, "start_us": start_us, "end_us": end_us})
    name = found["label"][0].as_py()
    event = store.trim_span(old, new, concept, name, who=by or labelling.login(), key=key)
    return acted(store, event, 0)


def _one(span: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([{name: span[name] for name in ("video", "start_us", "end_us")}])


def undo(store: Store, *, by: str, key: str | None = None) -> Acted:
    """Take back the last action of a person."""
    event = store.undo(by, key=key)
    return _turned(store, event, "undone", f"{by} has nothing to undo")


def redo(store: Store, *, by: str, key: str | None = None) -> Acted:
    """Bring back what a person took back last."""
    event = store.redo(by, key=key)
    return _turned(store, event, "brought back", f"{by} has nothing to bring back")


def history(store: Store, after: int | None, limit: int) -> dict[str, Any]:
    """List human actions, oldest first, and whether each is undone.

    Parameters
    ----------
    after
        Only those after this number, the first ``limit`` of them; by default the last ones.
    """
    events = store.events()
    standing = {event.event_id for event in in_force(events)}
    known = {event.event_id: event for event in events}
    last = events[-1].event_id if events else 0
    chosen = events[-limit:] if after is None else [e for e in events if e.event_id > after][:limit]
    return {"events": [_told(one, known, standing) for one in chosen], "last_event": last}


def _told(event: Event, known: dict[int, Event], standing: set[int]) -> dict[str, Any]:
    about = known.get(event.payload.get("event", 0)) if event.action in ("undo", "redo") else event
    about = about or event
    concept = about.payload.get("concept")
    said = {
        "event": event.event_id,
        "at_us": event.at_us,
        "who": event.who,
        "action": event.payload.get("how", event.action),
        "concept": concept,
        "value": _value(about),
        "count": labelling.count_of(about),
        "query": event.query,
        "generation": event.generation,
        "undone": event.action in UNDOABLE and event.event_id not in standing,
    }
    return said if about is event else said | {"about": about.event_id}


def _value(event: Event) -> str | None:
    """Return the one label of an action as it is, else how many there are."""
    rows = event.rows
    if event.action != JUDGE and rows is not None and "label" in rows.column_names:
        labels: list[str | None] = pc.unique(rows["label"]).to_pylist()
        if len(labels) == 1:
            return labels[0]
    return labelling.value_of(event)


def done(store: Store, key: str | None, action: str) -> Acted | None:
    """Say what an action with this key did, where it was kept before."""
    before = store.action_of(key, action)
    return None if before is None else acted(store, before.event_id, 0)


def acted(store: Store, event_id: int, skipped: int) -> Acted:
    """Say what an action did."""
    event = next(one for one in reversed(store.events()) if one.event_id == event_id)
    more = f"; {skipped:,} skipped, as nothing is proposed for them" if skipped else ""
    return Acted(event_id, labelling.count_of(event), skipped, labelling.described(event) + more)


def nothing(what: str, rows: int) -> Acted:
    """Say that there was nothing to do.

    >>> nothing("there is no label for", 1).sentence
    'there is no label for this row'
    """
    return Acted(None, 0, rows, f"{what} {'this row' if rows == 1 else f'these {rows:,} rows'}")


def _turned(store: Store, event: Event | None, word: str, otherwise: str) -> Acted:
    if event is None:
        return Acted(None, 0, 0, otherwise)
    found = acted(store, event.event_id, 0)
    turn = next(
        one.event_id
        for one in reversed(store.events())
        if one.action in ("undo", "redo") and one.payload["event"] == event.event_id
    )
    later = store.waiting if event.action in ON_BOXES else None
    more = f"; its boxes follow as soon as the collection can be written ({later})" if later else ""
    return found._replace(event=turn, sentence=f"{word}: {found.sentence}{more}")
