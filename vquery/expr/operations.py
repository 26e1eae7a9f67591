"""The operations of expressions: how each is written and which types it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from vquery.errors import QueryError
from vquery.expr.regex import check_regex
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


SECONDS, MICROSECONDS, PICTURE, FRAMES = "seconds", "microseconds", "the picture", "frames"
UNITS = {
    **dict.fromkeys(("start", "end", "duration"), SECONDS),
    **dict.fromkeys(("start_us", "end_us"), MICROSECONDS),
    **dict.fromkeys(("x1", "y1", "x2", "y2"), PICTURE),
    **dict.fromkeys(("width", "height", "center_x", "center_y"), PICTURE),
    "frame": FRAMES,
}
"""What columns count by their names."""
KEEPS_UNIT = frozenset(("negate", "abs", "round", "floor", "ceil"))
ONE_UNIT = frozenset(("+", "-", "greatest", "least", "fill_null", "coalesce"))


def unit_of_call(operation: str, units: Sequence[str | None]) -> str | None:
    """Return the unit of what an operation gives, None where it has none or none is known."""
    if operation in KEEPS_UNIT:
        return units[0]
    if operation in ONE_UNIT:
        return next((unit for unit in units if unit is not None), None)
    if operation in ("*", "/") and units[1] is None and units[0] != MICROSECONDS:
        return units[0]  # microseconds divided by a million are seconds
    return units[1] if operation == "*" and units[0] is None and units[1] != MICROSECONDS else None


def _one_unit(operation: str, arguments: Sequence[Expression]) -> None:
    """Refuse to compare or add what counts different things."""
    known = {each.unit: each for each in arguments if each.unit is not None}
    if len(known) > 1:
        (one, first), (other, second), *_ = known.items()
        raise QueryError(
            f"{operation!r} mixes {first!r} ({one}) and {second!r} ({other}): bring both to one"
            " unit, such as row.start and row.end, which are seconds"
        )


def _comparison(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    _one_unit(operation, arguments)
    left, right = types
    if common(left, right) is None:
        raise QueryError(
            f"cannot compare {arguments[0]!r} ({left.kind}, {left}) with {arguments[1]!r}"
            f" ({right.kind}, {right}) in {operation!r}: compare texts with texts, numbers with"
            " numbers"
        )
    return BOOLEAN


def _arithmetic(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    if operation == "+" and all(each.kind in (Kind.STRING, Kind.NULL) for each in types):
        return STRING
    _require(operation, arguments, types, [each.numeric for each in types], "numbers")
    if operation in ONE_UNIT:
        _one_unit(operation, arguments)
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


def _size(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    fits = [each.kind in (Kind.STRING, Kind.LIST, Kind.NULL) for each in types]
    _require(operation, arguments, types, fits, "a text or a list")
    return INTEGER


def _contains(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    if types[0].kind is not Kind.LIST:
        return _text_test(operation, arguments, types)
    element = Type(types[0].dtype.value_type)
    if common(element, types[1]) is None:
        raise QueryError(
            f"{arguments[0]!r} is a list of {element} and never contains {arguments[1]!r}"
            f" ({types[1].kind.one})"
        )
    return BOOLEAN


def _regex(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    _text(operation, arguments[:2], types[:2])
    group = 0 if len(arguments) == 2 else getattr(arguments[2], "value", 0)
    check_regex(arguments[1], f"{operation}()", group)  # a param has its value only now
    return BOOLEAN if operation == "matches" else STRING


def _words(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    _text(operation, arguments, types)
    return Type(pa.list_(pa.string()))


def _element(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    _require(operation, arguments[:1], types[:1], [types[0].kind is Kind.LIST], "a list")
    fits = [types[1].kind in (Kind.INTEGER, Kind.NULL)]
    _require(operation, arguments[1:], types[1:], fits, "the number of an element")
    return Type(types[0].dtype.value_type)


def _joined(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    listed = types[0].kind is Kind.LIST and Type(types[0].dtype.value_type).kind is Kind.STRING
    _require(operation, arguments[:1], types[:1], [listed], "a list of texts")
    return _text(operation, arguments[1:], types[1:])


def _rounded(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    _require(operation, arguments[:1], types[:1], [types[0].numeric], "a number")
    return types[0]


def _real(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    _require(operation, arguments, types, [each.numeric for each in types], "a number")
    return NUMBER


def _moment(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
    what = "a timestamp" if operation == "hour" else "a timestamp or date"
    fits = types[0].kind is Kind.NULL or (
        types[0].kind is Kind.TIME and (operation != "hour" or not pa.types.is_date(types[0].dtype))
    )
    _require(operation, arguments, types, [fits], what)
    return INTEGER


def _cast(name: str) -> Operation:
    result = {"int": INTEGER, "float": NUMBER, "text": STRING, "bool": BOOLEAN}[name]
    castable = {Kind.BOOLEAN, Kind.INTEGER, Kind.FLOAT, Kind.STRING, Kind.NULL}
    castable |= {Kind.TIME} if name == "text" else set()

    def rule(operation: str, arguments: Sequence[Expression], types: Sequence[Type]) -> Type:
        del operation
        fits = [types[0].kind in castable]
        _require(f"cast({name!r})", arguments, types, fits, "a number, a text or a truth value")
        return result

    return Operation(lambda each: f"{each}.cast({name!r})", rule)


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
            raise QueryError(f"{operation!r} needs {what}, but {argument!r} is {given.kind.one}")


def _infix(sign: str, rule: Rule) -> Operation:
    return Operation(lambda left, right: f"{left} {sign} {right}", rule, infix=True)


def _method(name: str, rule: Rule) -> Operation:
    return Operation(lambda first, *rest: f"{first}.{name}({', '.join(rest)})", rule)


def _function(name: str, rule: Rule) -> Operation:
    return Operation(lambda *each: f"{name}({', '.join(each)})", rule)


def _round_text(number: str, digits: str) -> str:
    return f"{number}.round({'' if digits == '0' else digits})"


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
    "coalesce": _function("coalesce", _same),
    **{name: _method(name, _text) for name in ("lower", "upper", "replace")},
    "strip": Operation(lambda first, *_: f"{first}.strip()", _text),
    "length": _method("length", _size),
    "contains": _method("contains", _contains),
    **{name: _method(name, _text_test) for name in ("startswith", "endswith", "like", "ilike")},
    "matches": _method("matches", _regex),
    "extract": _method("extract", _regex),
    "words": _method("words", _words),
    "get": _method("get", _element),
    "join_text": _method("join_text", _joined),
    "round": Operation(_round_text, _rounded),
    **{name: _method(name, _rounded) for name in ("floor", "ceil")},
    **{name: _method(name, _real) for name in ("sqrt", "log", "exp")},
    **{name: _method(name, _moment) for name in ("year", "month", "day", "hour", "weekday")},
    **{f"cast_{name}": _cast(name) for name in ("int", "float", "text", "bool")},
}
"""Every operation by name. ``x / 0`` is null; ``//`` and ``%`` round down, as in Python."""
