"""Why something is called what it is: what people, votes, neighbours and rules say of it.

Every fact is read from what the collection keeps. How the seeds of a propagation reach an item is
worked out on its graph, which takes long to build: until that is done, the shares that were kept
with the label are told.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api import correcting
from vquery.api.labelling import NONE_OF_THEM
from vquery.api.propagation import keeping, running
from vquery.api.propagation.votes import NEEDED
from vquery.api.tables import FUSED, HUMAN, Wanted, labels_of
from vquery.errors import StoreError, VQueryError
from vquery.schema import US_PER_S
from vquery.view.clock import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery.api.looking import Looker
    from vquery.api.moment import Moment
    from vquery.api.propagation.reasons import Reasons, Seed
    from vquery.api.propagation.result import Propagation

TOP = 5
"""Seeds that are named."""
PATIENCE_S = 2.0
"""How long an answer waits for the graph; the next one finds it built."""
MOST_ITEMS = 300_000
"""Items of a propagation whose graph is built for an answer."""
KINDS = {"balance": "balance", "propagation": "neighbour", "corrections": "assertion"}
"""What the sources of a fusion are; all others are votes."""
RULES_OF = ("faces", "detections")


@dataclass(frozen=True)
class Place:
    """What is asked about: a detection, or a span of a video."""

    video: str
    start_us: int
    end_us: int
    detection_id: int | None = None
    track: int | None = None
    box: tuple[float, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what is known of it."""
        told = {"video": self.video, "start_us": self.start_us, "end_us": self.end_us}
        more = {"detection_id": self.detection_id, "track": self.track, "box": self.box}
        return told | {name: value for name, value in more.items() if value is not None}

    def named(self) -> str:
        """Name it in words."""
        what = "span" if self.detection_id is None else f"detection {self.detection_id}"
        return f"{what} ({self.video} at {clock(self.start_us)})"


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
        soft = _soft(moment, place, concept)
        told = [*_people(moment, concept, detection_id), *self._found(moment, place, soft, concept)]
        told += [*_votes(moment, place, concept), *_rules(moment, place)]
        sentence = _sentence(place, concept, label, source, told, soft)
        return _answer(place, label, source, chance, sentence, told)

    def span(self, moment: Moment, concept: str, place: Place) -> dict[str, Any]:
        """Say why a span of a video has its label of a concept, or has none; see `detection`."""
        self._looker.film(moment, place.video)
        said = self._looker.spans(moment, concept)
        own, soft = _at_most_over(said, place), _soft_span(moment, place, concept)
        told = [] if own is None else [_person(own)]
        told += [*_fused(soft), *_votes(moment, place, concept)]
        label = source = chance = None
        if own is not None:
            label, source, chance = own["label"], HUMAN, 1.0 if own["label"] else None
        elif soft is not None and soft["label"] is not None:
            label, source, chance = soft["label"], soft["source"], soft["probability"]
            source = FUSED if source == HUMAN else source
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
        told = _fused(soft) if soft is not None and _is_fused(soft) else []
        assert place.detection_id is not None
        reasons = self._reasons(moment, concept, place.detection_id)
        if reasons is not None:
            return [*told, *_ways(reasons)]
        return told if told else list(_shares(moment, soft))

    def _reasons(self, moment: Moment, concept: str, detection_id: int) -> Reasons | None:
        """Ask the graph; None where nothing was propagated, or it is not built yet."""
        kept = keeping.last_propagated(moment.snapshot, concept)
        if not kept.num_rows or kept.num_rows > MOST_ITEMS:
            return None
        if pc.index(kept["detection_id"], value=pa.scalar(detection_id, pa.int64())).as_py() < 0:
            return None
        key = (concept, int(kept["run_id"][0].as_py()))
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

    def _built(self, concept: str) -> Propagation:
        found = running.stored(self._looker.store, concept)
        _ = found.solved
        return found


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


def _said(
    kind: str, name: str, weight: float | None, label: str | None, text: str, **more: Any
) -> dict[str, Any]:
    weight = None if weight is None else round(float(weight), 4)
    return {"kind": kind, "name": name, "weight": weight, "label": label, "text": text} | more


def _shown(label: str | None) -> str:
    return NONE_OF_THEM if label is None else label


def _day(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / US_PER_S, UTC):%Y-%m-%d %H:%M} UTC"


def _person(row: dict[str, Any], *, rejects: bool = False) -> dict[str, Any]:
    who, label = row["by"] or "somebody", _shown(row["label"])
    word = "rejected" if rejects else "said"
    text = f"{who} {word} {label!r} on {_day(row['at_us'])}"
    weight = -1.0 if rejects else 1.0
    return _said("person", who, weight, label, text, at_us=row["at_us"], who=who)


def _people(moment: Moment, concept: str, detection_id: int) -> Iterator[dict[str, Any]]:
    """Tell what people said of a detection: its label, and which ones are wrong."""
    for table, rejects in ((moment.seeds, False), (moment.rejected, True)):
        mine = pc.and_(
            pc.equal(table["detection_id"], detection_id), pc.equal(table["concept"], concept)
        )
        for row in table.filter(mine).to_pylist():
            yield _person(row, rejects=rejects)


def _soft(moment: Moment, place: Place, concept: str) -> dict[str, Any] | None:
    """Read what was found of a detection, with what it was made of."""
    rows = moment.snapshot.read("soft_labels", videos=[place.video])
    mine = pc.and_(
        pc.equal(rows["detection_id"], place.detection_id), pc.equal(rows["concept"], concept)
    )
    found: list[dict[str, Any]] = rows.filter(mine).to_pylist()
    return found[0] if found else None


def _soft_span(moment: Moment, place: Place, concept: str) -> dict[str, Any] | None:
    rows = moment.snapshot.read("soft_intervals", videos=[place.video])
    return _at_most_over(rows.filter(pc.equal(rows["concept"], concept)), place)


