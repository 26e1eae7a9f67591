"""Methods that say why a result is what it is, how good it is, and how to make it better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.methods.base import Fluent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vquery.engine.trust.lineage import Lineage


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
