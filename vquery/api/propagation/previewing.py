"""What a propagation would change, before it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.tables import HUMAN, PUBLIC_DETECTION, Wanted, labels_of, without_rejected
from vquery.schema import sort_intervals

if TYPE_CHECKING:
    from vquery.api.propagation.result import Propagation
    from vquery.store.store import Store

GAINED, LOST, CHANGED = "gained", "lost", "changed"


class Preview(NamedTuple):
    """The labels that a propagation would change.

    Attributes
    ----------
    rows
        Detections whose label would be another: columns of detections, then ``before``,
        ``proposed``, ``change`` ("gained", "lost" or "changed"), ``probability`` and ``margin``.
    by_label
        Label → how many would gain it and lose it.
    """

    rows: pa.Table
    by_label: dict[str, dict[str, int]]

    def counts(self) -> dict[str, int]:
        """Count the rows by what changes."""
        kinds = self.rows["change"].to_pylist()
        return {kind: kinds.count(kind) for kind in (GAINED, LOST, CHANGED)}


def preview(store: Store, found: Propagation) -> Preview:
    """Compare a propagation with the labels in force; human labels and rejections stay."""
    concept = found.concept
    with store.snapshot() as snapshot:
        rows = snapshot.read("detections", columns=PUBLIC_DETECTION.names)
        seeds, refused = store.labels(concept, snapshot), store.rejected(concept, snapshot)
        ids = rows["detection_id"].to_numpy()
        old = labels_of(snapshot, seeds, refused, ids, Wanted(concept, detail=True))
    new = without_rejected(found.table, refused)
    at = pc.index_in(rows["detection_id"], value_set=new["detection_id"].combine_chunks())
    human = pc.fill_null(pc.equal(old[f"{concept}_source"], HUMAN), fill_value=False)
    before, after = old[concept], new["label"].take(at)
    same = pc.fill_null(pc.equal(before, after), fill_value=False)
    same = pc.or_(same, pc.and_(pc.is_null(before), pc.is_null(after)))
    which = pc.and_(pc.invert(human), pc.invert(same))
    kinds = pc.if_else(pc.is_null(before), GAINED, pc.if_else(pc.is_null(after), LOST, CHANGED))
    more = {
        "before": before,
        "proposed": after,
        "change": kinds,
        "probability": new["probability"].take(at),
        "margin": new["margin"].take(at),
    }
    for name, column in more.items():
        rows = rows.append_column(name, column)
    changed = sort_intervals(rows.filter(which)).combine_chunks()
    return Preview(changed, _by_label(changed))


def _by_label(rows: pa.Table) -> dict[str, dict[str, int]]:
    """Count for each label the rows that gain and lose it, the most moved first."""
    found: dict[str, dict[str, int]] = {}
    for column, kind in (("proposed", GAINED), ("before", LOST)):
        for one in pc.value_counts(rows[column].drop_null()).to_pylist():
            found.setdefault(one["values"], {GAINED: 0, LOST: 0})[kind] = one["counts"]
    return dict(sorted(found.items(), key=lambda item: (-sum(item[1].values()), item[0])))


def told(found: Propagation, seen: Preview) -> dict[str, Any]:
    """Say as plain values what keeping it would do, and how right it should be."""
    facts = found.summary()
    return {
        **seen.counts(),
        "by_label": [{"label": label, **counts} for label, counts in seen.by_label.items()],
        "labelled": facts["labelled"],
        "items": facts["items"],
        "seeds": facts["seeds"],
        "calibrated": bool(found.report.get("calibrated")),
        "expected_precision": [
            {name: None if value is None or np.isnan(value) else value for name, value in e.items()}
            for e in facts["expected"]
        ],
        "notes": facts["notes"],
    }
