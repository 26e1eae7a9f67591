"""Corrections put into rows: some leave, some come, some have another value."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import LabelError
from vquery.schema import BOX
from vquery.supervise.assertions.findings import ADD, REMOVE
from vquery.supervise.assertions.rows import ID, ITEM

if TYPE_CHECKING:
    from numpy.typing import NDArray

CORRECTED, WEIGHT = "correction", "weight"
OWN = frozenset({"start_us", "end_us", *BOX, "score", ID, ITEM, CORRECTED, WEIGHT})
"""Columns of an added row that are not taken from its neighbours."""


def apply(table: pa.Table, corrections: pa.Table) -> pa.Table:
    """Correct rows, in the order of the corrections.

    Parameters
    ----------
    table
        With ``item`` or ``detection_id``.
    corrections
        Schema CORRECTION.

    Returns
    -------
    pyarrow.Table
        The rows with ``correction``, the rule that changed a row last (null: none did), and
        ``weight``, how far its changes are believed together (1: not changed). Added rows come
        last, in the order of their ids downward.

    Raises
    ------
    LabelError
        If a correction is of a row that is not there: the rows are not those that were checked.
    """
    table = _marked(table)
    for some in _stretches(corrections):
        action = some["action"][0].as_py()
        if action == REMOVE:
            table = _without(table, some)
        elif action == ADD:
            table = _with(table, some)
        else:
            table = _relabelled(table, some)
    return table


def _stretches(corrections: pa.Table) -> list[pa.Table]:
    """Cut the log where rule, action or column change."""
    if not corrections.num_rows:
        return []
    keys = [corrections[name].to_numpy(zero_copy_only=False) for name in ("rule", "action")]
    column = pc.fill_null(corrections["column"], "").to_numpy(zero_copy_only=False)
    changes = np.zeros(corrections.num_rows, bool)
    for key in (*keys, column):
        changes[1:] |= key[1:] != key[:-1]
    cuts = [0, *np.flatnonzero(changes).tolist(), corrections.num_rows]
    return [corrections.slice(a, b - a) for a, b in itertools.pairwise(cuts)]


def id_column(table: pa.Table) -> str:
    """Name the column that tells rows apart."""
    return ID if ID in table.column_names else ITEM


def _marked(table: pa.Table) -> pa.Table:
    if CORRECTED not in table.column_names:
        table = table.append_column(CORRECTED, pa.nulls(table.num_rows, pa.string()))
    if WEIGHT not in table.column_names:
        ones = pa.array(np.ones(table.num_rows, np.float32))
        table = table.append_column(WEIGHT, ones)
    return table


def _places(table: pa.Table, items: pa.ChunkedArray) -> NDArray[np.int64]:
    found = pc.index_in(items.combine_chunks(), value_set=table[id_column(table)].combine_chunks())
    if found.null_count:
        lost = items.filter(pc.is_null(found))[0].as_py()
        raise LabelError(
            f"{found.null_count} corrections are of rows that are not there, such as item {lost}: "
            "correct the rows that were checked"
        )
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)


def _without(table: pa.Table, some: pa.Table) -> pa.Table:
    keep = np.ones(table.num_rows, bool)
    keep[_places(table, some["item"])] = False
    return table.filter(pa.array(keep))


def _relabelled(table: pa.Table, some: pa.Table) -> pa.Table:
    name = some["column"][0].as_py()
    row = _places(table, some["item"])
    after = some["after"].combine_chunks().cast(table[name].type)
    table = _put(table, name, row, after)
    table = _put(table, CORRECTED, row, some["rule"].combine_chunks())
    weight = table[WEIGHT].to_numpy()[row] * some["weight"].to_numpy()
    return _put(table, WEIGHT, row, pa.array(weight.astype(np.float32)))


def _put(table: pa.Table, name: str, row: NDArray[np.int64], values: pa.Array) -> pa.Table:
    """Set values of a column."""
    column = table[name].combine_chunks()
    take = np.arange(table.num_rows)
    take[row] = table.num_rows + np.arange(len(row))
    both = pa.concat_arrays([column, values.cast(column.type)])
    return table.set_column(
        table.column_names.index(name), table.schema.field(name), both.take(pa.array(take))
    )


def _with(table: pa.Table, some: pa.Table) -> pa.Table:
    """Add rows; they have of their neighbours what both agree on."""
    sides = some["neighbours"].combine_chunks()
    one, other = (
        _places(table, pa.chunked_array([pc.list_element(sides, place)])) for place in (0, 1)
    )
    columns = []
    for field in table.schema:
        if field.name in OWN:
            columns.append(_own(field, some))
            continue
        left, right = (table[field.name].take(pa.array(side)) for side in (one, other))
        columns.append(_agreed(left, right, field))
    return pa.concat_tables([table, pa.table(columns, schema=table.schema)])


def _agreed(left: pa.ChunkedArray, right: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    """Values that are the same on both sides, null elsewhere."""
    if pa.types.is_nested(field.type):  # Arrow compares no lists
        both = zip(left.to_pylist(), right.to_pylist(), strict=True)
        return pa.chunked_array([[a if a == b else None for a, b in both]], field.type)
    agreed = pc.fill_null(pc.equal(left, right), fill_value=False)
    return pc.if_else(agreed, left, pa.scalar(None, field.type))


def _own(field: pa.Field, some: pa.Table) -> pa.ChunkedArray:
    name = {CORRECTED: "rule", ID: "item"}.get(field.name, field.name)
    return some[name].cast(field.type)
