"""What people say of labels that were proposed for spans, derived from the events.

As with labels, the latest word on each moment counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery import schema
from vquery.store.events import ON_SPANS, Event, by_concept
from vquery.store.spans import DOUBTS, REJECTS, SAYS, codes, layers_of, on_top, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa


def rejected_spans(events: Iterable[Event], concept: str) -> pa.Table:
    """Return the labels of a concept that are rejected, and when: schema SEED_SPAN.

    Spans of one label do not overlap. The same label given later ends a rejection.

    >>> rejected_spans([], "ad").num_rows
    0
    """
    acts = by_concept(events, concept, ON_SPANS).get(concept)
    if acts is None:
        return schema.SEED_SPAN.empty_table()
    layers = layers_of(acts)
    labels = codes(layers.rows["label"])
    mask = ((layers.kind == SAYS) | (layers.kind == REJECTS)) & (labels >= 0)
    if not mask.any():
        return schema.SEED_SPAN.empty_table()
    layers, labels = layers.take(mask), labels[mask]
    group = codes(layers.rows["video"]) * (int(labels.max()) + 1) + labels
    return shown(layers, on_top(layers, group), REJECTS, concept, acts)


def doubted_spans(events: Iterable[Event], concept: str) -> pa.Table:
    """Return the moments of which "unsure" is the latest word: schema SEED_SPAN.

    >>> doubted_spans([], "ad").num_rows
    0
    """
    acts = by_concept(events, concept, ON_SPANS).get(concept)
    if acts is None:
        return schema.SEED_SPAN.empty_table()
    layers = layers_of(acts)
    return shown(layers, on_top(layers, codes(layers.rows["video"])), DOUBTS, concept, acts)
