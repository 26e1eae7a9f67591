"""Label functions over rows of a table: of one row at a time, or of the whole table at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vquery.engine.concept import ABSTAIN
from vquery.errors import LabelError, SchemaError, UnknownColumnError
from vquery.supervise.votes.covering import Ballot

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence


class Row:
    """One row of a table: ``row.text`` or ``row["text"]``.

    >>> Row({"text": ["a", "b"]}, 1).text
    'b'
    """

    __slots__ = ("_columns", "_number")

    def __init__(self, columns: Mapping[str, Sequence[Any]], number: int) -> None:
        self._columns = columns
        self._number = number

    def __getitem__(self, name: str) -> Any:
        if name not in self._columns:
            raise UnknownColumnError.of(name, self._columns, where="the row")
        return self._columns[name][self._number]

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def __repr__(self) -> str:
        return f"Row({ {name: each[self._number] for name, each in self._columns.items()} })"


def columns_of(frame: Any) -> dict[str, list[Any]]:
    """Columns of a table or data frame as lists of Python values.

    Raises
    ------
    SchemaError
        If it is neither.

    >>> columns_of(pa.table({"a": [1, None]}))
    {'a': [1, None]}
    """
    if hasattr(frame, "columns") and hasattr(frame, "iloc"):  # pandas, with what Arrow may not take
        names = [str(name) for name in frame.columns]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise SchemaError(f"over: column {twice!r} occurs twice: rename one of them")
        return {name: frame.iloc[:, place].tolist() for place, name in enumerate(names)}
    if isinstance(frame, pa.Table) or hasattr(frame, "__arrow_c_stream__"):
        table = frame if isinstance(frame, pa.Table) else pa.table(frame)
        return {name: table[name].to_pylist() for name in table.column_names}
    raise SchemaError(
        f"over= takes a relation, a table or a data frame, got {type(frame).__name__}"
    )


def row_ballot(
    function: Callable[[Row], Any],
    columns: Mapping[str, Sequence[Any]],
    n: int,
    *,
    abstain: Hashable | None = None,
) -> Ballot:
    """Ask a function about one row after the other.

    None, ``vq.ABSTAIN`` and ``abstain`` say nothing.

    Raises
    ------
    LabelError
        If it fails or answers with no class; it names the row, counted from 0.

    >>> columns = {"text": ["spam!", "hello"]}
    >>> found = row_ballot(lambda row: "spam" if "!" in row.text else None, columns, 2)
    >>> found.codes.tolist(), found.values
    ([0, -1], ('spam',))
    """
    answers = []
    for number in range(n):
        try:
            answers.append(function(Row(columns, number)))
        except Exception as error:
            raise LabelError(f"row {number}: {type(error).__name__}: {error}") from error
    return _ballot(answers, abstain)


def table_ballot(
    function: Callable[[Any], Any], frame: Any, n: int, *, abstain: Hashable | None = None
) -> Ballot:
    """Ask a function about the whole table, for which it gives one class, or nothing, a row.

    Raises
    ------
    LabelError
        If it gives more or fewer, or one that is no class.

    >>> table_ballot(lambda table: [1, None], None, 2).codes.tolist()
    [0, -1]
    """
    answers = function(frame)
    if isinstance(answers, pa.Array | pa.ChunkedArray):
        answers = answers.to_pylist()
    elif hasattr(answers, "tolist") or hasattr(answers, "to_list"):  # numpy, pandas; Polars
        answers = answers.tolist() if hasattr(answers, "tolist") else answers.to_list()
    if not isinstance(answers, list | tuple) or len(answers) != n:
        several = hasattr(answers, "__len__") and not isinstance(answers, str)
        size = f"{len(answers)} answers in a {type(answers).__name__}" if several else repr(answers)
        raise LabelError(f"a function of the whole table gives one answer a row ({n}), got {size}")
    return _ballot(answers, abstain)


def _ballot(answers: Sequence[Any], abstain: Hashable | None) -> Ballot:
    known: dict[Hashable, int] = {}
    codes = np.full(len(answers), -1, np.int64)
    for number, answer in enumerate(answers):
        if answer is None or answer is ABSTAIN:
            continue
        value = checked_class(answer.item() if isinstance(answer, np.generic) else answer, number)
        if abstain is None or value != abstain:
            codes[number] = known.setdefault(value, len(known))
    values = sorted(known, key=lambda value: (str(type(value)), str(value)))
    rank = np.array([values.index(value) for value in known] + [-1])
    return Ballot(rank[codes].astype(np.int16), tuple(values), {"by": "row", "rows": len(answers)})


def checked_class(value: Any, number: int | None = None) -> Hashable:
    """Refuse what cannot be a class: NaN, NA and the like, and what cannot be compared.

    >>> checked_class(float("nan"), 3)
    Traceback (most recent call last):
    vquery.errors.LabelError: row 3: a vote is a class or None to abstain, got nan
    """
    if not _is_hashable(value) or not _is_itself(value):
        where = "" if number is None else f"row {number}: "
        raise LabelError(f"{where}a vote is a class or None to abstain, got {value!r}")
    made: Hashable = value
    return made


def _is_itself(value: Any) -> bool:
    """Whether a value equals itself, as NaN, NaT and pandas.NA do not."""
    try:
        return bool(value == value)
    except (TypeError, ValueError):
        return False


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
