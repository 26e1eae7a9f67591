"""Pages of a result, with the labels as they are now; and its groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from vquery.schema import BOX, KEYS
from vquery.web import wire
from vquery.web.asked import LIKE, asked
from vquery.web.orders import GROUPS, groups_of, order_of
from vquery.web.wire import Refused

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from starlette.requests import Request
    from starlette.responses import Response

    from vquery.web.results import Result
    from vquery.web.state import Workbench

PAGE = 500
LONGEST = 4_000
OWN = (*KEYS, "detection_id", "track", *BOX, "score")
DIGITS = 6


async def rows(request: Request) -> Response:
    """``GET /api/results/{id}/rows``."""
    return wire.json(await run_in_threadpool(_page, request))


def _page(request: Request) -> dict[str, Any]:
    workbench: Workbench = request.app.state.workbench
    result = workbench.results.get(request.path_params["id"])
    offset = wire.number(request, "offset", 0, 0, 1 << 40)
    limit = wire.number(request, "limit", 100, 1, PAGE)
    concept = wire.words(request, "concept", "name", most=200)
    sort = wire.words(request, "sort", "row", most=200)
    order = order_of(
        workbench,
        result,
        sort,
        concept,
        descending=flag(request, "descending"),
        fresh=flag(request, "fresh"),
    )
    stop = min(offset + limit, result.total)
    chosen = order.at(min(offset, stop), stop)
    return {
        "total": result.total,
        "offset": offset,
        "rows": shown(workbench, result, chosen, concept, sort),
    }


def flag(request: Request, name: str) -> bool:
    """Read yes or no of the address."""
    options = ("0", "1", "false", "true")
    return wire.choice(request, name, options) in ("1", "true")


def shown(
    workbench: Workbench,
    result: Result,
    chosen: npt.NDArray[np.int64],
    concept: str,
    sort: str = "row",
) -> list[dict[str, Any]]:
    """Describe rows of a result, with the labels of a concept, and what their order proposes."""
    table = result.table.take(pa.array(chosen))
    labels = workbench.beside(table, concept).to_pylist()
    numbers = chosen.tolist()
    rows = [
        {"row": row, **described(one), **_plain(said)}
        for row, one, said in zip(numbers, table.to_pylist(), labels, strict=True)
    ]
    if sort.startswith(LIKE):
        likely = asked(result, sort).beside(chosen, concept)
        return [one | more for one, more in zip(rows, likely, strict=True)]
    return rows


def described(row: dict[str, Any]) -> dict[str, Any]:
    """Put a row as the page takes it: what every page shows, and the rest as ``more``."""
    said: dict[str, Any] = {name: row[name] for name in KEYS}
    for name in ("detection_id", "track", "score"):
        if row.get(name) is not None:
            said[name] = _value(row[name])
    box = [row.get(side) for side in BOX]
    if None not in box:
        said["box"] = [_value(side) for side in box]
    said["more"] = {name: _value(value) for name, value in row.items() if name not in OWN}
    return said


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    """Shorten what is longer than anybody reads: digits, texts, lists."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[:LONGEST] + "…"
    if isinstance(value, list):
        rest = [f"… {len(value) - PAGE:,} more"] if len(value) > PAGE else []
        return [*map(_value, value[:PAGE]), *rest]
    return value


async def groups(request: Request) -> Response:
    """``GET /api/results/{id}/groups``."""
    return wire.json(await run_in_threadpool(_groups, request))


def _groups(request: Request) -> dict[str, Any]:
    workbench: Workbench = request.app.state.workbench
    result = workbench.results.get(request.path_params["id"])
    by = wire.choice(request, "by", GROUPS)
    if by == "track" and "track" not in result.table.column_names:
        raise Refused(400, "the rows of this result have no tracks: group by video")
    order = order_of(
        workbench,
        result,
        by,
        wire.words(request, "concept", "name", most=200),
        descending=flag(request, "descending"),
        fresh=flag(request, "fresh"),
    )
    found, total = groups_of(order, result.total)
    return {"groups": found, "total": total}


async def about(request: Request) -> Response:
    """``GET /api/results/{id}``: what it is."""
    result = request.app.state.workbench.results.get(request.path_params["id"])
    return wire.json(await run_in_threadpool(result.to_dict))


ROUTES = [
    Route("/api/results/{id}", about, methods=["GET"]),
    Route("/api/results/{id}/rows", rows, methods=["GET"]),
    Route("/api/results/{id}/groups", groups, methods=["GET"]),
]
