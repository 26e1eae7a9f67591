"""DuckDB in memory: computes expressions over Arrow columns, one cursor for each run."""

from __future__ import annotations

import functools
import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.aggregates import Aggregate
from vquery.expr.derived import resolve_column
from vquery.expr.expression import Column, Expression
from vquery.expr.framing import FrameNumber
from vquery.expr.units import Frames
from vquery.plan.sql import GROUP, POSITION, Statement, quoted, udf_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb

    from vquery.expr.predicates import UdfResult
    from vquery.expr.types import Scope

    Fetch = Callable[[Column], pa.ChunkedArray]

INPUT = "input"


@functools.cache
def _database(process: int, threads: int | None) -> duckdb.DuckDBPyConnection:
    """Return the database of this process; a forked child gets one of its own."""
    del process
    return locked_database(threads)


def locked_database(threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """Open a database as :func:`shut_in_database` does, whose settings stay as they are."""
    connection = shut_in_database(threads)
    lock(connection)
    return connection


def shut_in_database(threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """Open a database in memory that sees no files, no network and no variables of the caller.

    What does not fit into memory goes to a folder of its own among the system's temporary files,
    made when it is needed: databases that share one, in whatever processes, would take each other's
    files, and a name that can be known before could be taken by somebody else.
    """
    import duckdb

    spill = Path(tempfile.gettempdir()) / f"vquery-duckdb-{secrets.token_hex(8)}"
    settings: dict[str, Any] = {
        "enable_external_access": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "temp_directory": str(spill),
    }
    if threads is not None:
        settings["threads"] = threads
    connection = duckdb.connect(":memory:", config=settings)
    connection.execute("SET python_enable_replacements = false")
    return connection


def lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Let nothing change the settings of a database any more."""
    connection.execute("SET lock_configuration = true")


class Session:
    """Runs statements over columns that are given to it.

    Results are numbered, not named: names of users may be those of our own columns, or differ by
    case alone, which DuckDB does not tell apart.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads
        self._opened: duckdb.DuckDBPyConnection | None = None

    @property
    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """Open one when it is first needed: many queries need none."""
        if self._opened is None:
            self._opened = _database(os.getpid(), self._threads).cursor()
        return self._opened

    def close(self) -> None:
        """Give the cursor back."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def compute(
        self,
        expressions: Mapping[str, Expression],
        scope: Scope,
        fetch: Fetch,
        rows: int,
        partitions: np.ndarray[Any, Any] | None = None,
    ) -> dict[str, pa.ChunkedArray]:
        """Compute expressions for every row.

        ``fetch`` gives the column that an expression names; results have ``rows`` elements, in the
        order of the rows. ``partitions`` numbers the partition of each row, for expressions that
        look at other rows of it, in the order in which rows are given.
        """
        statement = Statement(scope)
        chosen = _numbered(statement, expressions)
        given = self._inputs(statement, fetch, rows)
        if partitions is not None:
            given = given.append_column(GROUP, pa.array(partitions, pa.int64()))
        text = f"SELECT {chosen}, {quoted(POSITION)} FROM {statement.source}"
        result = _in_order(self._run(text, statement.values, given))
        return _typed(result, expressions, scope)

    def aggregate(
        self,
        expressions: Mapping[str, Expression],
        scope: Scope,
        fetch: Fetch,
        groups: np.ndarray[Any, Any],
    ) -> dict[str, pa.ChunkedArray]:
        """Compute one value for each group; groups are numbered from 0 without holes.

        Rows of a group count as first and last in the order in which they are given.
        """
        counted = {name for name, each in expressions.items() if _is_count(each)}
        sizes = pa.chunked_array([np.bincount(groups)]) if counted else None
        made = dict.fromkeys(counted, sizes)
        expressions = {name: each for name, each in expressions.items() if name not in counted}
        if not expressions:
            return made
        statement = Statement(scope)
        chosen = _numbered(statement, expressions)
        given = self._inputs(statement, fetch, len(groups))
        given = given.append_column(GROUP, pa.array(groups, pa.int64()))
        group = quoted(GROUP)
        text = f"SELECT {chosen} FROM {INPUT} GROUP BY {group} ORDER BY {group}"
        return made | _typed(self._run(text, statement.values, given), expressions, scope)

    def hashes(self, column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
        """Hash of each value of a column, uint64; equal values have equal ones."""
        return self.hashes_of([column])[0]

    def hashes_of(self, columns: Sequence[pa.ChunkedArray]) -> list[np.ndarray[Any, Any]]:
        """Hashes of columns of one length, as `hashes`, by one statement."""
        rows = len(columns[0]) if columns else 0
        if not rows:
            return [np.empty(0, np.uint64) for _ in columns]
        chosen, given = [], {POSITION: pa.array(np.arange(rows, dtype=np.int64))}
        for number, column in enumerate(columns):
            name = quoted(f"value {number}")
            # what is null and what is empty have one hash of their own: their texts differ
            text = f", CAST({name} AS VARCHAR)" if pa.types.is_nested(column.type) else ""
            chosen.append(f"hash({name}, {name} IS NULL{text})")
            given[f"value {number}"] = column
        text = f"SELECT {', '.join(chosen)}, {quoted(POSITION)} FROM {INPUT}"
        result = _in_order(self._run(text, [], pa.table(given)))
        return [
            np.asarray(result.column(number).to_numpy(), dtype=np.uint64)
            for number in range(len(columns))
        ]

    def positions(self, text: str, given: pa.Table) -> np.ndarray[Any, Any]:
        """Run a statement that chooses row numbers."""
        column = self._run(text, [], given).column(0)
        return np.asarray(column.combine_chunks().to_numpy(zero_copy_only=False), dtype=np.int64)

    def _value(self, scope: Scope, fetch: Fetch, rows: int, column: Column) -> pa.ChunkedArray:
        """Column of a row, computed where it is not stored, such as ``start`` in seconds."""
        meant = resolve_column(column, scope)
        if isinstance(meant, Column):
            return fetch(meant)
        return self.compute({column.name: meant}, scope, fetch, rows)[column.name]

    def _inputs(self, statement: Statement, fetch: Fetch, rows: int) -> pa.Table:
        columns = {POSITION: pa.array(np.arange(rows, dtype=np.int64))}
        for name, column in statement.columns.items():
            columns[name] = fetch(column)
        for number, result in enumerate(statement.udfs):
            if isinstance(result, Frames):
                assert result.video is not None
                columns[udf_name(number)] = result.seconds(fetch(result.video))
            elif isinstance(result, FrameNumber):
                given = fetch(result.video), fetch(result.start)
                columns[udf_name(number)] = result.numbers(*given)
            else:
                value = functools.partial(self._value, statement.scope, fetch, rows)
                columns[udf_name(number)] = call_udf(result, value, rows)
        return pa.table(columns)

    def _run(self, text: str, values: list[Any], given: pa.Table) -> pa.Table:
        import duckdb

        self._cursor.register(INPUT, given)
        try:
            return self._cursor.sql(text, params=values).to_arrow_table()
        except duckdb.Error as error:
            raise QueryError(f"DuckDB could not compute the query: {error}") from error
        finally:
            self._cursor.unregister(INPUT)


def _is_count(expression: Expression) -> bool:
    """Whether an expression is the number of rows of a group, which needs no statement."""
    return (
        isinstance(expression, Aggregate)
        and expression.function == "count"
        and expression.argument is None
    )


def _numbered(statement: Statement, expressions: Mapping[str, Expression]) -> str:
    texts = (statement.text(each) for each in expressions.values())
    return ", ".join(f"{text} AS {quoted(str(number))}" for number, text in enumerate(texts))


def _in_order(result: pa.Table) -> pa.Table:
    position = result[POSITION].combine_chunks().to_numpy()
    if position.size and (np.diff(position) < 0).any():
        return result.take(pa.array(np.argsort(position, kind="stable")))
    return result


def _typed(
    result: pa.Table, expressions: Mapping[str, Expression], scope: Scope
) -> dict[str, pa.ChunkedArray]:
    columns = {}
    for number, (name, expression) in enumerate(expressions.items()):
        wanted = expression.type(scope).dtype
        plain = pa.string() if pa.types.is_dictionary(wanted) else wanted
        column = result.column(number)
        columns[name] = column if column.type == plain else column.cast(plain)
    return columns


def call_udf(result: UdfResult, fetch: Fetch, rows: int) -> pa.Array:
    """Call a user's function on candidate pairs and check what it returns.

    Raises
    ------
    QueryError
        If it fails or does not return one boolean a pair.
    """
    batches = []
    for side in result.sides:
        names = list(result.udf.reads)
        columns = [fetch(Column(name, side)).combine_chunks() for name in names]
        batches.append(pa.RecordBatch.from_arrays(columns, names=names))
    try:
        answer = pa.array(result.udf.function(*batches))
    except Exception as error:
        raise QueryError(f"{result!r} failed: {error}") from error
    if len(answer) != rows or not pa.types.is_boolean(answer.type):
        raise QueryError(
            f"{result!r} must return one boolean for each of {rows} pairs, got {len(answer)} of"
            f" type {answer.type}"
        )
    return answer


def table_fetch(table: pa.Table) -> Fetch:
    """Fetch columns of the row at hand from a table."""

    def fetch(column: Column) -> pa.ChunkedArray:
        return table[column.name]

    return fetch
