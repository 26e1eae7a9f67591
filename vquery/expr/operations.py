"""The operations of expressions: how each is written and which types it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vquery.errors import QueryError
from vquery.expr.types import BOOLEAN, INTEGER, NUMBER, STRING, Kind, Type, common, common_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vquery.expr.expression import Expression

    Rule = Callable[[str, Sequence[Expression], Sequence[Type]], Type]


@dataclass(frozen=True, slots=True)
class Operation:
    """How an operation is written and what type it gives."""

    text: Callable[..., str]
    rule: Rule
    infix: bool = False


def type_of_call(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    """Type of an operation on arguments of ``types``.

    Raises
    ------
    QueryError
        If the operation does not fit them.
    """
    return OPERATIONS[operation].rule(operation, arguments, types)


def _comparison(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    left, right = types
    if common(left, right) is None:
        raise QueryError(
            f"cannot compare {arguments[0]!r} ({left.kind}, {left}) with {arguments[1]!r}"
            f" ({right.kind}, {right}) in {operation!r}"
        )
    return BOOLEAN


def _arithmetic(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    if operation == "+" and all(each.kind in (Kind.STRING, Kind.NULL) for each in types):
        return STRING
    _require(operation, arguments, types, [each.numeric for each in types], "numbers")
    return common_of(types, operation)


def _division(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    met = _arithmetic(operation, arguments, types)
    if met.kind is Kind.FLOAT:
        return met
    return Type(NUMBER.dtype, weak=met.weak)


def _seconds(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    _require(operation, arguments, types, [each.numeric for each in types], "seconds")
    return INTEGER


def _whole(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    fits = [each.kind in (Kind.INTEGER, Kind.NULL) for each in types]
    _require(operation, arguments, types, fits, "whole numbers")
    return common_of(types, operation)


def _logical(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    fits = [each.kind in (Kind.BOOLEAN, Kind.NULL) for each in types]
    _require(operation, arguments, types, fits, "conditions (true or false)")
    return BOOLEAN


def _text(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    fits = [each.kind in (Kind.STRING, Kind.NULL) for each in types]
    _require(operation, arguments, types, fits, "texts")
    return STRING


def _text_test(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    _text(operation, arguments, types)
    return BOOLEAN


def _text_size(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    _text(operation, arguments, types)
    return INTEGER


def _same(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    del arguments
    return common_of(types, f"{operation}()")


def _any_to_boolean(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    del operation, arguments, types
    return BOOLEAN


def _require(
    operation: str,
    arguments: Sequence[Expression],
    types: Sequence[Type],
    fits: Sequence[bool],
    what: str,
) -> None:
    for argument, given, fit in zip(arguments, types, fits, strict=True):
        if not fit:
            raise QueryError(f"{operation!r} needs {what}, but {argument!r} is a {given.kind}")


def _infix(sign: str, rule: Rule) -> Operation:
    return Operation(lambda left, right: f"{left} {sign} {right}", rule, infix=True)


def _method(name: str, rule: Rule) -> Operation:
    return Operation(lambda first, *rest: f"{first}.{name}({', '.join(rest)})", rule)


def _function(name: str, rule: Rule) -> Operation:
    return Operation(lambda *each: f"{name}({', '.join(each)})", rule)


OPERATIONS: dict[str, Operation] = {
    **{sign: _infix(sign, _comparison) for sign in ("==", "!=", "<", "<=", ">", ">=")},
    **{sign: _infix(sign, _arithmetic) for sign in ("+", "-", "*")},
    **{sign: _infix(sign, _whole) for sign in ("//", "%")},
    "/": _infix("/", _division),
    "and": Operation(lambda *each: " & ".join(each), _logical, infix=True),
    "or": Operation(lambda *each: " | ".join(each), _logical, infix=True),
    "not": Operation(lambda each: f"~{each}", _logical),
    "negate": Operation(lambda each: f"-{each}", _arithmetic),
    "abs": _method("abs", _arithmetic),
    "microseconds": _function("microseconds", _seconds),
    "greatest": _function("greatest", _same),
    "least": _function("least", _same),
    "fill_null": _method("fill_null", _same),
    "is_null": _method("is_null", _any_to_boolean),
    **{name: _method(name, _text) for name in ("lower", "upper")},
    "length": _method("length", _text_size),
    **{name: _method(name, _text_test) for name in ("contains", "startswith", "endswith", "like")},
}
"""Every operation by name. ``x / 0`` is null; ``//`` and ``%`` round down, as in Python."""
