"""Why something is called what it is: what people, votes, neighbours and rules say of it.

Every fact is read from what the collection keeps. How the seeds of a propagation reach an item is
worked out on its graph, which takes long to build: until that is done, the shares that were kept
with the label are told.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.api.evidence import (
    TOP,
    Place,
    found_by,
    found_for,
    found_for_span,
    fused,
    is_fused,
    most_over,
    people,
    person,
    rejection,
    rules,
    shares,
    shown,
    votes,
    ways,
)
from vquery.api.labelling import NONE_OF_THEM
from vquery.api.lately import Lately
from vquery.api.propagation import keeping, running
from vquery.api.tables import HUMAN, Wanted, labels_of
from vquery.errors import StoreError, VQueryError
from vquery.store.span_verdicts import rejected_spans

if TYPE_CHECKING:
    import numpy.typing as npt

    from vquery.api.looking import Looker
    from vquery.api.moment import Moment
    from vquery.api.propagation.reasons import Reasons
    from vquery.api.propagation.result import Propagation

PATIENCE_S = 2.0
"""How long an answer waits for the graph; the next one finds it built."""
MOST_ITEMS = 300_000
"""Items of a propagation whose graph is built for an answer."""


@dataclass(frozen=True, eq=False)
class Run:
    """A propagation whose graph can be asked: its number, and its detections, ascending."""

    run_id: int
    ids: npt.NDArray[np.int64]


class Reasoner:
    """Says why, and keeps the graph of the propagation that was asked about last.

    Parameters
    ----------
    looker
        Finds detections.
    """

    def __init__(self, looker: Looker) -> None:
        self._looker = looker
        self._builder = ThreadPoolExecutor(1, "vquery-why")
        self._graph: tuple[tuple[str, int], Future[Propagation]] | None = None
        self._runs: Lately[Run | None] = Lately(8)
        self._lock = threading.Lock()
        self._asking = threading.Lock()

    def close(self) -> None:
        """Wait for nothing more."""
        self._builder.shutdown(wait=False, cancel_futures=True)

    def detection(self, moment: Moment, concept: str, detection_id: int) -> dict[str, Any]:
        """Say why a detection has its label of a concept, or has none.

        Returns
        -------
        dict
            ``item, label, source, probability, sentence`` and ``contributions``, each with
            ``kind, name, weight, label, text``.

        Raises
        ------
        StoreError
            If there is no such detection.
        """
        place = self._place(moment, detection_id)
        wanted, ids = Wanted(concept, detail=True), np.array([detection_id])
        videos = [place.video]
        found = labels_of(moment.snapshot, moment.seeds, moment.rejected, ids, wanted, videos)
        label, chance, source = (column[0].as_py() for column in found.columns)
        source = source if source == HUMAN or label is not None else None
        soft = found_for(moment, place, concept)
        told = [*people(moment, concept, detection_id), *self._found(moment, place, soft, concept)]
        told += [*votes(moment, place, concept), *rules(moment, place)]
        sentence = _sentence(place, concept, label, source, told, soft)
        return _answer(place, label, source, chance, sentence, told)

    def span(self, moment: Moment, concept: str, place: Place) -> dict[str, Any]:
        """Say why a span of a video has its label of a concept, or has none; see `detection`."""
        self._looker.film(moment, place.video)
        said = self._looker.spans(moment, concept)
        own, soft = most_over(said, place), found_for_span(moment, place, concept)
        told = [] if own is None else [person(own)]
        events = self._looker.store.events_until(moment.last_event)
        wrong = rejection(rejected_spans(events, concept), soft, place)
        if wrong is not None:
            told.append(person(wrong, rejects=True))
        told += [*fused(soft), *votes(moment, place, concept)]
        label = source = chance = None
        if own is not None:
            label, source, chance = own["label"], HUMAN, 1.0 if own["label"] else None
        elif soft is not None and soft["label"] is not None and wrong is None:
            label, source, chance = soft["label"], soft["source"], soft["probability"]
            source = found_by(soft) if source == HUMAN else source
        sentence = _sentence(place, concept, label, source, told, soft)
        return _answer(place, label, source, chance, sentence, told)

    def _place(self, moment: Moment, detection_id: int) -> Place:
        film = self._looker.film_of(moment, detection_id)
        seen = self._looker.seen(moment, film.video)
        row = seen.row_of(detection_id)
        if row is None:
            raise StoreError(f"there is no detection {detection_id} in the collection")
        track = int(seen.track[row])
        box = tuple(round(float(side), 5) for side in seen.box[row])
        start, end = int(seen.start[row]), int(seen.end[row])
        return Place(film.video, start, end, detection_id, None if track < 0 else track, box)

    def _found(
        self, moment: Moment, place: Place, soft: dict[str, Any] | None, concept: str
    ) -> list[dict[str, Any]]:
        """Tell what a fusion or propagation made the label of."""
        told = fused(soft) if soft is not None and is_fused(soft) else []
        assert place.detection_id is not None
        reasons = self._reasons(moment, concept, place.detection_id)
        if reasons is not None:
            return [*told, *ways(reasons)]
        return told if told else list(shares(moment, soft))

    def _reasons(self, moment: Moment, concept: str, detection_id: int) -> Reasons | None:
        """Ask the graph; None where nothing was propagated, or it is not built yet."""
        kept = self.last_run(moment, concept)
        if kept is None:
            return None
        at = int(np.searchsorted(kept.ids, detection_id))
        if at == len(kept.ids) or kept.ids[at] != detection_id:
            return None
        key = (concept, kept.run_id)
        with self._lock:
            if self._graph is None or self._graph[0] != key:
                self._graph = key, self._builder.submit(self._built, concept)
            graph = self._graph[1]
        try:
            found = graph.result(timeout=PATIENCE_S)
            with self._asking:
                return found.why(detection_id, top=TOP)
        except (TimeoutError, VQueryError):  # edges that a person gave are not kept
            return None

    def last_run(self, moment: Moment, concept: str) -> Run | None:
        """Find what was propagated last, which the first answer takes long for."""
        key = (moment.snapshot.generation, concept)
        return self._runs.get(key, lambda: _last_run(moment, concept))

    def _built(self, concept: str) -> Propagation:
        found = running.stored(self._looker.store, concept)
        _ = found.solved
        return found


def _last_run(moment: Moment, concept: str) -> Run | None:
    """Find what was propagated last; None where there is nothing, or too much to build again."""
    kept = keeping.last_propagated(moment.snapshot, concept, ["detection_id", "run_id"])
    if not 0 < kept.num_rows <= MOST_ITEMS:
        return None
    return Run(int(kept["run_id"][0].as_py()), kept["detection_id"].to_numpy())


def _answer(
    place: Place,
    label: str | None,
    source: str | None,
    chance: float | None,
    sentence: str,
    told: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "item": place.to_dict(),
        "label": label,
        "source": source,
        "probability": None if chance is None else round(float(chance), 4),
        "sentence": sentence,
        "contributions": told,
    }


def _sentence(
    place: Place,
    concept: str,
    label: str | None,
    source: str | None,
    told: list[dict[str, Any]],
    soft: dict[str, Any] | None,
) -> str:
    """Say the outcome in one line."""
    here = place.named()
    if source == HUMAN:
        return f"{here}: {shown(label)}; {told[0]['text'] if told else 'said by a person'}"
    if label is not None and soft is not None:
        made = found_by(soft)
        return f"{here}: {label}, {made}, probability {soft['probability']:.2f}"
    wrong = [one["label"] for one in told if one["kind"] == "person"]
    if wrong:
        return f"{here}: no {concept}; {told[0]['text']}"
    if soft is None:
        return f"{here}: no {concept}; nobody has said one, and none was looked for"
    if not soft["reached"]:
        return f"{here}: no {concept}, since nothing that is labelled is like it"
    if soft["best"] is None:
        return f"{here}: no {concept}; its seeds say {NONE_OF_THEM!r}"
    return f"{here}: no {concept}; {soft['best']} has probability {soft['probability']:.2f} only"
