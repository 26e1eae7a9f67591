"""Relations over the tables of a collection."""

from __future__ import annotations

import dataclasses
import difflib
from typing import TYPE_CHECKING, Self

from vquery.api.tables import DetectionTable, StoredTable, Wanted
from vquery.engine.intervals import Intervals
from vquery.errors import QueryError, StoreError
from vquery.expr.relations import Scan

if TYPE_CHECKING:
    from vquery.api.moment import Moment

FACE = "face"
OTHER_WAYS = {
    "videos": "db.videos",
    "runs": "db.runs",
    "labels": "db.labels()",
    "soft_labels": 'db.faces.with_labels("name")',
    "soft_labels_before": "db.undo_run()",
    "soft_intervals": 'db.fused("commercial")',
    "soft_intervals_before": "db.undo_run()",
    "corrections": 'db.corrections("faces")',
}
"""Tables that are no relations of intervals, and how to get at what they hold."""


class Detections(Intervals):
    """Detections as they come from the collection: labels of further concepts can join in.

    Once filtered or joined it is a plain `Intervals`.
    """

    __slots__ = ("_table",)

    if TYPE_CHECKING:
        _table: DetectionTable

    @classmethod
    def of(cls, table: DetectionTable) -> Self:
        """Make the relation of a table."""
        made = cls(Scan(table))
        made._table = table
        return made

    def with_labels(self, concept: str, *, threshold: float | None = None) -> Detections:
        """Add the labels of a concept: columns ``WHO``, ``WHO_probability`` and ``WHO_source``.

        All three are null where nobody has said or found anything. A human label has the source
        "human" and the probability 1, a human "none of them" neither label nor probability. A
        label that was found has the probability of the most probable one, which stands in ``WHO``
        only if it reaches the threshold.

        Parameters
        ----------
        concept
            Such as "who"; must be an identifier, since it names the columns.
        threshold
            Least probability of a propagated label; by default that of its propagation.

        Raises
        ------
        QueryError
            If the concept cannot name columns or is there already, or the threshold is no
            probability.
        """
        if not concept.isidentifier():
            raise QueryError(f"with_labels(): {concept!r} cannot name a column; use letters and _")
        if threshold is not None and not 0 <= threshold <= 1:
            raise QueryError(f"with_labels(threshold=) must be from 0 to 1, got {threshold!r}")
        wanted = Wanted(concept, threshold=threshold, detail=True)
        others = tuple(one for one in self._table.labels if one != Wanted(concept))
        rest = dataclasses.replace(self._table, labels=others)
        taken = {field.name for field in wanted.fields()} & set(rest.schema.names)
        if taken:
            raise QueryError(f"with_labels(): there is a column {min(taken)!r} already")
        return Detections.of(dataclasses.replace(self._table, labels=(*others, wanted)))


def table_names(moment: Moment) -> list[str]:
    """Name the tables of intervals, sorted."""
    stored = [name for name in moment.snapshot.tables() if "." not in name]
    return sorted({"faces", "captions", *stored} - set(OTHER_WAYS))


def relation(moment: Moment, name: str) -> Intervals:
    """Make the relation of a table.

    Raises
    ------
    StoreError
        If there is no such table of intervals; the message lists those there are.
    """
    if name == "faces":
        return detections_of(moment, name, FACE)
    if name == "detections":
        return detections_of(moment, name, None)
    if name not in table_names(moment):
        raise _unknown(name, table_names(moment))
    stored = "cues" if name == "captions" else name
    return Intervals(Scan(StoredTable(moment.snapshot, stored, name)))


def detections_of(moment: Moment, name: str, only_class: str | None) -> Detections:
    """Make the relation of the detections of one class (None: of all) with their names."""
    table = DetectionTable(moment.snapshot, moment.seeds, moment.rejected, name, only_class)
    return Detections.of(table)


def _unknown(name: str, known: list[str]) -> StoreError:
    if name in OTHER_WAYS:
        return StoreError(f"{name!r} is no table of intervals: use {OTHER_WAYS[name]}")
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return StoreError(f"no table {name!r} in the collection. Tables: {', '.join(known)}.{hint}")
