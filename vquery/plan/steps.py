"""Steps: the physical plan. One step a node, with the columns that later steps still need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vquery.expr.derived import columns_of
from vquery.expr.groups import Aggregated, Coalesce, GroupFilter, Match, group_scope
from vquery.expr.node import children, walk
from vquery.expr.pairs import Join, Minus, SemiJoin, pair_scope
from vquery.expr.predicates import LEFT, RIGHT, UdfResult
from vquery.expr.relations import (
    Distinct,
    Filter,
    Limit,
    Mutate,
    Project,
    Relation,
    Scan,
    Sort,
    Union,
    scope_of,
)
from vquery.expr.time import time_overlaps
from vquery.expr.types import Scope, has_box
from vquery.plan.matching import Matching, matching_of
from vquery.plan.rewrite import push_filters, set_parameters
from vquery.schema import BOX, KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from vquery.expr.expression import Expression


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
) -> Step:
    """Plan a query that gives back ``columns`` (None: all) beside video, start and end."""
    relation = push_filters(set_parameters(relation, params))
    wanted = relation.schema.names if columns is None else columns
    order = _topological(relation)
    needed: dict[int, set[str]] = {id(node): set(KEYS) for node in order}
    needed[id(relation)].update(wanted)
    for node in order:
        for child, names in _needs(node, needed[id(node)]):
            needed[id(child)].update(names)
    steps: dict[int, Step] = {}
    for node in reversed(order):
        steps[id(node)] = _step(node, needed[id(node)], steps)
    return steps[id(relation)]


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


def inputs_of(node: Relation) -> list[Relation]:
    """Relations that a node reads."""
    return [child for child in children(node) if isinstance(child, Relation)]


def _step(node: Relation, needed: set[str], steps: Mapping[int, Step]) -> Step:
    inputs = tuple(steps[id(child)] for child in inputs_of(node))
    matching = None
    if isinstance(node, (Join, SemiJoin)):
        matching = matching_of(node.predicate, node.left, node.right)
    elif isinstance(node, Minus) and node.predicate is not None:
        # only what overlaps can cut
        matching = matching_of(time_overlaps & node.predicate, node.left, node.right)
    columns = tuple(name for name in node.schema.names if name in needed)
    rows = _estimate(node, [step.rows for step in inputs])
    return Step(node, inputs, columns, matching, rows)


Needs = list[tuple[Relation, set[str]]]


def _needs(node: Relation, out: set[str]) -> Needs:
    """Columns that a node takes from each input to give back the columns ``out``."""
    if isinstance(node, Scan):
        return []
    if isinstance(node, Join):
        return _join_needs(node, out)
    if isinstance(node, (SemiJoin, Minus)):
        left, right = _pair_reads(node)
        return [(node.left, out | left), (node.right, right)]
    if isinstance(node, Union):
        return [(each, out & set(each.schema.names)) for each in node.inputs]
    (child,) = inputs_of(node)
    return [(child, _single_needs(node, child, out))]


def _single_needs(node: Relation, child: Relation, out: set[str]) -> set[str]:
    if isinstance(node, Filter):
        return out | _reads([node.condition], scope_of(child))
    if isinstance(node, Mutate):
        made = dict(node.columns)
        out = out | bounds_made(node)
        used = [made[name] for name in made if name in out]
        return (out - set(made)) | _reads(used, scope_of(child))
    if isinstance(node, Project):
        return {old for new, old in node.columns if new in out}
    if isinstance(node, Sort):
        keys = _reads([key.value for key in node.keys], scope_of(child))
        return out | keys | order_columns(child)
    if isinstance(node, Limit):
        return out | order_columns(child)
    if isinstance(node, Distinct):
        return out | set(node.on or child.schema.names) | order_columns(child)
    if isinstance(node, Match):
        return _match_needs(node, child, out)
    return _group_needs(node, child, out)


def _group_needs(node: Relation, child: Relation, out: set[str]) -> set[str]:
    if isinstance(node, GroupFilter):
        scope = group_scope(child, node.by)
        return out | set(node.by) | _reads([node.condition], scope)
    if isinstance(node, (Aggregated, Coalesce)):
        made = dict(node.aggregates)
        used = [expression for name, expression in node.aggregates if name in out]
        kept = {name for name in out - set(made) if name in child.schema.names}
        reads = _reads(used, group_scope(child, node.by))
        return kept | set(node.by) | reads | order_columns(child)
    return out & set(child.schema.names)


def _match_needs(node: Match, child: Relation, out: set[str]) -> set[str]:
    names = set(child.schema.names)
    reads = _match_reads(node, child)
    for variable in node.pattern.variables:
        prefix = f"{variable}_"
        reads |= {name.removeprefix(prefix) for name in out if name.startswith(prefix)} & names
    return (out & names) | set(node.by) | reads | order_columns(child)


def _match_reads(node: Match, child: Relation) -> set[str]:
    scope = Scope(dict.fromkeys(node.pattern.variables, child.schema), {})
    return _reads(node.pattern.conditions, scope)


def _join_needs(node: Join, out: set[str]) -> Needs:
    left, right = _pair_reads(node)
    reads = {LEFT: left, RIGHT: right}
    for output in node.outputs:
        if output.field.name in out and output.side is not None:
            reads[output.side].add(output.source)
        elif output.field.name in out and output.source == "score":
            reads[LEFT].add("score")
            reads[RIGHT].add("score")
    box = set(BOX)
    for side, schema in ((LEFT, node.left.schema), (RIGHT, node.right.schema)):
        uses_box = out & box or node.merge.box == "intersection"
        if uses_box and has_box(schema):
            reads[side] |= box
    return [(node.left, reads[LEFT]), (node.right, reads[RIGHT])]


def _pair_reads(node: Join | SemiJoin | Minus) -> tuple[set[str], set[str]]:
    reads: dict[str | None, set[str]] = {LEFT: set(), RIGHT: set()}
    if node.predicate is not None:
        scope = pair_scope(node.left, node.right)
        for name, side in _columns(node.predicate.lower(), scope):
            reads[side].add(name)
    return reads[LEFT], reads[RIGHT]


def _reads(expressions: Iterable[Expression], scope: Scope) -> set[str]:
    return {name for each in expressions for name, _ in _columns(each, scope)}


def _columns(expression: Expression, scope: Scope) -> list[tuple[str, str | None]]:
    found = [(column.name, column.side) for column in columns_of(expression, scope)]
    for node in walk(expression):
        if isinstance(node, UdfResult):
            for used in node.columns():
                found += [(column.name, column.side) for column in columns_of(used, scope)]
    return found


def order_columns(relation: Relation) -> set[str]:
    """Columns that the usual order looks at."""
    return {*KEYS, *(BOX if has_box(relation.schema) else ())}


def bounds_made(node: Mutate) -> set[str]:
    """Columns that have to be checked, because the step computes times or boxes."""
    touched = {name for name, _ in node.columns} & {*KEYS, *BOX}
    return order_columns(node) if touched else set()


def keeps_own_order(node: Relation) -> bool:
    """Whether rows come in an order set by ``sort`` instead of the usual one."""
    while isinstance(node, (Filter, Mutate, Project, Limit, Distinct, GroupFilter)):
        node = node.input
    return isinstance(node, Sort)


def _estimate(node: Relation, inputs: list[float]) -> float:
    """Rough number of rows, only to be shown: no choice depends on it."""
    from vquery.plan.estimate import estimated_rows

    return estimated_rows(node, inputs)
