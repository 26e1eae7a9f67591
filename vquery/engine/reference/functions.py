"""The oracle's operations and aggregates on Python values; null does not reach most of them."""

from __future__ import annotations

import math
import re
import statistics
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable


def alike(a: Any, b: Any) -> tuple[Any, Any]:
    """Bring a written number beside a float32 to float32."""
    weak = [isinstance(each, (int, float)) and not isinstance(each, np.generic) for each in (a, b)]
    if isinstance(a, np.float32) and weak[1]:
        return a, np.float32(b)
    if isinstance(b, np.float32) and weak[0]:
        return np.float32(a), b
    return a, b


def extreme(values: list[Any], choose: Callable[..., Any]) -> Any:
    """Largest or smallest of the values that are there."""
    given = [value for value in values if value is not None]
    if len(given) == 2:
        given = list(alike(*given))
    return choose(given, default=None)


def logical(given: tuple[Any, ...], *, decisive: bool) -> bool | None:
    """And, or: one decisive value decides, else null is unknown."""
    if any(each is not None and bool(each) is decisive for each in given):
        return decisive
    return None if None in given else not decisive


def like(text: str, pattern: str, flags: int = 0) -> bool:
    """Match a whole text with a SQL pattern."""
    wanted = re.escape(pattern).replace("%", ".*").replace("_", ".")
    return bool(re.fullmatch(wanted, text, re.DOTALL | flags))


def rounded(number: Any, digits: int) -> Any:
    """Round halves away from zero."""
    if isinstance(number, (int, np.integer)):
        return number
    scaled = abs(float(number)) * 10**digits
    return math.copysign(math.floor(scaled + 0.5) / 10**digits, float(number))


def words(text: str) -> list[str]:
    """Find runs of letters, marks and digits; an apostrophe between two of them joins them."""
    inside = [unicodedata.category(each)[0] in "LMN" for each in text]
    found, current = [], ""
    for place, each in enumerate(text):
        joins = (
            each in ("'", "\N{RIGHT SINGLE QUOTATION MARK}")
            and current
            and place + 1 < len(text)
            and inside[place + 1]
        )
        if inside[place] or joins:
            current += each
        elif current:
            found.append(current)
            current = ""
    return [*found, current] if current else found


def searched(text: str, pattern: str) -> re.Match[str] | None:
    """Find the first match; in RE2 ``$`` is the very end, in Python also before a last newline."""
    return re.search(re.sub(r"(?<!\\)\$", r"\\Z", pattern), text)


def extract(text: str, pattern: str, group: int) -> str | None:
    """First match of a regular expression, or a group of it."""
    found = searched(text, pattern)
    return None if found is None else found.group(group) or ""


def element(values: list[Any], place: int) -> Any:
    """Element by number, from the end where it is negative."""
    return values[place] if -len(values) <= place < len(values) else None


def to_int(value: Any) -> int | None:
    """Whole number of a number or text."""
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\s*[-+]?[0-9]+\s*", value, re.ASCII) else None
    return int(value)


def to_float(value: Any) -> float | None:
    """Return the number of a number or text."""
    pattern = r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*"
    if isinstance(value, str) and not re.fullmatch(pattern, value, re.ASCII):
        return None
    return float(value)


def to_text(value: Any) -> str:
    """Text of a value."""
    return str(bool(value)).lower() if isinstance(value, (bool, np.bool_)) else str(value)


def to_bool(value: Any) -> bool | None:
    """Truth value of a value."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return bool(value)


CALLS: dict[str, Callable[..., Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: None if b == 0 else a / b,
    "//": lambda a, b: None if b == 0 else a // b,
    "%": lambda a, b: None if b == 0 else a % b,
    "not": lambda a: not a,
    "negate": lambda a: -a,
    "abs": abs,
    "round": rounded,
    "floor": lambda a: a if isinstance(a, (int, np.integer)) else float(math.floor(a)),
    "ceil": lambda a: a if isinstance(a, (int, np.integer)) else float(math.ceil(a)),
    "sqrt": lambda a: math.sqrt(a) if a >= 0 else None,
    "log": lambda a: math.log(a) if a > 0 else None,
    "exp": math.exp,
    "lower": str.lower,
    "upper": str.upper,
    "strip": lambda a, _: a.strip(),
    "replace": str.replace,
    "length": len,
    "contains": lambda a, b: b in a,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "like": like,
    "ilike": lambda a, b: like(a, b, re.IGNORECASE),
    "matches": lambda a, b: searched(a, b) is not None,
    "extract": extract,
    "words": words,
    "get": element,
    "join_text": lambda a, b: b.join(each for each in a if each is not None),
    "cast_int": to_int,
    "cast_float": to_float,
    "cast_text": to_text,
    "cast_bool": to_bool,
    "year": lambda a: a.year,
    "month": lambda a: a.month,
    "day": lambda a: a.day,
    "hour": lambda a: a.hour,
    "weekday": lambda a: a.weekday(),
    "microseconds": lambda a: int(math.copysign(math.floor(abs(a) * US_PER_S + 0.5), a)),
}

NULL_AWARE: dict[str, Callable[..., Any]] = {
    "is_null": lambda a: a is None,
    "fill_null": lambda a, b: b if a is None else a,
    "coalesce": lambda *each: next((one for one in each if one is not None), None),
    "and": lambda *each: logical(each, decisive=False),
    "or": lambda *each: logical(each, decisive=True),
    "greatest": lambda *each: extreme(list(each), max),
    "least": lambda *each: extreme(list(each), min),
}


def quantile(values: list[Any], share: float) -> float | None:
    """Value below which a share of the values lies, interpolated."""
    given = sorted(float(value) for value in values if value is not None)
    if not given:
        return None
    place = share * (len(given) - 1)
    low, high = given[math.floor(place)], given[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def where_best(values: list[Any], by: list[Any], sign: int) -> Any:
    """Value of the first row where ``by`` is smallest, or largest for a sign of -1."""
    best: int | None = None
    for place, each in enumerate(by):
        if each is None:
            continue
        if best is None or (each < by[best] if sign > 0 else each > by[best]):
            best = place
    return None if best is None else values[best]


def _of_given(function: Callable[[list[Any]], Any], *, least: int = 1) -> Callable[..., Any]:
    """Apply a function to the values that are there; null where there are too few."""

    def applied(values: list[Any], second: list[Any]) -> Any:
        del second
        given = [value for value in values if value is not None]
        return function(given) if len(given) >= least else None

    return applied


def _total(values: list[Any]) -> Any:
    return sum(each if isinstance(each, (int, np.integer)) else float(each) for each in values)


AGGREGATES: dict[str, Callable[[list[Any], list[Any]], Any]] = {
    "count": _of_given(lambda values: sum(map(bool, values)), least=0),
    "n_unique": _of_given(lambda values: len(set(values)), least=0),
    "sum": _of_given(_total),
    "mean": _of_given(lambda values: _total(values) / len(values)),
    "share": _of_given(lambda values: sum(map(bool, values)) / len(values)),
    "std": _of_given(lambda values: statistics.stdev(map(float, values)), least=2),
    "median": lambda values, _: quantile(values, 0.5),
    "quantile": lambda values, second: quantile(values, second[0]),
    "min": _of_given(min),
    "max": _of_given(max),
    "arg_min": lambda values, by: where_best(values, by, 1),
    "arg_max": lambda values, by: where_best(values, by, -1),
    "first": lambda values, _: values[0],
    "last": lambda values, _: values[-1],
    "list": _of_given(list),
    "any": _of_given(any, least=0),
    "all": _of_given(all, least=0),
}
