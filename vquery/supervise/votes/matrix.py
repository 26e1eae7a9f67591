"""The label matrix: what each label function says of each item."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.bring import in_own_order
from vquery.errors import LabelError, SchemaError
from vquery.supervise.votes.coding import ABSTAIN, check_classes, coded_votes, durations

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from vquery.supervise.slices import Slices
    from vquery.supervise.votes.summary import Summary

    Codes = NDArray[np.int16]
    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["ABSTAIN", "LabelMatrix"]

NAMED_CLASSES = 8
"""Classes that a matrix names where it shows itself."""


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
        For each function what it is: ``{"query": …, "version": …, "problem": …}``, all optional;
        see `vquery.supervise.votes.applying`.
    """

    votes: Codes
    classes: tuple[Hashable, ...]
    functions: tuple[str, ...]
    items: pa.Table | None = None
    seconds: Floats = field(default_factory=lambda: np.empty(0))
    sources: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        shape, kind = np.shape(self.votes), getattr(self.votes, "dtype", None)
        if len(shape) != 2 or kind is None or not np.issubdtype(kind, np.signedinteger):
            raise SchemaError(
                "votes must be codes, int16 of shape (items, functions); LabelMatrix.from_dense() "
                f"makes them of other values. Got {type(self.votes).__name__} of shape {shape}"
            )
        n, m = shape
        if n * m and (self.votes.min() < ABSTAIN or self.votes.max() >= len(self.classes)):
            outside = (self.votes < ABSTAIN) | (self.votes >= len(self.classes))
            row, column = np.argwhere(outside)[0].tolist()
            raise LabelError(
                f"votes, row {row}, function {column}: expected -1 to {len(self.classes) - 1}, got "
                f"{self.votes[row, column]}; LabelMatrix.from_dense() takes other values"
            )
        if len(set(self.functions)) < m or len(self.functions) != m:
            raise SchemaError(
                f"functions must be {m} different names, got {', '.join(self.functions)}"
            )
        if len(set(self.classes)) < len(self.classes):
            raise LabelError(f"classes must be different, got {list(self.classes)}")
        if self.items is not None and not isinstance(self.items, pa.Table):
            object.__setattr__(self, "items", in_own_order(self.items, "items"))
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
        try:
            array = np.asarray(votes)
        except ValueError as error:
            raise SchemaError(f"votes must be rows of one length: {error}") from error
        if array.ndim != 2:
            raise SchemaError(f"votes must have shape (items, functions), got {array.shape}")
        if functions is None:
            functions = [f"lf{j}" for j in range(array.shape[1])]
        elif len(functions) != array.shape[1]:
            raise SchemaError(
                f"functions must be {array.shape[1]} names, one a column of votes; got "
                f"{len(functions)}"
            )
        coded = coded_votes(array, tuple(classes), abstain, functions)
        return cls(coded, tuple(classes), tuple(functions), items)

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.votes)

    @property
    def m(self) -> int:
        """Number of functions."""
        return len(self.functions)

    def dense(
        self, classes: Sequence[Hashable] | None = None, abstain: Hashable = ABSTAIN
    ) -> NDArray[Any]:
        """Return the votes as a dense array, in the values that other packages want.

        Parameters
        ----------
        classes
            One value for each class, in their order; 0, 1, … by default, which is Snorkel's way.
            FlyingSquid wants ``classes=[-1, 1], abstain=0``, so it takes two classes alone.
        abstain
            The value of a function that says nothing.

        Returns
        -------
        (n, m) array, int64 where all values are whole numbers

        Raises
        ------
        LabelError
            If there are more or fewer values than classes, or they are not all different.

        >>> votes = LabelMatrix.from_dense([[1, -1], [0, 1]], classes=[0, 1])
        >>> votes.dense(classes=[-1, 1], abstain=0).tolist()
        [[1, 0], [-1, 1]]
        """
        values = tuple(range(len(self.classes)) if classes is None else classes)
        if len(values) != len(self.classes):
            raise LabelError(
                f"dense(classes=) takes one value for each of the {len(self.classes)} classes "
                f"{list(self.classes)}, got {list(values)}"
            )
        check_classes(values, abstain)
        table = np.empty(len(values) + 1, dtype=object)
        table[:] = (*values, abstain)  # the last place is that of code -1
        if all(isinstance(each, int | np.integer) for each in table):
            table = table.astype(np.int64)
        return np.asarray(table[self.votes])

    def take(self, rows: ArrayLike) -> LabelMatrix:
        """Keep some items, by number or by a mask of n truth values; functions and classes stay.

        Raises
        ------
        LabelError
            If there is no such item, or a mask has another length.

        >>> votes = LabelMatrix.from_dense([[1], [0], [-1]], classes=[0, 1])
        >>> votes.take([2, 0]).votes.tolist(), votes.take([]).n
        ([[-1], [1]], 0)
        """
        chosen = self._rows(np.asarray(rows))
        items = None if self.items is None else self.items.take(pa.array(chosen))
        return replace(self, votes=self.votes[chosen], items=items, seconds=self.seconds[chosen])

    def _rows(self, rows: NDArray[Any]) -> Ints:
        if rows.dtype == np.bool_:
            if rows.shape != (self.n,):
                raise LabelError(
                    f"take(): a mask needs {self.n} truth values, got shape {rows.shape}"
                )
            return np.flatnonzero(rows)
        if rows.ndim != 1 or (rows.size and not np.issubdtype(rows.dtype, np.integer)):
            raise LabelError(
                f"take() wants numbers of items or a mask, got {rows.dtype} of shape {rows.shape}"
            )
        wrong = rows[(rows < 0) | (rows >= self.n)]
        if wrong.size:
            raise LabelError(f"take(): there is no item {wrong[0]}, as there are {self.n}")
        return rows.astype(np.int64)

    def select(self, functions: Sequence[str | int]) -> LabelMatrix:
        """Keep some functions, by name or number, in the order given; items and classes stay.

        Raises
        ------
        LabelError
            If there is no such function; the message lists those there are.

        >>> votes = LabelMatrix.from_dense([[1, 0]], classes=[0, 1], functions=["a", "b"])
        >>> votes.select(["b"]).votes.tolist(), votes.select([]).m
        ([[0]], 0)
        """
        chosen = [self._column(each) for each in functions]
        return replace(
            self,
            votes=self.votes[:, chosen],
            functions=tuple(self.functions[j] for j in chosen),
            sources=tuple(self.sources[j] for j in chosen) if self.sources else (),
        )

    def _column(self, function: str | int) -> int:
        if isinstance(function, str):
            if function in self.functions:
                return self.functions.index(function)
        elif isinstance(function, int | np.integer) and 0 <= function < self.m:
            return int(function)
        raise LabelError(
            f"there is no function {function!r}. Functions: {', '.join(self.functions) or 'none'}"
        )

    def summary(
        self,
        truth: ArrayLike | None = None,
        slices: Slices | None = None,
    ) -> Summary:
        """Say how much each function votes, how often others differ, and how well it does.

        Parameters
        ----------
        truth
            Shape (n,): number of the true class in ``classes``, -1 where it is not known, -2 where
            it is none of them; `vquery.Collection.truth` takes it from human labels.
        slices
            The same figures for some of the items alone: `vquery.slice`, names of columns of the
            items, or a mapping from names to conditions or to n truth values.

        Raises
        ------
        LabelError
            If shapes do not fit, or the truth names a class that there is not.
        """
        from vquery.supervise.votes.summary import summarised

        return summarised(self, truth, slices)

    def to_arrow(self) -> pa.Table:
        """Return one row a vote (schema VOTE), by item, then in the order of the functions.

        Items that nobody votes on have no row.
        """
        from vquery.supervise.votes.tables import to_arrow

        return to_arrow(self)

    @classmethod
    def from_arrow(
        cls,
        votes: Any,
        *,
        classes: Sequence[Hashable] | None = None,
        functions: Sequence[str] | None = None,
        items: pa.Table | None = None,
    ) -> LabelMatrix:
        """Make a label matrix of a table with one row a vote; see `to_arrow`.

        Parameters
        ----------
        votes
            Columns ``item``, ``function`` and ``vote``, and maybe those of a time and ``seconds``.
        classes
            Their order, each found by its text; by default the texts in alphabetical order.
        functions
            Their order; by default that in which they occur.
        items
            All items; by default those that have a vote, by number.

        Raises
        ------
        SchemaError
            If a column is missing, or ``items`` lack an item.
        LabelError
            If a function votes twice on an item, or a vote is none of the classes.
        """
        from vquery.supervise.votes.tables import from_arrow

        return from_arrow(votes, classes=classes, functions=functions, items=items)

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` of n rows: a column a function, None where it abstains.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        from vquery.engine.bring import required

        pandas = required("pandas", "to_pandas()")
        values = np.array([*self.classes, None], dtype=object)[self.votes]
        index = None if self.items is None else self.items["item"].to_pylist()
        return pandas.DataFrame(values, index, list(self.functions), dtype=object)

    def __len__(self) -> int:
        return len(self.votes)

    def __repr__(self) -> str:
        said = np.count_nonzero(self.votes != ABSTAIN)
        named = ", ".join(map(str, self.classes[:NAMED_CLASSES]))
        more = len(self.classes) - NAMED_CLASSES
        rest = f" and {more:,} more" if more > 0 else ""
        return (
            f"<LabelMatrix: {said:,} votes of {self.m} functions on {self.n:,} items for "
            f"{named}{rest}>"
        )

    def _repr_html_(self) -> str:
        return self.summary().html()
