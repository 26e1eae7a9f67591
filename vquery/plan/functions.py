"""How each operation and aggregate is written in DuckDB's SQL; values come as places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from vquery.expr.types import Kind, Type, common

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TYPE_NAMES = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
}
AS_DOUBLE = ("microseconds", "sqrt", "log", "exp")
AS_GIVEN = ("is_null", "not", "and", "or", "words", "floor", "ceil", "year", "month", "day", "hour")
OWN_TYPES: Mapping[str, tuple[pa.DataType | None, ...]] = {
    "get": (None, pa.int64()),
    "join_text": (None, pa.string()),
    "round": (None, pa.int32()),
    "extract": (pa.string(), pa.string(), pa.int32()),
}


def argument_types(operation: str, types: Sequence[Type]) -> Sequence[pa.DataType | None]:
    """Types in which the arguments of an operation have to be handed over; None is any."""
    if operation in OWN_TYPES:
        return OWN_TYPES[operation]
    if operation in AS_GIVEN or operation.startswith("cast_") or operation == "weekday":
        return [None] * len(types)
    if operation == "contains" and types[0].kind is Kind.LIST:
        element = Type(types[0].dtype.value_type)
        met = common(element, types[1])
        return [None, None if met is None else met.dtype]
    whole_division = operation == "/" and all(each.kind is Kind.INTEGER for each in types)
    if operation in AS_DOUBLE or whole_division:
        return [pa.float64()] * len(types)
    met = types[0]
    for each in types[1:]:
        met = common(met, each) if met is not None else None
    return [None if met is None or met.kind is Kind.NULL else met.dtype] * len(types)


def written(operation: str, texts: Sequence[str], types: Sequence[Type]) -> str:
    """Return the SQL of an operation on arguments that are SQL."""
    kind = types[0].kind
    if operation == "+" and any(each.kind is Kind.STRING for each in types):
        return f"({' || '.join(texts)})"
    if kind is Kind.LIST and f"list_{operation}" in CALLS:
        operation = f"list_{operation}"
    if operation in PARTS_OF_TIME and getattr(types[0].dtype, "tz", None) is not None:
        texts = [f"timezone('UTC', {texts[0]})"]
    if operation.startswith("cast_"):
        return CASTS.get((operation, kind), CALLS[operation])(*texts)
    return CALLS[operation](*texts)


def _modulo(left: str, right: str) -> str:
    """Remainder with the sign of the divisor, as in Python; DuckDB's has that of the dividend."""
    right = f"nullif({right}, 0)"
    return f"((({left} % {right}) + {right}) % {right})"


def _floor_division(left: str, right: str) -> str:
    return f"(({left} - {_modulo(left, right)}) // nullif({right}, 0))"


def _extract(text: str, pattern: str, group: str) -> str:
    found = f"regexp_extract({text}, {pattern}, {group})"
    return f"(CASE WHEN regexp_matches({text}, {pattern}) THEN {found} END)"


def _get(values: str, place: str) -> str:
    """Take an element counted from 0, or from the end where the place is negative."""
    return f"list_extract({values}, {place} + CAST({place} >= 0 AS BIGINT))"


def _join_text(values: str, between: str) -> str:
    """Join a list; older versions of DuckDB make null of an empty one."""
    joined = f"coalesce(array_to_string({values}, {between}), '')"
    return f"(CASE WHEN {values} IS NOT NULL THEN {joined} END)"


def _infix(sign: str) -> Callable[..., str]:
    return lambda left, right: f"({left} {sign} {right})"


def _function(name: str) -> Callable[..., str]:
    return lambda *each: f"{name}({', '.join(each)})"


# an apostrophe is written as its code, since ' would end the text
WORD = r"[\p{L}\p{M}\p{N}]+(?:[\x27\x{2019}][\p{L}\p{M}\p{N}]+)*"
PARTS_OF_TIME: Mapping[str, Callable[..., str]] = {
    **{name: _function(name) for name in ("year", "month", "day", "hour")},
    "weekday": lambda each: f"(isodow({each}) - 1)",
}

