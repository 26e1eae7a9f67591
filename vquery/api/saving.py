"""Keep relations in the collection under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vquery.engine.intervals import Intervals
from vquery.engine.sources import from_arrow
from vquery.store.names import check_saved

if TYPE_CHECKING:
    import pyarrow as pa

    from vquery.store.store import Store


def save(store: Store, name: str, rows: Intervals | pa.Table, *, query: str | None = None) -> int:
    """Store the rows and how they were found; see `Collection.save`. Return how many."""
    check_saved(name)  # before a query that may take long
    relation = rows if isinstance(rows, Intervals) else from_arrow(rows, name=name)
    plan = relation.explain() if query is None and isinstance(rows, Intervals) else query
    table = relation.collect()
    store.save(name, table, arguments={"query": plan})
    return int(table.num_rows)
