"""What people say of labels that were proposed to them: yes, no, and "I cannot tell".

Each function is one action: an event that says who, when, of which rows and on which query, and
that undoes as one. Sent again under the same ``key`` it is done once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api import labelling, span_judging
from vquery.api.acting import ACCEPT, Acted, acted, done, nothing
from vquery.api.covering import touching
from vquery.api.tables import HUMAN, Wanted, labels_of
from vquery.errors import LabelError
from vquery.schema import IDS_PER_VIDEO
from vquery.store.events import REJECT, UNLABEL_SPANS, UNSURE
from vquery.store.saying import LABEL, UNLABEL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    import numpy.typing as npt

    from vquery.api.labelling import Rows
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

    Ints: TypeAlias = npt.NDArray[np.int64]
    Proposals: TypeAlias = Sequence[str | None] | pa.Array | pa.ChunkedArray


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
            Detections: a relation, a table or ids. Or spans of time: then what was fused of the
            time that overlaps a row most is the label of the row.
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

    def unlabel(
        self, rows: Rows, concept: str, *, by: str | None = None, query: str | None = None
    ) -> int:
        """Take human labels off, as one undoable action; return how many rows had one.

        After that nothing is known of the rows, other than after ``None``, which says that they
        are none of the labels. What was propagated or fused of them shows again.

        Parameters
        ----------
        rows
            Detections as for `accept`; or spans of time, with ``video``, ``start`` and ``end``:
            then labels lose the moments that lie in them.
        concept
            Such as "name".
        by, query
            Who says so, by default the user's login name; and what found the rows.

        Raises
        ------
        LabelError
            If there are no rows.
        """
        return unlabel(self._store, rows, concept, by=by, query=query).labelled

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


def _spans_in(rows: Rows) -> pa.Table | None:
    """Return rows that are spans of time as a table; None where they are detections."""
    found = labelling.collected(rows)
    return found if labelling.is_spans(found) else None


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
    spans = _spans_in(rows)
    if spans is not None:
        said = {"who": by or labelling.login(), "query": query, "key": key}
        return span_judging.accept(store, spans, concept, said)
    before = done(store, key, LABEL)
    if before is not None:
        return before
    found = proposed(store, rows, concept, proposals)
    at = [i for i, name in enumerate(found.label) if name is not None and not found.human[i]]
    skipped = len(found.ids) - len(at)
    if not at:
        return nothing(f"nothing is proposed of {concept!r} for", skipped)
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
    return acted(store, event, skipped)


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
    spans = _spans_in(rows)
    if spans is not None:
        said = {"who": by or labelling.login(), "query": query, "key": key}
        return span_judging.reject(store, spans, concept, said)
    before = done(store, key, REJECT)
    if before is not None:
        return before
    found = proposed(store, rows, concept, proposals)
    at = [i for i, name in enumerate(found.label) if name is not None]
    skipped = len(found.ids) - len(at)
    if not at:
        return nothing(f"there is no label of {concept!r} to reject for", skipped)
    who = by or labelling.login()
    names = [found.label[i] for i in at]
    event = store.reject(found.ids[at], concept, names, who=who, query=query, key=key)
    return acted(store, event, skipped)


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
    spans = _spans_in(rows)
    if spans is not None:
        said = {"who": by or labelling.login(), "query": query, "key": key}
        return span_judging.unsure(store, spans, concept, said)
    before = done(store, key, UNSURE)
    if before is not None:
        return before
    ids = np.unique(labelling.ids_of(rows))
    with store.snapshot() as snapshot:
        labelling.check_known(ids, snapshot)
    event = store.unsure(ids, concept, who=by or labelling.login(), query=query, key=key)
    return acted(store, event, 0)


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
    return acted(store, event, 0)


def unlabel(
    store: Store,
    rows: Rows,
    concept: str,
    *,
    by: str | None = None,
    query: str | None = None,
    key: str | None = None,
) -> Acted:
    """Take the labels that people gave off rows; those without one are counted as skipped."""
    labelling.check_concept(concept)
    found = labelling.collected(rows)
    of_spans = labelling.is_spans(found)
    before = done(store, key, UNLABEL_SPANS if of_spans else UNLABEL)
    if before is not None:
        return before
    said = {"who": by or labelling.login(), "query": query, "key": key}
    if of_spans:
        return _unlabel_spans(store, found, concept, said)
    ids = np.unique(labelling.ids_of(found))
    with store.snapshot() as snapshot:
        labelling.check_known(ids, snapshot)
        there = store.labels(concept, snapshot)["detection_id"].to_numpy()
    known = ids[np.isin(ids, there)]
    if not len(known):
        return nothing(f"no person gave a label of {concept!r} to", len(ids))
    event = store.unlabel(known, concept, **said)
    return acted(store, event, 0)._replace(skipped=len(ids) - len(known))


def _unlabel_spans(store: Store, rows: pa.Table, concept: str, said: dict[str, Any]) -> Acted:
    with store.snapshot() as snapshot:
        spans = labelling.known_spans(rows, snapshot)
        there = store.span_labels(concept, snapshot)
    known = touching(there, spans)
    if not known.any():
        return nothing(f"no person gave a label of {concept!r} to", spans.num_rows)
    event = store.unlabel_spans(spans.filter(pa.array(known)), concept, **said)
    skipped = int(spans.num_rows - known.sum())
    return acted(store, event, 0)._replace(labelled=int(known.sum()), skipped=skipped)
