"""Why a detection has its label, to be read, shown with crops, or sent to a page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vquery.graph.knowing import why
from vquery.view.clock import clock
from vquery.view.page import fragment, heading, paragraph
from vquery.view.sheets import Card, sheet_html

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import pyarrow as pa

    from vquery.api.propagation.solving import Solved
    from vquery.graph.knowing import Reason

    Ints = npt.NDArray[np.int64]
    Pictures = Callable[[list[int]], dict[int, bytes | None]]

NONE_OF_THEM = "none of them"


@dataclass(frozen=True)
class Stop:
    """One detection on the way to a seed; ``weight`` and ``kind`` are of the edge that led here.

    ``kind`` is "visual", "text", "given", or "track" where two detections share a track.
    """

    detection_id: int
    video: str
    start_us: int
    weight: float | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Seed:
    """A human label that speaks for the detection.

    Attributes
    ----------
    label
        None says "none of them".
    share
        The chance that a walk from the detection's track meets this seed first.
    path
        From the detection to the seed; only its two ends where no way between was found.
    """

    detection_id: int
    label: str | None
    share: float
    path: tuple[Stop, ...]


@dataclass(frozen=True)
class Reasons:
    """Why a detection has its label, or why it has none.

    Attributes
    ----------
    label, best, probability, source
        As in SOFT_LABEL.
    seeds
        Largest share first.
    rest
        Shares of all other seeds together.
    unknown
        What remains of 1: the chance of belonging to nobody known.
    add
        The detection to label so that this one is reached; None where it is.
    beyond
        Items in the part of the graph that no seed reaches, with this one.
    """

    detection_id: int
    video: str
    start_us: int
    concept: str
    label: str | None
    best: str | None
    probability: float
    source: str
    threshold: float
    seeds: tuple[Seed, ...]
    rest: float
    unknown: float
    add: int | None
    beyond: int
    pictures: Pictures

    def to_dict(self) -> dict[str, Any]:
        """Return plain values without pictures, which `Collection.picture` gives."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        del found["pictures"]
        found["seeds"] = [asdict(seed) for seed in self.seeds]
        return found

    def verdict(self) -> str:
        """Say the outcome in one line."""
        here = f"detection {self.detection_id} ({self.video} at {clock(self.start_us)})"
        if self.source == "human":
            return f"{here}: {_label(self.label)}, said by a human"
        if self.add is not None:
            return f"{here}: no {self.concept}, since no seed reaches it"
        if self.label is not None:
            return f"{here}: {self.label}, probability {self.probability:.2f}"
        if self.best is None:
            return f"{here}: no {self.concept}; its seeds say {NONE_OF_THEM!r}"
        likely = f"{self.best} has probability {self.probability:.2f}"
        if self.probability < np.float32(self.threshold):
            return f"{here}: no {self.concept}; {likely}, less than {self.threshold:g}"
        return f"{here}: no {self.concept}; {likely}, and another one in the frame has more"

    def __repr__(self) -> str:
        lines = [self.verdict()]
        if self.add is not None:
            lines.append(f"  {self._advice()}")
        lines += [f"  {one.share:.2f} {_label(one.label)}: {_way(one)}" for one in self.seeds]
        if self.seeds:
            lines.append(f"  {self.rest:.2f} other seeds, {self.unknown:.2f} unknown")
        return "\n".join(lines)

    def _advice(self) -> str:
        items = f"{self.beyond:,} items" if self.beyond != 1 else "1 item"
        return f"label detection {self.add} to reach the {items} that it is linked with"

    def _repr_html_(self) -> str:
        stops = [stop.detection_id for seed in self.seeds for stop in seed.path]
        extra = [] if self.add is None else [self.add]
        crops = self.pictures(list(dict.fromkeys([self.detection_id, *stops, *extra])))
        pieces = [heading(self.verdict())]
        if self.add is not None:
            cards = [
                Card(crops[self.detection_id], "this one"),
                Card(crops[self.add], f"label {self.add}"),
            ]
            pieces.append(sheet_html("not reached", cards, note=self._advice()))
        for seed in self.seeds:
            cards = [_card(stop, crops[stop.detection_id]) for stop in seed.path]
            note = f"share {seed.share:.2f}"
            pieces.append(sheet_html(_label(seed.label), cards, note=note))
        if self.seeds:
            pieces.append(paragraph(f"other seeds {self.rest:.2f}, unknown {self.unknown:.2f}"))
        return fragment(*pieces)


