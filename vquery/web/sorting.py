"""Sorting a million rows by one column while somebody waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy.typing as npt

    Codes = npt.NDArray[np.uint64]

NOTHING = 0xFFFF_FFFF
"""Comes last: no value."""
NO_NUMBER = 0xFFFF_FFFE
LAST = 0xFF80_0000
"""The code of infinity, the largest of a number; those of other values are below it too."""
MOST_VALUES = 1 << 20
"""Different values that are ranked."""


def sorted_rows(column: pa.Array | pa.ChunkedArray, *, descending: bool) -> npt.NDArray[np.int32]:
    """Return the rows in the order of their values; equal ones as they are.

    Rows without a value come last, after those that are not a number, whichever way.

    >>> sorted_rows(pa.array([2.0, None, -1.0, 2.0]), descending=True).tolist()
    [0, 3, 2, 1]
    """
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    codes = _codes(whole) if len(whole) < NOTHING else None
    if codes is None:  # numbers of 64 bits, and what has too many values: slower
        way = "descending" if descending else "ascending"
        keys = pa.table([whole], names=["0"])
        rows = pc.sort_indices(keys, sort_keys=[("0", way)])
        return np.asarray(rows.to_numpy(), np.int32)
    if descending:
        codes = np.where(codes <= LAST, LAST - codes, codes)
    # the row is part of what is compared, so equal values stay in their order
    both = (codes << np.uint64(32)) | np.arange(len(codes), dtype=np.uint64)
    both.sort()
    return (both & np.uint64(NOTHING)).astype(np.int32)


def _codes(column: pa.Array) -> Codes | None:
    """Give values numbers of the same order, below 2 ** 32; None where that is not done."""
    kind = column.type
    if pa.types.is_float32(kind):
        codes = _of_floats(np.asarray(pc.fill_null(column, 0).to_numpy()))
    elif pa.types.is_boolean(kind):
        filled = pc.fill_null(column, fill_value=False)
        codes = filled.to_numpy(zero_copy_only=False).astype(np.uint64)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or _of_texts(kind):
        coded = column if pa.types.is_dictionary(kind) else column.dictionary_encode()
        if len(coded.dictionary) > MOST_VALUES:
            return None
        rank = np.empty(len(coded.dictionary), np.uint64)
        rank[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(rank))
        places = pc.fill_null(coded.indices, 0).to_numpy()
        codes = rank[places] if len(rank) else np.zeros(len(column), np.uint64)
    else:
        return None
    if column.null_count:
        codes[~column.is_valid().to_numpy(zero_copy_only=False)] = NOTHING
    return codes


def _of_texts(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type))


def _of_floats(values: npt.NDArray[np.float32]) -> Codes:
    """Give floats numbers of the same order, by their bits.

    >>> codes = _of_floats(np.array([-np.inf, -2, -0.0, 0, 1, np.inf, np.nan], np.float32))
    >>> bool((np.diff(codes.astype(np.int64))[[0, 1, 3, 4, 5]] > 0).all()), codes[2] == codes[3]
    (True, np.True_)
    """
    bits = (values + np.float32(0)).view(np.uint32)  # -0 becomes 0
    negative = bits >> np.uint32(31) != 0
    codes = np.where(negative, ~bits, bits | np.uint32(1 << 31)).astype(np.uint64)
    codes[np.isnan(values)] = NO_NUMBER
    return codes
