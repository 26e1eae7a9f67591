"""Parts of a file, as a browser asks for them to seek in a video without loading it whole."""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import TYPE_CHECKING, NamedTuple

import anyio
from starlette.responses import Response, StreamingResponse

from vquery.web import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request

CHUNK = 1 << 18
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


class Span(NamedTuple):
    """Bytes from ``first`` up to and without ``end``."""

    first: int
    end: int


def asked(header: str | None, size: int) -> Span | None:
    """Read the header ``Range``: the span, or None where it cannot be served.

    >>> asked("bytes=2-", 10), asked("bytes=-3", 10), asked("bytes=4-99", 10), asked(None, 10)
    (Span(first=2, end=10), Span(first=7, end=10), Span(first=4, end=10), Span(first=0, end=10))
    >>> [asked(f"bytes={one}", 10) for one in ("10-", "5-4", "-", "-0", "0-1,4-5", "x-1")]
    [None, None, None, None, None, None]
    """
    if header is None:
        return Span(0, size)
    found = _RANGE.fullmatch(header.strip().replace(" ", ""))
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:  # the last so many bytes
        return Span(max(size - int(last), 0), size) if int(last) and size else None
    span = Span(int(first), min(int(last) + 1, size) if last else size)
    return span if span.first < span.end else None


async def answer(
    request: Request, path: Path, media_type: str, headers: dict[str, str]
) -> Response:
    """Give a file or the part of it that is asked for; a part that there is not is refused.

    Parameters
    ----------
    request
        With ``Range``, ``If-Range`` and ``If-None-Match`` where there are any.
    path
        The file, which must be there.
    media_type, headers
        Of the answer; an ``ETag`` is made of the file's time and size.
    """
    facts = await anyio.Path(path).stat()
    size = facts.st_size
    tag = f'"{facts.st_mtime_ns:x}-{size:x}"'
    headers = {
        **headers,
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Last-Modified": formatdate(facts.st_mtime, usegmt=True),
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    given = request.headers.get("range")
    if request.headers.get("if-range", tag) not in (tag, headers["Last-Modified"]):
        given = None  # the part is of an older file: the whole of this one is wanted
    span = asked(given, size)
    if span is None:
        refusal = wire.error(
            416, f"there are no such bytes: ask for one range within bytes=0-{max(size - 1, 0)}"
        )
        refusal.headers["Content-Range"] = f"bytes */{size}"
        return refusal
    headers["Content-Length"] = str(span.end - span.first)
    status = 200
    if given is not None:
        headers["Content-Range"] = f"bytes {span.first}-{span.end - 1}/{size}"
        status = 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    return StreamingResponse(_read(path, span), status, headers, media_type)


async def _read(path: Path, span: Span) -> AsyncIterator[bytes]:
    """Read a part piece by piece, as fast as it is taken."""
    async with await anyio.open_file(path, "rb") as file:
        await file.seek(span.first)
        left = span.end - span.first
        while left > 0:
            data = await file.read(min(CHUNK, left))
            if not data:  # the file was cut meanwhile
                return
            left -= len(data)
            yield data
