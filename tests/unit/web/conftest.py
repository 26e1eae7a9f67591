"""A workbench that is really served, on a copy of the sample, and a client that is its page."""

from __future__ import annotations

import http.client
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock
from urllib.parse import quote, urlencode

import pytest

pytest.importorskip("starlette", reason="the workbench needs the extra 'serve'")
pytest.importorskip("uvicorn", reason="the workbench needs the extra 'serve'")


@pytest.fixture(scope="module", autouse=True)
def processes() -> Iterator[None]:
    """Start the process that queries run in when the first one comes, and no second one.

    Most tests run none or one, and a start costs a second; modules about processes take this back.
    """
    from vquery.web import workers

    with mock.patch.multiple(workers, READY=0, MOST=1):
        yield


PATIENCE_S = 90.0
"""Seconds that something may take that takes one, where other tests run beside it."""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks as the page does: own host and origin, and the token for what changes something."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.token = token

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str | None] | None = None,
    ) -> Answer:
        """Send a request; headers given as None are left out."""
        own: dict[str, str | None] = {"Host": f"127.0.0.1:{self.port}"}
        own |= {"X-VQuery-Token": self.token}
        if method not in ("GET", "HEAD"):
            own |= {"Origin": f"http://127.0.0.1:{self.port}", "Content-Type": "application/json"}
        own |= headers or {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in own.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None and "Content-Length" not in own:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **query: Any) -> Any:
        """Get JSON; anything but 200 fails the test."""
        answer = self.ask("GET", address(path, query))
        assert answer.status == 200, answer
        return answer.json

    def post(self, path: str, data: Any = None, status: int = 200) -> Any:
        """Post JSON and get some."""
        answer = self.ask("POST", path, json.dumps({} if data is None else data).encode())
        assert answer.status == status, answer
        return answer.json

    def delete(self, path: str, status: int = 200) -> Any:
        """Delete something."""
        answer = self.ask("DELETE", path)
        assert answer.status == status, answer
        return answer.json

    def refused(self, path: str, status: int, **query: Any) -> str:
        """Get what must be refused; return the sentence."""
        answer = self.ask("GET", address(path, query))
        assert answer.status == status, answer
        return str(answer.json["error"])

    def run(self, text: str) -> dict[str, Any]:
        """Run a query to its end and return its result."""
        said = self.ended("queries", self.post("/api/queries", {"text": text})["query"])
        assert said["state"] == "done", said
        return dict(said["result"])

    def job(self, name: str, *, seconds: float = PATIENCE_S) -> dict[str, Any]:
        """Wait for a job and return what it gave."""
        said = self.ended("jobs", name, seconds=seconds)
        assert said["state"] == "done", said
        return dict(said["result"])

    def ended(self, kind: str, name: str, *, seconds: float = PATIENCE_S) -> dict[str, Any]:
        """Wait for a job or a query and return what is said of it, however it ended."""
        until = time.monotonic() + seconds
        while True:
            said = self.get(f"/api/{kind}/{name}", wait_s=5)
            if said["state"] != "running" or time.monotonic() > until:
                return dict(said)


def address(path: str, query: dict[str, Any]) -> str:
    """Write an address with its query."""
    plain = quote(path, safe="/%")
    return f"{plain}?{urlencode(query)}" if query else plain


class Served(NamedTuple):
    workbench: Any
    client: Client


def serve(path: Path, who: str = "tester", files: tuple[Path, ...] = ()) -> Any:
    """Serve a collection for the length of a ``with`` block: gives `Served`."""
    from contextlib import contextmanager

    from vquery.web.serving import Server
    from vquery.web.state import Workbench

    @contextmanager
    def served() -> Any:
        workbench = Workbench(path, who=who, files=files)
        server = Server(workbench)
        with server.in_thread():
            yield Served(workbench, Client(server.port, workbench.token))

    return served()


@pytest.fixture(scope="module")
def shared(indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Serve a copy of the sample collection to all tests of a module, which only read."""
    copy = shutil.copytree(indexed, tmp_path_factory.mktemp("shared") / "sample.vq")
    with serve(Path(copy)) as served:
        yield served


@pytest.fixture
def workbench(path: Path) -> Any:
    """Serve a copy of the sample collection: ``workbench.client``, ``workbench.workbench``."""
    with serve(path) as served:
        yield served
