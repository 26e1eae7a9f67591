"""Table files as checked columns, whose errors name the row that a person sees in an editor."""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.errors import IngestError
from vquery.ingest.files import MAX_TABLE_BYTES, check_size, read_text
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

MAX_SECONDS = 1e9
_CLOCK_TIME = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):([0-5]?\d(?:[.,]\d{1,9})?)")

SUFFIXES = (".csv", ".tsv", ".parquet", ".arrow", ".feather", ".ipc", ".jsonl", ".ndjson")


class Columns:
    """The columns of a table file, converted on demand.

    Parameters
    ----------
    path
        The file, for messages.
    table
        What it holds; columns may be text that stands for numbers.
    lines
        Gives the row numbers for messages, one a row; by default 1, 2, 3 ...
    called
        What the file calls a column that is asked for by another name.
    """

    def __init__(
        self,
        path: Path,
        table: pa.Table,
        lines: Callable[[], Sequence[int]] | None = None,
        called: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self.table = table
        self._lines = lines
        self._called = dict(called or {})
        self._others = set(table.column_names) - set(self._called.values())

    def calling(self, called: Mapping[str, str]) -> Columns:
        """Return the same columns, under other names."""
        return Columns(self.path, self.table, self._lines, called)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __contains__(self, name: str) -> bool:
        return name in self._called or name in self._others

    @property
    def names(self) -> list[str]:
        """The names of the columns in the file."""
        return list(self.table.column_names)

    def own(self, name: str) -> str:
        """Return what the file calls a column."""
        return self._called.get(name, name)

    def rows(self) -> Sequence[int]:
        """Return the numbers of the rows, counted as an editor counts lines."""
        return range(1, len(self) + 1) if self._lines is None else self._lines()

    def error(
        self, problem: str, index: int | None = None, column: str | None = None
    ) -> IngestError:
        """Make an error that names the file, and if given row and column."""
        row = None if index is None else self.rows()[index]
        name = None if column is None else self.own(column)
        return IngestError.at(self.path, problem, row=row, column=name)

    def refuse(self, bad: npt.NDArray[np.bool_], problem: str, column: str | None = None) -> None:
        """Raise an error for the first row that is bad, saying how many there are."""
        count = int(bad.sum())
        if count:
            others = "" if count == 1 else f" ({count} such rows)"
            raise self.error(problem + others, int(bad.argmax()), column)

    def need(self, name: str, known: Collection[str] = ()) -> None:
        """Refuse a table without a column, naming what it has and the nearest spelling."""
        if name in self:
            return
        near = difflib.get_close_matches(name, [n for n in self.names if n not in known], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        problem = f"no column {name!r}. Columns: {', '.join(self.names)}.{hint}"
        raise IngestError.at(self.path, problem)

    def floats(self, name: str, *, missing: bool = False) -> Floats:
        """Return a column as finite numbers, ``(n,)``; with ``missing`` NaN where there is none.

        Raises
        ------
        IngestError
            Naming the first row that is no finite number.
        """
        column = self._filled(name, missing=missing)
        try:
            numbers: Floats = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise self._not_a_number(column, name, "a number") from error
        bad = ~np.isfinite(numbers)
        if missing:
            bad &= ~np.isnan(numbers)
        self.refuse(bad, "expected a finite number", name)
        return numbers

    def microseconds(self, name: str) -> Ints:
        """Return a column of seconds, or of clock times such as ``1:02:03.5``, in microseconds.

        Raises
        ------
        IngestError
            Naming the first row that is no time.
        """
        column = self._filled(name, missing=False)
        if (
            not pa.types.is_string(column.type)
            or not pc.any(pc.match_substring(column, ":")).as_py()
        ):
            seconds = self.floats(name)
            self.refuse(np.abs(seconds) > MAX_SECONDS, "is no time of a video", name)
            return np.rint(seconds * US_PER_S).astype(np.int64)
        times = np.zeros(len(column), np.int64)
        for index, value in enumerate(column.to_pylist()):
            try:
                times[index] = _clock_time(value)
            except (ValueError, OverflowError) as error:
                problem = f"expected seconds or a time such as 1:02:03.5, got {value!r}"
                raise self.error(problem, index, name) from error
        return times

    def integers(self, name: str) -> Ints:
        """Return a column as integers, ``(n,)``.

        Raises
        ------
        IngestError
            Naming the first row that is no integer.
        """
        column = self._filled(name, missing=False)
        if pa.types.is_integer(column.type):
            try:
                whole: Ints = pc.cast(column, pa.int64()).to_numpy(zero_copy_only=False)
            except pa.ArrowInvalid as error:
                raise self.error(f"expected integers of 64 bits: {error}", column=name) from error
            return whole
        numbers = self.floats(name)
        bad = (numbers != np.round(numbers)) | (np.abs(numbers) >= 2**53)
        self.refuse(bad, "expected an integer", name)
        return numbers.astype(np.int64)

    def text(self, name: str) -> pa.Array:
        """Return a column as text without blanks around it; null where there is nothing."""
        column = self.table[self.own(name)].combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
            raise self.error(f"expected text, got {column.type}", column=name)
        column = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
        return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)

    def _filled(self, name: str, *, missing: bool) -> pa.Array:
        column = self.table[self.own(name)].combine_chunks()
        if pa.types.is_boolean(column.type) or not _plain(column.type):
            raise self.error(f"expected numbers, got {column.type}", column=name)
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            column = self.text(name)
        if not missing and column.null_count:
            self.refuse(pc.is_null(column).to_numpy(zero_copy_only=False), "is empty", name)
        return column

    def _not_a_number(self, column: pa.Array, name: str, expected: str) -> IngestError:
        for index, value in enumerate(column.to_pylist()):
            try:
                pc.cast(pa.scalar(value), pa.float64())
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                return self.error(f"expected {expected}, got {value!r}", index, name)
        return self.error(f"expected numbers, got {column.type}", column=name)


def _clock_time(text: str) -> int:
    """Return ``hours:minutes:seconds``, ``minutes:seconds`` or seconds in microseconds."""
    found = _CLOCK_TIME.fullmatch(text)
    if found is None:
        return round(float(text) * US_PER_S)
    hours, minutes, seconds = found.groups()
    whole = (int(hours or 0) * 60 + int(minutes)) * 60
    return whole * US_PER_S + round(float(seconds.replace(",", ".")) * US_PER_S)


def _plain(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_dictionary(kind)
        or pa.types.is_null(kind)
    )


def read_columns(path: Path) -> tuple[Columns, list[str]]:
    """Read CSV (``.csv``, ``.tsv``), Parquet, Arrow IPC or JSON lines; return columns and notes.

    Raises
    ------
    IngestError
        If the file is missing, too large, of another kind or broken.
    """
    suffix = path.suffix.lower()
    if suffix in {".csv", ".tsv"}:
        text, notes = read_text(path)
        return csv_columns(path, text), notes
    if suffix in {".jsonl", ".ndjson"}:
        text, notes = read_text(path)
        return _jsonl_columns(path, text), notes
    if suffix not in SUFFIXES:
        raise IngestError.at(path, f"not a table file: expected {', '.join(SUFFIXES)}")
    check_size(path, MAX_TABLE_BYTES)
    try:
        return Columns(path, _binary_table(path, suffix)), []
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        raise IngestError.at(path, f"no valid {suffix[1:]} file: {error}") from error


def _binary_table(path: Path, suffix: str) -> pa.Table:
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        return pq.read_table(path)
    with pa.OSFile(str(path)) as file:
        try:
            return pa.ipc.open_file(file).read_all()
        except pa.ArrowInvalid:
            file.seek(0)
            return pa.ipc.open_stream(file).read_all()


def csv_columns(path: Path, text: str, names: Sequence[str] | None = None) -> Columns:
    """Read CSV text; all columns stay text, so that errors can name what stands there.

    Comma, semicolon or tab separate, whichever the first line has most of. ``names`` are those of
    a file without a header.
    """
    from pyarrow import csv as arrow_csv

    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    header = list(names or next(csv.reader([first], delimiter=delimiter), []))
    clean = [name.strip() for name in header]
    twice = next((name for name in clean if name and clean.count(name) > 1), None)
    if twice is not None or not any(clean):
        problem = f"two columns are called {twice!r}" if twice else "no header with column names"
        raise IngestError.at(path, problem, row=1)

    def lines() -> list[int]:
        return [line for line, _ in _records(text, delimiter)][0 if names else 1 :]

    try:
        table = arrow_csv.read_csv(
            io.BytesIO(text.encode()),
            read_options=arrow_csv.ReadOptions(column_names=list(names) if names else None),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string())
            ),
        )
    except pa.ArrowInvalid as error:
        raise _broken_csv(path, text, delimiter, len(clean), str(error)) from error
    return Columns(path, table.rename_columns(clean), lines)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of CSV text with the line that each starts in, from 1."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    line = 1
    for record in reader:
        if record:
            yield line, record
        line = reader.line_num + 1


def _broken_csv(path: Path, text: str, delimiter: str, width: int, error: str) -> IngestError:
    try:
        for line, record in _records(text, delimiter):
            if len(record) != width:
                problem = f"expected {width} fields, got {len(record)}"
                return IngestError.at(path, problem, row=line)
    except csv.Error as other:
        error = str(other)
    return IngestError.at(path, f"no valid CSV: {error}")


def _jsonl_columns(path: Path, text: str) -> Columns:
    lines: list[int] = []
    columns: dict[str, list[Any]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise IngestError.at(path, f"no valid JSON: {error}", row=number) from error
        if not isinstance(item, dict):
            problem = f"expected a JSON object, got {type(item).__name__}"
            raise IngestError.at(path, problem, row=number)
        for name, value in item.items():
            column = columns.setdefault(name, [])
            column.extend([None] * (len(lines) - len(column)))
            column.append(value)
        lines.append(number)
    for column in columns.values():
        column.extend([None] * (len(lines) - len(column)))
    table = pa.table({name: _array(values) for name, values in columns.items()})
    return Columns(path, table, lambda: lines)


def _array(values: list[Any]) -> pa.Array:
    """Return JSON values as an array; mixed kinds as text, so that an error can name the row."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
