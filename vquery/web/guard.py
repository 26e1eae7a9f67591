"""Who may ask: only the page that this server gave out, and only with its token.

A page of another site may make a browser send requests to this address, and a name that another
site owns may be made to point here. So the host must be ours, whatever changes anything must come
from our own page with its token, and nothing here may be framed or read by others. Other people
of this machine can send what they like: they lack the token (`vquery.web.entry`).
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders, QueryParams

from vquery.web.entry import onward, shut
from vquery.web.wire import LARGEST, Refused, error

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from vquery.web.entry import Entry

TOKEN = "X-VQuery-Token"
OPEN = "/static/"
"""What everybody may read: the files of the page, which are those of the package."""
SAFE = frozenset({"GET", "HEAD"})
METHODS = SAFE | {"POST", "DELETE"}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
WILDCARDS = frozenset({"0.0.0.0", "::", ""})
POLICY = "; ".join(
    [
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "style-src 'self'",
        "script-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Vary": "Cookie",  # whose token is new with every run: what one run gave is not of the next one
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def hosts(host: str, port: int, name: str = "") -> frozenset[str]:
    """List what the header ``Host`` may say: loopback and the address served at, with the port.

    >>> sorted(hosts("127.0.0.1", 80))
    ['127.0.0.1', '127.0.0.1:80', '[::1]', '[::1]:80', 'localhost', 'localhost:80']
    """
    names = [*LOOPBACK, name.lower()]
    if host not in WILDCARDS:
        names.append(f"[{host}]" if ":" in host and not host.startswith("[") else host.lower())
    found = {f"{each}:{port}" for each in names if each}
    return frozenset(found | ({each for each in names if each} if port == 80 else set()))


class Guard:
    """Checks every request before the application sees it, and puts headers on every answer.

    Parameters
    ----------
    app
        What is guarded.
    allowed
        Values of the header ``Host``.
    entry
        What a request proves itself by.
    anywhere
        The port, where every address of this machine is served: then ``Host`` may be any address
        in numbers with it, which no foreign site can have as its name.
    """

    def __init__(
        self, app: ASGIApp, allowed: frozenset[str], entry: Entry, anywhere: int | None = None
    ) -> None:
        self._app = app
        self._allowed = allowed
        self._entry = entry
        self._anywhere = anywhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no other kind of connection is made here

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope)
            answer = self._door(scope)
        except Refused as refused:
            answer = error(refused.status, str(refused))
        if answer is not None:
            await answer(scope, receive, headed)
            return
        await self._app(scope, _bounded(receive), headed)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if len(headers.getlist("host")) != 1 or not self._is_ours(host):
            raise Refused(403, f"this is no address of the workbench: {host[:80]!r}")
        method = scope["method"]
        if method not in METHODS:
            raise Refused(405, f"{method[:20]} is not done here")
        site = headers.get("sec-fetch-site")
        if method in SAFE:
            going = headers.get("sec-fetch-mode") == "navigate"
            if site not in (None, "same-origin", "none") and not going:
                raise Refused(403, "only the page of the workbench may read this")
            return
        origin = headers.get("origin")
        if origin is None and site is not None and site != "same-origin":
            raise Refused(403, "a change needs the Origin of the workbench's own page")
        if origin is not None and origin.lower() != f"http://{host}":
            raise Refused(403, "only the page of the workbench may change something")
        if not self._entry.is_token(headers.get(TOKEN, "")):
            raise Refused(403, "the token is not that of this run: load the page again")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST:
            raise Refused(413, f"a request may have at most {LARGEST:,} bytes")

    def _door(self, scope: Scope) -> Response | None:
        """Answer what is asked at the door; None: the request may go on.

        Raises
        ------
        Refused
            If it may not, and is no page that could say so.
        """
        path, headers = scope["path"], Headers(scope=scope)
        if scope["method"] not in SAFE or path.startswith(OPEN):
            return None
        site = headers.get("sec-fetch-site")
        elsewhere = site is not None and site not in ("same-origin", "none")
        if path == "/":
            given = QueryParams(scope["query_string"]).get("token")
            if given is not None and self._entry.admits(given):
                return self._entry.welcome(from_elsewhere=elsewhere)
        if self._entry.knows(headers) or self._entry.is_token(headers.get(TOKEN, "")):
            return None
        if path == "/":
            return onward() if elsewhere else shut()
        raise Refused(403, "this needs the address that 'vquery serve' printed: open that one")

    def _is_ours(self, host: str) -> bool:
        if host in self._allowed:
            return True
        address, _, port = host.rpartition(":")
        if self._anywhere is None or port != str(self._anywhere):
            return False
        try:
            ipaddress.ip_address(address.strip("[]"))
        except ValueError:
            return False
        return True


def _bounded(receive: Receive) -> Receive:
    """Count what comes in: a length need not be told, nor be true."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST:
            raise Refused(413, f"a request may have at most {LARGEST:,} bytes")
        return message

    return counted
