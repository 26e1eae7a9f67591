"""What people do to labels: each request is one action, which is one event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from vquery.api import acting, judging, labelling
from vquery.web import wire
from vquery.web.asked import asked
from vquery.web.selection import selected
from vquery.web.wire import MIB, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from vquery.api.acting import Acted
    from vquery.web.asked import Asked
    from vquery.web.selection import Selected
    from vquery.web.state import Workbench

LARGE = 4 * MIB
"""Bytes of a body that may name 100,000 detections."""
ACTION = "x-vquery-action"
LONGEST_KEY = 100
MOST_EVENTS = 1000
CHOSEN: dict[str, wire.Kind] = {"selection": dict, "concept": str, "query": (str, None)}
JUDGED: dict[str, wire.Kind] = {**CHOSEN, "alike": (str, None)}
"""``alike`` names the order by likeness that the page shows, which proposes labels."""
SPAN: dict[str, wire.Kind] = {"video": str, "start_us": int, "end_us": int, "concept": str}


def key_of(request: Request) -> str | None:
    """Return the name that the page gave to this one action, so that it is done once."""
    key = request.headers.get(ACTION)
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isascii()):
        raise Refused(400, f"the header X-VQuery-Action must have 1 to {LONGEST_KEY} characters")
    return key


def answer(done: Acted) -> dict[str, Any]:
    """Say what an action did."""
    return {
        "labelled": done.labelled,
        "skipped": done.skipped,
        "event": done.event,
        "sentence": done.sentence,
    }


async def label(request: Request) -> Response:
    """``POST /api/labels``."""
    given = await wire.body(request, {**CHOSEN, "value": (str, None)}, limit=LARGE)
    if "value" not in json.loads(await request.body()):  # left out it must not mean "none of them"
        raise Refused(400, "'value' is needed: a label, or null for none of them")
    workbench, key = request.app.state.workbench, key_of(request)

    def work() -> dict[str, Any]:
        chosen, said = _chosen(workbench, given, key)
        rows = chosen.spans() if chosen.ids is None else chosen.ids
        return answer(
            judging.label(workbench.store, rows, given["concept"], given["value"], **said)
        )

    return wire.json(await run_in_threadpool(work))


def _chosen(
    workbench: Workbench, given: dict[str, Any], key: str | None
) -> tuple[Selected, dict[str, Any]]:
    """Find the rows of a request; also say who acts, on which query."""
    labelling.check_concept(given["concept"])
    chosen = selected(workbench, given["selection"], given["concept"])
    query = chosen.query if given["query"] is None else given["query"]
    return chosen, {"by": workbench.who, "query": query, "key": key}


async def accept(request: Request) -> Response:
    """``POST /api/accept``."""
    return await _judged(request, judging.accept, proposing=True)


async def reject(request: Request) -> Response:
    """``POST /api/reject``."""
    return await _judged(request, judging.reject, proposing=True)


async def unsure(request: Request) -> Response:
    """``POST /api/unsure``."""
    return await _judged(request, judging.unsure, proposing=False)


async def unlabel(request: Request) -> Response:
    """``POST /api/unlabel``: take the labels that people gave off detections or spans."""
    given = await wire.body(request, CHOSEN, limit=LARGE)
    workbench, key = request.app.state.workbench, key_of(request)

    def work() -> dict[str, Any]:
        chosen, said = _chosen(workbench, given, key)
        rows = chosen.spans() if chosen.ids is None else chosen.ids
        return answer(judging.unlabel(workbench.store, rows, given["concept"], **said))

    return wire.json(await run_in_threadpool(work))


async def _judged(request: Request, act: Callable[..., Acted], *, proposing: bool) -> Response:
    given = await wire.body(request, JUDGED, limit=LARGE)
    workbench, key = request.app.state.workbench, key_of(request)

    def work() -> dict[str, Any]:
        chosen, said = _chosen(workbench, given, key)
        rows: Any = chosen.spans() if chosen.ids is None else chosen.ids
        if proposing and chosen.ids is not None:
            rows, said["proposals"] = _proposals(workbench, chosen, given)
        return answer(act(workbench.store, rows, given["concept"], **said))

    return wire.json(await run_in_threadpool(work))


def _proposals(
    workbench: Workbench, chosen: Selected, given: dict[str, Any]
) -> tuple[Any, pa.Array | pa.ChunkedArray | None]:
    """Take what the order or the result itself proposes: likeness, a preview, or suggestions."""
    table = None if chosen.result is None else chosen.result.table
    if given["alike"] is not None and chosen.result is not None:
        return _likely(workbench, chosen, asked(chosen.result, given["alike"]), given["concept"])
    columns = [] if table is None else table.column_names
    for name, beside in (("proposed", "change"), ("best", "suggestion")):
        if table is not None and {name, beside} <= set(columns):
            rows = table.select(["detection_id", name]).take(pa.array(chosen.rows))
            return rows["detection_id"], rows[name]
    return chosen.ids, None


def _likely(
    workbench: Workbench, chosen: Selected, order: Asked, concept: str
) -> tuple[pa.ChunkedArray, pa.Array]:
    """Propose the value of an order by likeness, and what was found of rows that are unlike it."""
    assert chosen.result is not None
    rows = chosen.result.table.take(pa.array(chosen.rows))
    found = pc.cast(workbench.column(rows, concept, "label"), pa.string())
    proposed = pa.array(order.proposed(chosen.rows, concept))
    return rows["detection_id"], pc.if_else(proposed, order.value, found)


async def undo(request: Request) -> Response:
    """``POST /api/undo``: take back this person's last action."""
    return await _turn(request, acting.undo)


