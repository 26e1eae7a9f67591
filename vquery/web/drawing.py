"""Boxes drawn over a frame: each request is one action, which is one event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from vquery.api import drawing
from vquery.schema import BOX
from vquery.web import wire
from vquery.web.actions import key_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from vquery.api.drawing import Drawn
    from vquery.web.state import Workbench

PLACE: dict[str, wire.Kind] = {"box": (list, None), "points": (list, None)}
BOX_FIELDS: dict[str, wire.Kind] = {
    "video": str,
    "t_us": int,
    "class": (str, None),
    **PLACE,
    "concept": (str, None),
    "value": (str, None),
    "continues": (int, None),
}


def _answer(workbench: Workbench, done: Drawn) -> dict[str, Any]:
    """Say what was drawn: ``box`` and the span are those of the box itself."""
    row = drawing.row_of(workbench.store, done.event)
    return {
        **done._asdict(),
        "start_us": row["start_us"],
        "end_us": row["end_us"],
        "box": [row[name] for name in BOX],
    }


async def draw(request: Request) -> Response:
    """``POST /api/boxes``; a label is given with ``concept`` and ``value``, null gives none."""
    given = await wire.body(request, BOX_FIELDS)
    workbench, key = request.app.state.workbench, key_of(request)

    def work() -> dict[str, Any]:
        done = drawing.draw(
            workbench.store,
            given["video"],
            given["t_us"],
            box=given["box"],
            points=given["points"],
            class_=given["class"],
            concept=None if given["value"] is None else given["concept"],
            label=given["value"],
            continues=given["continues"],
            by=workbench.who,
            key=key,
        )
        return _answer(workbench, done)

    return wire.json(await run_in_threadpool(work))


async def move(request: Request) -> Response:
    """``POST /api/boxes/move``: give a drawn box another place."""
    given = await wire.body(request, {"detection_id": int, **PLACE})
    workbench, key = request.app.state.workbench, key_of(request)

    def work() -> dict[str, Any]:
        place = {"box": given["box"], "points": given["points"]}
        done = drawing.redraw(
            workbench.store, given["detection_id"], **place, by=workbench.who, key=key
        )
        return _answer(workbench, done)

    return wire.json(await run_in_threadpool(work))


async def remove(request: Request) -> Response:
    """``POST /api/boxes/remove``: remove drawn boxes."""
    given = await wire.body(request, {"detection_ids": list})
    workbench, key = request.app.state.workbench, key_of(request)

    def work() -> dict[str, Any]:
        ids = given["detection_ids"]
        done = drawing.erase(workbench.store, ids, by=workbench.who, key=key)
        return {
            "event": done.event,
            "sentence": done.sentence,
            "waiting": done.waiting,
            "removed": done.rows,
        }

    return wire.json(await run_in_threadpool(work))


ROUTES = [
    Route("/api/boxes", draw, methods=["POST"]),
    Route("/api/boxes/move", move, methods=["POST"]),
    Route("/api/boxes/remove", remove, methods=["POST"]),
]
