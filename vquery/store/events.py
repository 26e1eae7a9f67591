"""Human actions: kept for ever in the order they happened; undo and redo are actions too."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.errors import StoreError
from vquery.schema import DRAWN_FROM
from vquery.store.catalog import LIMITS, LONG, Catalog, as_json, now_us, text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Mapping

LABEL_SPANS, UNLABEL_SPANS, TRIM_SPANS = "label spans", "unlabel spans", "trim spans"
REJECT, UNSURE, JUDGE = "reject", "unsure", "judge"
REJECT_SPANS, UNSURE_SPANS = "reject spans", "unsure spans"
DRAW, MOVE, REMOVE = "draw boxes", "move boxes", "remove boxes"
ON_DETECTIONS = frozenset({"label", "unlabel", REJECT, UNSURE})
ON_SPANS = frozenset({LABEL_SPANS, UNLABEL_SPANS, TRIM_SPANS, REJECT_SPANS, UNSURE_SPANS})
ON_BOXES = frozenset({DRAW, MOVE, REMOVE})
UNDOABLE = ON_DETECTIONS | ON_SPANS | ON_BOXES | {JUDGE}
PICTURES = ("jpeg", "vector.")
"""How columns begin that only who writes detections needs, and that no list of events holds."""
MAX_ROWS_BYTES = 256 << 20
KEYS_KEPT = 10_000
"""Among how many of the latest actions one that is sent again is known by its key."""


@dataclass(frozen=True, slots=True)
class Event:
    """One human action.

    Attributes
    ----------
    event_id : int
        From 1, in the order they happened.
    at_us : int
        When, in microseconds since 1970.
    action : str
        "label", "unlabel", "reject", "unsure" (of detections), "label spans", "unlabel spans",
        "trim spans", "reject spans", "unsure spans", "draw boxes", "move boxes", "remove boxes",
        "judge", "undo", "redo", or another word: then it is only kept.
    who, query : str or None
        The person, and the query that found the rows.
    generation : int
        The state of the data that the person looked at.
    payload : dict
        What the action says; for undo and redo ``{"event": event_id}``.
    rows : pyarrow.Table or None
        The rows it is about; for labels and rejections ``detection_id`` and ``label``, for those
        of spans ``video, start_us, end_us`` and ``label``, for boxes whole detections.
    """

    event_id: int
    at_us: int
    action: str
    who: str | None
    query: str | None
    generation: int
    payload: dict[str, Any]
    rows: pa.Table | None = field(default=None, compare=False)


def in_force(events: Iterable[Event]) -> list[Event]:
    """Return the undoable actions that are not undone, in the order they happened. O(n).

    >>> log = [Event(1, 0, "label", None, None, 0, {}), Event(2, 0, "label", None, None, 0, {}),
    ...        Event(3, 0, "undo", None, None, 0, {"event": 2})]
    >>> [event.event_id for event in in_force(log)]
    [1]
    """
    events = list(events)
    undone: set[int] = set()
    for event in events:
        if event.action == "undo":
            undone.add(event.payload["event"])
        elif event.action == "redo":
            undone.discard(event.payload["event"])
    return [e for e in events if e.action in UNDOABLE and e.event_id not in undone]


def by_concept(
    events: Iterable[Event], concept: str | None, actions: Collection[str]
) -> dict[str, list[Event]]:
    """Return the actions in force of some kinds, by concept (None: all) and in their order.

    Boxes that were drawn with a label count as labelled.

    >>> log = [Event(1, 0, "label", None, None, 0, {"concept": "name"})]
    >>> list(by_concept(log, None, ["label"])), by_concept(log, "other", ["label"])
    (['name'], {})
    """
    found: dict[str, list[Event]] = {}
    for one in in_force(events):
        event = _labelling(one) if one.action == DRAW and "concept" in one.payload else one
        if event.action in actions and concept in (None, event.payload["concept"]):
            found.setdefault(event.payload["concept"], []).append(event)
    return found


def _labelling(event: Event) -> Event:
    """Return the label action that is part of drawing boxes."""
    assert event.rows is not None
    return replace(event, action="label", rows=event.rows.select(["detection_id", "label"]))


def to_undo(events: Iterable[Event], who: str | None = None) -> Event | None:
    """Return what an undo takes back: the last action in force, of one person or of anybody."""
    candidates = [event for event in in_force(events) if who is None or event.who == who]
    return candidates[-1] if candidates else None


def to_redo(events: Iterable[Event], who: str | None = None) -> Event | None:
    """Return what a redo brings back: the action undone last, of one person or of anybody.

    A new action of a person ends the redo of what that person did before; two people at work
    do not end each other's.

    >>> log = [Event(1, 0, "label", None, None, 0, {})]
    >>> log += [Event(2, 0, "undo", None, None, 0, {"event": 1})]
    >>> to_redo(log).event_id, to_redo([*log, Event(3, 0, "label", None, None, 0, {})])
    (1, None)
    """
    actions: dict[int, Event] = {}
    stack: list[Event] = []
    for event in events:
        if event.action in UNDOABLE:
            actions[event.event_id] = event
            stack = [one for one in stack if one.who != event.who]
        elif event.action == "undo":
            stack.append(actions[event.payload["event"]])
        elif event.action == "redo":
            stack = [one for one in stack if one.event_id != event.payload["event"]]
    candidates = [event for event in stack if who is None or event.who == who]
    return candidates[-1] if candidates else None


class EventLog:
    """The events of one collection; may be appended to while another process writes parts.

    Events never change, so those read once are kept in memory.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._seen: list[Event] = []
        self._lock = threading.Lock()

    def append(
        self,
        action: str,
        payload: Mapping[str, Any],
        *,
        who: str | None,
        query: str | None = None,
        rows: pa.Table | None = None,
        key: str | None = None,
    ) -> int:
        """Keep one action; one transaction. Returns its event_id.

        Parameters
        ----------
        key : str, optional
            A name that the sender gave to this one action: sent again, it is kept once.

        Raises
        ------
        StoreError
            If a text is too long, the payload is no JSON, the key was used for another kind of
            action, or the disk is full or read-only.
        """
        if action in ("undo", "redo"):
            raise StoreError(f"use the method {action}(), which finds the action that it is about")
        blob = None if rows is None else _pack(rows)
        values = _values(action, _keyed(key, payload), who, query)
        with self._catalog.write("keeping an action") as db:
            before = _of_key(db, key, action)
            return _insert(db, values, blob) if before is None else before.event_id

    def append_drawn(
        self,
        make: Callable[[int], tuple[dict[str, Any], pa.Table]],
        *,
        who: str | None,
        query: str | None = None,
        key: str | None = None,
    ) -> int:
        """Keep a drawing of boxes, whose numbers nothing else ever gets. Returns its event_id.

        Parameters
        ----------
        make
            Given the first free number, makes what the action says besides and its rows, which
            take as many numbers as there are rows.
        """
        with self._catalog.write("keeping an action") as db:
            before = _of_key(db, key, DRAW)
            if before is not None:
                return before.event_id
            first = _first_free(db)
            payload, rows = make(first)
            payload = _keyed(key, payload | {"numbers": [first, rows.num_rows]})
            return _insert(db, _values(DRAW, payload, who, query), _pack(rows))

    def last(self) -> int:
        """Return the number of the last action; 0 if there is none."""
        with self._catalog.read() as db:
            found: int = db.execute("SELECT coalesce(max(event_id), 0) FROM events").fetchone()[0]
        return found

    def of_boxes(self) -> list[Event]:
        """Return the actions on boxes, and what undoes and redoes actions, not kept in memory.

        Without drawings it is an empty list.
        """
        marks = ", ".join("?" * len(ON_BOXES))
        drawn = (*sorted(ON_BOXES),)
        with self._catalog.read() as db:
            one = f"SELECT 1 FROM events WHERE action IN ({marks}) LIMIT 1"
            if db.execute(one, drawn).fetchone() is None:
                return []
            found = db.execute(
                f"SELECT {_COLUMNS}, item_rows FROM events "
                f"WHERE action IN ({marks}, 'undo', 'redo') ORDER BY event_id",
                drawn,
            ).fetchall()
        return [_event(row) for row in found]

    def with_pictures(self, numbers: Iterable[int]) -> list[Event]:
        """Return some actions on boxes with all their columns."""
        one = f"SELECT {_COLUMNS}, item_rows FROM events WHERE event_id = ?"
        with self._catalog.read() as db:
            found = [db.execute(one, (number,)).fetchone() for number in numbers]
        return [_event(row, pictures=True) for row in found]

    def of_key(self, key: str | None, action: str) -> Event | None:
        """Return the action that was kept under a key, without its rows."""
        with self._catalog.read() as db:
            return _of_key(db, key, action)

    def undo(self, who: str | None, key: str | None = None) -> Event | None:
        """Take back the last action in force, of ``who`` or (None) of anybody; returns it."""
        return self._turn("undo", who, key)

    def redo(self, who: str | None, key: str | None = None) -> Event | None:
        """Bring back what was undone last, of ``who`` or (None) of anybody; returns it."""
        return self._turn("redo", who, key)

    def _turn(self, action: str, who: str | None, key: str | None) -> Event | None:
        find = to_undo if action == "undo" else to_redo
        with self._catalog.write(f"keeping an {action}") as db:
            # Read inside the transaction: two people cannot take back the same action.
            events = [_event(row) for row in _select(db, 0, rows=False)]
            before = _of_key(db, key, action)
            if before is not None:
                about = before.payload["event"]
                return next(event for event in events if event.event_id == about)
            found = find(events, who)
            if found is not None:
                payload = _keyed(key, {"event": found.event_id})
                _insert(db, _values(action, payload, who, None), None)
        return found

    def read(self, upto: int | None = None) -> list[Event]:
        """Return all events, or those up to an event_id."""
        with self._lock:
            last = self._seen[-1].event_id if self._seen else 0
            if upto is None or last < upto:
                with self._catalog.read() as db:
                    self._seen += [_event(row) for row in _select(db, last, rows=True)]
            seen = list(self._seen)
        return seen if upto is None else [event for event in seen if event.event_id <= upto]


