"""Who may come in: whoever has the address that was printed, and then their browser by a cookie.

Every program of this machine can reach a loopback address, those of other people on it too. So
the page, what it reads and what it shows are given only to a request that carries the token of
this run: in the address that ``vquery serve`` prints, then in a cookie that no script reads and no
other site makes a browser send, or in a header.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, RedirectResponse

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.responses import Response

OPENING_S = 120.0
"""Seconds that a browser has to open the page."""
SHUT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>vquery: not let in</title></head><body>
<h1>This workbench needs its whole address</h1>
<p>Open the address that <code>vquery serve</code> printed in its terminal: it ends in
<code>?token=</code> and a word that is new with every run. After that this browser is known until
the server ends.</p>
<p><a href="/">Try again</a></p>
</body></html>
"""
ONWARD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=/">
<title>vquery</title></head><body><p><a href="/">To the workbench</a></p></body></html>
"""


class Entry:
    """The token of a run, and the ways to show it.

    Parameters
    ----------
    token
        The secret of this run.
    port
        Where it is served: browsers send cookies to every port of a machine, so those of two
        workbenches need names of their own.

    >>> entry = Entry("secret", 8000)
    >>> code = entry.code()
    >>> entry.admits(code), entry.admits(code), entry.admits("secret"), entry.admits("")
    (True, False, True, False)
    """

    def __init__(self, token: str, port: int) -> None:
        self._token = token
        self._codes: dict[str, float] = {}
        self.cookie = f"vquery-{port}"

    def code(self) -> str:
        """Make a word that opens the page once and soon, for a browser that is started.

        The line that starts a program can be read by everybody on the machine, so the token is
        not in it.
        """
        made = secrets.token_urlsafe(32)
        self._codes[made] = time.monotonic() + OPENING_S
        return made

    def admits(self, given: str) -> bool:
        """Whether a word of the address lets in."""
        until = self._codes.pop(given, None)
        return self.is_token(given) or (until is not None and time.monotonic() < until)

    def is_token(self, given: str) -> bool:
        """Whether this is the token; how long that takes does not tell how much of it is right."""
        return secrets.compare_digest(given.encode(), self._token.encode())

    def knows(self, headers: Headers) -> bool:
        """Whether a request has the cookie.

        A browser sends the cookies of all programs of this machine with it, and those may hold
        what no rule of cookies allows.

        >>> from starlette.datastructures import Headers
        >>> entry, texts = Entry("secret", 8000), ('a={"b": 1}; vquery-8000=secret', "a=b", "é")
        >>> [entry.knows(Headers({"cookie": text})) for text in texts]
        [True, False, False]
        """
        pairs = [pair for line in headers.getlist("cookie") for pair in line.split(";")]
        held = [pair.strip().partition("=") for pair in pairs]
        return any(name == self.cookie and self.is_token(value) for name, _, value in held)

    def welcome(self, *, from_elsewhere: bool) -> Response:
        """Give the cookie and lead to the page.

        Parameters
        ----------
        from_elsewhere
            Whether the page of another site led here: a browser does not send the cookie to where
            such a step is redirected, but does where our own page goes on.
        """
        answer = onward() if from_elsewhere else RedirectResponse("/", 303)
        answer.set_cookie(self.cookie, self._token, path="/", httponly=True, samesite="strict")
        return answer


def onward() -> Response:
    """Go to the page from a page of our own."""
    return HTMLResponse(ONWARD)


def shut() -> Response:
    """Say how to get in."""
    return HTMLResponse(SHUT, 403)
