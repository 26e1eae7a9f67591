"""Values that rows of another relation decide, inside expressions: coverage, number of partners.

``mutate`` and ``filter`` make a step of each, whose column later steps do not see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vquery.engine.methods.base import column_names, node_of
from vquery.expr.expression import Column, Expression
from vquery.expr.node import transform, walk
from vquery.expr.partners import CountOf, CoverageOf, Lookup
from vquery.expr.predicates import as_predicate
from vquery.expr.relations import Project, Relation
from vquery.expr.time import time_overlaps

if TYPE_CHECKING:
    from vquery.engine.intervals import Intervals
    from vquery.expr.node import Node


def coverage(other: Intervals, *, by: Any = None) -> Expression:
    """Measure the share of the row's time that the rows of ``other`` cover together, 0 to 1.

    For use in ``mutate`` and ``filter``; see :meth:`vquery.Intervals.coverage`.

    >>> import pyarrow as pa
    >>> from vquery.engine.sources import from_arrow
    >>> shots = from_arrow(pa.table({"video": ["a", "a"], "start": [0, 4], "end": [4, 8]}))
    >>> faces = from_arrow(pa.table({"video": ["a", "a"], "start": [1, 2], "end": [3, 4]}))
    >>> shots.mutate(share=coverage(faces)).collect()["share"].to_pylist()
    [0.75, 0.0]
    """
    node = node_of(other, "coverage()")
    return CoverageOf(node, column_names(by, "coverage(by=)"))


def count_overlaps(other: Intervals, predicate: Any = time_overlaps) -> Expression:
    """Count the rows of ``other`` for which ``predicate`` holds with the row.

    For use in ``mutate`` and ``filter``; see :meth:`vquery.Intervals.count_overlaps`.

    >>> import pyarrow as pa
    >>> from vquery.engine.sources import from_arrow
    >>> shots = from_arrow(pa.table({"video": ["a", "a"], "start": [0, 4], "end": [4, 8]}))
    >>> shots.filter(count_overlaps(shots) > 1).count()  # each overlaps itself alone
    0
    """
    return CountOf(node_of(other, "count_overlaps()"), as_predicate(predicate))


def with_lookups(
    relation: Relation, expressions: list[Expression]
) -> tuple[Relation, list[Expression], list[str]]:
    """Make a step of each look-up in expressions, which then read its column.

    The columns so made are returned too, for :func:`without`.
    """
    names: dict[int, str] = {}
    for expression in expressions:
        for node in walk(expression):
            if isinstance(node, Lookup) and id(node) not in names:
                names[id(node)] = _unused(relation, repr(node))
                relation = node.step(relation, names[id(node)])
    if not names:
        return relation, expressions, []

    def change(node: Node) -> Node:
        return Column(names[id(node)]) if id(node) in names else node

    return relation, [transform(each, change) for each in expressions], list(names.values())


def without(relation: Relation, hidden: list[str]) -> Relation:
    """Leave columns out that look-ups have made."""
    if not hidden:
        return relation
    kept = [name for name in relation.schema.names if name not in hidden]
    return Project(relation, tuple((name, name) for name in kept))


def _unused(relation: Relation, name: str) -> str:
    """Name a column as the look-up is written: plans and why_not show it."""
    number, free = 1, name
    while free in relation.schema.names:
        number += 1
        free = f"{name} {number}"
    return free
