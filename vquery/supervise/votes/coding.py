"""What a label matrix is made of: votes as codes, classes, how long items last."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import LabelError, SchemaError
from vquery.schema import KEYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    Codes = NDArray[np.int16]
    Floats = NDArray[np.float64]

ABSTAIN = -1
"""The code of a function that says nothing."""
MOST_CLASSES = np.iinfo(np.int16).max


def durations(items: pa.Table | None, n: int) -> Floats:
    """Seconds that each item lasts; ones where no item lasts.

    >>> durations(None, 2)
    array([1., 1.])
    """
    if items is None or not set(KEYS) <= set(items.column_names):
        return np.ones(n)
    length = np.asarray((items["end_us"].to_numpy() - items["start_us"].to_numpy()) / 1e6)
    bad = np.flatnonzero(~(length >= 0))
    if bad.size:
        raise SchemaError(
            f"items, row {bad[0]}: start_us and end_us must be given, the end not before the start "
            f"({bad.size} such rows)"
        )
    return length if length.any() else np.ones(n)


def coded_votes(
    array: NDArray[Any], classes: tuple[Hashable, ...], abstain: Hashable, functions: Sequence[str]
) -> Codes:
    """Turn values into numbers of classes, -1 for ``abstain``.

    Raises
    ------
    LabelError
        If a value is neither; it names the row and the function.

    >>> coded_votes(np.array([["no", ""]]), ("no", "yes"), "", ["a", "b"]).tolist()
    [[0, -1]]
    """
    check_classes(classes, abstain)
    coded = np.full(array.shape, ABSTAIN - 1, np.int16)
    coded[array == abstain] = ABSTAIN
    for code, value in enumerate(classes):
        coded[array == value] = code
    bad = np.argwhere(coded < ABSTAIN)
    if len(bad):
        row, column = bad[0].tolist()
        raise LabelError(
            f"votes, row {row}, function {column} ({functions[column]}): expected one of "
            f"{list(classes)} or {abstain!r} to abstain, got {array[row, column]} "
            f"({len(bad)} such votes)"
        )
    return coded


def check_classes(classes: tuple[Hashable, ...], abstain: Hashable) -> None:
    """Refuse classes that are none, not all different, too many, or the abstention.

    Raises
    ------
    LabelError
        Naming them.

    >>> check_classes((0, 1), abstain=0)
    Traceback (most recent call last):
    vquery.errors.LabelError: classes must be different values other than abstain=0, got [0, 1]
    """
    unhashable = [value for value in classes if not isinstance(value, Hashable)]
    if unhashable:
        raise LabelError(f"classes must be single values such as texts, got {unhashable[0]!r}")
    if not classes or len(set(classes)) < len(classes) or abstain in classes:
        raise LabelError(
            f"classes must be different values other than abstain={abstain!r}, got {list(classes)}"
        )
    if len(classes) > MOST_CLASSES:
        raise LabelError(f"at most {MOST_CLASSES} classes can be voted, got {len(classes)}")
