"""What people say of labels that were proposed for spans of time: yes, no, and "I cannot tell".

A row is a span, and what is proposed for it is what was fused of the time that overlaps it most.
What is said is said of the row, as the person looked at that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from vquery.api import labelling
from vquery.api.acting import ACCEPT, Acted, acted, done, nothing
from vquery.api.span_labels import SpanLabels
from vquery.store.events import LABEL_SPANS, REJECT_SPANS, UNSURE_SPANS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vquery.store.store import Store

    Said = dict[str, Any]


class Proposed(NamedTuple):
    """Spans, each with a label (None: there is none) and whether a person gave it."""

    spans: pa.Table
    label: list[str | None]
    human: npt.NDArray[np.bool_]


def proposed(store: Store, rows: pa.Table, concept: str) -> Proposed:
    """Look up the label of each span: the human one, else the one that was fused."""
    with store.snapshot() as snapshot:
        spans = labelling.known_spans(rows, snapshot)
        known = SpanLabels.of(snapshot, store.events(snapshot), concept)
    looked = known.look(spans)
    human = looked.by_hand >= 0
    found = known.found["label"].take(pa.array(looked.at, mask=looked.at < 0)).to_pylist()
    told = known.human["label"].take(pa.array(looked.by_hand, mask=~human)).to_pylist()
    label = [one if said else other for one, other, said in zip(told, found, human, strict=True)]
    return Proposed(spans, label, human)


def accept(store: Store, rows: pa.Table, concept: str, said: Said) -> Acted:
    """Give each span the label that is proposed for it; the others are left as they are."""
    before = done(store, said["key"], LABEL_SPANS)
    if before is not None:
        return before
    found = proposed(store, rows, concept)
    at = [i for i, name in enumerate(found.label) if name is not None and not found.human[i]]
    if not at:
        return nothing(f"nothing is proposed of {concept!r} for", len(found.label))
    names = [found.label[i] for i in at]
    event = store.label_spans(found.spans.take(at), concept, names, how=ACCEPT, **said)
    return _acted(store, event, len(at), len(found.label))


def reject(store: Store, rows: pa.Table, concept: str, said: Said) -> Acted:
    """Say that the label of each span is wrong, whoever gave it, until this is undone."""
    before = done(store, said["key"], REJECT_SPANS)
    if before is not None:
        return before
    found = proposed(store, rows, concept)
    at = [i for i, name in enumerate(found.label) if name is not None]
    if not at:
        return nothing(f"there is no label of {concept!r} to reject for", len(found.label))
    names = [found.label[i] for i in at]
    event = store.reject_spans(found.spans.take(at), concept, names, **said)
    return _acted(store, event, len(at), len(found.label))


def unsure(store: Store, rows: pa.Table, concept: str, said: Said) -> Acted:
    """Say that nobody can tell: what is there of human labels is taken off."""
    before = done(store, said["key"], UNSURE_SPANS)
    if before is not None:
        return before
    with store.snapshot() as snapshot:
        spans = labelling.known_spans(rows, snapshot)
    event = store.unsure_spans(spans, concept, **said)
    return _acted(store, event, spans.num_rows, spans.num_rows)


def _acted(store: Store, event: int, count: int, given: int) -> Acted:
    """Say what was done, counted in rows: those that overlap are one span of the action."""
    return acted(store, event, given - count)._replace(labelled=count)
