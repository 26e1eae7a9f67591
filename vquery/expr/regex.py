"""Regular expressions are RE2's, as DuckDB has them, and are tried out where they are written."""

from __future__ import annotations

import functools
import os
import re
import warnings
from typing import TYPE_CHECKING, Any

from vquery.errors import QueryError

if TYPE_CHECKING:
    import duckdb

MOST_GROUPS = 9
"""Groups that DuckDB tells apart by number."""
HINT = "vquery uses the syntax of RE2, which has no look-around and no back-references"


def check_regex(pattern: Any, what: str, group: int = 0) -> None:
    """Refuse a pattern that is no regular expression, or a group that it does not have.

    Raises
    ------
    QueryError
        Saying what is wrong and at which character.

    >>> check_regex("a(b", "matches()")
    Traceback (most recent call last):
    vquery.errors.QueryError: matches(): 'a(b' is no regular expression: missing ), at character 2
    """
    from vquery.expr.expression import Literal, Param

    if isinstance(pattern, Literal):
        pattern = pattern.value
    if isinstance(pattern, Param):
        pattern = pattern.default
    if not isinstance(pattern, str):
        raise QueryError(f"{what} takes a regular expression as a text or param, got {pattern!r}")
    if not isinstance(group, int) or isinstance(group, bool) or not 0 <= group <= MOST_GROUPS:
        raise QueryError(
            f"{what}: group= must be a whole number from 0 to {MOST_GROUPS}, got {group!r}"
        )
    wrong = _fault(pattern, group)
    if wrong is not None:
        raise QueryError(f"{what}: {wrong}")


@functools.lru_cache(maxsize=1024)
def _fault(pattern: str, group: int) -> str | None:
    """Say what is wrong with a pattern, None where it can be used."""
    import duckdb

    database = _database(os.getpid()).cursor()
    try:
        database.execute("SELECT regexp_matches('', $1)", [pattern]).fetchall()
    except duckdb.Error as error:
        return _said(pattern, str(error))
    finally:
        database.close()
    return _missing_group(pattern, group) if group else None


@functools.cache
def _database(process: int) -> duckdb.DuckDBPyConnection:
    import duckdb

    del process
    return duckdb.connect(":memory:", config={"autoinstall_known_extensions": False})


def _said(pattern: str, message: str) -> str:
    """Turn RE2's message into one with a place."""
    text = message.removeprefix("Invalid Input Error: ").splitlines()[0]
    reason, _, part = text.partition(": ")
    place = _place(pattern, part)
    where = "" if place is None else f", at character {place + 1}"
    shown = f" {part!r}" if part and part != pattern else ""
    advice = f"; {HINT}" if "perl operator" in reason or "escape" in reason else ""
    return f"{pattern!r} is no regular expression: {reason}{shown}{where}{advice}"


def _place(pattern: str, part: str) -> int | None:
    """Find where a pattern goes wrong: RE2 names the part, Python's own compiler the place."""
    if part and part != pattern and part in pattern:
        return pattern.index(part)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what other versions of Python will refuse
            re.compile(pattern)
    except re.error as error:
        return error.pos
    except (RecursionError, OverflowError):
        return None  # deeper, or repeated more often, than Python itself can read
    return None


def _missing_group(pattern: str, group: int) -> str | None:
    import duckdb

    names = [f"g{number}" for number in range(1, group + 1)]
    database = _database(os.getpid()).cursor()
    listed = ", ".join(f"'{name}'" for name in names)
    try:
        # names are given to groups only as far as there are groups
        database.execute(f"SELECT regexp_extract('', $1, [{listed}])", [pattern]).fetchall()
    except duckdb.Error:
        return f"{pattern!r} has no group {group}"
    finally:
        database.close()
    return None
