"""Methods that say why a result is what it is, how good it is, and how to make it better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.methods.base import Fluent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vquery.engine.trust.lineage import Lineage
    from vquery.engine.trust.why_not import WhyNot


class Trust(Fluent):
    """Methods that say why a result is what it is, how good it is, and how to make it better."""

    __slots__ = ()

    def lineage(self, row: Any, *, params: Mapping[str, Any] | None = None) -> Lineage:
        """Find the rows of the input tables that a row of the result comes from.

        Every member of a group belongs to the group's row, the partners to a pair, the witnesses to
        a row that ``semi_join`` kept, and what was cut out to the pieces of ``minus``. A row that
        ``anti_join`` kept has nothing on the right. Only the row's video is run, unless an
        operation looks across videos.

        Parameters
        ----------
        row
            Number of the row in :meth:`collect`, or the row itself as a dictionary or a table of
            one row; of equal rows the first.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> faces = from_arrow(
        ...     pa.table({"video": ["a"] * 3, "start": [0, 1, 5], "end": [1, 2, 6]}), name="faces"
        ... )
        >>> faces.coalesce().lineage(0).tables["faces"].num_rows
        2
        """
        from vquery.engine.trust.lineage import lineage

        return lineage(self._node, row, params)

    def why_not(self, interval: Any, *, params: Mapping[str, Any] | None = None) -> WhyNot:
        """Find the first step that dropped an interval, with the values that failed.

        Every step is looked at where it overlaps the interval. What another threshold would have
        kept comes first, else what stands first in the plan; the rest is listed in ``others``.

        Parameters
        ----------
        interval
            ``(video, start, end)`` in seconds, or a row of a table of labels.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> from vquery.expr.placeholders import row
        >>> table = pa.table({"video": ["a"], "start": [0], "end": [1], "score": [0.62]})
        >>> faces = from_arrow(table, name="faces")
        >>> faces.filter(row.score > 0.7).why_not(("a", 0, 1))
        a 0:00.000 – 0:01.000 dropped by filter: score = 0.62, needed > 0.7
          a 0:00.000 – 0:01.000, score 0.62
        """
        from vquery.engine.trust.why_not import why_not

        return why_not(self._node, interval, params)
