"""DuckDB's SQL over the tables of a collection, shut in: no files, no network, no settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.bring import to_duckdb, to_polars
from vquery.engine.running.session import lock, shut_in_database
from vquery.engine.show import print_table, to_pandas
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError, StoreError
from vquery.expr import habits
from vquery.expr.types import Kind, kind_of
from vquery.plan.sql import quoted
from vquery.schema import KEYS, US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import duckdb

    from vquery.engine.intervals import Intervals

    Tables = Mapping[str, Callable[[], pa.Table]]

IN_SECONDS = "_seconds"
"""What the name of the view of a table with ``start`` and ``end`` in seconds ends with."""


@dataclass(frozen=True, slots=True)
class SqlResult:
    """The rows that a SQL query gave, to be had in the form that is wanted."""

    table: pa.Table
    extents: Callable[[], pa.Table] | None = None

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.table.column_names)

    @property
    def num_rows(self) -> int:
        """Rows of the result."""
        return int(self.table.num_rows)

    def show(self, limit: int = 20) -> None:
        """Print the first rows as a table."""
        more = f"first {limit} rows; show(limit=…) for more" if self.num_rows > limit else None
        print_table(self.table.slice(0, limit), caption=more)

    def _repr_html_(self) -> str:
        from vquery.view.page import first_rows_html, fragment, paragraph

        return fragment(paragraph(f"{self.num_rows:,} rows"), first_rows_html(self.table))

    def to_arrow(self) -> pa.Table:
        """Return the rows as a ``pyarrow.Table``."""
        return self.table

    def to_pandas(self) -> Any:
        """Return the rows as a ``pandas.DataFrame``."""
        return to_pandas(self.table)

    def to_polars(self) -> Any:
        """Return the rows as a ``polars.DataFrame``."""
        return to_polars(self.table)

    def to_duckdb(self, connection: duckdb.DuckDBPyConnection | None = None) -> Any:
        """Return the rows as a DuckDB relation."""
        return to_duckdb(self.table, connection)

    def relation(self, name: str = "sql") -> Intervals:
        """Return the rows as a relation of intervals.

        They need ``video`` and either ``start`` and ``end`` or ``start_us`` and ``end_us``. Of the
        videos of the collection it is known how long they are and how fast their frames.

        Raises
        ------
        SchemaError
            If a column is missing or of the wrong type.
        """
        named = "video" in self.columns and kind_of(self.table["video"].type) is Kind.STRING
        if self.extents is None or not named:
            return from_arrow(self.table, name=name)
        known = self.extents()
        fps = pc.divide(pa.scalar(float(US_PER_S)), known["frame_us"])
        extents = known.drop_columns("frame_us").append_column("fps", fps)
        return from_arrow(self.table, name=name, extents=extents)

    if not TYPE_CHECKING:  # else type checkers would take every name for granted

        def __getattr__(self, name: str) -> Any:
            if habits.is_private(name):
                raise habits.plainly(self, name)
            raise habits.unknown("the result of sql()", name, dir(type(self)), habits.RESULT)

    def __repr__(self) -> str:
        return f"SqlResult({self.num_rows:,} rows: {', '.join(self.columns)})"


def run_sql(
    text: str,
    tables: Tables,
    params: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    extents: Callable[[], pa.Table] | None = None,
) -> SqlResult:
    """Run one SELECT over tables of which only those are read that the text names.

    ``extents`` tells a relation that is made of the result what is known of whole videos.

    Raises
    ------
    QueryError
        If it is no single SELECT, names what does not exist, or asks for files or settings.
    """
    import duckdb

    if not isinstance(text, str) or not text.strip():
        raise QueryError(f"sql() takes a SELECT as text, got {text!r}")
    given = list(params) if isinstance(params, tuple) else params
    if given is not None and not isinstance(given, (dict, list)):
        raise QueryError("sql(params=) takes a mapping for $name or a list for ?")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise QueryError(f"sql(): the text holds half a character: {error}") from None
    connection = shut_in_database()
    try:
        _require_select(connection, text)
        named = {name: read for name, read in tables.items() if _mentioned(name, text)}
        define(connection, named, attach)
        lock(connection)
        result = connection.sql(text, params=given)
        return SqlResult(_plain(result.to_arrow_table()), extents)
    except duckdb.Error as error:
        raise QueryError(_said(str(error), tables)) from error
    finally:
        connection.close()


def _mentioned(name: str, text: str) -> bool:
    """Whether a text may mean a table; one that is read in vain costs time and nothing else."""
    lowered = text.lower()
    return name.lower() in lowered or quoted(name).lower() in lowered


def _require_select(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    import duckdb

    statements = connection.extract_statements(text)
    kinds = [statement.type for statement in statements]
    if kinds != [duckdb.StatementType.SELECT]:
        found = ", ".join(kind.name for kind in kinds) or "nothing"
        raise QueryError(
            f"sql() runs one SELECT, which reads tables and changes nothing; got {found}"
        )


def attach(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Let a connection read a table in memory under a name."""
    connection.register(name, table)


