"""The rows that a widget shows, and the collection that they are of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vquery.engine.intervals import Intervals
from vquery.errors import QueryError
from vquery.expr.origin import collections_of
from vquery.schema import KEYS

if TYPE_CHECKING:
    from vquery.api.collection import Collection

LONGEST = 200
"""Characters of what is shown as the name of rows."""


def collected(rows: Any, name: str) -> tuple[pa.Table, str]:
    """Return rows as a table, and what to call them.

    Raises
    ------
    QueryError
        If they are neither a relation nor a table of spans.
    """
    if isinstance(rows, Intervals):
        return rows.collect(), rows.node.name[:LONGEST]
    table = _table(rows)
    if table is None:
        kind = type(rows).__name__
        raise QueryError(f"{name}() shows a relation or a table, got {kind}")
    missing = [key for key in KEYS if key not in table.column_names]
    if missing:
        raise QueryError(
            f"{name}(): the rows have no column {missing[0]!r}; it needs {', '.join(KEYS)}"
        )
    return table, f"{table.num_rows:,} rows"


def _table(rows: Any) -> pa.Table | None:
    """Return a table of Arrow, of another library, or of ``db.sql`` as one of Arrow."""
    if hasattr(rows, "to_arrow"):
        rows = rows.to_arrow()
    if not isinstance(rows, pa.Table) and hasattr(rows, "__arrow_c_stream__"):
        rows = pa.table(rows)
    return rows if isinstance(rows, pa.Table) else None


def home(rows: Any, db: Collection | None, name: str) -> Path:
    """Find the collection that rows are of.

    Raises
    ------
    QueryError
        If it cannot be told: rows of a table, or put together by ``vq.concat``.
    """
    if db is not None:
        return db.path
    found = collections_of(rows.node) if isinstance(rows, Intervals) else {}
    if len(found) == 1:
        return Path(next(iter(found)))
    raise QueryError(
        f"{name}(): these rows do not say which collection they are of, whose pictures are shown "
        f"and whose labels are given: {name}(rows, db=db)"
    )
