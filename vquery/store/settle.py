"""Bring the stored rows of drawn boxes up to the events, which are the truth about them.

Only who holds the writer lock does so: after each action on boxes, when a writer is opened, after
each of its commits, and when it ends. Whatever happens in between, the rows follow.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.errors import StoreError
from vquery.schema import BOX
from vquery.store import compact, drawn
from vquery.store.commit import Commit
from vquery.store.events import DRAW, PICTURES
from vquery.store.parts import PartWriter
from vquery.store.scan import live_parts, scan, table_schema
from vquery.store.sweep import discard, sweep_retired

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from vquery.store.catalog import Catalog
    from vquery.store.events import Event, EventLog
    from vquery.store.parts import Part
    from vquery.store.scan import Live

    Ints = npt.NDArray[np.int64]

TABLE = "drawn"
CROPS = "picture.drawn"
"""Crops of drawn boxes are apart: in order of ids they would lie between those of all others."""
EMBEDDING = "embedding."
_SAME = ["detection_id", "event", *BOX]
"""By what a stored row is known to be up to date: a box in between moves with those beside it."""


def settle(catalog: Catalog, log: EventLog, events: Sequence[Event]) -> bool:
    """Add, change and remove rows until they are those of the events; tell whether any were.

    Call it as the writer. One commit, without a run: events say who did it and when.

    Parameters
    ----------
    events
        All events of the log, or those of boxes, in order.

    Raises
    ------
    StoreError
        If the disk is full or a part is damaged; the rows stay as they were.
    """
    if not any(event.action == DRAW for event in events):
        return False
    standing = drawn.derive(events)
    with catalog.read() as db:
        live = live_parts(db)
    have = _scan(catalog, live, TABLE, _SAME)
    stale, fresh = _difference(have, standing.select(_SAME))
    fresh_rows = standing.filter(pc.is_in(standing["detection_id"], value_set=pa.array(fresh)))
    if not len(stale) and not len(fresh):
        return False
    fresh_rows = _with_pictures(fresh_rows, log)
    parts: list[Part] = []
    try:
        for table, rows in _tables(fresh_rows, live).items():
            with PartWriter(catalog.root, table, rows.schema) as part:
                part.write(rows)
            parts.append(part.close())
    except BaseException:
        discard(catalog, parts)
        raise
    without = dict.fromkeys(_holding(live), stale) if len(stale) else {}
    Commit(parts, [], [], {}, [], without).run(catalog, None)
    with suppress(StoreError):  # the rows are there; the next writer merges and sweeps what is left
        if compact.compact(catalog, compact.SMALL_PARTS) or without:
            sweep_retired(catalog)
    return True


def _with_pictures(rows: pa.Table, log: EventLog) -> pa.Table:
    """Add the columns of pictures that the actions brought which gave these boxes."""
    acts = log.with_pictures(pc.unique(rows["event"]).to_pylist())
    tables = []
    for event in acts:
        assert event.rows is not None
        names = [name for name in event.rows.column_names if name.startswith(PICTURES)]
        number = pa.repeat(pa.scalar(event.event_id, pa.int64()), event.rows.num_rows)
        some = event.rows.select(["detection_id", *names]).append_column("event", number)
        tables.append(some)
    if not tables:
        return rows
    every = pa.concat_tables(tables, promote_options="default")
    keys = zip(every["detection_id"].to_pylist(), every["event"].to_pylist(), strict=True)
    place = {key: at for at, key in enumerate(keys)}
    own = zip(rows["detection_id"].to_pylist(), rows["event"].to_pylist(), strict=True)
    found = every.take(pa.array([place[key] for key in own], pa.int64()))
    for name in found.column_names:
        if name.startswith(PICTURES):
            rows = rows.append_column(name, found[name])
    return rows


def _scan(catalog: Catalog, live: Sequence[Live], table: str, columns: Sequence[str]) -> pa.Table:
    target = pa.schema([schema.DRAWN.field(name) for name in columns])
    return scan(catalog.root, [one for one in live if one.table == table], target, None)


def _difference(have: pa.Table, want: pa.Table) -> tuple[Ints, Ints]:
    """Return the ids of rows that must go and of rows that must come; both for a changed one."""
    old, new = ({row["detection_id"]: row for row in one.to_pylist()} for one in (have, want))
    stale = [item for item, row in old.items() if new.get(item) != row]
    fresh = [item for item, row in new.items() if old.get(item) != row]
    return np.array(stale, np.int64), np.array(fresh, np.int64)


def _holding(live: Sequence[Live]) -> list[str]:
    """Name the tables that may have rows of drawn boxes."""
    tables = {one.table for one in live}
    return sorted(t for t in tables if t in ("detections", TABLE, CROPS) or t.startswith(EMBEDDING))


def _tables(rows: pa.Table, live: Sequence[Live]) -> dict[str, pa.Table]:
    """Make the rows of each table that new boxes need."""
    if not rows.num_rows:
        return {}
    found = {
        "detections": schema.conform(
            rows.select(schema.DETECTION.names), schema.DETECTION, what=TABLE
        ),
        TABLE: schema.conform(drawn.stored(rows), schema.DRAWN, what=TABLE),
    }
    kinds = {one.table: one.schema for one in live}
    items = rows.rename_columns({"detection_id": "item_id"})
    for name in [name for name in rows.column_names if name.startswith(PICTURES)]:
        some = items.filter(pc.is_valid(items[name]))
        space = EMBEDDING + name.removeprefix("vector.")
        if not some.num_rows:
            continue
        if name == "jpeg":
            found[CROPS] = some.select(["item_id", "video", "jpeg"])
        else:
            found |= _vectors(some, name, space, kinds.get(space))
    return found


def _vectors(rows: pa.Table, name: str, space: str, kind: bytes | None) -> dict[str, pa.Table]:
    """Make the rows of a space; vectors of another length than those there are not of it."""
    lengths = pc.list_value_length(rows[name])
    size = lengths[0].as_py()
    if kind is not None:
        size = pa.ipc.read_schema(pa.py_buffer(kind)).field("vector").type.list_size
    rows = rows.filter(pc.equal(lengths, size))
    if not rows.num_rows:
        return {}
    flat = rows[name].combine_chunks().flatten().cast(pa.float32())
    columns = [rows["item_id"], rows["video"], pa.FixedSizeListArray.from_arrays(flat, size)]
    return {space: pa.table(columns, schema=schema.embedding(size))}


def carried(catalog: Catalog, replace: Mapping[str, Sequence[str] | None]) -> dict[str, pa.Table]:
    """Return the rows of drawn boxes that a replacement of whole videos would take along.

    They belong to people and not to the detector whose rows are replaced, so they are written
    again with what comes instead. A space that is replaced as a whole brings vectors of its own.
    """
    with catalog.read() as db:
        live = live_parts(db)
    if not any(one.table == TABLE for one in live):
        return {}
    ids = _scan(catalog, live, TABLE, ["detection_id"])["detection_id"]
    found: dict[str, Any] = {}
    for table in set(replace) & set(_holding(live)) - {TABLE, CROPS}:
        if table.startswith(EMBEDDING) and replace[table] is None:
            continue
        here = [one for one in live if one.table == table]
        target = table_schema(table, [one.schema for one in here])
        rows = scan(catalog.root, here, target, replace[table])
        rows = rows.filter(pc.is_in(rows[compact.item_column(table)], value_set=ids))
        if rows.num_rows:
            found[table] = rows
    return found
