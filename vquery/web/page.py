"""The page itself, its files, and what the collection holds."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from vquery.web import wire
from vquery.web.overview import overview

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

STATIC = Path(__file__).with_name("static")
TOKEN = "{{token}}"
"""Stands in the page where the token goes."""


async def page(request: Request) -> Response:
    """``GET /``: the page, with the token of this run."""
    text = await run_in_threadpool((STATIC / "index.html").read_text, encoding="utf-8")
    workbench = request.app.state.workbench
    return HTMLResponse(text.replace(TOKEN, escape(workbench.token)))


async def collection(request: Request) -> Response:
    """``GET /api/collection``."""
    return wire.json(await run_in_threadpool(overview, request.app.state.workbench))


ROUTES = [
    Route("/", page),
    Route("/api/collection", collection),
    Mount("/static", StaticFiles(directory=STATIC, check_dir=False), name="static"),
]
