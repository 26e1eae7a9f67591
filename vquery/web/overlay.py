"""Boxes over a video, and the exact times of its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from vquery.web import wire
from vquery.web.media import FOREVER_US, desk, moment, seen
from vquery.web.wire import Refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


def stretch(request: Request) -> tuple[str, int, int]:
    """Read ``video=&start_us=&end_us=``; without an end it is the rest of the video.

    Raises
    ------
    Refused
        With 400 if the end is before the start.
    """
    name = wire.words(request, "video")
    low = wire.number(request, "start_us", 0, 0, FOREVER_US)
    high = wire.number(request, "end_us", FOREVER_US, 0, FOREVER_US)
    if high < low:
        raise Refused(400, f"'end_us=' must not be before 'start_us=', got {low} to {high}")
    return name, low, high


async def boxes(request: Request) -> Response:
    """``GET /api/overlay?video=&start_us=&end_us=&concept=``."""
    name, low, high = stretch(request)
    concept = wire.words(request, "concept", "name", most=200)
    looker = desk(request).looker
    found = await seen(request, lambda: looker.overlay(moment(request), name, low, high, concept))
    return wire.json(found)


async def frames(request: Request) -> Response:
    """``GET /api/frames?video=&start_us=&end_us=``."""
    name, low, high = stretch(request)
    looker = desk(request).looker
    return wire.json(await seen(request, lambda: looker.times(moment(request), name, low, high)))


ROUTES = [Route("/api/overlay", boxes), Route("/api/frames", frames)]
