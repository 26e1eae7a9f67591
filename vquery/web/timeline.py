"""The timeline of a video, and the way from hit to hit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from vquery.api.timelines import next_hit
from vquery.web import wire
from vquery.web.media import FOREVER_US, desk, moment, seen
from vquery.web.overlay import stretch
from vquery.web.wire import Refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from vquery.api.lanes import Spans

WIDTH = 1000
WIDEST = 10_000


def hits(request: Request, name: str) -> Spans | None:
    """Find the hits of ``result=`` in a video; None where no result is named.

    Raises
    ------
    Refused
        With 404 if the result is not kept any more.
    """
    wanted = request.query_params.get("result")
    if not wanted:
        return None
    result = request.app.state.workbench.results.get(wanted)
    return desk(request).timeline.hits(result.id, result.table, name)


async def timeline(request: Request) -> Response:
    """``GET /api/timeline?video=&start_us=&end_us=&width=&result=&concept=``."""
    name, low, high = stretch(request)
    width = wire.number(request, "width", WIDTH, 10, WIDEST)
    concept = wire.words(request, "concept", "name", most=200)

    def work() -> dict[str, Any]:
        now, here = moment(request), desk(request)
        film = here.looker.film(now, name)
        end = min(high, max(film.duration_us or 0, low + 1)) if high == FOREVER_US else high
        lanes = here.timeline.draw(
            now, film.video, (low, end), width, concept=concept, hits=hits(request, film.video)
        )
        return {"video": film.video, "start_us": low, "end_us": end, "lanes": lanes}

    return wire.json(await seen(request, work))


async def hit(request: Request) -> Response:
    """``GET /api/hits?result=&video=&after_us=|before_us=``: the next or previous hit, or null."""
    name = wire.words(request, "video")
    wire.words(request, "result")
    given = [one for one in ("after_us", "before_us") if one in request.query_params]
    if len(given) != 1:
        raise Refused(400, "give either 'after_us=' or 'before_us='")
    at_us = wire.number(request, given[0], None, -1, FOREVER_US)

    def work() -> dict[str, int] | None:
        film = desk(request).looker.film(moment(request), name)
        found = hits(request, film.video)
        if found is None:
            return None
        after = given[0] == "after_us"
        return next_hit(found, at_us if after else None, None if after else at_us)

    return wire.json(await seen(request, work))


ROUTES = [Route("/api/timeline", timeline), Route("/api/hits", hit)]
