"""Methods that look at one row at a time, and those that order or stack rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.lookups import with_lookups, without
from vquery.engine.methods.base import Fluent, node_of, one_row
from vquery.errors import QueryError
from vquery.expr.expression import Column, Expression, SortKey, call, lift
from vquery.expr.relations import (
    Distinct,
    Filter,
    Limit,
    Mutate,
    Project,
    Sample,
    Sort,
    Union,
    require_columns,
)
from vquery.schema import KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vquery.engine.intervals import Intervals
    from vquery.expr.expression import Param


class Rows(Fluent):
    """Methods that look at one row at a time, and those that order or stack rows."""

    __slots__ = ()

    def filter(self, *conditions: Any) -> Intervals:
        """Keep the rows for which all conditions are true (null is not true).

        Raises
        ------
        UnknownColumnError
            If a column does not exist.
        QueryError
            If a condition is not true or false, or compares what cannot be compared.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> table = pa.table({"video": ["a"] * 2, "start": [0, 1], "end": [1, 2], "n": [3, None]})
        >>> vq.from_arrow(table).filter(vq.row.n != 4).count()  # null is not unequal
        1
        """
        node = self._node
        for condition in conditions:
            if isinstance(condition, bool):
                raise QueryError(
                    f"filter() got {condition}, which Python worked out before any row was read:"
                    " use row.name.is_null() instead of 'is None', vq.lit(True) to keep all rows"
                )
            test = one_row(condition, "filter()")
            node, (test,), hidden = with_lookups(node, [test])
            node = without(Filter(node, test), hidden)
        return self._made(node)

    def mutate(self, **columns: Any) -> Intervals:
        """Add or replace columns; all see the row as it was before.

        ``start=`` and ``end=`` are seconds. A row that would get its start after its end, or a box
        with edges exchanged, is left out, counted and reported.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> rows = vq.from_arrow(pa.table({"video": ["a"], "start": [1], "end": [2]}))
        >>> rows.mutate(end=vq.row.end + 1, was=vq.row.end).collect().to_pylist()
        [{'video': 'a', 'start_us': 1000000, 'end_us': 3000000, 'was': 2.0}]
        """
        made: list[tuple[str, Expression]] = []
        for name, value in columns.items():
            expression = one_row(value, f"mutate({name}=)")
            if name in ("start", "end") and name not in self.schema.names:
                made.append((f"{name}_us", call("microseconds", expression)))
            else:
                made.append((name, expression))
        node, values, hidden = with_lookups(self._node, [value for _, value in made])
        pairs = zip((name for name, _ in made), values, strict=True)
        return self._made(without(Mutate(node, tuple(pairs)), hidden))

    def select(self, *columns: Any) -> Intervals:
        """Keep these columns, in this order, after video, start_us and end_us."""
        names = self._names(columns, "select()")
        kept = [*KEYS, *dict.fromkeys(name for name in names if name not in KEYS)]
        return self._made(Project(self._node, tuple((name, name) for name in kept)))

    def drop(self, *columns: Any) -> Intervals:
        """Leave these columns out."""
        names = self._names(columns, "drop()")
        kept = [name for name in self.columns if name not in names]
        return self._made(Project(self._node, tuple((name, name) for name in kept)))

    def rename(self, mapping: Mapping[str, str] | None = None, /, **columns: Any) -> Intervals:
        """Rename columns: ``rename(person="name")``, or a mapping ``{"name": "person"}``.

        By keyword the new name comes first, in a mapping the old one, as in a data frame.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> rows = vq.from_arrow(pa.table({"video": ["a"], "start": [1], "end": [2], "n": [3]}))
        >>> rows.rename(number="n").columns
        ['video', 'start_us', 'end_us', 'number']
        """
        new_names = dict(mapping or {})
        new_names |= {self._names([old], "rename()")[0]: new for new, old in columns.items()}
        require_columns(self._node, new_names)
        pairs = tuple((new_names.get(name, name), name) for name in self.columns)
        return self._made(Project(self._node, pairs))

    def sort(self, *keys: Any, descending: bool = False) -> Intervals:
        """Order the rows; ties stay in the usual order, null comes last.

        A key is a column, an expression, or one of those with ``.asc()`` or ``.desc()``. The order
        holds for ``limit`` and ``collect``.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> table = pa.table({"video": ["a"] * 2, "start": [0, 1], "end": [1, 2], "n": [3, None]})
        >>> vq.from_arrow(table).sort(vq.row.n.desc()).collect()["n"].to_pylist()
        [3, None]
        """
        made = []
        for key in keys:
            if isinstance(key, SortKey):
                made.append(key)
            else:
                value = Column(key) if isinstance(key, str) else lift(key)
                made.append(SortKey(value, descending))
        return self._made(Sort(self._node, tuple(made)))

    def limit(self, count: int | Param, offset: int = 0) -> Intervals:
        """Keep the first rows in the relation's order, after leaving out ``offset``."""
        return self._made(Limit(self._node, lift(count), offset))

    def distinct(self, *on: Any) -> Intervals:
        """Keep the first of the rows that are equal in these columns (none given: in all).

        Columns that do not name ``video`` are compared across videos; null equals null.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> table = pa.table({"video": ["a", "b"], "start": [0, 0], "end": [1, 1], "n": [3, 3]})
        >>> rows = vq.from_arrow(table)
        >>> rows.distinct("n").count(), rows.distinct("video", "n").count()
        (1, 2)
        """
        return self._made(Distinct(self._node, tuple(self._names(on, "distinct()"))))

    def sample(
        self,
        n: int | Param | None = None,
        *,
        fraction: float | Param | None = None,
        by: Any = (),
        seed: int = 0,
    ) -> Intervals:
        """Keep ``n`` rows chosen at random, or a share of them; the same ones at every run.

        Parameters
        ----------
        n
            How many rows; all where there are fewer.
        fraction
            Share of the rows instead, rounded to the nearest number of rows.
        by
            Columns: so many rows of each group that is equal in them; null equals null. Groups may
            span videos, unless ``video`` is one of the columns.
        seed
            Another one gives other rows.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> table = pa.table({"video": ["a"] * 9, "start": range(9), "end": range(1, 10)})
        >>> vq.from_arrow(table).sample(fraction=0.5).count()
        5
        """
        given = [by] if isinstance(by, (str, Column)) else by
        names = tuple(self._names(given, "sample(by=)"))
        count, share = (None if each is None else lift(each) for each in (n, fraction))
        return self._made(Sample(self._node, count, share, names, seed))

    def union(self, *others: Intervals) -> Intervals:
        """Put all rows together, aligned by name; a column that one side lacks is null there.

        Raises
        ------
        QueryError
            If a column has different types.

        >>> import pyarrow as pa
        >>> import vquery as vq
        >>> one = vq.from_arrow(pa.table({"video": ["a"], "start": [1], "end": [2], "n": [3]}))
        >>> one.union(one.drop("n")).collect()["n"].to_pylist()
        [3, None]
        """
        nodes = tuple(node_of(other, "union()") for other in others)
        first = self._node.inputs if isinstance(self._node, Union) else (self._node,)
        return self._made(Union((*first, *nodes)))
