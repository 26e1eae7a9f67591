"""More like these: learns from labels, or from rows chosen, and orders a result by it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from vquery.api import alike as learning
from vquery.api.labelling import check_concept
from vquery.store.events import ON_DETECTIONS, by_concept
from vquery.web import wire
from vquery.web.asked import LIKE, Asked
from vquery.web.selection import selected
from vquery.web.wire import Refused

if TYPE_CHECKING:
    import numpy.typing as npt
    from starlette.requests import Request
    from starlette.responses import Response

    from vquery.web.labelled import Labelled
    from vquery.web.results import Result
    from vquery.web.state import Workbench

    Ints = npt.NDArray[np.int64]

KEPT = 12
MOST_CHOSEN = 100_000


async def more(request: Request) -> Response:
    """``POST /api/results/{id}/alike``: learn from the labels of a value, or from rows chosen."""
    fields: dict[str, wire.Kind] = {"selection": (dict, None), "value": (str, None)}
    given = await wire.body(request, {"concept": str, **fields})
    workbench: Workbench = request.app.state.workbench
    result = workbench.results.get(request.path_params["id"])
    return wire.json(await run_in_threadpool(_more, workbench, result, given))


def _more(workbench: Workbench, result: Result, given: dict[str, Any]) -> dict[str, Any]:
    concept = given["concept"]
    check_concept(concept)
    if not result.detections:
        raise Refused(400, "only detections can be compared by looks: query faces or detections")
    known = workbench.labelled(concept)
    chosen = _chosen(workbench, given["selection"], concept)
    value = _value(workbench, known, given["value"], concept, chosen)
    likes, unlikes = _examples(known, value, chosen)
    judged = [known.human["detection_id"], known.rejected["detection_id"], known.doubts, likes]
    found = learning.alike(
        workbench.moment().snapshot,
        result.table,
        likes,
        unlikes,
        np.unique(np.concatenate([np.asarray(one) for one in judged])),
    )
    name = LIKE + secrets.token_hex(4)
    with result.lock:
        result.alikes[name] = Asked(concept, value, found.lead)
        while len(result.alikes) > KEPT:
            result.alikes.popitem(last=False)
    said = {"likes": found.likes, "unlikes": found.unlikes, "judged": found.judged}
    sentence = _sentence(value, found, (len(likes), len(unlikes)))
    return {"sort": name, "value": value, **said, "unseen": found.unseen, "sentence": sentence}


def _chosen(workbench: Workbench, selection: dict[str, Any] | None, concept: str) -> Ints | None:
    if selection is None:
        return None
    ids = selected(workbench, selection, concept).ids
    if ids is None or len(ids) > MOST_CHOSEN:
        raise Refused(400, f"1 to {MOST_CHOSEN:,} detections can be examples: choose fewer rows")
    return ids


def _value(
    workbench: Workbench,
    known: Labelled,
    given: str | None,
    concept: str,
    chosen: Ints | None,
) -> str | None:
    """Find what is looked for: as given, as the rows chosen are labelled, or as one did last."""
    labels = known.human["label"]
    if chosen is not None:
        mine = labels.filter(np.isin(known.human["detection_id"].to_numpy(), chosen))
        values = pc.drop_null(pc.unique(mine)).to_pylist()
        if len(values) > 1:
            some = ", ".join(sorted(values)[:3])
            raise Refused(400, f"the rows chosen have several labels ({some}): choose rows of one")
        return values[0] if values else None
    there = set(pc.unique(labels).to_pylist()) - {None}
    value = given if given in there else _latest(workbench, concept, there)
    if value is None:
        raise Refused(
            400,
            f"nothing is labelled of {concept!r} yet: label one to five rows, or choose them (x), "
            "and press a again",
        )
    return value


def _latest(workbench: Workbench, concept: str, there: set[str]) -> str | None:
    """Return the value that this person gave last and that is in force, else any person's."""
    events = workbench.store.events_until(workbench.moment().last_event)
    acts = by_concept(events, concept, ON_DETECTIONS).get(concept, [])
    said = [event for event in reversed(acts) if event.action == "label"]
    for event in sorted(said, key=lambda one: one.who != workbench.who):
        rows = event.rows
        if rows is None or "label" not in rows.column_names:
            continue
        found = [one for one in pc.unique(rows["label"]).to_pylist() if one in there]
        if found:
            return str(found[-1])
    return None


def _examples(known: Labelled, value: str | None, chosen: Ints | None) -> tuple[Ints, Ints]:
    """Return examples and counterexamples; rows without a label are compared with all else."""
    if value is None:
        assert chosen is not None
        return chosen, np.zeros(0, np.int64)
    ids = known.human["detection_id"].to_numpy()
    mine = _same(known.human["label"], value)
    likes = ids[mine] if chosen is None else np.union1d(ids[mine], chosen)
    refused = known.rejected["detection_id"].to_numpy()[_same(known.rejected["label"], value)]
    unlikes = np.setdiff1d(np.union1d(ids[~mine], refused), likes)
    return likes, unlikes


def _same(labels: pa.ChunkedArray, value: str) -> npt.NDArray[np.bool_]:
    found = pc.fill_null(pc.equal(labels, value), fill_value=False)
    return np.asarray(found.to_numpy())


def _sentence(value: str | None, found: learning.Alike, of: tuple[int, int]) -> str:
    likes, unlikes = (
        f"{n:,}" if n == whole else f"{n:,} of {whole:,}"
        for n, whole in zip((found.likes, found.unlikes), of, strict=True)
    )
    if value is None:
        learnt = f"the {likes} chosen"
    else:
        learnt = f"{likes} labelled {value}"
        other = "other" if found.unlikes == 1 else "others"
        learnt += f", unlike {unlikes} {other}" if found.unlikes else ""
    last = [f"{found.judged:,} of judged tracks"] if found.judged else []
    last += [f"{found.unseen:,} without a vector"] if found.unseen else []
    rest = f"; {' and '.join(last)} come last" if last else ""
    return f"Ordered by likeness to {learnt}{rest}."


ROUTES = [Route("/api/results/{id}/alike", more, methods=["POST"])]
