"""Arrow columns as arrays for the kernels: numbers, group codes, the usual order of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vquery.expr.types import Kind, has_box, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
LONGEST_TEXT = 2**31
"""Bytes of text beyond which chunks cannot become one array; their codes can."""
DENSE = 2**40
"""Combined codes beyond this are numbered anew, so that they cannot overflow."""


def ints(column: pa.ChunkedArray) -> Ints:
    """Values of a column of whole numbers without nulls, (n,) int64."""
    return np.asarray(whole(column).to_numpy(zero_copy_only=False), dtype=np.int64)


def floats(column: pa.ChunkedArray) -> Floats:
    """Values of a float32 column, (n,); null becomes NaN."""
    return np.asarray(whole(column).to_numpy(zero_copy_only=False), dtype=np.float32)


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Column as one array, not copied where it is one already."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def take(table: pa.Table, rows: npt.NDArray[Any]) -> pa.Table:
    """Rows of a table by number."""
    return table.take(pa.array(rows))


def join_codes(
    left: Sequence[pa.ChunkedArray], right: Sequence[pa.ChunkedArray]
) -> tuple[Ints, Ints]:
    """Give equal keys of two sides equal numbers; a row with a null key equals no other row."""
    split = len(left[0])
    codes, missing = _codes([_stacked(*pair) for pair in zip(left, right, strict=True)])
    codes[:split][missing[:split]] = -1
    codes[split:][missing[split:]] = -2
    return codes[:split], codes[split:]


def group_codes(columns: Sequence[pa.ChunkedArray]) -> Ints:
    """Give equal rows equal numbers from 0, in order of occurrence; null equals null."""
    return by_first_row(_codes(columns, null_is_value=True)[0])


def by_first_row(codes: Ints) -> Ints:
    """Renumber codes from 0 in the order in which they first occur."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(first.size)
    numbered: Ints = rank[inverse]
    return numbered


def _stacked(left: pa.ChunkedArray, right: pa.ChunkedArray) -> pa.ChunkedArray:
    wanted = pa.string() if kind_of(left.type) is Kind.STRING else left.type
    if kind_of(left.type) is Kind.INTEGER and left.type != right.type:
        wanted = pa.int64()
    return pa.chunked_array([*left.cast(wanted).chunks, *right.cast(wanted).chunks], type=wanted)


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
            unique, codes = np.unique(codes, return_inverse=True)
            size = unique.size
    return codes, missing


def _encoded(column: pa.ChunkedArray) -> tuple[Ints, int]:
    """Return the dictionary codes of a column, -1 for null, and how many there are."""
    if pa.types.is_floating(column.type):
        column = pc.add(column, pa.scalar(0.0, column.type))  # -0.0 becomes 0.0
    codes, values = _dictionary(column)
    return codes.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64), len(values)


def _dictionary(column: pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    """Return the codes of a column and the distinct values that they stand for."""
    if pa.types.is_dictionary(column.type):  # two of its values may be equal
        column = column.cast(column.type.value_type)
    if column.num_chunks > 1 and column.nbytes >= LONGEST_TEXT:
        encoded = pc.dictionary_encode(column).unify_dictionaries().combine_chunks()
    else:
        encoded = pc.dictionary_encode(whole(column))
    return encoded.indices, encoded.dictionary


def video_ranks(column: pa.ChunkedArray) -> Ints:
    """Rank of each row's video in the order of videos."""
    if kind_of(column.type) is Kind.INTEGER:
        return ints(column)
    codes, names = _dictionary(column)
    order = pc.sort_indices(names).to_numpy()
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    return rank[codes.to_numpy(zero_copy_only=False)] if order.size else np.zeros(0, dtype=np.int64)


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
    if not tied.any():
        return order
    # only rows that share video and start are compared by the other keys
    run = np.concatenate(([0], np.cumsum(~tied)))
    among = np.concatenate((tied, [False])) | np.concatenate(([False], tied))
    rows = order[among]
    rest = [key[rows] for key in keys]
    order[among] = rows[np.lexsort((*rest[::-1], run[among]))]
    return order


def _sorted_by(video: Ints, start: Ints) -> Ints:
    """Stable order by video, then start; one sort of one key where both fit into it."""
    lowest, first = int(start.min()), int(video.min())
    width = int(start.max()) - lowest + 1
    if (int(video.max()) - first + 1) * width >= 2**62:
        return np.lexsort((start, video))
    key = (video - first) * width + (start - lowest)
    if (key[1:] >= key[:-1]).all():
        return np.arange(key.size)
    return np.argsort(key, kind="stable")


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