async def redo(request: Request) -> Response:
    """``POST /api/redo``."""
    return await _turn(request, acting.redo)


async def _turn(request: Request, act: Callable[..., Acted]) -> Response:
    await wire.body(request, {})
    workbench, key = request.app.state.workbench, key_of(request)
    done = await run_in_threadpool(act, workbench.store, by=workbench.who, key=key)
    return wire.json(answer(done))


async def events(request: Request) -> Response:
    """``GET /api/events?after=&limit=``: without ``after`` the last ones."""
    after = wire.number(request, "after", -1, -1, 1 << 53)
    limit = wire.number(request, "limit", 100, 1, MOST_EVENTS)
    store = request.app.state.workbench.store
    said = await run_in_threadpool(acting.history, store, None if after < 0 else after, limit)
    return wire.json(said)


async def span(request: Request) -> Response:
    """``POST /api/spans``: label one span of a video."""
    given = await wire.body(request, {**SPAN, "value": (str, None)})
    if "value" not in json.loads(await request.body()):
        raise Refused(400, "'value' is needed: a label, or null for none of them")
    workbench, key = request.app.state.workbench, key_of(request)
    rows = pa.Table.from_pylist([_span(given)])

    def work() -> dict[str, Any]:
        said = {"by": workbench.who, "key": key}
        return answer(
            judging.label(workbench.store, rows, given["concept"], given["value"], **said)
        )

    return wire.json(await run_in_threadpool(work))


def _span(given: dict[str, Any]) -> dict[str, Any]:
    if not 0 <= given["start_us"] < given["end_us"] < 1 << 53:
        raise Refused(
            400,
            "a span starts at 0 us or later and ends after that, got "
            f"{given['start_us']} to {given['end_us']}",
        )
    return {name: given[name] for name in ("video", "start_us", "end_us")}


async def trim(request: Request) -> Response:
    """``POST /api/spans/trim``: give a labelled span other ends."""
    fields: dict[str, wire.Kind] = {"event": (int, None), "span": (dict, None)}
    given = await wire.body(request, {**fields, "start_us": int, "end_us": int})
    workbench, key = request.app.state.workbench, key_of(request)

    def work() -> dict[str, Any]:
        old = _meant(workbench, given)
        _span({**given, "video": old["video"]})
        store, ends = workbench.store, (given["start_us"], given["end_us"])
        try:
            done = acting.trim(store, old, old["concept"], *ends, by=workbench.who, key=key)
        except acting.StaleError as problem:
            raise Refused(409, str(problem)) from None
        return answer(done)

    return wire.json(await run_in_threadpool(work))


def _meant(workbench: Workbench, given: dict[str, Any]) -> dict[str, Any]:
    """Find the span that is trimmed: it is given, or the one that an event labelled."""
    if (given["span"] is None) == (given["event"] is None):
        raise Refused(400, "give the 'span' that is trimmed, or the 'event' that labelled it")
    if given["span"] is not None:
        unknown = sorted(set(given["span"]) - set(SPAN))
        if unknown:
            raise Refused(400, f"a span has no field {unknown[0][:40]!r}: {', '.join(SPAN)}")
        return {n: wire.checked(n, given["span"].get(n), kind) for n, kind in SPAN.items()}
    found = next((e for e in workbench.store.events() if e.event_id == given["event"]), None)
    rows = None if found is None else found.rows
    if found is None or rows is None or "video" not in rows.column_names or "by" in found.payload:
        raise Refused(404, f"event {given['event']} labelled no span")
    one = rows.slice(rows.num_rows - 1).to_pylist()[0]  # of a trim the span as it is since
    return {**one, "concept": found.payload["concept"]}


ROUTES = [
    Route("/api/labels", label, methods=["POST"]),
    Route("/api/unlabel", unlabel, methods=["POST"]),
    Route("/api/accept", accept, methods=["POST"]),
    Route("/api/reject", reject, methods=["POST"]),
    Route("/api/unsure", unsure, methods=["POST"]),
    Route("/api/undo", undo, methods=["POST"]),
    Route("/api/redo", redo, methods=["POST"]),
    Route("/api/events", events, methods=["GET"]),
    Route("/api/spans", span, methods=["POST"]),
    Route("/api/spans/trim", trim, methods=["POST"]),
]
