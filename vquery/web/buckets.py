"""Precision by bucket of a score: shown, sampled, judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from vquery.api import bucketing
from vquery.web import wire
from vquery.web.actions import key_of
from vquery.web.rows import shown
from vquery.web.wire import Refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from vquery.api.bucketing import Scored
    from vquery.web.results import Result
    from vquery.web.state import Workbench

MOST_BUCKETS = 50
MOST_SAMPLED = 200
ASKED: dict[str, wire.Kind] = {
    "result": str,
    "by": (str, None),
    "concept": (str, None),
    "bucket": int,
    "buckets": (int, None),
}


async def show(request: Request) -> Response:
    """``GET /api/buckets``."""
    workbench = request.app.state.workbench
    result = workbench.results.get(wire.words(request, "result", most=200))
    by = wire.choice(request, "by", bucketing.WAYS)
    concept = wire.words(request, "concept", "name", most=200)
    count = wire.number(request, "buckets", bucketing.BUCKETS, 1, MOST_BUCKETS)
    wanted = wire.real(request, "precision", bucketing.WANTED, 0.0, 1.0)

    def work() -> dict[str, Any]:
        return bucketing.table_of(_scored(workbench, result, concept, by, count), wanted)

    return wire.json(await run_in_threadpool(work))


def _scored(workbench: Workbench, result: Result, concept: str, by: str, count: int) -> Scored:
    return bucketing.scored(workbench.store, result.table, concept, by, result.text, count)


def _asked(workbench: Workbench, given: dict[str, Any]) -> tuple[Result, Scored, str, str]:
    """Find the result, its buckets, the concept and the way of a request."""
    by, concept = given["by"] or bucketing.WAYS[0], given["concept"] or "name"
    count = bucketing.BUCKETS if given["buckets"] is None else given["buckets"]
    if by not in bucketing.WAYS:
        raise Refused(400, f"'by' must be one of {', '.join(bucketing.WAYS)}")
    if not 1 <= count <= MOST_BUCKETS:
        raise Refused(400, f"'buckets' must be from 1 to {MOST_BUCKETS}, got {count}")
    result = workbench.results.get(given["result"])
    found = _scored(workbench, result, concept, by, count)
    last = len(found.edges) - 2
    if not 0 <= given["bucket"] <= last:
        raise Refused(400, f"'bucket' must be from 0 to {last}, got {given['bucket']}")
    return result, found, concept, by


async def sample(request: Request) -> Response:
    """``POST /api/buckets/sample``: rows of a bucket that nobody judged yet."""
    given = await wire.body(request, {**ASKED, "n": (int, None)})
    n = 12 if given["n"] is None else given["n"]
    if not 1 <= n <= MOST_SAMPLED:
        raise Refused(400, f"'n' must be from 1 to {MOST_SAMPLED}, got {n}")
    workbench = request.app.state.workbench

    def work() -> dict[str, Any]:
        result, found, concept, _ = _asked(workbench, given)
        seed = int(result.id[:8], 16) + given["bucket"]
        chosen = found.rows[bucketing.sample(found, given["bucket"], n, seed)]
        return {"rows": shown(workbench, result, chosen, concept)}

    return wire.json(await run_in_threadpool(work))


async def judge(request: Request) -> Response:
    """``POST /api/buckets/judge``: say which rows are right and which are wrong."""
    given = await wire.body(request, {**ASKED, "right": list, "wrong": list})
    rows = [*given["right"], *given["wrong"]]
    if not all(type(row) is int for row in rows):
        raise Refused(400, "'right' and 'wrong' are numbers of rows of the result")
    workbench, key = request.app.state.workbench, key_of(request)

    def work() -> dict[str, Any]:
        result, found, concept, by = _asked(workbench, given)
        said = bucketing.verdicts(found, given["right"], given["wrong"])
        workbench.store.judge(said, concept, by, who=workbench.who, query=result.text, key=key)
        count = bucketing.BUCKETS if given["buckets"] is None else given["buckets"]
        return bucketing.table_of(_scored(workbench, result, concept, by, count))

    return wire.json(await run_in_threadpool(work))


ROUTES = [
    Route("/api/buckets", show, methods=["GET"]),
    Route("/api/buckets/sample", sample, methods=["POST"]),
    Route("/api/buckets/judge", judge, methods=["POST"]),
]
