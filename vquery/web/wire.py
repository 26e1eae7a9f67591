"""What comes in is checked, what goes out is JSON: one place for both.

Times are whole microseconds; numbers that JSON does not have (NaN, infinities) become null.
"""

from __future__ import annotations

import json as jsons
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.responses import Response

from vquery.errors import (
    LockedError,
    MissingDependencyError,
    QueryError,
    VQueryError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from starlette.requests import Request

    Kind: TypeAlias = type | tuple[type | None, ...]

MIB = 1 << 20
LARGEST = 8 * MIB
"""Bytes of the largest body that is read at all."""
KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
KINDS |= {list: "a list", dict: "an object", type(None): "null"}


class Refused(Exception):  # noqa: N818 - what it says to the page is a refusal
    """A request that is answered with a status and one sentence."""

    def __init__(self, status: int, text: str, **more: Any) -> None:
        super().__init__(text)
        self.status = status
        self.more = more


def json(data: Any, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(dumped(data), status, media_type="application/json")


def error(status: int, text: str, **more: Any) -> Response:
    """Answer that it cannot be done: what, what was expected, what to do."""
    return json({"error": text, **more}, status)


def dumped(data: Any) -> bytes:
    """Write JSON; what Arrow and numpy hold is understood.

    >>> dumped({"a": float("nan"), "b": np.int64(3)})
    b'{"a":null,"b":3}'
    """
    try:
        text = jsons.dumps(data, allow_nan=False, separators=(",", ":"), default=_plain)
    except ValueError:
        text = jsons.dumps(_finite(data), separators=(",", ":"), default=_plain)
    return text.encode()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return _finite(value.item())
    if isinstance(value, np.ndarray):
        return _finite(value.tolist())
    if isinstance(value, (bytes, memoryview)):
        return f"{len(value)} bytes"
    return str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _finite(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


async def body(request: Request, fields: Mapping[str, Kind], *, limit: int = MIB) -> dict[str, Any]:
    """Read the JSON object of a request.

    Parameters
    ----------
    request
        What came in.
    fields
        Field → type, or a tuple of types; with None among them the field may be null or left out,
        and is None then. There may be no others.
    limit
        Most bytes.

    Raises
    ------
    Refused
        With 413 if it is larger, with 400 if it is something else.
    """
    data = await request.body()
    if len(data) > limit:
        raise Refused(413, f"the request has {len(data):,} bytes, at most {limit:,} are taken")
    try:
        given = jsons.loads(data or b"{}", parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the request is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise Refused(400, f"the request must be a JSON object with {_listed(fields)}")
    unknown = sorted(set(given) - set(fields))
    if unknown:
        raise Refused(400, f"there is no field {unknown[0]!r} here: take {_listed(fields)}")
    return {name: checked(name, given.get(name), kind) for name, kind in fields.items()}


def checked(name: str, value: Any, kind: Kind) -> Any:
    """Return a value of JSON that has one of some types; floats may be given as whole numbers.

    >>> checked("share", 1, (float, None)), checked("share", None, (float, None))
    (1.0, None)
    """
    kinds = [type(None) if one is None else one for one in _many(kind)]
    if isinstance(value, int) and not isinstance(value, bool):
        if float in kinds and int not in kinds and abs(value) < 1 << 53:
            value = float(value)
        if abs(value) >= 1 << 63:
            raise Refused(400, f"{name!r} is a number that is too large")
    if type(value) not in kinds:
        wanted = " or ".join(KINDS.get(one, one.__name__) for one in kinds)
        raise Refused(400, f"{name!r} must be {wanted}, got {_shown(value)}")
    if isinstance(value, str):
        _encodable(name, value)
    return value


def _many(kind: Kind) -> tuple[type | None, ...]:
    return kind if isinstance(kind, tuple) else (kind,)


def _encodable(name: str, value: str) -> None:
    """Refuse halves of characters and ends of texts, which files and databases do not take."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refused(400, f"{name!r} is a text with half a character in it") from None
    if "\0" in value:
        raise Refused(400, f"{name!r} is a text with a zero character in it")


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number in JSON")


def _shown(value: Any) -> str:
    text = jsons.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _listed(fields: Mapping[str, Kind]) -> str:
    return ", ".join(fields) or "no fields"


def number(request: Request, name: str, default: int | None, low: int, high: int) -> int:
    """Read a whole number of the address, such as ``?offset=200``; None as default: it is needed.

    Raises
    ------
    Refused
        With 400 if it is none, or out of bounds.
    """
    given = request.query_params.get(name)
    if given is None:
        if default is None:
            raise Refused(400, f"'{name}=' is needed: a whole number")
        return default
    digits = given[1:] if given.startswith("-") else given
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise Refused(400, f"'{name}=' must be a whole number, got {given[:40]!r}")
    value = int(given)
    if not low <= value <= high:
        raise Refused(400, f"'{name}=' must be from {low} to {high}, got {value}")
    return value


def real(request: Request, name: str, default: float, low: float, high: float) -> float:
    """Read a number of the address, such as ``?wait_s=2.5``."""
    given = request.query_params.get(name)
    if given is None:
        return default
    try:
        value = float(given)
    except ValueError:
        raise Refused(400, f"'{name}=' must be a number, got {given[:40]!r}") from None
    if not low <= value <= high:  # NaN is refused here too
        raise Refused(400, f"'{name}=' must be from {low:g} to {high:g}, got {given[:40]}")
    return value


def words(request: Request, name: str, default: str | None = None, *, most: int = 4096) -> str:
    """Read a text of the address; without a default it is needed."""
    given = request.query_params.get(name, default)
    if given is None:
        raise Refused(400, f"'{name}=' is needed")
    if len(given) > most:
        raise Refused(413, f"'{name}=' may have {most:,} characters, got {len(given):,}")
    _encodable(name, given)
    return given


def choice(request: Request, name: str, options: tuple[str, ...]) -> str:
    """Read one of some words of the address; the first is the default."""
    given = request.query_params.get(name, options[0])
    if given not in options:
        raise Refused(400, f"'{name}=' must be one of {', '.join(options)}, got {given[:40]!r}")
    return given


def status_of(problem: VQueryError) -> int:
    """Choose the status that says whose fault an error is."""
    if isinstance(problem, QueryError):
        return 422
    if isinstance(problem, LockedError):
        return 409
    return 501 if isinstance(problem, MissingDependencyError) else 400
