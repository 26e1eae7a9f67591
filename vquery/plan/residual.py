"""Which conditions of a predicate a kernel can test on pairs, and what is left for DuckDB.

A kernel compares a value of the left row with a value of the right row. So a condition may have any
expression on either side as long as each reads one row only: it is computed once a row instead of
once a pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from vquery.expr.boxes import BoxRelation
from vquery.expr.expression import Call, Column, Expression, Literal
from vquery.expr.node import walk
from vquery.expr.predicates import LEFT, RIGHT, sides_of
from vquery.expr.types import Kind, Type, common
from vquery.plan.rewrite import conjuncts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vquery.expr.node import Node
    from vquery.expr.predicates import Predicate
    from vquery.expr.types import Scope

TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
"""Comparisons with their sides exchanged."""

PLAIN = (Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN)
EXACT = 2**53
"""Whole numbers below are exact as float64."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left <operation> right``, each an expression over its row, compared as ``dtype``."""

    operation: str
    left: Expression
    right: Expression
    dtype: pa.DataType


@dataclass(frozen=True, slots=True)
class Apart:
    """``low <= right - left <= high`` (``<`` where strict), computed as ``dtype``."""

    left: Expression
    right: Expression
    dtype: pa.DataType
    low: float | None
    high: float | None
    strict: bool


@dataclass(frozen=True, slots=True)
class BoxesAlike:
    """Intersection over union of the boxes is at least a number."""

    at_least: float


@dataclass(frozen=True, slots=True)
class OneSided:
    """A condition on the rows of one side."""

    condition: Expression
    side: str


Fused = Comparison | Apart | BoxesAlike | OneSided


def fuse(
    parts: Iterable[Predicate], scope: Scope
) -> tuple[tuple[Fused, ...], list[Predicate], list[Predicate]]:
    """Return the conditions for the kernel, the parts that they say in full, the other parts.

    What is known of the other parts is among the conditions too: it leaves fewer pairs to them.
    """
    fused: list[Fused] = []
    whole: list[Predicate] = []
    rest: list[Predicate] = []
    for part in parts:
        found, complete = _of_part(part, scope)
        if any(isinstance(each, BoxesAlike) for each in found):
            complete = complete and not any(isinstance(each, BoxesAlike) for each in fused)
            found = found if complete else []
        fused.extend(found)
        (whole if complete else rest).append(part)
    return tuple(fused), whole, rest


def _of_part(part: Predicate, scope: Scope) -> tuple[list[Fused], bool]:
    if isinstance(part, BoxRelation) and part.name == "iou":
        at_least = part.value("at_least")
        known = isinstance(at_least, Literal)
        return ([BoxesAlike(float(at_least.value))], True) if known else ([], False)  # type: ignore[attr-defined]
    conditions = conjuncts(part.lower())
    found = [_of_condition(condition, scope) for condition in conditions]
    return [each for each in found if each is not None], None not in found


def _of_condition(condition: Expression, scope: Scope) -> Fused | None:
    both = sides_of(condition)
    for side in (LEFT, RIGHT):
        if both == {side}:
            return OneSided(condition, side)
    if not isinstance(condition, Call) or condition.operation not in TURNED:
        return None
    if any(_is_unsigned(each, scope) for each in walk(condition)):
        return None  # kernels compare int64, which cannot hold all of them
    first, second = condition.arguments
    operation = condition.operation
    if isinstance(first, Literal):
        first, second, operation = second, first, TURNED[operation]
    if isinstance(second, Literal):
        return _distance(operation, first, second, scope)
    sides = sides_of(first), sides_of(second)
    if sides == ({RIGHT}, {LEFT}):
        first, second, operation = second, first, TURNED[operation]
    elif sides != ({LEFT}, {RIGHT}):
        return None
    met = common(first.type(scope), second.type(scope))
    if met is None:
        return None
    equality = operation in ("==", "!=") and met.kind is Kind.STRING
    dtype = _comparable(met)
    if dtype is None and not equality:
        return None
    return Comparison(operation, first, second, dtype or pa.string())


def _is_unsigned(node: Node, scope: Scope) -> bool:
    return isinstance(node, Column) and pa.types.is_uint64(node.type(scope).dtype)


def _comparable(met: Type) -> pa.DataType | None:
    """Type of which a kernel compares values, None where it cannot."""
    if met.kind not in PLAIN:
        return None
    return pa.int64() if met.kind is Kind.INTEGER else met.dtype


def _distance(operation: str, value: Expression, limit: Literal, scope: Scope) -> Apart | None:
    """``b - a``, ``a - b`` or ``abs`` of either, compared with a number."""
    absolute = isinstance(value, Call) and value.operation == "abs"
    inner = value.arguments[0] if absolute else value  # type: ignore[attr-defined]
    if not isinstance(inner, Call) or inner.operation != "-" or operation == "!=":
        return None
    if not isinstance(limit.value, (int, float)) or isinstance(limit.value, bool):
        return None
    first, second = inner.arguments
    sides = sides_of(first), sides_of(second)
    number = limit.value
    if sides == ({LEFT}, {RIGHT}):
        first, second = second, first
        number, operation = (number, operation) if absolute else (-number, TURNED[operation])
    elif sides != ({RIGHT}, {LEFT}):
        return None
    if absolute and operation not in ("<", "<="):
        return None
    low = -number if absolute else number if operation in (">", ">=", "==") else None
    high = number if operation in ("<", "<=", "==") else None
    dtype = _of_distance(inner, limit, scope)
    if dtype is None:
        return None
    strict = operation in ("<", ">")
    if dtype == pa.int64():
        return _whole(second, first, low, high, strict=strict)
    return Apart(second, first, dtype, low, high, strict)


def _of_distance(inner: Call, limit: Literal, scope: Scope) -> pa.DataType | None:
    """Type in which both ends meet; None where their distance is compared in another one."""
    given = inner.type(scope)
    ends = common(*(each.type(scope) for each in inner.arguments))
    met = common(given, limit.type(scope))
    if ends is None or met is None:
        return None
    dtype = _comparable(ends)
    if dtype is None or ends.kind is Kind.BOOLEAN or _comparable(given) != dtype:
        return None
    if dtype == pa.int64():
        return dtype if met.kind is Kind.INTEGER or abs(limit.value) < EXACT else None
    return dtype if met.dtype == dtype else None


def _whole(
    left: Expression,
    right: Expression,
    low: float | None,
    high: float | None,
    *,
    strict: bool,
) -> Apart:
    """Limits of a distance in whole numbers: the nearest whole numbers that still pass."""
    if low is not None:
        low = math.floor(low) + 1 if strict else math.ceil(low)
    if high is not None:
        high = math.ceil(high) - 1 if strict else math.floor(high)
    return Apart(left, right, pa.int64(), low, high, strict=False)
