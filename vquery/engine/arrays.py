"""Arrow columns as arrays for the kernels: numbers, group codes, the usual order of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import QueryError
from vquery.expr.types import Kind, has_box, kind_of
from vquery_kernels.groups import numbered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
LONGEST_TEXT = 2**31
"""Bytes of text beyond which chunks cannot become one array; their codes can."""
DENSE = 2**40
"""Combined codes beyond this are numbered anew, so that they cannot overflow."""
SPARSE = 4
"""Numbers below so many times the rows are codes as they are."""


def ints(column: pa.ChunkedArray) -> Ints:
    """Values of a column of whole numbers without nulls, (n,) int64."""
    return np.asarray(whole(column).to_numpy(zero_copy_only=False), dtype=np.int64)


def floats(column: pa.ChunkedArray) -> Floats:
    """Values of a float32 column, (n,); null becomes NaN."""
    return np.asarray(whole(column).to_numpy(zero_copy_only=False), dtype=np.float32)


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Column as one array, not copied where it is one already."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def truths(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Where a condition is true; null is not true, a condition that is null alone included.

    >>> truths(pa.chunked_array([[True, None], [False]])).tolist()
    [True, False, False]
    >>> truths(pa.chunked_array([[None]], pa.null())).tolist()
    [False]
    """
    holds = whole(column.cast(pa.bool_()).fill_null(fill_value=False))
    return np.asarray(holds.to_numpy(zero_copy_only=False), np.bool_)


def take(table: pa.Table, rows: npt.NDArray[Any]) -> pa.Table:
    """Rows of a table by number."""
    numbers = pa.array(rows)
    columns = [_taken(column, rows, numbers) for column in table.columns]
    return pa.table(columns, schema=table.schema)


def _taken(column: pa.ChunkedArray, rows: npt.NDArray[Any], numbers: pa.Array) -> Any:
    """Elements of a column; numbers without nulls by numpy, which is faster than Arrow."""
    plain = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if not plain or column.null_count or column.type == pa.float16():
        return column.take(numbers)
    return pa.array(whole(column).to_numpy()[rows], column.type)


def join_codes(
    left: Sequence[pa.ChunkedArray], right: Sequence[pa.ChunkedArray]
) -> tuple[Ints, Ints]:
    """Give equal keys of two sides equal numbers; a row with a null key equals no other row."""
    if len(left) == 1 and _are_codes(left[0], right[0]):
        return ints(left[0]), ints(right[0])
    split = len(left[0])
    codes, missing = _codes([_stacked(*pair) for pair in zip(left, right, strict=True)])
    codes[:split][missing[:split]] = -1
    codes[split:][missing[split:]] = -2
    return codes[:split], codes[split:]


def _are_codes(*columns: pa.ChunkedArray) -> bool:
    """Whether columns hold whole numbers from 0 up that are small enough to be codes."""
    if any(kind_of(each.type) is not Kind.INTEGER or each.null_count for each in columns):
        return False
    most = SPARSE * (sum(map(len, columns)) + 1)
    ends = [ints(each) for each in columns if len(each)]
    return all(int(each.min()) >= 0 and int(each.max()) < most for each in ends)


def group_codes(columns: Sequence[pa.ChunkedArray]) -> Ints:
    """Give equal rows equal numbers from 0, in order of occurrence; null equals null."""
    return by_first_row(_codes(columns, null_is_value=True)[0])


def equal_codes(columns: Sequence[pa.ChunkedArray]) -> Ints:
    """Give equal rows equal numbers, whichever; null equals null."""
    return _codes(columns, null_is_value=True)[0]


def by_first_row(codes: Ints) -> Ints:
    """Renumber codes from 0 in the order in which they first occur.

    >>> by_first_row(np.array([7, -2, 7, 5])).tolist()
    [0, 1, 0, 2]
    """
    lowest = int(codes.min(initial=0))
    width = int(codes.max(initial=0)) - lowest + 1
    if width > SPARSE * codes.size:
        made = pc.dictionary_encode(pa.array(codes)).indices.to_numpy()
        return np.asarray(made, dtype=np.int64)
    return numbered(codes - lowest)


def _stacked(left: pa.ChunkedArray, right: pa.ChunkedArray) -> pa.ChunkedArray:
    wanted = pa.string() if kind_of(left.type) is Kind.STRING else left.type
    if kind_of(left.type) is Kind.INTEGER and left.type != right.type:
        wanted = pa.int64()
    parts = [part for each in (left, right) for part in as_type(each, wanted).chunks]
    return pa.chunked_array(parts, type=wanted)


