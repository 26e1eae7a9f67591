"""The fluent relation: each method checks its arguments and builds a node, nothing runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from vquery.errors import QueryError
from vquery.expr.expression import Column, Expression, SortKey, call, lift
from vquery.expr.groups import Coalesce
from vquery.expr.merge import MergeOp, as_merge_op, span
from vquery.expr.pairs import Join, Minus, SemiJoin, score_rule
from vquery.expr.placeholders import Placeholder
from vquery.expr.predicates import Predicate, as_predicate, trace
from vquery.expr.relations import (
    Columns,
    Dilate,
    Distinct,
    Filter,
    Limit,
    Mutate,
    Project,
    Relation,
    Sort,
    Union,
    require_columns,
)
from vquery.schema import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from vquery.engine.grouped import Grouped
    from vquery.expr.expression import Param


class Intervals:
    """A lazy, immutable relation of intervals.

    Methods return new relations; :meth:`collect`, :meth:`count`, :meth:`to_pandas` and
    :meth:`show` run them. Columns are named by placeholders (``row.score``) or text.
    """

    __slots__ = ("_node",)

    def __init__(self, node: Relation) -> None:
        self._node = node

    @property
    def node(self) -> Relation:
        """The query as a tree of immutable nodes."""
        return self._node

    @property
    def schema(self) -> pa.Schema:
        """Columns and types, known without running."""
        return self._node.schema

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self._node.schema.names)

    @property
    def parameters(self) -> dict[str, Param]:
        """The ``param()`` literals of the query by name."""
        from vquery.plan.rewrite import parameters

        return parameters(self._node)

    def filter(self, *conditions: Any) -> Intervals:
        """Keep the rows for which all conditions are true (null is not true).

        Raises
        ------
        UnknownColumnError
            If a column does not exist.
        QueryError
            If a condition is not true or false, or compares what cannot be compared.
        """
        node = self._node
        for condition in conditions:
            node = Filter(node, _one_row(condition, "filter()"))
        return Intervals(node)

    def mutate(self, **columns: Any) -> Intervals:
        """Add or replace columns; all see the row as it was before.

        ``start=`` and ``end=`` are seconds. A row that would get its start after its end, or a box
        with edges exchanged, is left out, counted and reported.
        """
        made: list[tuple[str, Expression]] = []
        for name, value in columns.items():
            expression = _one_row(value, f"mutate({name}=)")
            if name in ("start", "end") and name not in self.schema.names:
                made.append((f"{name}_us", call("microseconds", expression)))
            else:
                made.append((name, expression))
        return Intervals(Mutate(self._node, tuple(made)))

    def select(self, *columns: Any) -> Intervals:
        """Keep these columns, in this order, after video, start_us and end_us."""
        names = self._names(columns, "select()")
        kept = [*KEYS, *dict.fromkeys(name for name in names if name not in KEYS)]
        return Intervals(Project(self._node, tuple((name, name) for name in kept)))

    def drop(self, *columns: Any) -> Intervals:
        """Leave these columns out."""
        names = self._names(columns, "drop()")
        kept = [name for name in self.columns if name not in names]
        return Intervals(Project(self._node, tuple((name, name) for name in kept)))

    def rename(self, mapping: Mapping[str, str] | None = None, /, **columns: Any) -> Intervals:
        """Rename columns: ``rename(person="name")``, or a mapping ``{"name": "person"}``.

        By keyword the new name comes first, in a mapping the old one, as in a data frame.
        """
        new_names = dict(mapping or {})
        new_names |= {self._names([old], "rename()")[0]: new for new, old in columns.items()}
        require_columns(self._node, new_names)
        pairs = tuple((new_names.get(name, name), name) for name in self.columns)
        return Intervals(Project(self._node, pairs))

    def sort(self, *keys: Any, descending: bool = False) -> Intervals:
        """Order the rows; ties stay in the usual order, null comes last.

        A key is a column, an expression, or one of those with ``.asc()`` or ``.desc()``. The order
        holds for ``limit`` and ``collect``.
        """
        made = []
        for key in keys:
            if isinstance(key, SortKey):
                made.append(key)
            else:
                value = Column(key) if isinstance(key, str) else lift(key)
                made.append(SortKey(value, descending))
        return Intervals(Sort(self._node, tuple(made)))

    def limit(self, count: int | Param, offset: int = 0) -> Intervals:
        """Keep the first rows in the relation's order, after leaving out ``offset``."""
        return Intervals(Limit(self._node, lift(count), offset))

    def distinct(self, *on: Any) -> Intervals:
        """Keep the first of the rows that are equal in these columns (none given: in all)."""
        return Intervals(Distinct(self._node, tuple(self._names(on, "distinct()"))))

    def union(self, *others: Intervals) -> Intervals:
        """Put all rows together, aligned by name; a column that one side lacks is null there.

        Raises
        ------
        QueryError
            If a column has different types.
        """
        nodes = tuple(_node_of(other, "union()") for other in others)
        first = self._node.inputs if isinstance(self._node, Union) else (self._node,)
        return Intervals(Union((*first, *nodes)))

    def join(
        self,
        other: Intervals,
        predicate: Any = None,
        *,
        merge_op: MergeOp = span,
        suffix: str = "_right",
        score: str | Callable[..., Any] = "min",
        cross: bool = False,
    ) -> Intervals:
        """Pair rows of one video for which ``predicate`` holds, and merge each pair into one row.

        Parameters
        ----------
        other
            The right side.
        predicate
            Such as ``time_overlaps``, or a function ``lambda a, b: a.score > b.score``.
        merge_op
            Bounds of the result: ``span``, ``intersection``, ``time_intersection``, ``left``,
            ``right``.
        suffix
            Added to a right column whose name the left side has too.
        score
            Score of the result, nulls left out: ``"min"``, ``"product"``, ``"left"``,
            ``"right"`` or a function of the two scores.
        cross
            Whether a join without a predicate (every pair of a video) is meant.

        Returns
        -------
        Intervals
            video, merged time and box, left columns, right columns without video, time and box.
        """
        right = _node_of(other, "join()")
        if (predicate is None) is not cross:
            raise QueryError(
                "join() needs predicate=, such as time_overlaps; for every pair of rows of a video"
                " write cross=True and no predicate"
            )
        test = None if predicate is None else as_predicate(predicate)
        merge, rule = as_merge_op(merge_op), score_rule(self._node, right, score)
        return Intervals(Join(self._node, right, test, merge, suffix, rule))

    def semi_join(self, other: Intervals, predicate: Any) -> Intervals:
        """Keep the rows that have at least one partner in ``other``, each once."""
        return self._partnered(other, predicate, "semi_join()", negated=False)

    def anti_join(self, other: Intervals, predicate: Any) -> Intervals:
        """Keep the rows that have no partner in ``other``."""
        return self._partnered(other, predicate, "anti_join()", negated=True)

    def minus(self, other: Intervals, predicate: Any = None) -> Intervals:
        """Cut out the time that ``other`` covers in the same video; columns and boxes stay.

        With a predicate only those rows cut for which it holds. What only touches cuts nothing,
        instants in ``other`` cut nothing, and an instant disappears where a span covers it.
        """
        test: Predicate | None = None if predicate is None else as_predicate(predicate)
        return Intervals(Minus(self._node, _node_of(other, "minus()"), test))

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
        return Intervals(Coalesce(self._node, lift(gap), names, aggregates_of(aggregates)))

    def dilate(self, seconds: float | Param, *, side: str = "both") -> Intervals:
        """Make spans longer by ``seconds`` at each end, or shorter by a negative number.

        ``side`` may be ``"start"`` or ``"end"``. Nothing is merged or cut at the ends of the
        video. A row that shrinks below nothing is left out, counted and reported.
        """
        sides = {"both": ("start", "end"), "start": ("start",), "end": ("end",)}
        if side not in sides:
            raise QueryError(f"dilate(): side= must be 'both', 'start' or 'end', got {side!r}")
        return Intervals(Dilate(self._node, lift(seconds), sides[side]))

    def per_frame(self) -> Grouped:
        """Group the rows of a video that start at the same time."""
        return self.group_by("start_us")

    def group_by(self, *columns: Any) -> Grouped:
        """Group the rows of a video that are equal in these columns; null equals null."""
        from vquery.engine.grouped import Grouped

        return Grouped(self._node, tuple(self._names(columns, "group_by()")))

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

    def _names(self, given: Any, what: str) -> list[str]:
        """Check column names, given as text or as ``row.name``."""
        names = []
        for each in given:
            name = each.name if isinstance(each, Column) and each.side is None else each
            if not isinstance(name, str):
                raise QueryError(f"{what} takes columns, such as row.name or 'name', got {each!r}")
            names.append(name)
        require_columns(self._node, names)
        return names

    def _partnered(
        self, other: Intervals, predicate: Any, what: str, *, negated: bool
    ) -> Intervals:
        right = _node_of(other, what)
        return Intervals(SemiJoin(self._node, right, as_predicate(predicate), negated))


def aggregates_of(given: Mapping[str, Any]) -> Columns:
    """Check aggregates given by keyword."""
    return tuple((name, lift(value)) for name, value in given.items())


def _node_of(given: Any, what: str) -> Relation:
    if not isinstance(given, Intervals):
        raise QueryError(f"{what} takes a relation such as db.faces, got {type(given).__name__}")
    return given.node


def _one_row(given: Any, what: str) -> Expression:
    """Accept an expression, a written value or a function of one row."""
    if isinstance(given, Predicate):
        raise QueryError(f"{what} looks at one row, but {given!r} is about two: use it in a join")
    if callable(given) and not isinstance(given, (Expression, Placeholder, type)):
        return trace(given, (None,))
    return lift(given)
