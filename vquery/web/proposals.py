"""Propagations, which are looked at before they are kept; and what to label next."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from vquery.api.learnt.few import FEW_SHOT
from vquery.api.propagation import previewing
from vquery.graph.knowing import STRATEGIES
from vquery.web import wire
from vquery.web.actions import key_of
from vquery.web.wire import Refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from vquery.api.propagation.result import Propagation
    from vquery.web.jobs import Job
    from vquery.web.state import Workbench

KEPT = 4
KNOWN = (*STRATEGIES, FEW_SHOT)
MOST_SUGGESTED = 1000
KEEP, TAKE_BACK = "keep propagation", "undo propagation"


class Previews:
    """Propagations that are not kept (yet); the last few of them."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Propagation] = OrderedDict()
        self._lock = threading.Lock()
        self.turn = threading.Lock()

    def add(self, found: Propagation) -> str:
        """Hold one; returns its name."""
        name = secrets.token_hex(8)
        with self._lock:
            self._held[name] = found
            while len(self._held) > KEPT:
                self._held.popitem(last=False)
        return name

    def get(self, name: str) -> Propagation:
        """Find one.

        Raises
        ------
        Refused
            With 404 if it was let go.
        """
        with self._lock:
            found = self._held.get(name)
        if found is None:
            raise Refused(404, "this preview is not held any more: propagate again")
        return found


_MAKING = threading.Lock()


def previews(request: Request) -> Previews:
    """Return the previews of this application."""
    state = request.app.state
    with _MAKING:
        if not hasattr(state, "previews"):
            state.previews = Previews()
    held: Previews = state.previews
    return held


async def propagate(request: Request) -> Response:
    """``POST /api/propagations``: find what a propagation would change."""
    given = await wire.body(request, {"concept": str, "threshold": (float, None)})
    workbench, held = request.app.state.workbench, previews(request)
    chosen = {} if given["threshold"] is None else {"threshold": given["threshold"]}

    def work(job: Job) -> dict[str, Any]:
        found = workbench.db.propagate(given["concept"], keep=False, progress=job.say, **chosen)
        job.say("comparing")
        seen = previewing.preview(workbench.store, found)
        text = f"what propagating {given['concept']} would change"
        result = workbench.results.add(seen.rows, text)
        said = previewing.told(found, seen)
        return {"preview": held.add(found), **said, "result": result.to_dict()}

    return wire.json({"job": workbench.jobs.start("propagate", work).id})


async def keep(request: Request) -> Response:
    """``POST /api/propagations/{preview}/keep``."""
    await wire.body(request, {})
    workbench, held = request.app.state.workbench, previews(request)
    name = request.path_params["preview"]

    def work() -> dict[str, Any]:
        found = held.get(name)
        with held.turn:  # sent twice it is one run
            if not found.run_id:
                found.keep()
                said = {"concept": found.concept, "run_id": found.run_id}
                workbench.store.append(KEEP, said, who=workbench.who)
        return {
            "run_id": found.run_id,
            "sentence": f"run {found.run_id} of {found.concept!r} is in force",
        }

    return wire.json(await run_in_threadpool(work))


async def take_back(request: Request) -> Response:
    """``POST /api/propagations/undo``: take the last run in force back."""
    given = await wire.body(request, {"run_id": (int, None)})
    workbench, key, held = request.app.state.workbench, key_of(request), previews(request)

    def work() -> dict[str, Any]:
        with held.turn:
            before = workbench.store.action_of(key, TAKE_BACK)
            return _undone(workbench, given["run_id"], key) if before is None else before.payload

    said = await run_in_threadpool(work)
    return wire.json({name: said[name] for name in ("run_id", "concept", "restored", "sentence")})


def _undone(workbench: Workbench, run_id: int | None, key: str | None) -> dict[str, Any]:
    undone = workbench.db.undo_run(run_id)
    said = {
        "run_id": undone.run_id,
        "concept": undone.concept,
        "restored": undone.restored,
        "sentence": str(undone),
    }
    workbench.store.append(TAKE_BACK, said, who=workbench.who, key=key)
    return said


async def suggest(request: Request) -> Response:
    """``POST /api/suggestions``: choose what to label next."""
    fields: dict[str, wire.Kind] = {"n": (int, None), "strategy": (str, None)}
    given = await wire.body(request, {"concept": str, **fields})
    n = 20 if given["n"] is None else given["n"]
    strategy = given["strategy"] or "mixed"
    if not 1 <= n <= MOST_SUGGESTED:
        raise Refused(400, f"'n' must be from 1 to {MOST_SUGGESTED:,}, got {n}")
    if strategy not in KNOWN:
        raise Refused(400, f"'strategy' must be one of {', '.join(KNOWN)}")
    workbench = request.app.state.workbench

    def work(job: Job) -> dict[str, Any]:
        concept = given["concept"]
        rows = workbench.db.suggest(n, strategy=strategy, concept=concept, progress=job.say)
        text = f"suggestions for {concept} by {strategy}"
        return {"result": workbench.results.add(rows.collect(), text).to_dict()}

    return wire.json({"job": workbench.jobs.start("suggest", work).id})


ROUTES = [
    Route("/api/propagations", propagate, methods=["POST"]),
    Route("/api/propagations/undo", take_back, methods=["POST"]),
    Route("/api/propagations/{preview}/keep", keep, methods=["POST"]),
    Route("/api/suggestions", suggest, methods=["POST"]),
]