def define(
    connection: duckdb.DuckDBPyConnection,
    tables: Tables,
    make: Callable[[duckdb.DuckDBPyConnection, str, pa.Table], None],
) -> None:
    """Make tables, and beside each one of intervals a view with its times in seconds."""
    names = sql_names(tables)
    taken = {name.lower() for name in names.values()}
    for given, read in tables.items():
        name, table = names[given], read()
        make(connection, name, table)
        view = f"{name}{IN_SECONDS}"
        if set(KEYS) <= set(table.column_names) and view.lower() not in taken:
            connection.execute(f"CREATE VIEW {quoted(view)} AS {in_seconds(name, table)}")


def sql_names(names: Iterable[str]) -> dict[str, str]:
    """Names in SQL, which takes small and capital letters for one: the later gets a number.

    >>> sql_names(["both", "Both"])
    {'both': 'both', 'Both': 'Both_2'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        number, made = 1, name
        while made.lower() in taken:
            number += 1
            made = f"{name}_{number}"
        taken.add(made.lower())
        found[name] = made
    return found


def in_seconds(name: str, table: pa.Table) -> str:
    """SELECT of a table with ``start`` and ``end`` in seconds instead of microseconds.

    >>> in_seconds("t", pa.table({"video": ["a"], "start_us": [0], "end_us": [1], "start": [2]}))
    'SELECT * EXCLUDE ("end_us"), "end_us" / 1000000 AS "end" FROM "t"'
    """
    have = {column.lower() for column in table.column_names}
    made = [key for key in KEYS[1:] if key.removesuffix("_us") not in have]
    if not made:
        return f"SELECT * FROM {quoted(name)}"
    left_out = ", ".join(quoted(key) for key in made)
    shown = ", ".join(
        f"{quoted(key)} / {US_PER_S:d} AS {quoted(key.removesuffix('_us'))}" for key in made
    )
    return f"SELECT * EXCLUDE ({left_out}), {shown} FROM {quoted(name)}"


def _plain(table: pa.Table) -> pa.Table:
    """Give sums of whole numbers, which DuckDB counts in 128 bits, the type of whole numbers."""
    for place, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type) and field.type.scale == 0 and field.type.precision > 18:
            try:
                column = pc.cast(table.column(place), pa.int64())
            except pa.ArrowInvalid:
                continue  # larger than 64 bits
            table = table.set_column(place, field.with_type(pa.int64()), column)
    return table


def _said(message: str, tables: Iterable[str]) -> str:
    first = message.splitlines()[0]
    if "does not exist" in first and "Table" in first:
        return f"sql(): {first} Tables: {', '.join(sorted(tables))}"
    if 'near "end"' in first:
        return f'sql(): {first}: a word of SQL, write the column as "end" in double quotes'
    if first.startswith("Permission Error"):
        return f"sql(): {first}. It reads the tables of the collection and nothing else"
    return f"sql(): {message}"


def write_duckdb(path: Path, tables: Tables, *, overwrite: bool) -> None:
    """Write tables into a new DuckDB file, which appears when it is whole.

    Raises
    ------
    StoreError
        If the file is there and may not be replaced, or cannot be written.
    """
    import duckdb

    def copy(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
        connection.register("vquery rows", table)
        connection.execute(f'CREATE TABLE {quoted(name)} AS SELECT * FROM "vquery rows"')
        connection.unregister("vquery rows")

    _require_free(path, overwrite=overwrite)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with duckdb.connect(str(unfinished)) as connection:
            define(connection, tables, copy)
        _require_free(path, overwrite=overwrite)  # it may have come meanwhile
        unfinished.replace(path)
    except (duckdb.Error, OSError) as error:
        raise StoreError(f"to_duckdb(): {path} cannot be written: {error}") from error
    finally:
        for left in (unfinished, unfinished.with_name(f"{unfinished.name}.wal")):
            left.unlink(missing_ok=True)


def _require_free(path: Path, *, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise StoreError(f"to_duckdb(): {path} is there already: give overwrite=True to replace it")
    if path.is_dir():
        raise StoreError(f"to_duckdb(): {path} is a folder")