def as_type(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """Cast a column of the same kind.

    Raises
    ------
    QueryError
        If a whole number does not fit.
    """
    try:
        return column.cast(wanted)
    except pa.ArrowInvalid as error:
        raise QueryError(
            f"a column of {column.type} meets {wanted}, which cannot hold all of it: {error}"
        ) from error


def _codes(
    columns: Sequence[pa.ChunkedArray], *, null_is_value: bool = False
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    missing = np.zeros(len(columns[0]), dtype=np.bool_)
    size = 1
    for column in columns:
        values, count = _encoded(column)
        absent = values < 0
        if null_is_value:
            values = np.where(absent, count, values)
            count += 1
        else:
            missing |= absent
        codes = codes * max(count, 1) + values
        size *= max(count, 1)
        if size > DENSE:
            codes = by_first_row(codes)
            size = codes.size
    return codes, missing


def _encoded(column: pa.ChunkedArray) -> tuple[Ints, int]:
    """Return codes of a column, -1 for null, and a number that all of them are below."""
    if _are_codes(column):
        values = ints(column)
        return values, int(values.max(initial=0)) + 1
    if pa.types.is_floating(column.type):
        column = pc.add(column, pa.scalar(0.0, column.type))  # -0.0 becomes 0.0
    codes, values = value_codes(column)
    return codes, len(values)


def value_codes(column: pa.ChunkedArray) -> tuple[Ints, pa.Array]:
    """Return the codes of a column, -1 for null, and the distinct values that they stand for.

    Values are numbered in the order in which they first occur.

    >>> value_codes(pa.chunked_array([["b", None, "a", "b"]]))[0].tolist()
    [0, -1, 1, 0]
    """
    if pa.types.is_dictionary(column.type):  # two of its values may be equal
        column = column.cast(column.type.value_type)
    rows, starts = len(column), run_starts(column)
    runs = starts.size * SPARSE < rows  # equal neighbours are looked up once
    if runs:
        column = column.take(pa.array(starts))
    if column.num_chunks > 1 and column.nbytes >= LONGEST_TEXT:
        encoded = pc.dictionary_encode(column).unify_dictionaries().combine_chunks()
    else:
        encoded = pc.dictionary_encode(whole(column))
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return (np.repeat(codes, np.diff(starts, append=rows)) if runs else codes), encoded.dictionary


def run_starts(column: pa.ChunkedArray) -> Ints:
    """Row numbers at which a run of equal values begins; a null is a run of its own.

    >>> run_starts(pa.chunked_array([["a", "a"], ["b"]])).tolist()
    [0, 2]
    """
    if not len(column):
        return np.zeros(0, np.int64)
    if pa.types.is_null(column.type):
        return np.arange(len(column))
    differs = pc.not_equal(column.slice(1), column.slice(0, len(column) - 1))
    inner = differs.fill_null(fill_value=True).to_numpy()
    return np.concatenate(([0], np.flatnonzero(inner) + 1)).astype(np.int64)


def video_ranks(column: pa.ChunkedArray) -> Ints:
    """Rank of each row's video in the order of videos."""
    if kind_of(column.type) is Kind.INTEGER:
        return ints(column)
    codes, names = value_codes(column)
    order = pc.sort_indices(names).to_numpy()
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    return rank[codes] if order.size else np.zeros(0, dtype=np.int64)


def _order_keys(table: pa.Table) -> Iterator[npt.NDArray[Any]]:
    """Keys of the usual order, the first decides first; made only when asked for."""
    yield video_ranks(table["video"])
    yield ints(table["start_us"])
    yield ints(table["end_us"])
    if has_box(table.schema):
        for name in ("x1", "x2", "y1", "y2"):
            values = floats(table[name])
            yield np.where(np.isnan(values), np.inf, values)


def usual_order(table: pa.Table) -> Ints | None:
    """Row numbers in the order video, start, end, x1, x2, y1, y2; None where rows are in it.

    Stable: equal rows stay as they came. Rows without a box come after those with one.
    """
    if _in_usual_order(table):
        return None
    keys = _order_keys(table)
    video, start = next(keys), next(keys)
    order = _sorted_by(video, start)
    tied = (np.diff(video[order]) == 0) & (np.diff(start[order]) == 0)
    for key in keys:  # each key compares only the rows that those before it left equal
        if not tied.any():
            break
        tied = _sort_ties(order, tied, key)
    return order


def _sorted_by(first: Ints, second: Ints) -> Ints:
    """Stable order by two keys; one sort of one key where both fit into it."""
    lowest, least = int(second.min()), int(first.min())
    width = int(second.max()) - lowest + 1
    if (int(first.max()) - least + 1) * width >= 2**62:
        return np.lexsort((second, first))
    key = (first - least) * width + (second - lowest)
    if (key[1:] >= key[:-1]).all():
        return np.arange(key.size)
    return np.argsort(key, kind="stable")


def _sort_ties(
    order: Ints, tied: npt.NDArray[np.bool_], key: npt.NDArray[Any]
) -> npt.NDArray[np.bool_]:
    """Sort runs of tied rows by a key, in place, and return which neighbours are still tied."""
    among = np.flatnonzero(np.append(tied, [False]) | np.insert(tied, 0, values=False))
    run = np.cumsum(np.insert(~tied, 0, values=False), dtype=np.int64)[among]
    rows = order[among]
    values = key[rows]
    sorting = _sorted_by(run, _ranked(values))
    order[among] = rows[sorting]
    values = values[sorting]
    still = np.zeros(tied.size, dtype=np.bool_)
    # neighbours among the tied rows are neighbours in the order where they share a run
    still[among[:-1]] = (np.diff(run) == 0) & (values[1:] == values[:-1])
    return still


def _ranked(values: npt.NDArray[Any]) -> Ints:
    """Whole numbers that are ordered as float32 values (none of them NaN), or those given."""
    if values.dtype != np.float32:
        return values
    bits = (values + np.float32(0)).view(np.int32).astype(np.int64)  # -0.0 becomes 0.0
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _in_usual_order(table: pa.Table) -> bool:
    equal = np.ones(max(table.num_rows - 1, 0), dtype=np.bool_)
    for key in _order_keys(table):
        if (equal & (key[1:] < key[:-1])).any():
            return False
        equal &= key[1:] == key[:-1]
        if not equal.any():
            return True
    return True


def in_usual_order(table: pa.Table) -> pa.Table:
    """Sort a table into the usual order."""
    order = usual_order(table)
    return table if order is None else take(table, order)
