"""Rows of a video divided by equal columns and put in order: what ``partition_by()`` gives."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from vquery.engine.intervals import Intervals
from vquery.engine.methods.base import one_row
from vquery.engine.methods.text import Text, sequence_of
from vquery.errors import QueryError
from vquery.expr import habits
from vquery.expr.expression import Column
from vquery.expr.partition import WindowFilter, Windows, require_partition
from vquery.expr.relations import require_columns

if TYPE_CHECKING:
    from vquery.expr.expression import Param, SortKey
    from vquery.expr.relations import Relation


class Partitioned:
    """A relation whose rows are looked at beside their neighbours in a partition.

    A partition is made of the rows of one video that are equal in some columns, in the usual order
    (by start, end, box) or in one that was asked for; ties stay in the usual order.
    """

    __slots__ = ("_by", "_node", "_order")

    def __init__(
        self, node: Relation, by: tuple[str, ...], order: tuple[SortKey, ...] = ()
    ) -> None:
        require_partition(node, by, order)
        self._node = node
        self._by = by
        self._order = order

    def mutate(self, **columns: Any) -> Intervals:
        """Add or replace columns; every row stays.

        Expressions may use ``vq.lag, lead, rank, row_number, rolling, cumulative_sum``, and
        aggregates, which stand for their value over the whole partition.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> from vquery.expr.partition import lag
        >>> from vquery.expr.placeholders import row
        >>> table = pa.table({"video": ["a", "a"], "start": [0, 5], "end": [1, 6], "track": [1, 1]})
        >>> gaps = from_arrow(table).partition_by("track").mutate(gap=row.start - lag(row.end))
        >>> gaps.collect()["gap"].to_pylist()  # the first row of a partition has none before it
        [None, 4.0]
        """
        made = tuple((name, one_row(value, f"mutate({name}=)")) for name, value in columns.items())
        return Intervals(Windows(self._node, self._by, self._order, made))

    def filter(self, *conditions: Any) -> Intervals:
        """Keep the rows for which all conditions are true; all see the partition as it was.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> table = pa.table({"video": ["a"] * 3, "start": [0, 1, 9], "end": [1, 2, 10]})
        >>> last = vq.lag(vq.row.end)  # null in the first row, which is not kept
        >>> vq.from_arrow(table).partition_by().filter(vq.row.start - last > 5).count()
        1
        """
        if not conditions:
            return Intervals(self._node)
        first, *others = [one_row(condition, "filter()") for condition in conditions]
        for condition in others:
            first = first & condition
        return Intervals(WindowFilter(self._node, self._by, self._order, first))

    def coalesce(self, gap: float | Param = 0, *, by: Any = (), **settings: Any) -> Intervals:
        """Coalesce within each partition: as `Intervals.coalesce` with its columns added to ``by``.

        It takes the settings and aggregates that `Intervals.coalesce` takes.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> table = pa.table({"video": ["a"] * 2, "start": [0, 1], "end": [1, 2], "track": [1, 2]})
        >>> from_arrow(table).partition_by("track").coalesce().count()
        2
        """
        given = [by] if isinstance(by, (str, Column)) else by
        extra = [each.name if isinstance(each, Column) else each for each in given]
        require_columns(self._node, extra)
        names = tuple(dict.fromkeys([*self._by, *extra]))
        return Intervals(self._node).coalesce(gap, by=names, **settings)

    def sequence(self, pattern: str, **settings: Any) -> Intervals:
        """Find rows that follow each other inside a partition: see `Intervals.sequence`.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> table = pa.table({"video": ["a"] * 3, "start": [0, 1, 2], "end": [1, 2, 3],
        ...                   "track": [1, 2, 1], "colour": ["green", "red", "red"]})
        >>> lights = from_arrow(table).partition_by("track")
        >>> lights.sequence("green red", by="colour").select("n_parts").count()
        1
        """
        if self._order:
            raise QueryError("sequence() goes by time: leave order= out of partition_by()")
        known = inspect.signature(Text.sequence).parameters
        for name in settings:
            if name not in known:
                takes = ", ".join(list(known)[2:])
                raise QueryError(f"sequence() has no setting {name!r}; it takes {takes}")
        given = {
            name: settings.get(name, each.default)
            for name, each in known.items()
            if each.kind is inspect.Parameter.KEYWORD_ONLY
        }
        return Intervals(sequence_of(self._node, self._by, pattern, given))

    if not TYPE_CHECKING:  # else type checkers would take every name for granted

        def __getattr__(self, name: str) -> Any:
            if habits.is_private(name):
                raise habits.plainly(self, name)
            raise habits.unknown(repr(self), name, dir(type(self)), habits.GROUPS)

    def __repr__(self) -> str:
        return f"Partitioned({self._node.name} by video, {', '.join(self._by)})"
