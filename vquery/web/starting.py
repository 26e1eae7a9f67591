"""``vquery serve``: the page of a collection, until it is ended."""

from __future__ import annotations

import ipaddress
import threading
import webbrowser
from importlib.util import find_spec
from typing import TYPE_CHECKING

from vquery.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

NEEDED = ("starlette", "uvicorn")


def serve(
    path: Path,
    *,
    host: str,
    port: int,
    browser: bool,
    files: Sequence[Path],
    by: str | None,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> None:
    """Serve a collection until ^C.

    Parameters
    ----------
    path
        The collection.
    host, port
        Where; 0 takes a free port.
    browser
        Whether to open the page.
    files
        Python files that define concepts.
    by
        Who labels; by default the user's login name.
    say, warn
        Told the address, and what is better known.

    Raises
    ------
    MissingDependencyError
        If starlette or uvicorn is not installed.
    StoreError
        If there is no such collection, or the address cannot be served at.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"the workbench needs {' and '.join(missing)}: pip install 'vquery-video[serve]'"
        )
    from vquery.web.serving import Server
    from vquery.web.state import Workbench

    workbench = Workbench(path, who=by, files=files)
    try:
        server = Server(workbench, host, port)
        if not is_loopback(host):
            warn(
                f"everybody who has this address may see and label {path.name}, and what is sent "
                "is not encrypted: whoever can listen to this network has it too"
            )
        say(server.entrance)
        if browser:
            threading.Thread(target=webbrowser.open, args=(server.once(),), daemon=True).start()
        server.run()
    finally:
        workbench.close()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