_COLUMNS = "event_id, at_us, action, who, query, generation, payload"


def _first_free(db: sqlite3.Connection) -> int:
    """Return the first number that no drawn box ever had, in any video."""
    last = db.execute(
        "SELECT payload FROM events WHERE action = ? ORDER BY event_id DESC LIMIT 1", (DRAW,)
    ).fetchone()
    if last is None:
        return DRAWN_FROM
    first, count = json.loads(last[0])["numbers"]
    return int(first + count)


def _select(db: sqlite3.Connection, after: int, *, rows: bool) -> list[tuple[Any, ...]]:
    items = "item_rows" if rows else "NULL"
    return db.execute(
        f"SELECT {_COLUMNS}, {items} FROM events WHERE event_id > ? ORDER BY event_id",
        (after,),
    ).fetchall()


def _keyed(key: str | None, payload: Mapping[str, Any]) -> dict[str, Any]:
    if key is None:
        return dict(payload)
    return {"key": text(key, LIMITS["who"], "the key of an action"), **payload}


def _of_key(db: sqlite3.Connection, key: str | None, action: str) -> Event | None:
    """Find the action that was kept under this key, among the latest ones."""
    if key is None:
        return None
    begins = json.dumps({"key": key})[:-1]  # as `as_json` writes it: the key is the first entry
    row = db.execute(
        f"SELECT {_COLUMNS}, NULL FROM events "
        "WHERE event_id > (SELECT coalesce(max(event_id), 0) FROM events) - ? "
        "AND substr(payload, 1, ?) = ? ORDER BY event_id LIMIT 1",
        (KEYS_KEPT, len(begins), begins),
    ).fetchone()
    if row is None:
        return None
    found = _event(row)
    if found.action != action:
        raise StoreError(
            f"the key of this {action!r} was given to a {found.action!r} before: give every "
            "action a key of its own"
        )
    return found


