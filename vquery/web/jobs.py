"""Work that takes longer than a request: started, asked for, cancelled."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from vquery.errors import VQueryError
from vquery.web import wire
from vquery.web.register import Register
from vquery.web.wire import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

KEPT = 200
WAITING = 200
THREADS = 2
LONGEST_WAIT_S = 10.0
STATES = ("running", "done", "failed", "cancelled")
log = logging.getLogger("vquery")


class CancelledError(Exception):
    """Raised inside work that nobody wants any more."""


class Job:
    """One piece of work; its function is given it, to `say` how far it is and to be stopped.

    Attributes
    ----------
    id, kind : str
        Its name, and what is done.
    state : str
        "running", "done", "failed" or "cancelled".
    result : dict or None
        What it gave.
    """

    def __init__(self, kind: str) -> None:
        self.id = secrets.token_hex(8)
        self.kind = kind
        self.state = "running"
        self.progress: str | None = None
        self.share: float | None = None
        self.result: dict[str, Any] | None = None
        self.error: str | None = None
        self.place: dict[str, int] = {}
        self._began = time.monotonic()
        self._ended: float | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()

    def say(self, text: str | None = None, share: float | None = None) -> None:
        """Tell how far it is; raises `CancelledError` when the work is to end."""
        if text is not None:
            self.progress = text
        if share is not None:
            self.share = min(max(share, 0.0), 1.0)
        self.check()

    def check(self) -> None:
        """Raise `CancelledError` when the work is to end."""
        if self._stop.is_set():
            raise CancelledError

    def end(
        self,
        state: str,
        result: dict[str, Any] | None = None,
        error: str | None = None,
        place: dict[str, int] | None = None,
    ) -> None:
        """Say what became of it; only the first end counts."""
        with self._lock:
            if self.state == "running":
                self.result, self.error, self.place = result, error, place or {}
                self._ended = time.monotonic()
                self.state = state  # last: who sees it may read the rest

    def cancel(self) -> None:
        """End it as soon as it looks."""
        self._stop.set()
        self.end("cancelled", error="cancelled")

    @property
    def seconds(self) -> float:
        """How long it took, or takes."""
        return round((self._ended or time.monotonic()) - self._began, 4)

    def to_dict(self) -> dict[str, Any]:
        """Say everything, for the page."""
        said: dict[str, Any] = {
            "job": self.id,
            "kind": self.kind,
            "state": self.state,
            "progress": self.progress,
            "share": self.share,
            "seconds": self.seconds,
        }
        if self.result is not None:
            said["result"] = self.result
        return said if self.error is None else said | {"error": self.error, **self.place}


class Jobs:
    """The jobs of one run: few at a time, the last ones remembered."""

    def __init__(self) -> None:
        self._register = Register(("job", "jobs"), WAITING, KEPT)
        self._threads = ThreadPoolExecutor(THREADS, "vquery-job")

    def start(self, kind: str, work: Callable[[Job], dict[str, Any]]) -> Job:
        """Begin work in a thread; its result is what the function returns.

        Raises
        ------
        Refused
            With 409 if too much is waiting.
        """
        job = Job(kind)
        self._register.add(job)
        self._threads.submit(_run, job, work)
        return job

    def get(self, name: str) -> Job:
        """Find a job.

        Raises
        ------
        Refused
            With 404 if there is none, or it ended long ago.
        """
        return self._register.get(name)

    def close(self) -> None:
        """Cancel what runs, and wait for nothing."""
        for job in self._register.all():
            job.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _run(job: Job, work: Callable[[Job], dict[str, Any]]) -> None:
    try:
        job.check()
        job.end("done", work(job))
    except CancelledError:
        job.end("cancelled", error="cancelled")
    except (VQueryError, Refused) as problem:
        job.end("failed", error=str(problem))
    except Exception as problem:  # one job must not end the server
        log.exception("workbench: %s failed", job.kind)
        job.end("failed", error=f"{job.kind} failed: {type(problem).__name__}: {problem}")


async def waited(still: Callable[[], bool], seconds: float) -> None:
    """Wait until something has ended, without holding a thread."""
    until, pause = time.monotonic() + seconds, 0.004
    while still() and time.monotonic() < until:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)


async def show(request: Request) -> Response:
    """``GET /api/jobs/{id}?wait_s=``."""
    job = request.app.state.workbench.jobs.get(request.path_params["id"])
    wait = wire.real(request, "wait_s", 0.0, 0.0, LONGEST_WAIT_S)
    await waited(lambda: job.state == "running", wait)
    return wire.json(job.to_dict())


async def cancel(request: Request) -> Response:
    """``DELETE /api/jobs/{id}``."""
    job = request.app.state.workbench.jobs.get(request.path_params["id"])
    job.cancel()
    return wire.json(job.to_dict())


ROUTES = [
    Route("/api/jobs/{id}", show, methods=["GET"]),
    Route("/api/jobs/{id}", cancel, methods=["DELETE"]),
]
