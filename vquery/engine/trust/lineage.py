"""Lineage: which rows of which tables a row of a result comes from, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.running.run import collect
from vquery.engine.trust.texts import row_text, rows_text
from vquery.engine.trust.trail import Trail, is_local, parents_first
from vquery.errors import QueryError
from vquery.expr.relations import Relation, Scan
from vquery.plan.explain import described, title
from vquery.schema import US_PER_S
from vquery.view.page import fragment, heading, paragraph, rows_html

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from vquery.plan.steps import Step

    Rows = npt.NDArray[np.int64]

SHOWN_ROWS = 50
"""Rows of a table that a notebook shows."""


@dataclass(frozen=True, slots=True)
class StepRows:
    """What a step contributed to a row: its name, what it does, its rows, and its inputs."""

    title: str
    details: str
    table: pa.Table
    inputs: tuple[StepRows, ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a row comes from.

    Attributes
    ----------
    row
        The row asked about.
    tables
        For each input table its rows that contributed, with all their columns.
    steps
        The same for every step: the last operation with its inputs below it.
    """

    row: dict[str, Any]
    tables: dict[str, pa.Table]
    steps: StepRows

    def __str__(self) -> str:
        return "\n".join([row_text(self.row), *_lines(self.steps, "", "", set())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        pieces = [paragraph(row_text(self.row))]
        for name, table in self.tables.items():
            pieces.append(heading(f"{table.num_rows:,} of {name}"))
            shown = table.slice(0, SHOWN_ROWS)
            pieces.append(rows_html(shown))
            if table.num_rows > SHOWN_ROWS:
                pieces.append(paragraph(f"the first {SHOWN_ROWS}"))
        return fragment(*pieces)


def _lines(step: StepRows, first: str, rest: str, shown: set[int]) -> Iterator[str]:
    if id(step) in shown:  # it has the rows of all that ask it
        yield f"{first}{step.title} (as above)"
        return
    shown.add(id(step))
    number = step.table.num_rows
    yield f"{first}{step.details}  ({number:,} row{'' if number == 1 else 's'})"
    if not step.inputs:
        rows = rows_text(step.table, np.arange(number))
        yield from (f"{rest}  {line}" for line in rows)
    for place, each in enumerate(step.inputs):
        last = place == len(step.inputs) - 1
        branch, bar = ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield from _lines(each, rest + branch, rest + bar, shown)


def lineage(relation: Relation, row: Any, params: Mapping[str, Any] | None = None) -> Lineage:
    """Find the rows that a row of the result comes from."""
    video, place = _asked(relation, row, params)
    with Trail(relation, params, video) as trail:
        order = trail.in_order()
        result = trail.table(trail.root)
        if place is None:
            place = _place_of(row, result.take(pa.array(order)), relation.name)
        outputs = order[place : place + 1]
        found = trail.contributions(outputs)
        return Lineage(
            result.take(pa.array(outputs)).to_pylist()[0],
            _tables(trail, found),
            _tree(trail, trail.root, found, {}),
        )


def _asked(
    relation: Relation, row: Any, params: Mapping[str, Any] | None
) -> tuple[Any, int | None]:
    """Video of the row, and its place in the traced result where a number was given."""
    if isinstance(row, (int, np.integer)) and not isinstance(row, bool):
        table = collect(relation, params)
        number = int(row)
        if not -table.num_rows <= number < table.num_rows:
            raise QueryError(
                f"lineage(): there is no row {number}, the result has {table.num_rows}"
            )
        number %= table.num_rows
        video = table["video"][number].as_py()
        if not is_local(relation):
            return None, number
        before = table["video"].slice(0, number)
        return video, int(pc.sum(pc.equal(before, pa.scalar(video, before.type))).as_py() or 0)
    values = as_row(row, "lineage()", "a number of a row, a row as a dictionary")
    if "video" not in values:
        raise QueryError(f"lineage(): a row has a video, got {values!r}")
    return values["video"], None


def as_row(given: Any, what: str, wanted: str) -> dict[str, Any]:
    """Take a row given as a dictionary or as a table of one row.

    Raises
    ------
    QueryError
        For anything else.
    """
    if isinstance(given, dict):
        return given
    if isinstance(given, pa.RecordBatch):
        given = pa.Table.from_batches([given])
    if isinstance(given, pa.Table) and given.num_rows == 1:
        row: dict[str, Any] = given.to_pylist()[0]
        return row
    shown = f"a table of {given.num_rows} rows" if isinstance(given, pa.Table) else repr(given)
    raise QueryError(f"{what} takes {wanted} or a table of one row, got {shown}")


def _place_of(given: Any, table: pa.Table, name: str) -> int:
    """Place of the first row that equals the one given, in the columns that it has."""
    values = as_row(given, "lineage()", "a row")
    equal = np.ones(table.num_rows, dtype=np.bool_)
    for column, value in values.items():
        if column in ("start", "end") and column not in table.column_names:
            column, value = f"{column}_us", round(value * US_PER_S)
        if column not in table.column_names:
            known = ", ".join(table.column_names)
            raise QueryError(f"lineage(): {name} has no column {column!r}. Columns: {known}")
        stored = table[column].to_pylist()
        equal &= np.fromiter((each == value for each in stored), np.bool_, len(stored))
    places = np.flatnonzero(equal)
    if not places.size:
        raise QueryError(f"lineage(): {name} has no such row: {values!r}")
    return int(places[0])


def _tables(trail: Trail, found: Mapping[int, Rows]) -> dict[str, pa.Table]:
    """Rows of each source, with all columns; a source that is scanned twice occurs once."""
    rows: dict[int, Rows] = {}
    sources: dict[int, Any] = {}
    for step in reversed(parents_first(trail.root)):
        if isinstance(step.node, Scan):
            key = id(step.node.source)
            sources[key] = step.node.source
            rows[key] = np.union1d(rows.get(key, np.zeros(0, np.int64)), found[id(step)])
    tables: dict[str, pa.Table] = {}
    for key, source in sources.items():
        name, number = source.name, 2
        while name in tables:
            name, number = f"{source.name} ({number})", number + 1
        tables[name] = source.read(None).take(pa.array(rows[key], pa.int64()))
    return tables


def _tree(
    trail: Trail, step: Step, found: Mapping[int, Rows], made: dict[int, StepRows]
) -> StepRows:
    if id(step) not in made:
        table = trail.table(step).take(pa.array(found[id(step)], pa.int64()))
        inputs = tuple(_tree(trail, each, found, made) for each in step.inputs)
        made[id(step)] = StepRows(title(step.node), described(step), table, inputs)
    return made[id(step)]
