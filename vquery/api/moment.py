"""What a collection holds at one moment, shared by all relations that are made at that moment."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vquery.store.labels import derive
from vquery.store.verdicts import rejected

if TYPE_CHECKING:
    import pyarrow as pa

    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store


@dataclass(frozen=True, eq=False)
class Moment:
    """A snapshot, and the human labels in force and those rejected (both of schema SEED)."""

    snapshot: Snapshot
    seeds: pa.Table
    rejected: pa.Table
    last_event: int


class Newest:
    """The newest moment of a collection.

    Only the newest is held here: an older one lives as long as a relation made from it, and its
    lease on the parts ends with the last of them. New labels alone make a new moment on the same
    snapshot, so that labelling in a loop takes no further leases.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: Moment | None = None
        self._lock = threading.Lock()

    def get(self) -> Moment:
        """Return the newest moment; the same object while nothing changes."""
        newest = self._store.snapshot()
        with self._lock:
            held = self._held
            if held is not None and held.snapshot.generation == newest.generation:
                last = newest.last_event
                newest.close()
                if held.last_event != last:
                    self._held = held = self._said(held.snapshot, last)
                return held
            self._held = self._said(newest, newest.last_event)
            return self._held

    def _said(self, snapshot: Snapshot, last: int) -> Moment:
        """Bring what people said up to an event to a snapshot."""
        events = self._store.events_until(last)
        return Moment(snapshot, derive(events), rejected(events), last)

    def forget(self) -> None:
        """Let go of the moment; relations that were made from it keep it."""
        with self._lock:
            self._held = None
