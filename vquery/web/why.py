"""Why something is called what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from vquery.api.evidence import Place
from vquery.web import wire
from vquery.web.media import desk, moment, seen
from vquery.web.wire import Refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

LARGEST = 1 << 62


async def why(request: Request) -> Response:
    """``GET /api/why?concept=&detection_id=`` or ``?concept=&result=&row=``."""
    concept = wire.words(request, "concept", "name", most=200)
    by_row = "row" in request.query_params
    number = wire.number(request, "row" if by_row else "detection_id", None, 0, LARGEST)

    def work() -> dict[str, Any]:
        now, reasoner = moment(request), desk(request).reasoner
        asked = _row(request, number) if by_row else number
        if isinstance(asked, Place):
            return reasoner.span(now, concept, asked)
        return reasoner.detection(now, concept, asked)

    return wire.json(await seen(request, work))


def _row(request: Request, row: int) -> int | Place:
    """Find the detection or span that a row of a result is.

    Raises
    ------
    Refused
        With 404 if the result is not kept any more, or has no such row.
    """
    result = request.app.state.workbench.results.get(wire.words(request, "result"))
    if row >= result.total:
        raise Refused(404, f"there is no row {row}: the result has {result.total} rows")
    found = result.table.slice(row, 1).to_pylist()[0]
    if found.get("detection_id") is not None:
        return int(found["detection_id"])
    return Place(str(found["video"]), found["start_us"], found["end_us"])


ROUTES = [Route("/api/why", why)]
