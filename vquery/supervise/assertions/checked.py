"""Rows held against assertions: what was found and what may be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery import schema
from vquery.engine.bring import any_table, in_own_order
from vquery.engine.intervals import Intervals
from vquery.errors import QueryError, SchemaError
from vquery.supervise.assertions.correcting import apply
from vquery.supervise.assertions.findings import ADD, RELABEL, REMOVE, Assertion
from vquery.supervise.assertions.rows import ID, ITEM, rows_of
from vquery.supervise.assertions.said import allowed, said_of
from vquery.view.page import fragment, heading, paragraph, rows_html

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, eq=False, repr=False)
class Checked:
    """What breaks the rules.

    Attributes
    ----------
    violations
        Schema VIOLATION, in the order in which rules were checked.
    corrections
        Schema CORRECTION, in the order in which they are applied.
    rules
        Names of the rules, also of those that hold.
    rows
        How many rows were checked.
    notes
        What could not be looked at, and why.
    over
        What the rows are called.
    """

    violations: pa.Table
    corrections: pa.Table
    rules: tuple[str, ...]
    rows: int
    notes: tuple[str, ...] = ()
    over: str = "table"

    @property
    def counts(self) -> dict[str, int]:
        """Violations of each rule, 0 where it holds."""
        found = pc.value_counts(self.violations["rule"]).to_pylist()
        known = {one["values"]: one["counts"] for one in found}
        return {rule: known.get(rule, 0) for rule in self.rules}

    def __len__(self) -> int:
        return int(self.violations.num_rows)

    def __bool__(self) -> bool:
        raise QueryError("a check has no truth value: len(checked) is the number of violations")

    def summary(self) -> pa.Table:
        """Count by rule: violations, videos that have any, the worst, and rows corrected."""
        rows = [self._told(rule) for rule in self.rules]
        columns = {
            "rule": pa.string(),
            **dict.fromkeys(("violations", "videos"), pa.int64()),
            "severity": pa.float32(),
            **dict.fromkeys(("removed", "added", "relabelled"), pa.int64()),
        }
        return pa.Table.from_pylist(rows, schema=pa.schema(columns.items()))

    def _told(self, rule: str) -> dict[str, Any]:
        own = self.violations.filter(pc.equal(self.violations["rule"], rule))
        done = self.corrections.filter(pc.equal(self.corrections["rule"], rule))["action"]
        counts = {one["values"]: one["counts"] for one in pc.value_counts(done).to_pylist()}
        return {
            "rule": rule,
            "violations": own.num_rows,
            "videos": len(own["video"].unique()),
            "severity": pc.max(own["severity"]).as_py(),
            "removed": counts.get(REMOVE, 0),
            "added": counts.get(ADD, 0),
            "relabelled": counts.get(RELABEL, 0),
        }

    def relation(self) -> Intervals:
        """Return the violations as a relation, to be joined with others and drawn."""
        return any_table(self.violations, "violations")

    def __repr__(self) -> str:
        told = ", ".join(f"{rule} {count:,}" for rule, count in self.counts.items()) or "no rules"
        return (
            f"<Checked: {len(self):,} violations in {self.rows:,} rows ({told}); "
            f"{self.corrections.num_rows:,} corrections>"
        )

    def __str__(self) -> str:
        lines = [repr(self), *self.notes]
        for one in self.summary().to_pylist():
            changes = [f"{one[kind]:,} {kind}" for kind in ("removed", "added", "relabelled")]
            done = ", ".join(text for text in changes if not text.startswith("0 "))
            found = f"{one['violations']:,} in {one['videos']:,} videos"
            lines.append(f"  {one['rule']}: {found}" + (f" ({done})" if done else ""))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        notes = [paragraph(note) for note in self.notes]
        return fragment(heading(repr(self)[1:-1]), *notes, rows_html(self.summary()))


def check(
    table: Any,
    assertions: Sequence[Assertion],
    *,
    shots: Any = None,
    said: pa.Table | None = None,
    name: str = "table",
) -> Checked:
    """Hold the rows of a table against assertions; see `Collection.check` for one of a collection.

    Rules that correct are taken in the order multibox, switches, consistent, flicker, appear,
    whatever order they are given in, and each sees the rows as those before have corrected them;
    the others come last. The table itself stays as it is: see `corrected`.

    Parameters
    ----------
    table
        A relation, or an Arrow, pandas, Polars or DuckDB table of intervals, in any order. Rows
        are named by ``detection_id``, else by ``item``, else by their number from 0.
    assertions
        Such as ``[vq.flicker(), vq.multibox()]``.
    shots
        A table of shots: at their borders everything starts anew.
    said
        Human labels (schema SEED). Rows that have one are not removed and keep their label, and
        where a group has any, they alone say what its value is.
    name
        What messages call the table.

    Raises
    ------
    QueryError
        If something is no assertion, or two have one name.
    UnknownColumnError
        If a rule asks for a column that the table does not have.
    SchemaError
        If a table is none of intervals, ids repeat, or a rule needs boxes and there are none.

    >>> rows = pa.table({"video": ["a", "a"], "start": [0, 1.1], "end": [1, 2], "track": [1, 1]})
    >>> from vquery.supervise.assertions.flicker import flicker
    >>> check(rows, [flicker()]).violations.select(["rule", "start_us", "items"]).to_pylist()
    [{'rule': 'flicker', 'start_us': 1000000, 'items': [0, 1]}]
    """
    rules = checked_rules(assertions)
    table = interval_rows(table, name)
    times = None if shots is None else interval_rows(shots, "shots")
    # rows that were added before have ids below 0 too
    ids = rows_of(table).item
    lowest = int(ids.min(initial=0))
    count, human = table.num_rows, said_of(said)
    found, fixed = schema.VIOLATION.empty_table(), schema.CORRECTION.empty_table()
    notes: list[str] = []
    for rule in sorted(rules, key=lambda one: one.rank):
        result = allowed(rule.find(rows_of(table, times, lowest, human)), human)
        notes += [f"{rule.name}: {note}" for note in result.notes]
        first = found.num_rows + 1
        found = pa.concat_tables([found, _shifted(result.violations, first)])
        if result.corrections.num_rows:
            done = _shifted(result.corrections, first)
            fixed = pa.concat_tables([fixed, done])
            table = apply(table, done)
            lowest = min(lowest, pc.min(done["item"]).as_py())
    order = pa.array(np.arange(1, fixed.num_rows + 1))
    fixed = fixed.set_column(0, schema.CORRECTION.field("correction"), order)
    return Checked(found, fixed, tuple(rule.name for rule in rules), count, tuple(notes), name)


def corrected(table: Any, checked: Checked | pa.Table, *, name: str = "table") -> pa.Table:
    """Return the rows of a table with the corrections of a check, or a table of them, applied.

    Returns
    -------
    pyarrow.Table
        With ``item`` (or ``detection_id``, where the table has it; added rows are below 0),
        ``correction``, the rule that changed a row last, and ``weight``, 1 for rows that none did.
        Sorted by video and time.

    Raises
    ------
    LabelError
        If a correction is of a row that is not there.
    SchemaError
        If it is no check, and no table of corrections.
    """
    log = checked.corrections if isinstance(checked, Checked) else checked
    if not isinstance(log, pa.Table) or not set(schema.CORRECTION.names) <= set(log.column_names):
        raise SchemaError(
            "corrected() takes what check() gave, or its .corrections; got "
            f"{type(checked).__name__}"
        )
    return schema.sort_intervals(apply(interval_rows(table, name), log))


def checked_rules(assertions: Any) -> list[Assertion]:
    """Refuse what is no list of assertions of different names."""
    if isinstance(assertions, Assertion) or not hasattr(assertions, "__iter__"):
        raise QueryError("check() takes a list of assertions, such as [vq.flicker()]")
    rules = list(assertions)
    for rule in rules:
        if not isinstance(rule, Assertion):
            raise QueryError(
                f"check() takes assertions such as vq.flicker(), got {rule!r}; for a query that "
                "should find nothing there is vq.never(query)"
            )
    names = [rule.name for rule in rules]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise QueryError(f"check(): two rules are called {twice[0]!r}: give one of them name=")
    return rules


def interval_rows(table: Any, name: str) -> pa.Table:
    """Take a table of intervals whose rows have ids, in its own order."""
    if isinstance(table, Intervals):
        rows = table.collect()
    else:
        given = in_own_order(table, name)
        if not {ID, ITEM} & set(given.column_names):
            given = given.append_column(ITEM, pa.array(np.arange(given.num_rows)))
        rows = any_table(given, name).collect()
    if not {ID, ITEM} & set(rows.column_names):
        rows = rows.append_column(ITEM, pa.array(np.arange(rows.num_rows)))
    return rows


def _shifted(table: pa.Table, first: int) -> pa.Table:
    """Let violations count from ``first``."""
    numbers = pc.add(table["violation"], first)
    return table.set_column(table.column_names.index("violation"), "violation", numbers)
