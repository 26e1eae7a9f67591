"""Methods of a collection for people who prefer SQL, and for tables from elsewhere."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vquery.api.extents import extents
from vquery.api.relations import relation, table_names
from vquery.engine.bring import any_table
from vquery.errors import QueryError
from vquery.expr import habits
from vquery.store.names import RESERVED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from vquery.api.moment import Newest
    from vquery.api.sql import SqlResult
    from vquery.engine.intervals import Intervals
    from vquery.store.store import Store


class Outside:
    """What a collection exchanges with SQL and with tables in memory."""

    _store: Store
    _newest: Newest
    _registered: dict[str, Intervals]

    if not TYPE_CHECKING:  # else type checkers would take every name for granted

        def __getattr__(self, name: str) -> Any:
            if habits.is_private(name):
                raise habits.plainly(self, name)
            held = {*table_names(self._newest.get()), *self._registered}
            instead = {each: f"db[{each!r}]" for each in held}
            raise habits.unknown("the collection", name, dir(type(self)), instead)

    def register(self, name: str, table: Any, *, replace: bool = False) -> Intervals:
        """Use a table as if it were one of the collection, until this object is gone.

        ``db[name]``, `query`, `sql` and concepts know it; nothing is written, see `save` for that.

        Parameters
        ----------
        name
            An identifier that no table of the collection has.
        table
            A relation, or an Arrow, pandas, Polars or DuckDB table, see `vquery.from_arrow`.
        replace
            Whether a table registered before under this name may be replaced.

        Raises
        ------
        QueryError
            If the name is taken or is no identifier.
        SchemaError
            If the table is none of intervals.
        """
        if not isinstance(name, str) or not name.isidentifier():
            raise QueryError(f"register() takes a name of letters, digits and _, got {name!r}")
        known = {each.lower() for each in (*RESERVED, *table_names(self._newest.get()))}
        if name.lower() in known:
            raise QueryError(
                f"register(): the collection has a table {name!r}: choose another name"
            )
        if name.lower() in {each.lower() for each in self._registered} and not (
            replace and name in self._registered
        ):
            raise QueryError(
                f"register(): {name!r} is registered already: give replace=True or another name"
            )
        made = any_table(table, name)
        self._registered[name] = made
        return made

    def sql(self, text: str, params: Mapping[str, Any] | Sequence[Any] | None = None) -> SqlResult:
        """Run one SELECT of DuckDB's SQL over the tables of the collection.

        Beside the tables of intervals there are ``videos``, ``runs`` and ``labels``, and for each
        table of intervals a view ``NAME_seconds`` with ``start`` and ``end``. Only tables that the
        text names are read. The query sees no files, no network and no settings.

        Parameters
        ----------
        text
            The SELECT.
        params
            Values for ``$name`` (a mapping) or ``?`` (a list); write no values into the text.

        Returns
        -------
        SqlResult
            ``to_arrow()``, ``to_pandas()``, ``to_polars()``, and ``relation()`` where the rows are
            intervals.

        Raises
        ------
        QueryError
            If it is no single SELECT or cannot be run.
        """
        from vquery.api.sql import run_sql

        known = functools.partial(extents, self._newest.get().snapshot)
        return run_sql(text, self._readers(), params, extents=known)

    def to_duckdb(self, path: Path | str, *, overwrite: bool = False) -> Path:
        """Write the tables that `sql` sees into a new DuckDB file, which appears when it is whole.

        Raises
        ------
        StoreError
            If the file is there and ``overwrite`` is not set, or it cannot be written.
        """
        from vquery.api.sql import write_duckdb

        write_duckdb(Path(path), self._readers(), overwrite=overwrite)
        return Path(path)

    def _readers(self) -> dict[str, Callable[[], pa.Table]]:
        """Functions that read each table, all of one moment."""
        moment = self._newest.get()
        tables = {name: relation(moment, name) for name in table_names(moment)} | self._registered
        readers: dict[str, Callable[[], pa.Table]] = {
            name: made.collect for name, made in tables.items()
        }
        return readers | {
            "videos": moment.snapshot.videos,
            "runs": moment.snapshot.runs,
            "labels": lambda: moment.seeds,
        }