def _event(row: tuple[Any, ...], *, pictures: bool = False) -> Event:
    event_id, at_us, action, who, query, generation, payload, blob = row
    rows = None if blob is None else _unpack(blob)
    if rows is not None and action in ON_BOXES and not pictures:
        rows = rows.select([name for name in rows.column_names if not name.startswith(PICTURES)])
    return Event(event_id, at_us, action, who, query, generation, json.loads(payload), rows)


def _values(
    action: str, payload: Mapping[str, Any], who: str | None, query: str | None
) -> tuple[Any, ...]:
    return (
        now_us(),
        text(action, LIMITS["action"], "the action"),
        None if who is None else text(who, LIMITS["who"], "who"),
        None if query is None else text(query, LONG, "the query"),
        as_json(dict(payload), "the payload of an action"),
    )


def _insert(db: sqlite3.Connection, values: tuple[Any, ...], blob: bytes | None) -> int:
    found = db.execute(
        "INSERT INTO events (at_us, action, who, query, payload, item_rows, generation) "
        "SELECT ?, ?, ?, ?, ?, ?, generation FROM state RETURNING event_id",
        (*values, blob),
    )
    event_id: int = found.fetchone()[0]
    return event_id


def _pack(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, rows.schema, options=options) as stream:
        stream.write_table(rows)
    blob: bytes = sink.getvalue().to_pybytes()
    if len(blob) > MAX_ROWS_BYTES:
        raise StoreError(
            f"one action may be about at most {MAX_ROWS_BYTES >> 20} MiB of rows; "
            f"this one has {rows.num_rows} rows. Split it"
        )
    return blob


def _unpack(blob: bytes) -> pa.Table:
    with pa.ipc.open_stream(pa.py_buffer(blob)) as stream:
        return stream.read_all()
