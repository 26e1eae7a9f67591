"""What people have said of rows stands: no rule corrects it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.supervise.assertions.findings import RELABEL, REMOVE, Found

if TYPE_CHECKING:
    from collections.abc import Mapping

    Said = Mapping[str, frozenset[int]]


def said_of(labels: pa.Table | None) -> Said:
    """Take human labels (schema SEED) as ids by concept; "none of them" is a word too."""
    out: dict[str, set[int]] = {}
    if labels is not None:
        ids, concepts = (labels[name].to_pylist() for name in ("detection_id", "concept"))
        for one, concept in zip(ids, concepts, strict=True):
            out.setdefault(concept, set()).add(one)
    return {concept: frozenset(ids) for concept, ids in out.items()}


def allowed(found: Found, said: Said) -> Found:
    """Leave out corrections that remove a labelled row or change its label.

    Violations that have no correction left have no action either.

    >>> said_of(pa.table({"detection_id": [5], "concept": ["name"]}))
    {'name': frozenset({5})}
    """
    log = found.corrections
    any_label = {one for ids in said.values() for one in ids}
    keep = np.ones(log.num_rows, bool)
    columns = (log[name].to_pylist() for name in ("action", "item", "column"))
    for at, (action, item, column) in enumerate(zip(*columns, strict=True)):
        removed = action == REMOVE and item in any_label
        keep[at] = not (removed or (action == RELABEL and item in said.get(column, ())))
    if keep.all():
        return found
    left = log.filter(pa.array(keep))
    lost = pc.is_in(found.violations["violation"], value_set=log["violation"].combine_chunks())
    there = pc.is_in(found.violations["violation"], value_set=left["violation"].combine_chunks())
    bare = pc.and_not(lost, there)
    violations = found.violations
    for name in ("action", "weight"):
        field = violations.schema.field(name)
        column = pc.if_else(bare, pa.scalar(None, field.type), violations[name])
        violations = violations.set_column(violations.column_names.index(name), field, column)
    note = f"{len(keep) - int(keep.sum())} corrections are left out: people have labelled the rows"
    return Found(violations, left, (*found.notes, note))
