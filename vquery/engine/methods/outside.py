"""Methods that hand the rows to other libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.methods.base import Fluent

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    import pyarrow as pa


class Outside(Fluent):
    """Methods that hand the rows to other libraries."""

    __slots__ = ()

    def to_arrow(self, *, params: Mapping[str, Any] | None = None) -> pa.Table:
        """Run the query and return a ``pyarrow.Table``, as `collect` does."""
        return self._made(self._node).collect(params=params)

    def to_polars(self, *, params: Mapping[str, Any] | None = None) -> Any:
        """Run the query and return a ``polars.DataFrame``.

        Raises
        ------
        MissingDependencyError
            If Polars is not installed.
        """
        from vquery.engine.bring import to_polars

        return to_polars(self.to_arrow(params=params))

    def to_duckdb(
        self,
        connection: duckdb.DuckDBPyConnection | None = None,
        *,
        params: Mapping[str, Any] | None = None,
    ) -> duckdb.DuckDBPyRelation:
        """Run the query and return a DuckDB relation on a connection (None: DuckDB's default).

        >>> import pyarrow as pa
        >>> from vquery.engine.sources import from_arrow
        >>> faces = from_arrow(pa.table({"video": ["a"], "start": [0], "end": [1]}))
        >>> faces.to_duckdb().aggregate("count(*)").fetchall()
        [(1,)]
        """
        from vquery.engine.bring import to_duckdb

        made: duckdb.DuckDBPyRelation = to_duckdb(self.to_arrow(params=params), connection)
        return made
