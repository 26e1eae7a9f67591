"""Constant folding: what written values alone decide is decided before a query runs."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from vquery.expr.expression import Call, Expression, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def folded(node: Call) -> Expression:
    """Compute what does not depend on a row.

    Arithmetic on written numbers is done in double precision, before it meets a column. A condition
    that is always true leaves ``and``, one that never is decides it; ``or`` the other way round.

    >>> from vquery.expr.placeholders import lit, row
    >>> from vquery.expr.expression import call
    >>> folded(call("and", lit(True), row.score > 1))
    row.score > 1
    >>> folded(call("<", 2, 3))
    True
    """
    if node.operation in ("and", "or"):
        return _logic(node)
    values = [each.value for each in node.arguments if isinstance(each, Literal)]
    if len(values) < len(node.arguments):
        return node
    if node.operation == "not" and isinstance(values[0], bool):
        return Literal(not values[0])
    if not all(_is_number(each) for each in values):
        return node
    if node.operation == "negate":
        return Literal(-values[0])
    if node.operation in COMPARISONS:
        return Literal(COMPARISONS[node.operation](*values))
    if node.operation not in ARITHMETIC:
        return node
    if node.operation == "/" and values[1] == 0:
        return Literal(None)
    return Literal(ARITHMETIC[node.operation](*values))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _logic(node: Call) -> Expression:
    """Leave out of ``and`` what is true, of ``or`` what is false; the opposite decides."""
    neutral = node.operation == "and"
    known = [isinstance(each, Literal) and isinstance(each.value, bool) for each in node.arguments]
    decided = zip(node.arguments, known, strict=True)
    if any(sure and each.value is not neutral for each, sure in decided):  # type: ignore[attr-defined]
        return Literal(not neutral)
    rest = [each for each, sure in zip(node.arguments, known, strict=True) if not sure]
    if len(rest) == len(node.arguments):
        return node
    if not rest:
        return Literal(neutral)
    return rest[0] if len(rest) == 1 else Call(node.operation, tuple(rest))
