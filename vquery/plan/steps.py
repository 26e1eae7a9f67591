"""Steps: the physical plan. One step a node, with the columns that later steps still need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vquery.expr.groups import GroupFilter
from vquery.expr.pairs import Intersect, Join, Minus, SemiJoin
from vquery.expr.partition import WindowFilter, Windows
from vquery.expr.partners import CollectBy, CountOverlaps, Coverage
from vquery.expr.predicates import Every, same
from vquery.expr.relations import (
    Distinct,
    Filter,
    Limit,
    Mutate,
    Project,
    Relation,
    Sample,
    Scan,
    Sort,
)
from vquery.expr.time import time_overlaps
from vquery.plan.fingerprint import shared
from vquery.plan.frames import with_frame_rates
from vquery.plan.matching import Matching, matching_of
from vquery.plan.needs import inputs_of, needs
from vquery.plan.rewrite import push_filters, set_parameters
from vquery.schema import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operation to run: its inputs, the columns to give back, how partners are found."""

    node: Relation
    inputs: tuple[Step, ...]
    columns: tuple[str, ...]
    matching: Matching | None
    rows: float  # estimated


def plan(
    relation: Relation,
    params: Mapping[str, Any] | None = None,
    columns: Iterable[str] | None = None,
    *,
    bare: bool = False,
) -> Step:
    """Plan a query that gives back ``columns`` (None: all) beside video, start and end.

    With ``bare`` even video, start and end are left out where they are not asked for and the last
    steps can do without.
    """
    relation = shared(push_filters(with_frame_rates(set_parameters(relation, params))))
    wanted = relation.schema.names if columns is None else columns
    order = _topological(relation)
    needed: dict[int, set[str]] = {id(node): set(KEYS) for node in order}
    if bare:
        needed.update({id(node): set() for node in _bare(relation)})
    needed[id(relation)].update(wanted)
    for node in order:
        for child, names in needs(node, needed[id(node)]):
            needed[id(child)].update(names)
    steps: dict[int, Step] = {}
    for node in reversed(order):
        steps[id(node)] = _step(node, needed[id(node)], steps)
    return steps[id(relation)]


def _bare(relation: Relation) -> Iterator[Relation]:
    """Find the last steps that pass columns on without looking at the times."""
    while isinstance(relation, (Filter, Project)):
        yield relation
        relation = relation.input
    if isinstance(relation, (Join, Scan)):
        yield relation


def _topological(relation: Relation) -> list[Relation]:
    """Nodes with every parent before its inputs."""
    finished: list[Relation] = []
    seen: set[int] = set()

    def visit(node: Relation) -> None:
        if id(node) not in seen:
            seen.add(id(node))
            for child in inputs_of(node):
                visit(child)
            finished.append(node)

    visit(relation)
    return finished[::-1]


def _step(node: Relation, needed: set[str], steps: Mapping[int, Step]) -> Step:
    inputs = tuple(steps[id(child)] for child in inputs_of(node))
    matching = None
    if isinstance(node, (Join, SemiJoin, CountOverlaps, CollectBy)):
        matching = matching_of(node.predicate, node.left, node.right)
    elif isinstance(node, (Minus, Intersect)) and node.predicate is not None:
        # only what overlaps can cut
        parts = time_overlaps.on(node.axis), node.predicate, *map(same, node.by)
        matching = matching_of(Every(parts), node.left, node.right)
    columns = tuple(name for name in node.schema.names if name in needed)
    rows = _estimate(node, [step.rows for step in inputs])
    return Step(node, inputs, columns, matching, rows)


def keeps_own_order(node: Relation) -> bool:
    """Whether rows come in an order set by ``sort`` instead of the usual one."""
    while True:
        if isinstance(
            node,
            (Filter, Mutate, Project, Limit, Distinct, Sample, GroupFilter, Windows, WindowFilter),
        ):
            node = node.input
        elif isinstance(node, (CountOverlaps, Coverage)):
            node = node.left
        else:
            return isinstance(node, Sort)


def _estimate(node: Relation, inputs: list[float]) -> float:
    """Rough number of rows, only to be shown: no choice depends on it."""
    from vquery.plan.estimate import estimated_rows

    return estimated_rows(node, inputs)
