"""Never: a query that should find nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.engine.bring import any_table
from vquery.engine.concept import Concept
from vquery.engine.intervals import Intervals
from vquery.engine.sources import from_arrow
from vquery.errors import QueryError, SchemaError
from vquery.supervise.assertions.findings import (
    REMOVE,
    Assertion,
    Found,
    believed,
    corrections,
    nothing,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from vquery.supervise.assertions.rows import Rows

SEVERITY = "severity"
IDS = re.compile(r"detection_id.*|item(_right|_\d+)?")
"""Columns of ids, of both sides of a join; a column ``item_count`` is none."""


@dataclass(frozen=True, kw_only=True)
class Never(Assertion):
    """See `never`."""

    query: Any
    remove: bool
    rank: ClassVar[int] = 5

    def resolved(self, run: Callable[[Any], Intervals]) -> Never:
        """Turn the text, name or concept into the relation that ``run`` makes of it."""
        if isinstance(self.query, str | Concept) or callable(self.query):
            return Never(name=self.name, query=run(self.query), remove=self.remove)
        return self

    def find(self, rows: Rows) -> Found:
        """List the rows of the query."""
        found = self._relation(rows).collect()
        if not found.num_rows:
            return nothing()
        severity = _severity(found, self.name)
        count = found.num_rows
        named = [name for name in found.column_names if IDS.fullmatch(name)]
        ids = [found[name].to_pylist() for name in named if pa.types.is_integer(found[name].type)]
        items = [[one for one in row if one is not None] for row in zip(*ids, strict=True)]
        here = np.isin(rows.item, [one for row in items for one in row])
        removing = self.remove and bool(here.any())
        weight = believed(severity)
        table = {
            "violation": np.arange(count),
            "rule": pa.repeat(pa.scalar(self.name, pa.string()), count),
            **{name: found[name] for name in schema.KEYS},
            "items": pa.array(items if ids else [[]] * count, pa.list_(pa.int64())),
            "before": pa.repeat(pa.scalar("found", pa.string()), count),
            "after": pa.repeat(pa.scalar("nothing", pa.string()), count),
            "severity": severity.astype(np.float32),
            "action": pa.repeat(pa.scalar(REMOVE if removing else None, pa.string()), count),
        }
        if removing:
            table["weight"] = weight.astype(np.float32)
        made = schema.conform(pa.table(table), schema.VIOLATION, what=self.name)
        if not removing:
            return Found(made, nothing().corrections)
        return Found(made, self._removed(rows, items, weight))

    def _removed(self, rows: Rows, items: list[list[int]], weight: np.ndarray) -> pa.Table:
        first = {one: at for at, row in reversed(list(enumerate(items))) for one in row}
        row = np.flatnonzero(np.isin(rows.item, list(first)))
        of = np.array([first[one] for one in rows.item[row].tolist()], np.int64)
        return corrections(self.name, rows, REMOVE, row, violation=of, weight=weight[of])

    def _relation(self, rows: Rows) -> Intervals:
        query = self.query
        if isinstance(query, str | Concept):
            raise QueryError(
                f"{self.name}: {query!r} needs a collection, use db.check(); here never() takes a "
                "relation, or a function of the relation that is checked"
            )
        if callable(query):
            try:
                made = query(from_arrow(rows.table, name=self.name))
            except Exception as error:
                raise QueryError(
                    f"{self.name}: its function failed: {type(error).__name__}: {error}"
                ) from error
            if not isinstance(made, Intervals):
                given = type(made).__name__
                raise QueryError(f"{self.name}: the function must return a relation, got {given}")
            return made
        return any_table(query, self.name)


def never(query: Any, *, name: str = "", remove: bool = False) -> Never:
    """Assert that a query finds nothing: every row that it finds is a violation.

    Parameters
    ----------
    query
        A relation or table; a concept, the name of one, or a text of the query language, which
        `Collection.check` runs; or a function: `Collection.check` fills its parameters by name
        from the tables of the collection, `vquery.check` gives it the rows that are checked, with
        what other rules have corrected. Its column ``severity`` (0 to 1) is kept, else it is 1.
    name
        What violations call the rule; that of the concept or function, or "never".
    remove
        Whether rows that it names by ``detection_id`` (or ``item``) are to be removed.

    Raises
    ------
    QueryError
        If it is nothing of that kind.
    """
    known = isinstance(query, str | Concept | Intervals) or callable(query)
    if not known and not hasattr(query, "__arrow_c_stream__") and not isinstance(query, pa.Table):
        raise QueryError(
            "never() takes a relation, a table, a concept, a function or a text of the query "
            f"language, got {type(query).__name__}"
        )
    made = Never(name=name, query=query, remove=remove)
    made.settle_name(_called(query))
    return made


def _called(query: Any) -> str:
    if isinstance(query, Concept):
        return query.name
    if isinstance(query, str):
        return query if query.isidentifier() else "never"
    name = getattr(query, "__name__", "")
    return name if isinstance(name, str) and name.isidentifier() else "never"


def _severity(found: pa.Table, rule: str) -> np.ndarray:
    if SEVERITY not in found.column_names:
        return np.ones(found.num_rows)
    try:
        column = found[SEVERITY].cast(pa.float64())
    except pa.ArrowException as error:
        raise SchemaError(
            f"{rule}: column {SEVERITY!r} must be numbers from 0 to 1: {error}"
        ) from error
    bad = pc.or_kleene(pc.less(column, 0.0), pc.greater(column, 1.0))
    schema.refuse(pc.fill_null(bad, fill_value=True), rule, "severity must be from 0 to 1")
    return np.asarray(column.to_numpy())
