"""Queries: started, waited for, cancelled, explained, and kept by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from vquery.api import texts
from vquery.api.relations import table_names
from vquery.engine.parse import LONGEST
from vquery.errors import VQueryError
from vquery.web import wire
from vquery.web.completion import complete
from vquery.web.jobs import LONGEST_WAIT_S, Job, waited
from vquery.web.register import Register
from vquery.web.wire import Refused
from vquery.web.workers import Workers, explained

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from vquery.web.state import Workbench

KEPT = 500
WAITING = 64
EXPLAIN_S = 10.0


class Queries:
    """The queries of one run, and the processes that they run in."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench
        self._register = Register(("query", "queries"), WAITING, KEPT)
        self.workers = Workers(workbench.root, workbench.files.paths, workbench.folder)

    def start(self, text: str) -> Job:
        """Begin to run a text.

        Raises
        ------
        Refused
            With 409 if too many are waiting.
        """
        job = Job("query")
        self._register.add(job)

        def done(said: dict[str, Any], out: Path | None) -> None:
            self._ended(job, text, said, out)

        seconds = self._workbench.limit_s
        self.workers.submit(text, done, lambda: job.state == "running", seconds=seconds)
        return job

    def get(self, name: str) -> Job:
        """Find a query.

        Raises
        ------
        Refused
            With 404 if there is none, or it ended long ago.
        """
        return self._register.get(name)

    def _ended(self, job: Job, text: str, said: dict[str, Any], out: Path | None) -> None:
        if job.state != "running":
            return
        if "error" in said:
            place: dict[str, int] = {n: said[n] for n in ("line", "column") if n in said}
            job.end("failed", error=said["error"], place=place)
            return
        assert out is not None  # only an explanation has no rows
        try:
            cut = None
            if said["of"] > said["rows"]:
                cut = {"kept": said["rows"], "of": said["of"]}
            with pa.memory_map(str(out)) as file:
                table = pa.ipc.open_file(file).read_all()
            out.unlink(missing_ok=True)  # mapped; who hears of the end finds it gone
            job.end("done", self._workbench.results.add(table, text, cut=cut).to_dict())
        except (VQueryError, OSError, pa.ArrowException) as problem:
            job.end("failed", error=str(problem))


async def start(request: Request) -> Response:
    """``POST /api/queries``."""
    given = await wire.body(request, {"text": str})
    text = asked(given["text"])
    return wire.json({"query": request.app.state.queries.start(text).id})


def asked(text: str) -> str:
    """Refuse a text that cannot be a query before a process is asked."""
    if not text.strip():
        raise Refused(422, "the query is empty: write a table, such as faces")
    if len(text) > LONGEST:
        raise Refused(422, f"a query may have {LONGEST:,} characters, got {len(text):,}")
    return text


async def show(request: Request) -> Response:
    """``GET /api/queries/{id}?wait_s=``."""
    job = request.app.state.queries.get(request.path_params["id"])
    wait = wire.real(request, "wait_s", 0.0, 0.0, LONGEST_WAIT_S)
    await waited(lambda: job.state == "running", wait)
    return wire.json(_said(job))


async def cancel(request: Request) -> Response:
    """``DELETE /api/queries/{id}``."""
    job = request.app.state.queries.get(request.path_params["id"])
    job.cancel()
    return wire.json(_said(job))


def _said(job: Job) -> dict[str, Any]:
    said = job.to_dict()
    return {name: said[name] for name in said if name not in ("job", "kind", "progress", "share")}


async def explain(request: Request) -> Response:
    """``GET /api/explain?text=``: the plan."""
    text = asked(wire.words(request, "text", most=LONGEST))
    workers = request.app.state.queries.workers
    said = await run_in_threadpool(explained, workers, text, EXPLAIN_S)
    return wire.error(422, said.pop("error"), **said) if "error" in said else wire.json(said)


async def completed(request: Request) -> Response:
    """``GET /api/complete?text=&at=``: what may come at a place of a text."""
    text = wire.words(request, "text", "", most=LONGEST)
    at = wire.number(request, "at", len(text), 0, len(text))
    return wire.json(await run_in_threadpool(complete, request.app.state.workbench, text, at))


async def save(request: Request) -> Response:
    """``POST /api/concepts``: keep a text by name."""
    given = await wire.body(request, {"name": str, "text": str})
    text = asked(given["text"])
    return wire.json(await run_in_threadpool(_save, request.app.state, given["name"], text))


def _save(state: Any, name: str, text: str) -> dict[str, Any]:
    workbench: Workbench = state.workbench
    tables, functions = table_names(workbench.moment()), workbench.files.known()
    texts.check(workbench.store, name, text, tables, functions)
    said = explained(state.queries.workers, text, EXPLAIN_S)
    if "error" in said:
        raise Refused(422, said.pop("error"), **said)
    store, who = workbench.store, workbench.who
    event = texts.save(store, name, text, tables, who=who, functions=functions)
    return {"name": name, "event": event}


ROUTES = [
    Route("/api/queries", start, methods=["POST"]),
    Route("/api/queries/{id}", show, methods=["GET"]),
    Route("/api/queries/{id}", cancel, methods=["DELETE"]),
    Route("/api/explain", explain, methods=["GET"]),
    Route("/api/complete", completed, methods=["GET"]),
    Route("/api/concepts", save, methods=["POST"]),
]
