"""The label matrix: what each label function says of each item."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.errors import LabelError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import pyarrow as pa
    from numpy.typing import ArrayLike, NDArray

    Codes = NDArray[np.int16]
    Floats = NDArray[np.float64]

ABSTAIN = -1
"""The code of a function that says nothing."""
MOST_CLASSES = np.iinfo(np.int16).max


@dataclass(frozen=True, eq=False)
class LabelMatrix:
    """Votes of m label functions on n items.

    Attributes
    ----------
    votes
        Shape (n, m), int16: number of the class in ``classes``, -1 where the function abstains.
    classes
        The classes, at least one vote or not; their order is that of all probabilities.
    functions
        Name of each column, all different.
    items
        n rows with ``item`` (int64), and where items have a time ``video, start_us, end_us``,
        sorted or not; None for a plain matrix.
    seconds
        Shape (n,): how much each item weighs in shares of time; ones where items have no duration.
    sources
        For each function what it is: ``{"query": …, "version": …, "problem": …}``, all optional.
    """

    votes: Codes
    classes: tuple[Hashable, ...]
    functions: tuple[str, ...]
    items: pa.Table | None = None
    seconds: Floats = field(default_factory=lambda: np.empty(0))
    sources: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        n, m = self.votes.shape
        if len(set(self.functions)) < m or len(self.functions) != m:
            raise SchemaError(
                f"functions must be {m} different names, got {', '.join(self.functions)}"
            )
        if self.items is not None and self.items.num_rows != n:
            raise SchemaError(f"items must have {n} rows, as votes have; got {self.items.num_rows}")
        if not len(self.seconds):
            object.__setattr__(self, "seconds", durations(self.items, n))
        if self.seconds.shape != (n,):
            raise SchemaError(f"seconds must have {n} entries, got shape {self.seconds.shape}")

    @classmethod
    def from_dense(
        cls,
        votes: ArrayLike,
        *,
        classes: Sequence[Hashable],
        abstain: Hashable = ABSTAIN,
        functions: Sequence[str] | None = None,
        items: pa.Table | None = None,
    ) -> LabelMatrix:
        """Make a label matrix of a dense array.

        Parameters
        ----------
        votes
            Shape (n, m), values of ``classes`` or ``abstain``.
        classes
            What values mean a class, in the order of probabilities: ``[0, 1]`` for Snorkel,
            ``[-1, 1]`` for FlyingSquid.
        abstain
            What value says nothing: -1 for Snorkel, 0 for FlyingSquid.
        functions
            Names of the columns; ``lf0, lf1, …`` by default.
        items
            See `LabelMatrix`.

        Raises
        ------
        SchemaError
            If shapes do not fit or names repeat.
        LabelError
            If a value is neither a class nor ``abstain``; it names the row and the column.

        >>> LabelMatrix.from_dense([[1, 0], [-1, 1]], classes=[-1, 1], abstain=0).votes.tolist()
        [[1, -1], [0, 1]]
        """
        array = np.asarray(votes)
        if array.ndim != 2:
            raise SchemaError(f"votes must have shape (items, functions), got {array.shape}")
        known = tuple(classes)
        _check_classes(known, abstain)
        coded = np.full(array.shape, ABSTAIN - 1, np.int16)
        coded[array == abstain] = ABSTAIN
        for code, value in enumerate(known):
            coded[array == value] = code
        bad = np.argwhere(coded < ABSTAIN)
        if len(bad):
            row, column = bad[0].tolist()
            raise LabelError(
                f"votes, row {row}, function {column}: expected one of {list(known)} or {abstain!r}"
                f" to abstain, got {array[row, column]!r} ({len(bad)} such votes)"
            )
        named = functions if functions is not None else [f"lf{j}" for j in range(array.shape[1])]
        return cls(coded, known, tuple(named), items)

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.votes)

    @property
    def m(self) -> int:
        """Number of functions."""
        return len(self.functions)

    def __len__(self) -> int:
        return len(self.votes)


def durations(items: pa.Table | None, n: int) -> Floats:
    """Seconds that each item lasts; ones where no item lasts.

    >>> durations(None, 2)
    array([1., 1.])
    """
    if items is None or "start_us" not in items.column_names:
        return np.ones(n)
    length = (items["end_us"].to_numpy() - items["start_us"].to_numpy()) / 1e6
    return length if length.any() else np.ones(n)


def _check_classes(classes: tuple[Hashable, ...], abstain: Hashable) -> None:
    if not classes or len(set(classes)) < len(classes) or abstain in classes:
        raise LabelError(
            f"classes must be different values other than abstain={abstain!r}, got {list(classes)}"
        )
    if len(classes) > MOST_CLASSES:
        raise LabelError(f"at most {MOST_CLASSES} classes can be voted, got {len(classes)}")
