"""How the variables of a pattern are bound: which first, by which conditions, through what.

A variable is first narrowed down by the conditions on it alone. Then variables are bound one after
the other, each connected to those before it where that is possible; a condition is looked at as
soon as all its variables are bound.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vquery.expr.derived import resolve
from vquery.expr.expression import Call, Column, Expression
from vquery.expr.node import Node, walk
from vquery.expr.predicates import (
    LEFT,
    RIGHT,
    Every,
    Not,
    Predicate,
    Some,
    Traced,
    UdfResult,
    renamed,
    sides_of,
)
from vquery.expr.time import TimeRelation
from vquery.expr.types import Kind
from vquery.plan.matching import Matching, matching_of
from vquery.plan.rewrite import conjuncts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vquery.expr.groups import Match
    from vquery.expr.types import Scope

INVERSE = {
    "time_overlaps": "time_overlaps",
    "equals": "equals",
    "before": "after",
    "meets": "met_by",
    "overlaps": "overlapped_by",
    "starts": "started_by",
    "during": "contains",
    "finishes": "finished_by",
}
INVERSE |= {other: name for name, other in INVERSE.items()}


@dataclass(frozen=True, slots=True)
class Order:
    """``low.column`` is at most ``high.column``: a condition by which rows can be sorted."""

    low: str
    high: str
    column: str


@dataclass(frozen=True, slots=True)
class Binding:
    """One variable, the conditions that it completes, and partners that lead to it.

    ``through`` maps variables bound before to how rows of this one are found from theirs, where
    equal columns or a range of time say so.
    """

    variable: str
    due: tuple[Expression, ...]
    through: tuple[tuple[str, Matching], ...]
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Bindings:
    """Conditions of each variable alone, those on none, and the order of binding."""

    own: Mapping[str, tuple[Expression, ...]]
    always: tuple[Expression, ...]
    steps: tuple[Binding, ...]


def plan_bindings(node: Match, scope: Scope) -> Bindings:
    """Decide how a pattern is matched."""
    variables = node.pattern.variables
    parts = [part for each in node.pattern.conditions for part in conjuncts(each)]
    own: dict[str, tuple[Expression, ...]] = dict.fromkeys(variables, ())
    shared, always = [], []
    for part in parts:
        names = {str(side) for side in sides_of(part)}
        if not names:
            always.append(part)
        elif len(names) == 1:
            own[names.pop()] += (part,)
        else:
            shared.append((frozenset(names), part))
    steps: list[Binding] = []
    for variable in _ordered(variables, own, [names for names, _ in shared]):
        before = [step.variable for step in steps]
        known = {*before, variable}
        due = tuple(part for names, part in shared if variable in names and names <= known)
        found = [(each, _through(node, each, variable, due)) for each in before]
        through = tuple((each, way) for each, way in found if way.keys or way.time is not None)
        orders = [order for part in due if (order := _order(part, scope)) is not None]
        steps.append(Binding(variable, due, through, tuple(orders)))
    return Bindings(own, tuple(always), tuple(steps))


def _ordered(
    variables: Sequence[str],
    own: Mapping[str, tuple[Expression, ...]],
    shared: Sequence[frozenset[str]],
) -> list[str]:
    """Begin with the variable that most is asked of; go on with what is connected to it."""
    order: list[str] = []
    left = list(variables)
    while left:
        bound = set(order)
        completed = {
            each: sum(each in names and names <= {*bound, each} for names in shared)
            for each in left
        }
        best = max(left, key=lambda each: (completed[each], len(own[each]), -left.index(each)))
        order.append(best)
        left.remove(best)
    return order


def _through(node: Match, first: str, second: str, due: Sequence[Expression]) -> Matching:
    """Plan how rows of ``second`` are found from one of ``first``; its rest is left to ``due``."""
    sides = {first: LEFT, second: RIGHT}
    parts: list[Predicate] = [
        Traced(renamed(part, sides))
        for part in due
        if isinstance(part, Call) and part.operation == "==" and sides_of(part) == set(sides)
    ]
    for bound in node.pattern.bounds:
        for pair in zip(bound.variables, bound.variables[1:], strict=False):
            if pair == (first, second):
                parts.append(bound.predicate)
            elif pair == (second, first):
                parts.append(inverse(bound.predicate))
    if not parts:
        return Matching()
    return matching_of(Every(tuple(parts)), node.input, node.input)


def inverse(predicate: Predicate) -> Predicate:
    """Return the same test with the rows exchanged.

    >>> from vquery.expr.time import before
    >>> inverse(before(max_gap=2))
    after(max_gap=2)
    """
    if isinstance(predicate, (Every, Some)):
        return dataclasses.replace(predicate, parts=tuple(map(inverse, predicate.parts)))
    if isinstance(predicate, Not):
        return Not(inverse(predicate.part))
    if isinstance(predicate, TimeRelation):
        return dataclasses.replace(predicate, name=INVERSE[predicate.name])
    return Traced(renamed(predicate.lower(), {LEFT: RIGHT, RIGHT: LEFT}))


def _order(part: Expression, scope: Scope) -> Order | None:
    """Read ``a.id < b.id`` as an order of rows; of equal ones ``<=`` lets either come first."""
    if not isinstance(part, Call) or part.operation not in ("<", ">"):
        return None
    low, high = (resolve(each, scope) for each in part.arguments)
    if part.operation == ">":
        low, high = high, low
    if not isinstance(low, Column) or not isinstance(high, Column) or low.name != high.name:
        return None
    if low.side == high.side or low.type(scope).kind not in (Kind.INTEGER, Kind.FLOAT):
        return None
    return Order(str(low.side), str(high.side), low.name)


def shape(node: Any) -> Any:
    """Return what tells whether two expressions are the same; functions are themselves only."""
    if isinstance(node, Node):
        values = (getattr(node, each.name) for each in dataclasses.fields(node) if each.init)  # type: ignore[arg-type]
        return (type(node), *map(shape, values))
    if isinstance(node, tuple):
        return tuple(map(shape, node))
    try:
        hash(node)
    except TypeError:
        return id(node)
    return type(node), node


def about_one(condition: Expression, variable: str) -> Any:
    """Shape of a condition on one variable, whatever the variable is called."""
    opaque = any(isinstance(each, UdfResult) for each in walk(condition))
    return id(condition) if opaque else shape(renamed(condition, {variable: "row"}))
