"""Rows of a video grouped by equal columns: what ``per_frame()`` and ``group_by()`` give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.intervals import Intervals
from vquery.engine.methods.base import aggregates_of
from vquery.errors import QueryError
from vquery.expr import habits
from vquery.expr.expression import lift
from vquery.expr.groups import Aggregated, GroupFilter, Match, require_group_columns
from vquery.expr.pattern import Pattern

if TYPE_CHECKING:
    from vquery.expr.relations import Relation


class Grouped:
    """A relation whose rows are looked at in groups; groups never reach across videos."""

    __slots__ = ("_by", "_node")

    def __init__(self, node: Relation, by: tuple[str, ...]) -> None:
        require_group_columns(node, by)
        self._node = node
        self._by = by

    def agg(self, *unnamed: Any, **aggregates: Any) -> Intervals:
        """Make one row of each group: hull of times and boxes, the keys, the aggregates.

        Every aggregate has a name.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> from vquery.expr.aggregates import count
        >>> faces = from_arrow(pa.table({"video": ["a"] * 3, "start": [0, 0, 1], "end": [1, 1, 2]}))
        >>> faces.per_frame().agg(n=count()).collect()["n"].to_pylist()
        [2, 1]
        """
        if unnamed:
            raise QueryError(
                f"agg() takes aggregates by name, such as n=vq.count(), got {unnamed[0]!r}"
            )
        return Intervals(Aggregated(self._node, self._by, aggregates_of(aggregates, "agg()")))

    def filter(self, *conditions: Any) -> Intervals:
        """Keep all rows of the groups for which the conditions hold, such as ``vq.count() == 3``.

        Outside an aggregate only the columns may stand by which the rows are grouped.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> table = pa.table({"video": ["a"] * 3, "start": [0, 0, 1], "end": [1, 1, 2]})
        >>> vq.from_arrow(table).per_frame().filter(vq.count() == 2).count()
        2
        """
        node = self._node
        for condition in conditions:
            node = GroupFilter(node, self._by, lift(condition))
        return Intervals(node)

    def match(self, pattern: Pattern, *, exact: bool = False) -> Intervals:
        """Find every way in which rows of one group can stand for the pattern's variables.

        Parameters
        ----------
        pattern
            Such as ``vq.pattern("a", "b").where(left_of("a", "b"))``. Variables stand for
            different rows; a symmetric pattern gives both orders.
        exact
            Whether a group has to have as many rows as the pattern has variables.

        Returns
        -------
        Intervals
            One row a solution: hull of times and boxes, lowest score, and the columns of each
            variable's row as ``a_start_us``, ``a_name`` and so on.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> table = pa.table({"video": ["a"] * 2, "start": [0, 0], "end": [1, 1],
        ...                   "x1": [0.1, 0.5], "y1": [0, 0], "x2": [0.3, 0.8], "y2": [1, 1]})
        >>> pair = vq.pattern("a", "b").where(vq.left_of("a", "b"))
        >>> found = vq.from_arrow(table).per_frame().match(pair).collect()
        >>> found["a_x1"].to_pylist() < found["b_x1"].to_pylist()
        True
        """
        if not isinstance(pattern, Pattern):
            raise QueryError(
                f"match() takes a pattern such as vq.pattern('a', 'b'), got {pattern!r}"
            )
        return Intervals(Match(self._node, self._by, pattern, exact))

    if not TYPE_CHECKING:  # else type checkers would take every name for granted

        def __getattr__(self, name: str) -> Any:
            if habits.is_private(name):
                raise habits.plainly(self, name)
            raise habits.unknown(repr(self), name, dir(type(self)), habits.GROUPS)

    def __repr__(self) -> str:
        return f"Grouped({self._node.name} by video, {', '.join(self._by)})"
