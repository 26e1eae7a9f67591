"""Tables of other libraries as relations, and relations as theirs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.engine.sources import as_table, from_arrow
from vquery.errors import MissingDependencyError, QueryError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from vquery.engine.intervals import Intervals

DUCKDB = ("duckdb", "_duckdb")
"""Where classes of DuckDB say that they are from."""


def required(package: str, what: str) -> ModuleType:
    """Import a package that only some functions need.

    Raises
    ------
    MissingDependencyError
        If it is not installed; it says how to install it.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"{what} needs {package}: pip install {package}") from error


def from_pandas(frame: Any, *, name: str = "table", extents: Any = None) -> Intervals:
    """Make a relation of a ``pandas.DataFrame``, see `from_arrow` for its columns.

    The index is left out; give it as a column if it means something.

    Raises
    ------
    MissingDependencyError
        If pandas is not installed.
    SchemaError
        If it is no such data frame, or its columns are not those of intervals.
    """
    return from_arrow(_of_pandas(frame, name), name=name, extents=extents)


def _of_pandas(frame: Any, name: str) -> pa.Table:
    pandas = required("pandas", "from_pandas()")
    if not isinstance(frame, pandas.DataFrame):
        raise SchemaError(f"{name}: from_pandas() takes a DataFrame, got {type(frame).__name__}")
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise SchemaError(f"{name}: a column has values of several types: {error}") from error
    return table.replace_schema_metadata(None)


def from_polars(frame: Any, *, name: str = "table", extents: Any = None) -> Intervals:
    """Make a relation of a ``polars.DataFrame`` or ``LazyFrame``, see `from_arrow`.

    Raises
    ------
    MissingDependencyError
        If Polars is not installed.
    SchemaError
        If it is no such frame, or its columns are not those of intervals.
    """
    return from_arrow(_of_polars(frame, name), name=name, extents=extents)


def _of_polars(frame: Any, name: str) -> pa.Table:
    polars = required("polars", "from_polars()")
    if isinstance(frame, polars.LazyFrame):
        frame = frame.collect()
    if not isinstance(frame, polars.DataFrame):
        given = type(frame).__name__
        raise SchemaError(f"{name}: from_polars() takes a DataFrame or LazyFrame, got {given}")
    return frame.to_arrow()


def from_duckdb(
    source: Any,
    sql: str | None = None,
    params: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    name: str = "table",
    extents: Any = None,
) -> Intervals:
    """Make a relation of a DuckDB relation, or of a query on a DuckDB connection.

    The rows are read now: the relation stays what it is when the database changes.

    Parameters
    ----------
    source
        What ``connection.sql(...)`` or ``connection.table(...)`` gives, or a connection.
    sql, params
        With a connection: the query, and values for its ``$name`` or ``?``.

    Raises
    ------
    QueryError
        If DuckDB cannot run the query.
    SchemaError
        If the columns are not those of intervals.

    >>> import duckdb
    >>> connection = duckdb.connect()
    >>> rows = "SELECT 'a' AS video, 1.5 AS start, 2 AS end, $who AS name"
    >>> from_duckdb(connection, rows, {"who": "Ann"}).collect()["name"].to_pylist()
    ['Ann']
    """
    import duckdb

    if isinstance(source, duckdb.DuckDBPyConnection):
        if not isinstance(sql, str):
            raise QueryError("from_duckdb(connection, sql): give the query as the second argument")
        table = _queried(source, sql, params)
    elif isinstance(source, duckdb.DuckDBPyRelation):
        if sql is not None or params is not None:
            raise QueryError("from_duckdb(relation) takes no sql: give the connection instead")
        table = source.to_arrow_table()
    else:
        given = type(source).__name__
        raise QueryError(f"from_duckdb() takes a DuckDB relation or connection, got {given}")
    return from_arrow(table, name=name, extents=extents)


def _queried(connection: Any, sql: str, params: Any) -> pa.Table:
    import duckdb

    try:
        result = connection.sql(sql, params=params)
    except duckdb.Error as error:
        raise QueryError(f"from_duckdb(): {error}") from error
    if result is None:
        raise QueryError("from_duckdb(): the statement gives no rows; a SELECT is needed")
    return result.to_arrow_table()


def any_table(given: Any, name: str) -> Intervals:
    """Make a relation of a table of whatever library.

    >>> any_table(pa.table({"video": ["a"], "start": [0], "end": [1]}), "mine").count()
    1
    """
    from vquery.engine.intervals import Intervals

    if isinstance(given, Intervals):
        return given
    if type(given).__module__.split(".")[0] in DUCKDB:
        return from_duckdb(given, name=name)
    return from_arrow(in_own_order(given, name), name=name)


def in_own_order(given: Any, name: str) -> pa.Table:
    """Take a table of whatever library, with or without times, its rows as they come.

    Raises
    ------
    SchemaError
        If it is none.

    >>> in_own_order(pa.table({"a": [2, 1]}), "items")["a"].to_pylist()
    [2, 1]
    """
    home = type(given).__module__.split(".")[0]
    if home == "pandas":
        return _of_pandas(given, name)
    if home == "polars":
        return _of_polars(given, name)
    if home in DUCKDB and hasattr(given, "to_arrow_table"):
        return given.to_arrow_table()
    return as_table(given, name)


def to_polars(table: pa.Table) -> Any:
    """Convert a result to a ``polars.DataFrame``.

    Raises
    ------
    MissingDependencyError
        If Polars is not installed.
    """
    return required("polars", "to_polars()").from_arrow(table)


def to_duckdb(table: pa.Table, connection: Any = None) -> Any:
    """Convert a result to a DuckDB relation on a connection (None: DuckDB's own default)."""
    import duckdb

    if connection is not None and not isinstance(connection, duckdb.DuckDBPyConnection):
        given = type(connection).__name__
        raise QueryError(f"to_duckdb() takes a DuckDB connection, got {given}")
    return (duckdb if connection is None else connection).from_arrow(table)
