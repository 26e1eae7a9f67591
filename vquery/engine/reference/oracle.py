"""The oracle: every operation as nested loops over Python rows. Slow, obvious, used by tests."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from vquery.engine.reference.bounds import Row, by_video, hull, possible, usual
from vquery.engine.reference.pairs import STEPS as OF_PAIRS
from vquery.engine.reference.partition import STEPS as OF_PARTITIONS
from vquery.engine.reference.phrases import STEPS as OF_PHRASES
from vquery.engine.reference.sequences import STEPS as OF_SEQUENCES
from vquery.engine.reference.spans import STEPS as OF_SPANS
from vquery.engine.reference.values import Values, typed
from vquery.expr import groups, pairs, partition, partners, relations
from vquery.plan.frames import with_frame_rates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vquery.expr.relations import Relation

ORDERED = (
    relations.Filter,
    relations.Mutate,
    relations.Project,
    relations.Limit,
    relations.Distinct,
    relations.Sample,
    groups.GroupFilter,
    partition.Windows,
    partition.WindowFilter,
)

COUNTED = (partners.CountOverlaps, partners.Coverage)


def run(node: Relation, params: Mapping[str, Any] | None = None) -> list[Row]:
    """Rows of a query in the usual order (or as ``sort`` said), as Python dictionaries."""
    node = with_frame_rates(node)
    return in_order(node, Reference(params or {}).rows(node))


def in_order(node: Relation, rows: list[Row]) -> list[Row]:
    """Sort rows in the usual way unless the query has sorted them."""
    while isinstance(node, (*ORDERED, *COUNTED)):
        node = node.left if isinstance(node, COUNTED) else node.input
    return rows if isinstance(node, relations.Sort) else sorted(rows, key=usual)


class Reference(Values):
    """Runs relations with the given parameters."""

    def rows(self, node: Relation) -> list[Row]:
        """Rows of a relation in the order in which its operation gives them."""
        return STEPS[type(node)](self, node)

    def scan(self, node: relations.Scan) -> list[Row]:
        """Rows with numbers as numpy scalars of their column's type."""
        rows = node.source.read(None).to_pylist()
        return [typed(row, node.schema) for row in rows]

    def filter(self, node: relations.Filter) -> list[Row]:
        """Keep rows for which the condition is true."""
        return [row for row in self.rows(node.input) if self.value(node.condition, {None: row})]

    def mutate(self, node: relations.Mutate) -> list[Row]:
        """Add columns; leave out rows that end before they start, or have such a box."""
        result = []
        for row in self.rows(node.input):
            made = {name: self.value(each, {None: row}) for name, each in node.columns}
            result.append(row | typed(made, node.schema))
        return [row for row in result if possible(row)]

    def project(self, node: relations.Project) -> list[Row]:
        """Choose and rename columns."""
        return [{new: row[old] for new, old in node.columns} for row in self.rows(node.input)]

    def sort(self, node: relations.Sort) -> list[Row]:
        """Sort by each key in turn, the last one first, null last."""
        rows = sorted(self.rows(node.input), key=usual)
        for key in reversed(node.keys):
            values = {id(row): self.value(key.value, {None: row}) for row in rows}
            there = [row for row in rows if values[id(row)] is not None]
            missing = [row for row in rows if values[id(row)] is None]
            there.sort(key=lambda row: values[id(row)], reverse=key.descending)
            rows = there + missing
        return rows

    def limit(self, node: relations.Limit) -> list[Row]:
        """First rows in order."""
        rows = in_order(node.input, self.rows(node.input))
        return rows[node.offset : node.offset + self.value(node.count, {})]

    def distinct(self, node: relations.Distinct) -> list[Row]:
        """First row, in order, of equal ones."""
        rows = self.rows(node.input)
        on = node.on or tuple(node.schema.names)
        first: dict[Any, int] = {}
        for row in in_order(node.input, rows):
            first.setdefault(tuple(row[name] for name in on), id(row))
        kept = set(first.values())
        return [row for row in rows if id(row) in kept]

    def union(self, node: relations.Union) -> list[Row]:
        """All rows, missing columns null."""
        names = node.schema.names
        return [
            {name: row.get(name) for name in names} for i in node.inputs for row in self.rows(i)
        ]

    def partners(self, predicate: Any, a: Row, b: Row) -> bool:
        """Whether two rows are of one video and the predicate holds."""
        return a["video"] == b["video"] and bool(self.holds(predicate, a, b))

    def semi_join(self, node: pairs.SemiJoin) -> list[Row]:
        """Left rows with, or without, a partner."""
        right = by_video(self.rows(node.right))
        return [
            row
            for row in self.rows(node.left)
            if node.negated
            != any(self.partners(node.predicate, row, other) for other in right[row["video"]])
        ]

    def grouped(
        self,
        node: groups.Aggregated | groups.GroupFilter | groups.Match,
        rows: list[Row] | None = None,
    ) -> list[list[Row]]:
        """Rows of each group, in order."""
        members: dict[Any, list[Row]] = {}
        for row in sorted(self.rows(node.input) if rows is None else rows, key=usual):
            members.setdefault(tuple(row[name] for name in ("video", *node.by)), []).append(row)
        return list(members.values())

    def aggregated(self, node: groups.Aggregated) -> list[Row]:
        """One row for each group."""
        return [self.one_row(node, members) for members in self.grouped(node)]

    def one_row(self, node: groups.Aggregated, members: list[Row]) -> Row:
        """First row with the hull, the highest score and the aggregates."""
        row = members[0] | hull(members, max)
        row |= {name: self.value(each, {None: members}) for name, each in node.aggregates}
        return {name: row[name] for name in node.schema.names}

    def filter_groups(self, node: groups.GroupFilter) -> list[Row]:
        """All rows of groups for which the condition is true."""
        rows = self.rows(node.input)
        grouped = self.grouped(node, rows)
        kept = [members for members in grouped if self.value(node.condition, {None: members})]
        there = {id(row) for members in kept for row in members}
        return [row for row in rows if id(row) in there]  # in an order of their own, if any

    def match(self, node: groups.Match) -> list[Row]:
        """Try every arrangement of rows of a group on the variables."""
        names = node.pattern.variables
        result = []
        for members in self.grouped(node) if names else []:
            if node.exact and len(members) != len(names):
                continue
            for chosen in itertools.permutations(members, len(names)):
                env = dict(zip(names, chosen, strict=True))
                if all(self.value(each, env) for each in node.pattern.conditions):
                    row = chosen[0] | hull(list(chosen), min)
                    row |= {f"{v}_{key}": each for v in names for key, each in env[v].items()}
                    result.append({name: row[name] for name in node.schema.names})
        return result


STEPS: dict[type[Relation], Callable[[Reference, Any], list[Row]]] = {
    relations.Scan: Reference.scan,
    relations.Filter: Reference.filter,
    relations.Mutate: Reference.mutate,
    relations.Project: Reference.project,
    relations.Sort: Reference.sort,
    relations.Limit: Reference.limit,
    relations.Distinct: Reference.distinct,
    relations.Union: Reference.union,
    pairs.SemiJoin: Reference.semi_join,
    groups.Aggregated: Reference.aggregated,
    groups.GroupFilter: Reference.filter_groups,
    groups.Match: Reference.match,
    **OF_PAIRS,
    **OF_SPANS,
    **OF_PARTITIONS,
    **OF_SEQUENCES,
    **OF_PHRASES,
}
