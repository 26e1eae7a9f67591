"""Boxes over a video, their classes, and the exact times of its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from vquery.web import wire
from vquery.web.media import FOREVER_US, desk, moment, seen
from vquery.web.wire import Refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from vquery.web.state import Workbench

MOST_CLASSES = 1000


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


def counted(workbench: Workbench) -> dict[str, Any]:
    """Count the classes of detections, the most frequent first."""
    kinds = workbench.moment().snapshot.read("detections", columns=["class"])["class"]
    found = pc.value_counts(kinds.drop_null()).to_pylist()
    ordered = sorted(found, key=lambda one: (-one["counts"], one["values"]))
    told = [{"class": one["values"], "count": one["counts"]} for one in ordered[:MOST_CLASSES]]
    return {"classes": told, "total": len(ordered)}


async def classes(request: Request) -> Response:
    """``GET /api/classes``: what boxes may be called; ``total`` is the count of all."""
    workbench = request.app.state.workbench
    found = await run_in_threadpool(lambda: workbench.once("classes", lambda: counted(workbench)))
    return wire.json(found)


ROUTES = [
    Route("/api/overlay", boxes),
    Route("/api/classes", classes),
    Route("/api/frames", frames),
]
