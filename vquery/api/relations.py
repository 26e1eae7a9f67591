"""Relations over the tables of a collection."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Self

from vquery.api.tables import DetectionTable, StoredTable, Wanted
from vquery.engine.intervals import Intervals
from vquery.errors import QueryError
from vquery.expr.relations import Scan


def relation(table: StoredTable) -> Intervals:
    """Make a relation of a stored table."""
    return Intervals(Scan(table))


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

        Parameters
        ----------
        concept
            Such as "who"; must be an identifier, since it names the columns.
        threshold
            Least probability of a propagated label; by default that of its propagation.

        Raises
        ------
        QueryError
            If the concept cannot name columns or is there already.
        """
        if not concept.isidentifier():
            raise QueryError(f"with_labels(): {concept!r} cannot name a column")
        others = tuple(one for one in self._table.labels if one.concept != concept)
        wanted = Wanted(concept, threshold=threshold, detail=True)
        if concept != "name" and concept in self.columns:
            raise QueryError(f"with_labels(): there is a column {concept!r} already")
        return Detections.of(dataclasses.replace(self._table, labels=(*others, wanted)))