def _label(label: str | None) -> str:
    return NONE_OF_THEM if label is None else label


def _way(seed: Seed) -> str:
    end = seed.path[-1]
    place = f"seed {seed.detection_id} ({end.video} at {clock(end.start_us)})"
    middle = ", ".join(str(stop.detection_id) for stop in seed.path[1:-1])
    if middle:
        return f"{place} by way of {middle}"
    if end.kind is None:
        return f"{place}, the same detection" if len(seed.path) == 1 else f"{place}, far away"
    return f"{place}, by {end.kind}" + ("" if end.weight is None else f" {end.weight:.2f}")


def _card(stop: Stop, jpeg: bytes | None) -> Card:
    step = "" if stop.kind is None else f" {stop.kind}"
    step += "" if stop.weight is None else f" {stop.weight:.2f}"
    caption = f"{clock(stop.start_us)}{step}"
    return Card(jpeg, caption, tip=f"detection {stop.detection_id}, {stop.video}")


def reasons_of(
    solved: Solved,
    row: int,
    table: pa.Table,
    *,
    concept: str,
    threshold: float,
    top: int,
    pictures: Pictures,
) -> Reasons:
    """Explain the label of one row of a propagation.

    Parameters
    ----------
    row
        Its place in ``table`` (SOFT_LABEL) and among the rows of the graph.
    pictures
        Gives the crops of detections.
    """
    built, names = solved.built, solved.names
    solver = names.solver
    assert solver is not None  # a propagation has seeds
    graph, node = built.tracks.graph, int(built.tracks.node[row])
    sizes = built.sizes
    found = why(graph.weights, solver, node, top=top, kinds=graph.kinds, item_count=sizes)
    route = _Route(solved, row)
    here = route.stop(int(built.ids[row]))
    item = table.slice(row, 1).to_pylist()[0]
    said = sum(reason.share for reason in found.reasons) + found.rest
    return Reasons(
        detection_id=here.detection_id,
        video=here.video,
        start_us=here.start_us,
        concept=concept,
        **{name: item[name] for name in ("label", "best", "probability", "source")},
        threshold=threshold,
        seeds=tuple(route.seed(reason) for reason in found.reasons),
        rest=found.rest,
        unknown=max(1.0 - said, 0.0) if found.reached else 1.0,
        add=None if found.add is None else int(route.faces[found.add]),
        beyond=found.items,
        pictures=pictures,
    )


class _Route:
    """Ways from one row to its seeds, as detections instead of nodes."""

    def __init__(self, solved: Solved, row: int) -> None:
        self.faces = solved.built.faces()
        self._rows = solved.built.rows
        self._ids = solved.built.ids
        self._from = int(self._ids[row])
        self._seed_rows = solved.names.seed_rows
        self._given = solved.given
        self._node = int(solved.built.tracks.node[row])

    def stop(self, item: int, weight: float | None = None, kind: str | None = None) -> Stop:
        at = int(np.searchsorted(self._ids, item))
        video, start = (self._rows[name][at].as_py() for name in ("video", "start_us"))
        return Stop(item, video, start, weight, kind)

    def seed(self, reason: Reason) -> Seed:
        row = int(self._seed_rows[reason.position])
        end = int(self._ids[row])
        path = [self.stop(self._from)]
        path += [
            self.stop(int(self.faces[step.node]), step.weight, step.kind)
            for step in reason.steps[:-1]
        ]
        if reason.steps:
            last = reason.steps[-1]
            path.append(self.stop(end, last.weight, last.kind))
        elif end != self._from:  # of its own track, or too far away for a way to be found
            path.append(self.stop(end, None, "track" if reason.seed == self._node else None))
        return Seed(end, self._given[row], reason.share, tuple(path))
