"""The server: a socket, the application, and the end of both."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from vquery.errors import StoreError
from vquery.web.app import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery.web.state import Workbench

WAIT_S = 30.0
GRACE_S = 2


class Server:
    """A workbench at an address; the port is known before it runs.

    Attributes
    ----------
    host : str
        Where.
    port : int
        The port.
    address : str
        Of the page, for whom the server knows already.
    entrance : str
        Of the page, for everybody who is told it: with the token of this run.
    """

    def __init__(self, workbench: Workbench, host: str = "127.0.0.1", port: int = 0) -> None:
        self._socket = _bound(host, port)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{self.port}/"
        self.entrance = f"{self.address}?token={workbench.token}"
        self._app = make_app(workbench, host, self.port)
        config = uvicorn.Config(
            self._app,
            http="h11",
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=GRACE_S,
        )
        self._server = _Closing(config)

    def once(self) -> str:
        """Return an address that opens the page once, soon: see `vquery.web.entry.Entry.code`."""
        return f"{self.address}?token={self._app.state.entry.code()}"

    def run(self) -> None:
        """Serve until ^C, or until `stop` is called."""
        with contextlib.suppress(KeyboardInterrupt):
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Ask the server to end."""
        self._server.should_exit = True

    @contextlib.contextmanager
    def in_thread(self) -> Iterator[Server]:
        """Serve in a thread for the length of a ``with`` block."""
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.stop()
            thread.join(WAIT_S)


class _Closing(uvicorn.Server):
    """Leaves no connection open when it ends, also none that came while it was ending.

    A browser opens some ahead of time; to one that nobody reads any more it would send what it asks
    of the next server at the same address.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as any server, then close what is left."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # connections are closed in the next turn of the loop


def _bound(host: str, port: int) -> socket.socket:
    """Listen, so that whoever opens the page at once is not refused.

    Raises
    ------
    StoreError
        If that cannot be.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # or each waits 40 ms
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((host, port))
            made.listen(256)
        except BaseException:
            made.close()
            raise
    except OSError as error:
        raise StoreError(f"{host}:{port}: cannot be served at: {error.strerror}") from error
    return made
