"""The fluent relation: each method checks its arguments and builds a node, nothing runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from vquery.engine.methods.groups import Groups
from vquery.engine.methods.outside import Outside
from vquery.engine.methods.pairs import Pairs
from vquery.engine.methods.rekeying import Rekeying
from vquery.engine.methods.rows import Rows
from vquery.engine.methods.spans import Spans
from vquery.engine.methods.text import Text
from vquery.engine.methods.trust import Trust
from vquery.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from vquery.engine.running.cache import Cache
    from vquery.expr.expression import Column, Param


class Intervals(Rows, Pairs, Spans, Groups, Rekeying, Text, Trust, Outside):
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

    def collect(
        self,
        *,
        ordered: bool = True,
        params: Mapping[str, Any] | None = None,
        columns: Sequence[str | Column] | None = None,
        workers: int | None = None,
        on_error: str = "raise",
        cache: bool | Cache = False,
        progress: bool | None = None,
    ) -> pa.Table:
        """Run the query.

        Parameters
        ----------
        ordered
            Sort by video, start_us, end_us, x1, x2, y1, y2, ties in input order (or as ``sort``
            said). Otherwise rows come as the operations give them, a join by its left rows; where
            the query runs over batches of videos, video by video.
        params
            Values for the ``param()`` literals of the query by name.
        columns
            Only these columns, in this order; what the others need is not computed.
        workers
            Threads that work on batches of videos side by side. By default as many as there are
            cores where the query reads many rows and calls no :func:`vquery.udf`, else one.
        on_error
            What happens when a video cannot be computed, because a part file cannot be read or a
            function of yours raises: ``"raise"`` ends the query, ``"skip"`` leaves the video out.
            What goes wrong in a step over all videos, such as ``sort``, is raised in any case.
        cache
            Keep the results of joins and other expensive steps for each video, and take them
            where neither the steps below nor the rows of the video have changed. True keeps them
            in this process, a :class:`vquery.Cache` where it says.
        progress
            Show progress when it takes long; by default on a terminal only.

        Returns
        -------
        pyarrow.Table
            Rows that could not exist and were left out are counted in the metadata of the schema
            (``vquery.dropped``, JSON) and reported by the logger ``vquery``. So are videos that
            failed (``vquery.failed``, a JSON list of ``video`` and ``error``).

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> table = pa.table({"video": ["a"], "start": [0], "end": [1], "name": ["x"]})
        >>> from_arrow(table).collect(columns=["name"]).to_pylist()
        [{'name': 'x'}]
        """
        from vquery.engine.running.run import collect
        from vquery.engine.running.settings import Settings

        settings = Settings(workers, on_error, cache, progress)
        names = self._chosen(columns, "collect(columns=)")
        return collect(self._node, params, ordered=ordered, columns=names, settings=settings)

    def batches(
        self,
        rows: int = 1 << 17,
        *,
        ordered: bool = False,
        params: Mapping[str, Any] | None = None,
        columns: Sequence[str | Column] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Run the query and give its rows piece by piece, so that memory does not grow with them.

        Videos are run some at a time. Rows of a join at the end of a query come in blocks of pairs,
        so that even a single video may have more of them than fit into memory.

        Parameters
        ----------
        rows
            Most rows of a batch.
        ordered
            Give rows in the usual order (or as ``sort`` said); the rows of some videos are then
            held together. Otherwise in an order that is the same every time.
        params, columns
            As for :meth:`collect`.

        Notes
        -----
        Steps over all videos (``sort``, ``limit``, ``distinct`` and the like) hold their rows in
        memory; after them nothing is run by video.

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> table = pa.table({"video": ["a"] * 3, "start": [0, 1, 2], "end": [1, 2, 3]})
        >>> [batch.num_rows for batch in from_arrow(table).batches(rows=2)]
        [2, 1]
        """
        from vquery.engine.running.run import batches

        if not isinstance(rows, int) or rows < 1:
            raise QueryError(f"batches(rows=) must be a whole number of at least 1, got {rows!r}")
        names = self._chosen(columns, "batches(columns=)")
        return batches(self._node, params, rows=rows, ordered=ordered, columns=names)

    def to_reader(
        self,
        rows: int = 1 << 17,
        *,
        ordered: bool = False,
        params: Mapping[str, Any] | None = None,
        columns: Sequence[str | Column] | None = None,
    ) -> pa.RecordBatchReader:
        """Return :meth:`batches` as a reader that Arrow, DuckDB and Polars take as a stream."""
        import pyarrow as pa

        found = self.batches(rows, ordered=ordered, params=params, columns=columns)
        schema = self.schema.remove_metadata()
        if columns is not None:
            names = self._chosen(columns, "to_reader(columns=)")
            schema = pa.schema([schema.field(name) for name in names or ()])
        return pa.RecordBatchReader.from_batches(schema, found)

    def _chosen(self, columns: Sequence[str | Column] | None, what: str) -> list[str] | None:
        if columns is None:
            return None
        names = self._names([columns] if isinstance(columns, str) else columns, what)
        if not names or len(set(names)) < len(names):
            raise QueryError(f"{what} takes at least one column, each once, got {names}")
        return names

    def count(self, *, params: Mapping[str, Any] | None = None) -> int:
        """Run the query for the number of its rows; values that no step needs are not computed."""
        from vquery.engine.running.run import count

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

    def explain(
        self,
        *,
        analyze: bool = False,
        params: Mapping[str, Any] | None = None,
        workers: int | None = None,
        cache: bool | Cache = False,
    ) -> str:
        """Return the plan as text: one line a step with its strategy and estimated rows.

        ``analyze=True`` runs the query, with ``workers`` and ``cache`` as for :meth:`collect`, and
        adds to each step the rows it gave and took, its own time without its inputs, the bytes of
        the rows it gave and of all Arrow buffers at its end, batches and threads, the videos taken
        from the cache, and rows left out. Work arrays of the kernels are not in these bytes.
        """
        from vquery.engine.running.run import explain
        from vquery.engine.running.settings import Settings
        from vquery.engine.show import Report

        settings = Settings(workers=workers, cache=cache)
        return Report(explain(self._node, params, analyze=analyze, settings=settings))

    def sql(self, *, params: Mapping[str, Any] | None = None) -> str:
        """Return the SQL of the steps that are SQL; written values are bound, not pasted."""
        from vquery.engine.running.run import sql_text
        from vquery.engine.show import Report

        return Report(sql_text(self._node, params))

    def __bool__(self) -> NoReturn:
        raise QueryError("a relation has no truth value: use .count() to ask whether it has rows")

    def __repr__(self) -> str:
        return f"Intervals({self._node.name}: {', '.join(self.columns)})"

    def _repr_html_(self) -> str:
        from vquery.engine.show import html

        return html(self)
