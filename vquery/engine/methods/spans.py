"""Methods that make, move and merge spans of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.methods.base import Fluent, aggregates_of
from vquery.errors import QueryError
from vquery.expr.expression import Column, lift
from vquery.expr.groups import Coalesce
from vquery.expr.relations import Dilate

if TYPE_CHECKING:
    from vquery.engine.intervals import Intervals
    from vquery.expr.expression import Param


class Spans(Fluent):
    """Methods that make, move and merge spans of time."""

    __slots__ = ()

    def coalesce(self, gap: float | Param = 0, *, by: Any = (), **aggregates: Any) -> Intervals:
        """Make one row of each run of rows that overlap, touch or lie at most ``gap`` apart.

        Parameters
        ----------
        gap
            Seconds that are bridged, inclusive.
        by
            Columns that have to be equal for rows to meet; null equals null.
        **aggregates
            Columns computed from the rows of a run, such as ``n=vq.count()``. All others are those
            of the first row, with the hull of the boxes and the highest score.
        """
        given = [by] if isinstance(by, (str, Column)) else by
        names = tuple(self._names(given, "coalesce(by=)"))
        return self._made(Coalesce(self._node, lift(gap), names, aggregates_of(aggregates)))

    def dilate(self, seconds: float | Param, *, side: str = "both") -> Intervals:
        """Make spans longer by ``seconds`` at each end, or shorter by a negative number.

        ``side`` may be ``"start"`` or ``"end"``. Nothing is merged or cut at the ends of the
        video. A row that shrinks below nothing is left out, counted and reported.
        """
        sides = {"both": ("start", "end"), "start": ("start",), "end": ("end",)}
        if side not in sides:
            raise QueryError(f"dilate(): side= must be 'both', 'start' or 'end', got {side!r}")
        return self._made(Dilate(self._node, lift(seconds), sides[side]))
