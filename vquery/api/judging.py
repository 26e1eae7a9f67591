"""What people say of labels that were proposed to them: yes, no, and "I cannot tell".

Each function is one action: an event that says who, when, of which rows and on which query, and
that undoes as one. Sent again under the same ``key`` it is done once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api import labelling
from vquery.api.tables import HUMAN, Wanted, labels_of
from vquery.errors import LabelError
from vquery.schema import IDS_PER_VIDEO
from vquery.store.events import JUDGE, REJECT, UNDOABLE, UNSURE, Event, in_force

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    import numpy.typing as npt

    from vquery.api.labelling import Rows
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

    Ints: TypeAlias = npt.NDArray[np.int64]
    Proposals: TypeAlias = Sequence[str | None] | pa.Array | pa.ChunkedArray

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


class Judging:
    """What a collection is told of labels that it proposed."""

    _store: Store

    def accept(
        self, rows: Rows, concept: str, *, by: str | None = None, query: str | None = None
    ) -> int:
        """Make proposed labels human labels, as one undoable action; return how many.

        Rows without a proposed label are left as they are.

        Parameters
        ----------
        rows
            Detections: a relation, a table or ids.
        concept
            Such as "name".
        by, query
            Who says so, by default the user's login name; and what found the rows.
        """
        return accept(self._store, rows, concept, by=by, query=query).labelled

    def reject(
        self, rows: Rows, concept: str, *, by: str | None = None, query: str | None = None
    ) -> int:
        """Say that the labels that rows have are wrong, as one undoable action; return how many.

        A rejected label is never the found label of its detection again: not in relations, not in
        exports, and when labels are propagated not that of its track, unless a person gives it.
        """
        return reject(self._store, rows, concept, by=by, query=query).labelled

    def unsure(
        self, rows: Rows, concept: str, *, by: str | None = None, query: str | None = None
    ) -> int:
        """Say that nobody can tell, as one undoable action; `suggest` does not ask again."""
        return unsure(self._store, rows, concept, by=by, query=query).labelled

    def rejected(self, concept: str | None = None) -> pa.Table:
        """Return the rejected labels in force (schema SEED), of one concept or of all."""
        return self._store.rejected(concept)


class Proposed(NamedTuple):
    """Detections, ascending, each with a label (None: there is none) and whether it is human."""

    ids: Ints
    label: list[str | None]
    human: npt.NDArray[np.bool_]


def proposed(
    store: Store, rows: Rows, concept: str, proposals: Proposals | None = None
) -> Proposed:
    """Look up the label of each detection: the human one, else the one proposed.

    Parameters
    ----------
    proposals
        What is proposed for each row, in its order, in place of what was found last; a label that
        was rejected for a detection is not proposed.
    """
    given = labelling.ids_of(rows)
    with store.snapshot() as snapshot:
        labelling.check_known(given, snapshot)
        ids, first = np.unique(given, return_index=True)
        seeds, refused = store.labels(concept, snapshot), store.rejected(concept, snapshot)
        wanted = Wanted(concept, detail=True)
        found = labels_of(snapshot, seeds, refused, ids, wanted, _videos(snapshot, ids))
    human = pc.fill_null(pc.equal(found[f"{concept}_source"], HUMAN), fill_value=False)
    by_hand = np.asarray(human.to_numpy())
    label: list[str | None] = found[concept].to_pylist()
    if proposals is not None:
        said = _listed(proposals, len(given))
        wrong = set(
            zip(refused["detection_id"].to_pylist(), refused["label"].to_pylist(), strict=True)
        )
        for at in np.flatnonzero(~by_hand).tolist():
            new = said[int(first[at])]
            label[at] = None if (int(ids[at]), new) in wrong else new
    return Proposed(ids, label, by_hand)


def _videos(snapshot: Snapshot, ids: Ints) -> list[str]:
    videos = snapshot.videos()
    here = pc.is_in(videos["video_id"], value_set=pa.array(np.unique(ids // IDS_PER_VIDEO)))
    found: list[str] = videos.filter(here)["video"].to_pylist()
    return found


def _listed(proposals: Proposals, count: int) -> list[str | None]:
    arrow = isinstance(proposals, (pa.Array, pa.ChunkedArray))
    said = proposals.to_pylist() if arrow else list(proposals)  # type: ignore[union-attr]
    if len(said) != count:
        raise LabelError(f"{count} rows but {len(said)} proposals; give one each")
    return said


def accept(
    store: Store,
    rows: Rows,
    concept: str,
    *,
    proposals: Proposals | None = None,
    by: str | None = None,
    query: str | None = None,
    key: str | None = None,
) -> Acted:
    """Give each detection the label that is proposed for it; the others are left as they are."""
    labelling.check_concept(concept)
    done = _done(store, key, "label")
    if done is not None:
        return done
    found = proposed(store, rows, concept, proposals)
    at = [i for i, name in enumerate(found.label) if name is not None and not found.human[i]]
    skipped = len(found.ids) - len(at)
    if not at:
        return _nothing(f"nothing is proposed of {concept!r} for", skipped)
    names = [found.label[i] for i in at]
    event = store.label(
        found.ids[at],
        concept,
        names,
        who=by or labelling.login(),
        query=query,
        key=key,
        how=ACCEPT,
    )
    return _acted(store, event, skipped)


def reject(
    store: Store,
    rows: Rows,
    concept: str,
    *,
    proposals: Proposals | None = None,
    by: str | None = None,
    query: str | None = None,
    key: str | None = None,
) -> Acted:
    """Say that the label of each detection is wrong, whoever gave it, until this is undone."""
    labelling.check_concept(concept)
    done = _done(store, key, REJECT)
    if done is not None:
        return done
    found = proposed(store, rows, concept, proposals)
    at = [i for i, name in enumerate(found.label) if name is not None]
    skipped = len(found.ids) - len(at)
    if not at:
        return _nothing(f"there is no label of {concept!r} to reject for", skipped)
    who = by or labelling.login()
    names = [found.label[i] for i in at]
    event = store.reject(found.ids[at], concept, names, who=who, query=query, key=key)
    return _acted(store, event, skipped)


def unsure(
    store: Store,
    rows: Rows,
    concept: str,
    *,
    by: str | None = None,
    query: str | None = None,
    key: str | None = None,
) -> Acted:
    """Say that nobody can tell: what is there of a human label is taken off."""
    labelling.check_concept(concept)
    done = _done(store, key, UNSURE)
    if done is not None:
        return done
    ids = np.unique(labelling.ids_of(rows))
    with store.snapshot() as snapshot:
        labelling.check_known(ids, snapshot)
    event = store.unsure(ids, concept, who=by or labelling.login(), query=query, key=key)
    return _acted(store, event, 0)


def label(
    store: Store,
    rows: Rows,
    concept: str,
    value: labelling.Values,
    *,
    by: str | None = None,
    query: str | None = None,
    key: str | None = None,
) -> Acted:
    """Label detections or spans, as `Collection.label` does."""
    event, _ = labelling.act(store, rows, concept, value, by=by, query=query, key=key)
    return _acted(store, event, 0)


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
    done = _done(store, key, "trim spans")
    if done is not None:
        return done
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
    return _acted(store, event, 0)


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


def _done(store: Store, key: str | None, action: str) -> Acted | None:
    """Say what an action with this key did, where it was kept before."""
    before = store.action_of(key, action)
    return None if before is None else _acted(store, before.event_id, 0)


def _acted(store: Store, event_id: int, skipped: int) -> Acted:
    event = next(one for one in reversed(store.events()) if one.event_id == event_id)
    more = f"; {skipped:,} skipped, as nothing is proposed for them" if skipped else ""
    return Acted(event_id, labelling.count_of(event), skipped, labelling.described(event) + more)


def _nothing(what: str, rows: int) -> Acted:
    return Acted(None, 0, rows, f"{what} {'this row' if rows == 1 else f'these {rows:,} rows'}")


def _turned(store: Store, event: Event | None, word: str, nothing: str) -> Acted:
    if event is None:
        return Acted(None, 0, 0, nothing)
    found = _acted(store, event.event_id, 0)
    turn = next(
        one.event_id
        for one in reversed(store.events())
        if one.action in ("undo", "redo") and one.payload["event"] == event.event_id
    )
    return found._replace(event=turn, sentence=f"{word}: {found.sentence}")
