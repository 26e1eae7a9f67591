"""What is kept of a label: who said it, what was found, and what votes and rules say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api import correcting
from vquery.api.covering import HALF, cover
from vquery.api.labelling import NONE_OF_THEM
from vquery.api.propagation.votes import NEEDED
from vquery.api.tables import FUSED, HUMAN, PREDICTED, PROPAGATED
from vquery.schema import US_PER_S
from vquery.view.clock import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery.api.moment import Moment
    from vquery.api.propagation.reasons import Reasons, Seed

TOP = 5
"""Seeds, and votes of one relation, that are named."""
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


def said(
    kind: str, name: str, weight: float | None, label: str | None, text: str, **more: Any
) -> dict[str, Any]:
    """Write one contribution."""
    weight = None if weight is None else round(float(weight), 4)
    return {"kind": kind, "name": name, "weight": weight, "label": label, "text": text} | more


def shown(label: str | None) -> str:
    """Write a label."""
    return NONE_OF_THEM if label is None else label


def _day(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / US_PER_S, UTC):%Y-%m-%d %H:%M} UTC"


def person(row: dict[str, Any], *, rejects: bool = False) -> dict[str, Any]:
    """Tell what one person said."""
    who, label = row["by"] or "somebody", shown(row["label"])
    word = "rejected" if rejects else "said"
    text = f"{who} {word} {label!r} on {_day(row['at_us'])}"
    weight = -1.0 if rejects else 1.0
    return said("person", who, weight, label, text, at_us=row["at_us"], who=who)


def people(moment: Moment, concept: str, detection_id: int) -> Iterator[dict[str, Any]]:
    """Tell what people said of a detection: its label, and which ones are wrong."""
    for table, rejects in ((moment.seeds, False), (moment.rejected, True)):
        mine = pc.and_(
            pc.equal(table["detection_id"], detection_id), pc.equal(table["concept"], concept)
        )
        for row in table.filter(mine).to_pylist():
            yield person(row, rejects=rejects)


def found_for(moment: Moment, place: Place, concept: str) -> dict[str, Any] | None:
    """Read what was found of a detection, with what it was made of."""
    rows = moment.snapshot.read("soft_labels", videos=[place.video])
    mine = pc.and_(
        pc.equal(rows["detection_id"], place.detection_id), pc.equal(rows["concept"], concept)
    )
    found: list[dict[str, Any]] = rows.filter(mine).to_pylist()
    return found[0] if found else None


def found_for_span(moment: Moment, place: Place, concept: str) -> dict[str, Any] | None:
    """Read what was found of the time of a span."""
    rows = moment.snapshot.read("soft_intervals", videos=[place.video])
    return most_over(rows.filter(pc.equal(rows["concept"], concept)), place)


def most_over(rows: pa.Table, place: Place) -> dict[str, Any] | None:
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


def rejection(wrong: pa.Table, soft: dict[str, Any] | None, place: Place) -> dict[str, Any] | None:
    """Find who rejected, for at least half of a span, the label that was found of it."""
    if soft is None or not wrong.num_rows:
        return None
    mine = wrong.filter(pc.equal(wrong["label"], pa.scalar(soft["best"], pa.string())))
    times = {"video": [place.video], "start_us": [place.start_us], "end_us": [place.end_us]}
    found = cover(mine, pa.table(times))
    if found.share[0] < HALF:
        return None
    row: dict[str, Any] = mine.slice(int(found.at[0]), 1).to_pylist()[0]
    return row


def kept_sources(soft: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Read what was kept of how a label was made."""
    return list(json.loads(soft["why"] or "[]")) if soft is not None else []


def is_fused(soft: dict[str, Any]) -> bool:
    """Whether a fusion made a label."""
    return soft["source"] == FUSED or any("source" in one for one in kept_sources(soft))


def found_by(soft: dict[str, Any]) -> str:
    """Say what made a label that no person gave: a model, a fusion or a propagation."""
    if any("version" in one for one in kept_sources(soft)):
        return PREDICTED
    return FUSED if is_fused(soft) else PROPAGATED


def fused(soft: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Tell what the sources of a fusion added, as it was kept."""
    told = []
    for one in kept_sources(soft):
        name, weight = str(one.get("source")), one.get("weight")
        if name == HUMAN or weight is None:
            continue
        kind = KINDS.get(name, "vote")
        against = "for" if weight >= 0 else "against"
        assert soft is not None
        of = f", version {one['version']}" if "version" in one else ""
        text = f"{name}{of}: {weight:+.2f} log-odds {against} {shown(soft['best'])!r}"
        told.append(said(kind, name, weight, soft["best"], text))
    return told


def shares(moment: Moment, soft: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Tell the seeds that were kept with a label, without the way to them."""
    named = {one["seed"]: one["weight"] for one in kept_sources(soft) if "seed" in one}
    if soft is None or not named:
        return
    wanted = pa.array(list(named), pa.int64())
    rows = moment.seeds.filter(pc.equal(moment.seeds["concept"], soft["concept"]))
    rows = rows.filter(pc.is_in(rows["detection_id"], value_set=wanted))
    known = {row["detection_id"]: row for row in rows.to_pylist()}
    for seed, weight in named.items():
        row = known.get(seed)
        label = shown(row["label"]) if row is not None else None
        text = f"seed {seed}: share {weight:.2f}"
        text += "" if row is None else f", labelled {label!r} by {row['by'] or 'somebody'}"
        yield said("seed", f"seed {seed}", weight, label, text, detection_id=seed)


def ways(reasons: Reasons) -> Iterator[dict[str, Any]]:
    """Tell the seeds behind a label, and the neighbours on the way to each."""
    passed: set[int] = {reasons.detection_id}
    for seed in reasons.seeds:
        label = shown(seed.label)
        yield said(
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
            yield said("neighbour", name, stop.weight, label, text, **more)


def _end(seed: Seed) -> str:
    last = seed.path[-1]
    if len(seed.path) == 1:
        return ", the same detection"
    if last.kind is None:
        return ", far away"
    return f", by {last.kind}" + ("" if last.weight is None else f" {last.weight:.2f}")


def votes(moment: Moment, place: Place, concept: str) -> Iterator[dict[str, Any]]:
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
            voter, vote = str(row.get("function") or name), shown(row["vote"])
            weight = row.get("probability") or row.get("weight") or row.get("score")
            yield said("vote", voter, weight, vote, f"{voter} votes {vote!r}")


def rules(moment: Moment, place: Place) -> Iterator[dict[str, Any]]:
    """Tell the corrections in force of a detection."""
    for row in correcting.in_force(moment.snapshot, None).to_pylist():
        if row["item"] != place.detection_id or row["over"] not in RULES_OF:
            continue
        done = {"relabel": f"{row['before']!r} becomes {row['after']!r}"}
        text = f"{row['rule']}: {done.get(row['action'], row['action'])}"
        yield said("assertion", row["rule"], row["weight"], row["after"], text)
