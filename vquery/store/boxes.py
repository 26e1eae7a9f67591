"""What people draw in a collection: kept as events at once, as detections as soon as may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from vquery.errors import LabelError, VQueryError
from vquery.store import drawn, labels
from vquery.store.events import MOVE, ON_BOXES, REMOVE
from vquery.store.lock import WriterLock
from vquery.store.settle import settle

if TYPE_CHECKING:
    from vquery.store.catalog import Catalog
    from vquery.store.events import Event, EventLog

SETTLE_S = 1.0
"""How long an action on boxes waits for another process that writes; then its rows come later."""


class Boxes:
    """Actions on drawn boxes, which need no writer; each is one event and undone as one.

    Attributes
    ----------
    waiting : str or None
        Why the rows of drawn boxes are not yet those of the events; None if they are.
    """

    _catalog: Catalog
    _events: EventLog
    waiting: str | None = None

    def draw(
        self,
        rows: pa.Table,
        video_id: int,
        *,
        who: str | None,
        concept: str | None = None,
        label: str | None = None,
        query: str | None = None,
        key: str | None = None,
    ) -> int:
        """Draw a box, and those between it and others of its track. Returns the event_id.

        Parameters
        ----------
        rows : pyarrow.Table (n,)
            Schema `drawn.BOX_ROWS`, of one video, without ids; the drawn box comes first.
        video_id
            Of that video.
        concept, label
            What the boxes are called, as part of the same action; both or none.
        who, query, key
            As for `label`.

        Raises
        ------
        LabelError
            If there are no rows, or a concept without a label.
        """
        kept = drawn.check_rows(rows)
        if (concept is None) != (label is None):
            raise LabelError("a drawn box is given a concept and a label, or neither")
        said = {} if concept is None else {"concept": labels.concept_name(concept)}
        if label is not None:
            column = pa.repeat(pa.scalar(label, pa.string()), kept.num_rows)
            kept = kept.append_column("label", column)
        event = self._events.append_drawn(
            lambda first: (said, drawn.numbered(kept, video_id, first)),
            who=who,
            query=query,
            key=key,
        )
        self.settle()
        return event

    def move_boxes(self, rows: pa.Table, *, who: str | None, key: str | None = None) -> int:
        """Give drawn boxes other places; ``rows`` as for `draw`, with ids. Returns the event_id."""
        kept = drawn.check_rows(rows)
        event = self._events.append(MOVE, {}, who=who, rows=kept, key=key)
        self.settle()
        return event

    def remove_boxes(self, ids: labels.Ids, *, who: str | None, key: str | None = None) -> int:
        """Remove drawn boxes, and with them what lies between them. Returns the event_id.

        Raises
        ------
        LabelError
            If there are none, or one was not drawn by hand.
        """
        items = labels.detection_ids(ids)
        if not drawn.is_drawn(items).all():
            found = int(items[~drawn.is_drawn(items)][0])
            raise LabelError(f"detection {found} was not drawn by hand, so it cannot be removed")
        rows = pa.table({"detection_id": pa.array(sorted(set(items.tolist())), pa.int64())})
        event = self._events.append(REMOVE, {}, who=who, rows=rows, key=key)
        self.settle()
        return event

    def standing(self) -> pa.Table:
        """Return the drawn boxes in force, by id: schema `drawn.STANDING`, stored or not."""
        return drawn.derive(self._events.read())

    def settle(self, wait_s: float = SETTLE_S) -> str | None:
        """Bring the rows of drawn boxes up to the events; say why, if that must wait.

        The events are kept whatever comes of it, so trouble is told and not raised.
        """
        lock = WriterLock(self._catalog.root, "draw")
        try:
            lock.acquire(wait_s)
            try:
                settle(self._catalog, self._events, self._events.read())
            finally:
                lock.release()
        except VQueryError as problem:
            self.waiting = str(problem)
        else:
            self.waiting = None
        return self.waiting

    def _turned(self, event: Event | None) -> Event | None:
        """Let rows follow an undo or redo of an action on boxes."""
        if event is not None and event.action in ON_BOXES:
            self.settle()
        return event
