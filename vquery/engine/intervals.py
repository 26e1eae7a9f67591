"""The fluent relation: each method checks its arguments and builds a node, nothing runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from vquery.engine.methods.groups import Groups
from vquery.engine.methods.pairs import Pairs
from vquery.engine.methods.rows import Rows
from vquery.engine.methods.spans import Spans
from vquery.engine.methods.trust import Trust
from vquery.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from vquery.expr.expression import Param


class Intervals(Rows, Pairs, Spans, Groups, Trust):
    """A lazy, immutable relation of intervals.

    Methods return new relations; :meth:`collect`, :meth:`count`, :meth:`to_pandas` and
    :meth:`show` run them. Columns are named by placeholders (``row.score``) or text.
    """

    __slots__ = ()

    @property
    def parameters(self) -> dict[str, Param]:
        """The ``param()`` literals of the query by name."""
        from vquery.plan.rewrite import parameters

        return parameters(self._node)

    def collect(self, *, ordered: bool = True, params: Mapping[str, Any] | None = None) -> pa.Table:
        """Run the query.

        Parameters
        ----------
        ordered
            Sort by video, start_us, end_us, x1, x2, y1, y2, ties in input order (or as ``sort``
            said). Otherwise rows come as the operations give them, a join by its left rows.
        params
            Values for the ``param()`` literals of the query by name.

        Returns
        -------
        pyarrow.Table
            Rows that could not exist and were left out are counted in the metadata of the schema
            (``vquery.dropped``, JSON) and reported by the logger ``vquery``.
        """
        from vquery.engine.run import collect

        return collect(self._node, params, ordered=ordered)

    def count(self, *, params: Mapping[str, Any] | None = None) -> int:
        """Run the query for the number of its rows."""
        from vquery.engine.run import count

        return count(self._node, params)

    def to_pandas(self, *, params: Mapping[str, Any] | None = None) -> Any:
        """Run the query and return a ``pandas.DataFrame``.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        from vquery.engine.show import to_pandas

        return to_pandas(self.collect(params=params))

    def show(self, limit: int = 20) -> None:
        """Print the first rows as a table; in a notebook draw timeline lanes, crops and rows."""
        from vquery.engine.show import show

        show(self, limit)

    def explain(self, *, analyze: bool = False, params: Mapping[str, Any] | None = None) -> str:
        """Return the plan as text: one line a step with its strategy and estimated rows.

        ``analyze=True`` runs the query and adds actual rows, seconds and rows left out.
        """
        from vquery.engine.run import explain

        return explain(self._node, params, analyze=analyze)

    def sql(self, *, params: Mapping[str, Any] | None = None) -> str:
        """Return the SQL of the steps that are SQL; written values are bound, not pasted."""
        from vquery.engine.run import sql_text

        return sql_text(self._node, params)

    def __bool__(self) -> NoReturn:
        raise QueryError("a relation has no truth value: use .count() to ask whether it has rows")

    def __repr__(self) -> str:
        return f"Intervals({self._node.name}: {', '.join(self.columns)})"

    def _repr_html_(self) -> str:
        from vquery.engine.show import html

        return html(self)