def _at_most_over(rows: pa.Table, place: Place) -> dict[str, Any] | None:
    """Find the row that covers most of a place; None where none does."""
    rows = rows.filter(pc.equal(rows["video"], place.video))
    if not rows.num_rows:
        return None
    end = max(place.end_us, place.start_us + 1)
    start, stop = rows["start_us"].to_numpy(), rows["end_us"].to_numpy()
    over = np.minimum(np.maximum(stop, start + 1), end) - np.maximum(start, place.start_us)
    best = int(np.argmax(over))
    found: dict[str, Any] = rows.slice(best, 1).to_pylist()[0]
    return found if over[best] > 0 else None


def _kept(soft: dict[str, Any] | None) -> list[dict[str, Any]]:
    return list(json.loads(soft["why"] or "[]")) if soft is not None else []


def _is_fused(soft: dict[str, Any]) -> bool:
    return soft["source"] == FUSED or any("source" in one for one in _kept(soft))


def _fused(soft: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Tell what the sources of a fusion added, as it was kept."""
    told = []
    for one in _kept(soft):
        name, weight = str(one.get("source")), one.get("weight")
        if name == HUMAN or weight is None:
            continue
        kind = KINDS.get(name, "vote")
        against = "for" if weight >= 0 else "against"
        assert soft is not None
        text = f"{name}: {weight:+.2f} log-odds {against} {_shown(soft['best'])!r}"
        told.append(_said(kind, name, weight, soft["best"], text))
    return told


def _shares(moment: Moment, soft: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Tell the seeds that were kept with a label, without the way to them."""
    named = {one["seed"]: one["weight"] for one in _kept(soft) if "seed" in one}
    if soft is None or not named:
        return
    wanted = pa.array(list(named), pa.int64())
    rows = moment.seeds.filter(pc.equal(moment.seeds["concept"], soft["concept"]))
    rows = rows.filter(pc.is_in(rows["detection_id"], value_set=wanted))
    known = {row["detection_id"]: row for row in rows.to_pylist()}
    for seed, weight in named.items():
        row = known.get(seed)
        label = _shown(row["label"]) if row is not None else None
        text = f"seed {seed}: share {weight:.2f}"
        text += "" if row is None else f", labelled {label!r} by {row['by'] or 'somebody'}"
        yield _said("seed", f"seed {seed}", weight, label, text, detection_id=seed)


def _ways(reasons: Reasons) -> Iterator[dict[str, Any]]:
    """Tell the seeds behind a label, and the neighbours on the way to each."""
    passed: set[int] = {reasons.detection_id}
    for seed in reasons.seeds:
        label = _shown(seed.label)
        yield _said(
            "seed",
            f"seed {seed.detection_id}",
            seed.share,
            label,
            f"seed {seed.detection_id}, {label!r}: share {seed.share:.2f}{_end(seed)}",
            detection_id=seed.detection_id,
        )
        for stop in seed.path[1:-1]:
            if stop.detection_id in passed:
                continue
            passed.add(stop.detection_id)
            like = "" if stop.weight is None else f" {stop.weight:.2f}"
            text = f"on the way to seed {seed.detection_id}: {stop.kind or 'near'}{like}"
            name = f"{stop.video} at {clock(stop.start_us)}"
            more = {"detection_id": stop.detection_id}
            yield _said("neighbour", name, stop.weight, label, text, **more)


def _end(seed: Seed) -> str:
    last = seed.path[-1]
    if len(seed.path) == 1:
        return ", the same detection"
    if last.kind is None:
        return ", far away"
    return f", by {last.kind}" + ("" if last.weight is None else f" {last.weight:.2f}")


def _votes(moment: Moment, place: Place, concept: str) -> Iterator[dict[str, Any]]:
    """Tell what saved relations of votes say of a detection, or of the time of a span."""
    from vquery.store.parts import has_video

    for name in moment.snapshot.saved():
        there = moment.snapshot.schema(name)
        if "vote" not in there.names:
            continue
        videos = [place.video] if has_video(there) else None
        if place.detection_id is not None and set(there.names) >= NEEDED:
            rows = moment.snapshot.read(name, videos=videos)
            rows = rows.filter(pc.equal(rows["detection_id"], place.detection_id))
        elif videos and place.detection_id is None and "start_us" in there.names:
            rows = moment.snapshot.read(name, videos=videos)
            before = pc.less(rows["start_us"], max(place.end_us, place.start_us + 1))
            rows = rows.filter(pc.and_(before, pc.greater(rows["end_us"], place.start_us)))
        else:
            continue
        if "concept" in there.names:
            rows = rows.filter(pc.equal(rows["concept"], concept))
        for row in rows.slice(0, TOP).to_pylist():
            voter, vote = str(row.get("function") or name), _shown(row["vote"])
            weight = row.get("probability") or row.get("weight") or row.get("score")
            yield _said("vote", voter, weight, vote, f"{voter} votes {vote!r}")


def _rules(moment: Moment, place: Place) -> Iterator[dict[str, Any]]:
    """Tell the corrections in force of a detection."""
    for row in correcting.in_force(moment.snapshot, None).to_pylist():
        if row["item"] != place.detection_id or row["over"] not in RULES_OF:
            continue
        done = {"relabel": f"{row['before']!r} becomes {row['after']!r}"}
        text = f"{row['rule']}: {done.get(row['action'], row['action'])}"
        yield _said("assertion", row["rule"], row["weight"], row["after"], text)


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
        return f"{here}: {_shown(label)}; {told[0]['text'] if told else 'said by a person'}"
    if label is not None and soft is not None:
        made = "fused" if _is_fused(soft) else "propagated"
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
