"""Videos by parts, frames at exact times, strips of frames, crops of detections.

A video is found by its name in the collection; no path is ever made of what a request says.
"""

from __future__ import annotations

import functools
import zlib
from typing import TYPE_CHECKING, TypeVar

import anyio
from starlette.responses import Response
from starlette.routing import Route

from vquery.api.looking import Looker
from vquery.api.reasoning import Reasoner
from vquery.api.showing import Showing
from vquery.api.tables import crop as stored_crop
from vquery.api.timelines import Timeline
from vquery.errors import MediaError, StoreError
from vquery.media.playing import content_type
from vquery.store.drawn import is_drawn
from vquery.web import ranges, wire
from vquery.web.wire import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request

    from vquery.api.moment import Moment
    from vquery.web.state import Workbench

T = TypeVar("T")
FOREVER_US = 1 << 60
TALLEST = 2160
HEIGHT = 360
STRIP_HEIGHT = 96
MOST_FRAMES = 12
DECODERS = 2
"""Pictures that are decoded at once: more would only wait for each other."""
KEPT = {"Cache-Control": "private, max-age=86400"}
"""Crops and frames do not change while a server runs; the next one's are kept apart (`guard`)."""
ASKED_AGAIN = {"Cache-Control": "private, no-cache"}
"""Of crops of drawn boxes, which people move: the browser asks whether its one is still right."""


class Desk:
    """What looks at the videos of one workbench."""

    def __init__(self, workbench: Workbench) -> None:
        self.looker = Looker(workbench.store)
        self.showing = Showing(self.looker)
        self.timeline = Timeline(self.looker)
        self.reasoner = Reasoner(self.looker)
        self.decoding = anyio.CapacityLimiter(DECODERS)

    def close(self) -> None:
        """Let go of files, and wait for nothing more."""
        self.showing.close()
        self.reasoner.close()


def desk(request: Request) -> Desk:
    """Return what looks at the videos of this application, made when it is first needed."""
    state = request.app.state
    found: Desk | None = getattr(state, "desk", None)
    if found is None:
        found = state.desk = Desk(state.workbench)
    return found


async def seen(request: Request, work: Callable[[], T], *, decodes: bool = False) -> T:
    """Do work in a thread; what is not there is answered with 404.

    Work that ``decodes`` waits for its turn, and never for a thread that others need.
    """
    here = desk(request)
    limiter = here.decoding if decodes else None
    try:
        return await anyio.to_thread.run_sync(work, limiter=limiter)
    except (MediaError, StoreError) as problem:
        raise Refused(404, str(problem)) from None


def moment(request: Request) -> Moment:
    """Return what the collection holds now; it reads the catalog, so call it in a thread."""
    workbench: Workbench = request.app.state.workbench
    return workbench.moment()


async def video(request: Request) -> Response:
    """``GET /media/video/{video}``: the file, or the part that ``Range`` asks for."""
    name = request.path_params["video"]
    path = await seen(request, functools.partial(_file, request, name))
    return await ranges.answer(request, path, content_type(path), {"Cache-Control": "private"})


def _file(request: Request, name: str) -> Path:
    film = desk(request).looker.film(moment(request), name)
    path = film.place()
    if not path.is_file():
        raise MediaError(f"{film.video!r} is a folder of pictures: ask for its frames")
    return path


async def frame(request: Request) -> Response:
    """``GET /media/frame/{video}?t_us=&height=``: the frame that is shown at a time."""
    name, at_us = request.path_params["video"], wire.number(request, "t_us", None, 0, FOREVER_US)
    height = wire.number(request, "height", HEIGHT, 16, TALLEST)

    def work() -> tuple[int, bytes]:
        return desk(request).showing.frame(moment(request), name, at_us, height)

    start, jpeg = await seen(request, work, decodes=True)
    return picture(request, jpeg, {"X-VQuery-Start-Us": str(start)})


async def strip(request: Request) -> Response:
    """``GET /media/strip/{video}?start_us=&end_us=&frames=&height=``: frames side by side."""
    name = request.path_params["video"]
    low = wire.number(request, "start_us", None, 0, FOREVER_US)
    high = wire.number(request, "end_us", None, 0, FOREVER_US)
    count = wire.number(request, "frames", 3, 1, MOST_FRAMES)
    height = wire.number(request, "height", STRIP_HEIGHT, 16, TALLEST // 4)
    if high < low:
        raise Refused(400, f"'end_us=' must not be before 'start_us=', got {low} to {high}")

    def work() -> bytes:
        return desk(request).showing.strip(moment(request), name, (low, high), count, height)

    return picture(request, await seen(request, work, decodes=True))


async def crop(request: Request) -> Response:
    """``GET /media/crop/{detection_id}.jpg``: a detection, as it was cut out or is now."""
    digits = request.path_params["detection_id"]
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise Refused(404, f"{digits[:40]!r} is no number of a detection")
    number = int(digits)

    def stored() -> bytes | None:
        return stored_crop(moment(request).snapshot, number)

    def cut() -> bytes:
        return desk(request).showing.crop(moment(request), number)

    found = await seen(request, stored)
    if found is None:
        found = await seen(request, cut, decodes=True)
    return picture(request, found, ASKED_AGAIN if is_drawn(number) else None)


def picture(request: Request, jpeg: bytes, headers: dict[str, str] | None = None) -> Response:
    """Answer with a JPEG that the browser may keep."""
    tag = f'"{zlib.crc32(jpeg):x}-{len(jpeg):x}"'
    headers = {**KEPT, "ETag": tag, **(headers or {})}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(jpeg, headers=headers, media_type="image/jpeg")


ROUTES = [
    Route("/media/video/{video:path}", video),
    Route("/media/frame/{video:path}", frame),
    Route("/media/strip/{video:path}", strip),
    Route("/media/crop/{detection_id}.jpg", crop),
]