CALLS: Mapping[str, Callable[..., str]] = {
    **{sign: _infix(sign) for sign in ("<", "<=", ">", ">=", "+", "-", "*")},
    "==": _infix("="),
    "!=": _infix("<>"),
    "and": lambda *each: f"({' AND '.join(each)})",
    "or": lambda *each: f"({' OR '.join(each)})",
    "like": _infix("LIKE"),
    "ilike": _infix("ILIKE"),
    "/": lambda left, right: f"({left} / nullif({right}, 0))",
    "%": _modulo,
    "//": _floor_division,
    "not": lambda each: f"(NOT {each})",
    "negate": lambda each: f"(-{each})",
    "is_null": lambda each: f"({each} IS NULL)",
    "microseconds": lambda each: f"CAST(round({each} * 1000000) AS BIGINT)",
    "fill_null": _function("coalesce"),
    "coalesce": _function("coalesce"),
    "startswith": _function("starts_with"),
    "endswith": _function("ends_with"),
    "matches": _function("regexp_matches"),
    "extract": _extract,
    "strip": _function("trim"),
    "words": lambda each: f"regexp_extract_all({each}, '{WORD}')",
    "ceil": _function("ceil"),
    "sqrt": lambda each: f"(CASE WHEN {each} >= 0 THEN sqrt({each}) END)",
    "log": lambda each: f"(CASE WHEN {each} > 0 THEN ln({each}) END)",
    "get": _get,
    "list_length": _function("len"),
    "list_contains": _function("list_contains"),
    "join_text": _join_text,
    "cast_int": lambda each: f"TRY_CAST(trunc({each}) AS BIGINT)",
    "cast_float": lambda each: f"CAST({each} AS DOUBLE)",
    "cast_text": lambda each: f"CAST({each} AS VARCHAR)",
    "cast_bool": lambda each: f"({each} <> 0)",
    **PARTS_OF_TIME,
    **{
        name: _function(name)
        for name in (
            *("abs", "greatest", "least", "lower", "upper", "length", "contains"),
            *("replace", "round", "floor", "exp"),
        )
    },
}

_WHOLE = r"\s*[-+]?[0-9]+\s*"
_NUMBER = r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*"


def _checked(pattern: str, name: str) -> Callable[..., str]:
    def cast(each: str) -> str:
        fits = f"regexp_full_match({each}, '{pattern}')"
        return f"(CASE WHEN {fits} THEN TRY_CAST({each} AS {name}) END)"

    return cast


CASTS: Mapping[tuple[str, Kind], Callable[..., str]] = {
    ("cast_int", Kind.STRING): _checked(_WHOLE, "BIGINT"),
    ("cast_int", Kind.INTEGER): lambda each: f"CAST({each} AS BIGINT)",
    ("cast_int", Kind.BOOLEAN): lambda each: f"CAST({each} AS BIGINT)",
    ("cast_float", Kind.STRING): _checked(_NUMBER, "DOUBLE"),
    ("cast_bool", Kind.BOOLEAN): lambda each: each,
    ("cast_bool", Kind.STRING): lambda each: (
        f"(CASE lower({each}) WHEN 'true' THEN true WHEN 'false' THEN false END)"
    ),
}

BY_DOUBLE = ("median", "std", "quantile")
AGGREGATES = {
    "count": "count(*) FILTER (WHERE {argument}){over}",
    "n_unique": "count(DISTINCT {argument}){over}",
    "sum": "sum({argument}){over}",
    "mean": "avg({argument}){over}",
    "share": "avg(CAST({argument} AS INTEGER)){over}",
    "median": "quantile_cont({argument}, 0.5){over}",
    "std": "stddev_samp({argument}){over}",
    "quantile": "quantile_cont({argument}, {second}){over}",
    "min": "min({argument}){over}",
    "max": "max({argument}){over}",
    "arg_min": "(CASE WHEN count({second}){over} > 0 THEN first({argument} ORDER BY {second}"
    " NULLS LAST, {position}){over} END)",
    "arg_max": "(CASE WHEN count({second}){over} > 0 THEN first({argument} ORDER BY {second} DESC"
    " NULLS LAST, {position}){over} END)",
    "first": "first({argument} ORDER BY {position}){over}",
    "last": "last({argument} ORDER BY {position}){over}",
    "list": "list({argument} ORDER BY {position}) FILTER (WHERE {argument} IS NOT NULL){over}",
    "any": "coalesce(bool_or({argument}){over}, false)",
    "all": "coalesce(bool_and({argument}){over}, true)",
}
