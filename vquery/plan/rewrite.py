"""Rewrites that keep the result: parameters set, constants folded, filters moved down."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from vquery.errors import QueryError
from vquery.expr.derived import columns_of, resolve
from vquery.expr.expression import Call, Column, Expression, Literal, Param
from vquery.expr.groups import Aggregated, Coalesce, GroupFilter, Match
from vquery.expr.node import transform, walk
from vquery.expr.pairs import Intersect, Join, Minus, SemiJoin
from vquery.expr.partition import WindowFilter, Windows
from vquery.expr.partners import CollectBy, CountOverlaps, Coverage, Nearest
from vquery.expr.phrases import Phrases
from vquery.expr.predicates import LEFT, RIGHT
from vquery.expr.rekeying import COLLECTION, Concat
from vquery.expr.relations import (
    Dilate,
    Distinct,
    Filter,
    Mutate,
    Project,
    Relation,
    Sort,
    Union,
    scope_of,
)
from vquery.expr.sequences import Sequence
from vquery.expr.spans import Complement, Shift, SlidingWindows, Split, SplitAt
from vquery.expr.time import AXES
from vquery.plan.folding import folded
from vquery.schema import BOX, KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vquery.expr.node import Node


def parameters(relation: Relation) -> dict[str, Param]:
    """Return the named parameters of a query.

    Raises
    ------
    QueryError
        If two parameters of one name differ in default or range.
    """
    found: dict[str, Param] = {}
    for node in walk(relation):
        if isinstance(node, Param):
            known = found.setdefault(node.name, node)
            if (known.default, known.range) != (node.default, node.range):
                raise QueryError(
                    f"param {node.name!r} is written in two ways: default {known.default!r}, range"
                    f" {known.range!r} and default {node.default!r}, range {node.range!r}: give"
                    " both the same, or one of them another name"
                )
    return found


def set_parameters(relation: Relation, values: Mapping[str, Any] | None = None) -> Relation:
    """Replace every parameter by its value or default, and fold constants.

    Raises
    ------
    QueryError
        If a value has no parameter, or is of the wrong kind.
    """
    known = parameters(relation)
    given = dict(values or {})
    unknown = sorted(set(given) - set(known))
    if unknown:
        names = ", ".join(known) or "none"
        raise QueryError(f"the query has no param {unknown[0]!r}. Params: {names}")

    def change(node: Node) -> Node:
        if isinstance(node, Param):
            return node.bound(given.get(node.name, node.default))
        return folded(node) if isinstance(node, Call) else node

    return transform(relation, change)


def with_defaults(relation: Relation, values: Mapping[str, Any]) -> Relation:
    """Give parameters other defaults; they stay parameters."""

    def change(node: Node) -> Node:
        if not isinstance(node, Param) or node.name not in values:
            return node
        value = node.bound(values[node.name]).value
        low, high = node.range or (value, value)
        wider = node.range and (min(low, value), max(high, value))
        return dataclasses.replace(node, default=value, range=wider)

    return transform(relation, change)


def push_filters(relation: Relation) -> Relation:
    """Move conditions to where the fewest rows are: below joins, computed columns and sorts.

    Conditions that meet become one, one that is always true goes, and columns that are chosen
    twice in a row are chosen once.
    """

    def change(node: Node) -> Node:
        if isinstance(node, Filter):
            return _pushed(node.input, node.condition)
        return _chosen_once(node) if isinstance(node, Project) else node

    return transform(relation, change)


def _chosen_once(node: Project) -> Relation:
    """Choose columns from where they come, past another choice; leave out what changes nothing."""
    below = node.input
    if isinstance(below, Project):
        old = dict(below.columns)
        merged = tuple((new, old[name]) for new, name in node.columns)
        return _chosen_once(dataclasses.replace(node, input=below.input, columns=merged))
    same = node.schema.equals(below.schema) and all(new == old for new, old in node.columns)
    return below if same else node


def _pushed(below: Relation, condition: Expression) -> Relation:
    """Filter ``below``, as far down as each part of the condition can go."""
    stay: list[Expression] = []
    for part in conjuncts(condition):
        if isinstance(part, Literal) and part.value is True:
            continue
        moved = _moved(below, part)
        if moved is None:
            stay.append(part)
        else:
            below = moved
    if not stay:
        return below
    if isinstance(below, Filter):
        stay = [*conjuncts(below.condition), *stay]
        below = below.input
    return Filter(below, conjunction(stay))


def _moved(below: Relation, part: Expression) -> Relation | None:
    """``below`` with the condition inside it, or None where it has to stay above."""
    if isinstance(below, Filter):
        moved = _moved(below.input, part)
        return None if moved is None else dataclasses.replace(below, input=moved)
    if isinstance(below, Sort):
        return dataclasses.replace(below, input=_pushed(below.input, part))
    if isinstance(below, Mutate):
        return _below_mutate(below, part)
    if isinstance(below, Project):
        return _below_project(below, part)
    if isinstance(below, (Join, Nearest)):
        return _below_join(below, part)
    if isinstance(below, (SemiJoin, Minus, Intersect, CountOverlaps, Coverage, CollectBy)):
        return _below_left(below, part)
    if isinstance(below, (Union, Concat)):
        return _below_all(below, part)
    keys = _keys(below)
    if keys is not None:
        return _below_input(below, part) if _reads(below, part) <= keys else None
    changed = changed_by(below)
    if changed is None or _reads(below, part) & set(changed):
        return None
    return _below_input(below, part)


def _keys(below: Relation) -> set[str] | None:
    """Columns in which all rows of a group are equal: a condition on them takes groups whole."""
    if isinstance(below, (Coalesce, Aggregated)):
        return {"video", *below.by} - {name for name, _ in below.aggregates}
    if isinstance(below, (GroupFilter, WindowFilter)):
        return {"video", *below.by}
    if isinstance(below, Windows):
        return {"video", *below.by} - {name for name, _ in below.columns}
    if isinstance(below, Distinct):
        return set(below.on or below.schema.names)
    if isinstance(below, Sequence):
        return {"video", *below.by} - {*KEYS[1:], *BOX, "score"}
    return {"video"} if isinstance(below, (Match, Phrases)) else None


def _below_input(below: Any, part: Expression) -> Relation:
    """Filter the first input of a step that passes on what the condition reads."""
    field = next(each.name for each in dataclasses.fields(below))
    moved = resolve(part, scope_of(below))
    changes = {field: _pushed(getattr(below, field), moved)}
    result: Relation = dataclasses.replace(below, **changes)
    return result


def _below_all(below: Union | Concat, part: Expression) -> Relation | None:
    """Filter every input, where each has all columns that the condition reads, of the same type."""
    read = _reads(below, part)
    if isinstance(below, Concat) and read & {"video", COLLECTION}:
        return None
    for each in below.inputs:
        if not read <= set(each.schema.names):
            return None
        if any(each.schema.field(name).type != below.schema.field(name).type for name in read):
            return None
    moved = resolve(part, scope_of(below))
    return dataclasses.replace(below, inputs=tuple(_pushed(each, moved) for each in below.inputs))


def changed_by(node: Relation) -> tuple[str, ...] | None:
    """Columns that a step on spans changes; None where it may drop rows, and counts them."""
    if isinstance(node, Shift):
        return AXES[node.axis]
    if isinstance(node, Dilate):
        grows = isinstance(node.seconds, Literal) and node.seconds.value >= 0
        return AXES[node.axis] if grows and not node.clip else None
    if isinstance(node, Complement):
        return None if node.whole else AXES["time"]
    return AXES["time"] if isinstance(node, (Split, SplitAt, SlidingWindows)) else None


def _reads(below: Relation, part: Expression) -> set[str]:
    return {column.name for column in columns_of(part, scope_of(below))}


def _below_mutate(below: Mutate, part: Expression) -> Relation | None:
    made = {name for name, _ in below.columns}
    if made & {*KEYS, "x1", "x2", "y1", "y2"}:
        return None  # such a step may drop rows, and counts them
    if _reads(below, part) & made:
        return None
    part = resolve(part, scope_of(below))
    return dataclasses.replace(below, input=_pushed(below.input, part))


def _below_project(below: Project, part: Expression) -> Relation:
    old = dict(below.columns)

    def change(node: Node) -> Node:
        return Column(old[node.name]) if isinstance(node, Column) else node

    renamed = transform(resolve(part, scope_of(below)), change)
    return dataclasses.replace(below, input=_pushed(below.input, renamed))


def _below_join(below: Join | Nearest, part: Expression) -> Relation | None:
    if below.merge.intersected:
        return None  # such a step may drop pairs, and counts them
    origin = {output.field.name: output for output in below.outputs}
    sides = {origin[name].side for name in _reads(below, part)}
    if sides not in ({LEFT}, {RIGHT}):
        return None
    if sides == {RIGHT} and (below.how == LEFT or isinstance(below, Nearest)):
        return None  # another partner, or none, would come instead of the one that is left out

    def change(node: Node) -> Node:
        return Column(origin[node.name].source) if isinstance(node, Column) else node

    moved = transform(resolve(part, scope_of(below)), change)
    side = sides.pop()
    if side == LEFT:
        return dataclasses.replace(below, left=_pushed(below.left, moved))
    return dataclasses.replace(below, right=_pushed(below.right, moved))


def _below_left(
    below: SemiJoin | Minus | Intersect | CountOverlaps | Coverage | CollectBy, part: Expression
) -> Relation | None:
    made: tuple[str, ...] = ()
    if isinstance(below, (Minus, Intersect)):
        made = AXES[below.axis]  # the pieces have other ends than the rows
    elif not isinstance(below, SemiJoin):
        made = (below.column,)
    if _reads(below, part) & set(made):
        return None
    return dataclasses.replace(below, left=_pushed(below.left, part))


def conjuncts(condition: Expression) -> list[Expression]:
    """Parts of a condition that all have to hold."""
    if isinstance(condition, Call) and condition.operation == "and":
        return [part for side in condition.arguments for part in conjuncts(side)]
    return [condition]


def conjunction(parts: list[Expression]) -> Expression:
    """Return the condition that all parts hold."""
    return parts[0] if len(parts) == 1 else Call("and", tuple(parts))
