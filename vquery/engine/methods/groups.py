"""Methods that look at rows in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.methods.base import Fluent, sort_key

if TYPE_CHECKING:
    from vquery.engine.grouped import Grouped
    from vquery.engine.partitioned import Partitioned


class Groups(Fluent):
    """Methods that look at rows in groups."""

    __slots__ = ()

    def per_frame(self) -> Grouped:
        """Group the rows of a video that start at the same time, such as the faces of a frame."""
        return self.group_by("start_us")

    def group_by(self, *columns: Any) -> Grouped:
        """Group the rows of a video that are equal in these columns; null equals null.

        Groups do not reach across videos: `rekey` brings videos together, and ``db.sql`` counts
        over all of them.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> table = pa.table({"video": ["a", "a", "b"], "start": [0, 1, 0], "end": [1, 2, 1]})
        >>> names = vq.from_arrow(table.append_column("name", pa.array(["x", "x", "x"])))
        >>> names.group_by("name").agg(n=vq.count()).collect()["n"].to_pylist()
        [2, 1]
        """
        from vquery.engine.grouped import Grouped

        return Grouped(self._node, tuple(self._names(columns, "group_by()")))

    def partition_by(self, *columns: Any, order: Any = ()) -> Partitioned:
        """Look at each row beside its neighbours among the rows equal in these columns.

        Parameters
        ----------
        *columns
            Columns that have to be equal, such as ``"track"``; null equals null. Partitions never
            reach across videos.
        order
            Keys as `sort` takes them; by default rows are in the order of time. Ties stay in the
            usual order, so that the answer never depends on chance.
        """
        from vquery.engine.partitioned import Partitioned

        names = tuple(self._names(columns, "partition_by()"))
        given = order if isinstance(order, (list, tuple)) else [order]
        keys = tuple(sort_key(each, "partition_by(order=)") for each in given)
        return Partitioned(self._node, names, keys)
