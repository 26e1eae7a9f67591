"""Relations from Arrow tables in memory: checks, seconds to microseconds, types of boxes."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.arrays import in_usual_order
from vquery.engine.extents import given_extents
from vquery.engine.intervals import Intervals
from vquery.engine.running.segments import Segments
from vquery.errors import SchemaError
from vquery.expr.relations import Scan
from vquery.expr.types import Kind, kind_of
from vquery.schema import BOX, KEYS, US_PER_S, check_intervals, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

VIEWS = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
FARTHEST_US = 2**60
"""Times beyond (36,000 years) are mistakes of unit, and sums of them would overflow."""


@dataclass(frozen=True, eq=False)
class ArrowSource:
    """A table in memory as a source of rows."""

    name: str
    table: pa.Table
    known: pa.Table | None = None
    """Extents of videos, in the form of `vquery.engine.extents.extents_of`."""

    @property
    def extents(self) -> Callable[[], pa.Table] | None:
        """What is known of whole videos, None where that is nothing."""
        return None if self.known is None else self._extents

    def _extents(self) -> pa.Table:
        return self.known

    @property
    def schema(self) -> pa.Schema:
        """Columns of the table."""
        return self.table.schema

    @property
    def num_rows(self) -> int:
        """Rows of the table."""
        return int(self.table.num_rows)

    def read(self, columns: list[str] | None) -> pa.Table:
        """Return the rows with these columns."""
        return self.table if columns is None else self.table.select(columns)

    @functools.cached_property
    def _segments(self) -> Segments:
        return Segments(self.table["video"])

    def videos(self) -> pa.Table:
        """Return the videos and the number of rows of each."""
        found = self._segments
        return pa.table({"video": found.videos, "rows": found.sizes})

    def read_videos(self, columns: list[str], videos: pa.Array) -> pa.Table:
        """Return the rows of some videos with these columns, without a copy where they adjoin."""
        return self._segments.pick(self.table.select(columns), videos)


def from_arrow(table: Any, *, name: str = "table", extents: Any = None) -> Intervals:
    """Make a relation of intervals from an Arrow table.

    Parameters
    ----------
    table
        A ``pyarrow.Table`` or anything that exports Arrow (pandas, Polars, DuckDB). It has
        ``video`` (text or integer, given back with its type) and either ``start``, ``end`` in
        seconds or ``start_us``, ``end_us`` in microseconds, half-open; an instant has both equal.
        It may have a box ``x1, y1, x2, y2``, which becomes float32, a ``score`` and any other
        columns. Boxes of collections are in shares of the picture, from 0 to 1: divide pixels by
        its width and height before the two meet. NaN in columns other than times and boxes means
        missing and becomes null. Rows are kept in the usual order: by video, start, end and box,
        else as they come.
    name
        What messages and plans call the relation.
    extents
        How long whole videos are, which ``complement``, ``clip``, ``dilate(clip=True)`` and
        ``frames(n)`` have to know: a mapping from videos to seconds, or a table with ``video``,
        ``start`` and ``end`` and maybe ``fps``. It may name videos that have no rows.

    Raises
    ------
    SchemaError
        If a column is missing or of the wrong type, or a row breaks the rules; it names the first
        such row, counted from 1.

    >>> table = pa.table({"video": ["a"], "start": [2.0], "end": [2.0]})  # an instant
    >>> from_arrow(table).collect().to_pylist()
    [{'video': 'a', 'start_us': 2000000, 'end_us': 2000000}]
    >>> from_arrow(pa.table({"video": ["a"], "start": [3], "end": [2]}))
    Traceback (most recent call last):
    vquery.errors.SchemaError: table, row 1: start must not be after end (1 such row)
    """
    table = as_table(table, name)
    twice = [column for column, times in Counter(table.column_names).items() if times > 1]
    if twice:
        raise SchemaError(f"{name}: column {twice[0]!r} occurs twice")
    columns = {"video": _video(table, name)}
    times = _times(table, name)
    boxed = _has_box(table, name)
    for field in table.schema:
        if field.name in ("start", "end", "start_us", "end_us"):
            key = field.name.removesuffix("_us") + "_us"
            columns[key] = times[key]
        elif field.name in BOX and boxed:
            columns[field.name] = _float32(table, field.name, name)
        elif field.name != "video":
            columns[field.name] = _without_nan(table[field.name])
    order = _order(table.column_names)
    result = pa.table({column: columns[column] for column in order}, schema=_schema(columns, order))
    _check_rows(result, name, boxed=boxed)
    known = given_extents(extents, name, result.schema)
    # sorted once, so that no query has to
    return Intervals(Scan(ArrowSource(name, in_usual_order(result), known)))


def as_table(given: Any, name: str) -> pa.Table:
    """Take what exports Arrow as a table, rows in their order.

    >>> as_table(pa.table({"a": pa.array(["b"], pa.string_view())}), "rows").schema.types
    [DataType(large_string)]
    """
    if isinstance(given, pa.Table):
        return _without_views(given)
    if isinstance(given, pa.RecordBatch):
        return _without_views(pa.Table.from_batches([given]))
    if hasattr(given, "__arrow_c_stream__"):
        return _without_views(pa.table(given))
    raise SchemaError(
        f"{name}: from_arrow() takes a pyarrow.Table or what exports Arrow,"
        f" got {type(given).__name__}"
    )


def _without_views(table: pa.Table) -> pa.Table:
    """Turn texts as Polars exports them into plain ones: Arrow cannot sort or take views."""
    for place, field in enumerate(table.schema):
        plain = VIEWS.get(field.type)
        if plain is not None:
            table = table.set_column(place, field.with_type(plain), table[place].cast(plain))
    return table


def _order(names: list[str]) -> list[str]:
    seconds = {"start": "start_us", "end": "end_us"}
    return [seconds.get(name, name) for name in names]


def _schema(columns: dict[str, pa.ChunkedArray], order: list[str]) -> pa.Schema:
    return pa.schema([pa.field(key, columns[key].type, nullable=key not in KEYS) for key in order])


def _video(table: pa.Table, name: str) -> pa.ChunkedArray:
    if "video" not in table.column_names:
        found = ", ".join(table.column_names)
        raise SchemaError(f"{name} has no column video (text or integer). Columns: {found}")
    column = table["video"]
    if kind_of(column.type) not in (Kind.STRING, Kind.INTEGER):
        raise SchemaError(f"{name}: video must be text or integer, got {column.type}")
    refuse(column.is_null(), name, "video must be given")
    if column.type == pa.uint64():
        far = pc.greater(column, pa.scalar(2**63 - 1, pa.uint64()))
        refuse(far, name, "video must be less than 2**63: bring such numbers as text")
    return column


def _times(table: pa.Table, name: str) -> dict[str, pa.ChunkedArray]:
    pairs = (("start", "end"), ("start_us", "end_us"))
    present = [pair for pair in pairs if set(pair) & set(table.column_names)]
    if len(present) != 1 or not set(present[0]) <= set(table.column_names):
        found = ", ".join(table.column_names)
        raise SchemaError(
            f"{name} needs either start and end (seconds) or start_us and end_us (microseconds),"
            f" and not both. Columns: {found}"
        )
    convert: Callable[[pa.ChunkedArray, str, str], pa.ChunkedArray]
    convert = _from_seconds if present[0] == pairs[0] else _from_microseconds
    return {
        key: convert(table[column], column, name)
        for column, key in zip(present[0], KEYS[1:], strict=True)
    }


def _from_seconds(column: pa.ChunkedArray, label: str, name: str) -> pa.ChunkedArray:
    if kind_of(column.type) not in (Kind.INTEGER, Kind.FLOAT):
        raise SchemaError(f"{name}: {label} must be a number of seconds, got {column.type}")
    seconds = column.cast(pa.float64())
    far = pc.greater(pc.abs(seconds), pa.scalar(FARTHEST_US / US_PER_S))
    missing = pc.or_kleene(pc.invert(pc.is_finite(seconds)), far)
    refuse(missing.fill_null(fill_value=True), name, f"{label} must be a number of seconds")
    return pc.round(pc.multiply(seconds, US_PER_S), round_mode="half_to_even").cast(pa.int64())


def _from_microseconds(column: pa.ChunkedArray, label: str, name: str) -> pa.ChunkedArray:
    if kind_of(column.type) is not Kind.INTEGER:
        raise SchemaError(
            f"{name}: {label} must be whole microseconds (int64), got {column.type};"
            f" for seconds call the column {label.removesuffix('_us')}"
        )
    if column.type == pa.uint64():  # may hold what int64 cannot
        far = pc.greater(column, pa.scalar(FARTHEST_US, pa.uint64()))
    else:
        far = pc.or_kleene(pc.greater(column, FARTHEST_US), pc.less(column, -FARTHEST_US))
    refuse(far.fill_null(fill_value=True), name, f"{label} must be given, in microseconds")
    return column.cast(pa.int64())


def _has_box(table: pa.Table, name: str) -> bool:
    present = [edge for edge in BOX if edge in table.column_names]
    if present and len(present) < len(BOX):
        missing = ", ".join(edge for edge in BOX if edge not in present)
        raise SchemaError(f"{name}: a box needs x1, y1, x2 and y2; missing: {missing}")
    return bool(present)


def _float32(table: pa.Table, edge: str, name: str) -> pa.ChunkedArray:
    column = table[edge]
    if kind_of(column.type) not in (Kind.INTEGER, Kind.FLOAT, Kind.NULL):
        raise SchemaError(f"{name}: {edge} must be a number, got {column.type}")
    return column.cast(pa.float32(), safe=False)


def _without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _check_rows(table: pa.Table, name: str, *, boxed: bool) -> None:
    check_intervals(table, what=name)
    if boxed:
        missing = [table[edge].is_null() for edge in BOX]
        partly = pc.not_equal(missing[0], missing[1])
        for other in missing[2:]:
            partly = pc.or_(partly, pc.not_equal(missing[0], other))
        refuse(partly, name, "a box needs all four edges or none")
    if "score" in table.column_names:
        kind = kind_of(table["score"].type)
        if kind not in (Kind.INTEGER, Kind.FLOAT, Kind.NULL):
            raise SchemaError(f"{name}: score must be a number, got {table['score'].type}")
