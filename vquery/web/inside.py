"""The handlers of the workbench without a server: for a page that asks from inside this process.

There is no address that anybody else could reach, so there is neither a guard nor a token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.routing import Route

from vquery.web import (
    actions,
    alike,
    buckets,
    jobs,
    media,
    overlay,
    page,
    proposals,
    rows,
    timeline,
    why,
    wire,
)
from vquery.web.app import HANDLERS

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import Message, Receive, Scope, Send

    from vquery.web.state import Workbench

MODULES = (jobs, rows, alike, media, overlay, timeline, why, actions, proposals, buckets)
WHOLE_VIDEO = "/media/video/"
"""What would put a whole video into one message; frames and strips of it are small."""
METHODS = ("GET", "POST", "DELETE")


class Answered(NamedTuple):
    """An answer: its status, the type of its content, and the content."""

    status: int
    type: str
    body: bytes


class Inside:
    """Answers requests as the server does, one call each.

    Parameters
    ----------
    workbench
        What is asked; it is closed by whoever made it.
    """

    def __init__(self, workbench: Workbench) -> None:
        self._app = Starlette(routes=routes(), exception_handlers=HANDLERS)
        self._app.state.workbench = workbench

    async def answer(
        self, method: str, path: str, body: bytes = b"", *, action: str | None = None
    ) -> Answered:
        """Answer one request.

        Parameters
        ----------
        method
            GET, POST or DELETE.
        path
            Such as ``/api/results/…/rows?offset=0``.
        body
            JSON, of a POST.
        action
            The name that the page gave to this one action, so that it is done once.
        """
        if method not in METHODS:
            return _refused(405, f"{method[:20]} is not done here: use {', '.join(METHODS)}")
        if len(body) > wire.LARGEST:
            return _refused(413, f"a request may have at most {wire.LARGEST:,} bytes")
        place, _, query = path.partition("?")
        if not place.startswith("/"):
            return _refused(400, f"an address starts with /, got {path[:80]!r}")
        try:
            address = (place.encode("ascii"), query.encode("ascii"))
            named = b"" if action is None else action.encode("ascii")
        except UnicodeEncodeError:
            return _refused(400, "an address and the name of an action are plain ASCII: encode it")
        headers = [(b"content-type", b"application/json")]
        headers += [(actions.ACTION.encode(), named)] if named else []
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(place),
            "root_path": "",
            "raw_path": address[0],
            "query_string": address[1],
            "headers": headers,
            "client": None,
            "server": ("inside", 80),
        }
        return await self._asked(scope, body)

    async def _asked(self, scope: Scope, body: bytes) -> Answered:
        given = _Given(body)
        try:
            await self._app(scope, given.receive, given.send)
        except Exception:  # it was logged and answered with 500 before it came here
            if given.status is None:
                raise
        return Answered(given.status or 500, given.type, b"".join(given.parts))

    def close(self) -> None:
        """Let go of files."""
        if hasattr(self._app.state, "desk"):
            self._app.state.desk.close()


def routes() -> list[BaseRoute]:
    """Collect what is answered: no queries, since rows are given, and no whole videos."""
    found: list[Any] = [Route("/api/collection", page.collection)]
    found += [route for module in MODULES for route in module.ROUTES]
    return [route for route in found if not route.path.startswith(WHOLE_VIDEO)]


def _refused(status: int, text: str) -> Answered:
    said = wire.error(status, text)
    return Answered(said.status_code, "application/json", bytes(said.body))


class _Given:
    """What comes in and goes out of one request."""

    def __init__(self, body: bytes) -> None:
        self.status: int | None = None
        self.type = ""
        self.parts: list[bytes] = []
        self._body = body
        self._read = False
        self.receive: Receive = self._receive
        self.send: Send = self._send

    async def _receive(self) -> Message:
        if self._read:
            return {"type": "http.disconnect"}
        self._read = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = {name.lower(): value for name, value in message.get("headers", ())}
            self.type = headers.get(b"content-type", b"").decode("latin-1")
        elif message["type"] == "http.response.body":
            self.parts.append(bytes(message.get("body", b"")))
