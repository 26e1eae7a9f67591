"""The application: the routes of all modules, behind the guard."""

from __future__ import annotations

import logging
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect

from vquery.errors import VQueryError
from vquery.web import (
    actions,
    alike,
    buckets,
    drawing,
    exporting,
    jobs,
    media,
    overlay,
    page,
    proposals,
    queries,
    rows,
    timeline,
    why,
    wire,
)
from vquery.web.entry import Entry
from vquery.web.guard import WILDCARDS, Guard, hosts
from vquery.web.media import Desk
from vquery.web.queries import Queries
from vquery.web.warming import warm
from vquery.web.wire import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from vquery.web.state import Workbench

MODULES = (
    *(page, jobs, queries, rows, alike, media, overlay, timeline, why),
    *(actions, drawing, proposals, buckets, exporting),
)
log = logging.getLogger("vquery")


def make_app(workbench: Workbench, host: str = "127.0.0.1", port: int = 80) -> Starlette:
    """Make the application of a workbench that is served at an address.

    Parameters
    ----------
    workbench
        What is served; closed when the application ends.
    host, port
        Where: requests for other hosts are refused.
    """
    anywhere = port if host in WILDCARDS else None
    name = socket.gethostname() if anywhere else ""
    allowed = hosts(host, port, name)
    entry = Entry(workbench.token, port)
    guard = Middleware(Guard, allowed=allowed, entry=entry, anywhere=anywhere)

    asked = Queries(workbench)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        asked.workers.start()
        app.state.desk = Desk(workbench)
        workbench.jobs.start("warm", lambda job: warm(job, workbench, app.state.desk))
        try:
            yield
        finally:
            asked.workers.close()
            app.state.desk.close()
            workbench.close()

    app = Starlette(
        routes=routes(),
        middleware=[guard],
        lifespan=lifespan,
        exception_handlers=HANDLERS,
    )
    app.state.workbench = workbench
    app.state.queries = asked
    app.state.entry = entry
    return app


def routes() -> list[BaseRoute]:
    """Collect the routes of all modules."""
    return [route for module in MODULES for route in module.ROUTES]


async def _refused(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, Refused)
    return wire.error(problem.status, str(problem), **problem.more)


async def _told(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, VQueryError)
    return wire.error(wire.status_of(problem), str(problem))


async def _no_route(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    if problem.status_code == 404:
        return wire.error(404, f"there is nothing at {request.url.path[:200]!r}")
    if problem.status_code == 405:
        return wire.error(405, f"{request.method} is not done at {request.url.path[:200]!r}")
    return wire.error(problem.status_code, problem.detail)


async def _gone(_: Request, __: Exception) -> Response:
    return wire.error(400, "the request ended before it was complete")


async def _broken(request: Request, problem: Exception) -> Response:
    log.error("workbench: %s %s failed", request.method, request.url.path, exc_info=problem)
    return wire.error(500, f"this failed: {type(problem).__name__}: see the log of the server")


HANDLERS: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    Refused: _refused,
    VQueryError: _told,
    HTTPException: _no_route,
    ClientDisconnect: _gone,
    Exception: _broken,
}
"""What is answered when something goes wrong, by the kind of error."""
