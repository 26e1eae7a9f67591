"""Boxes that people draw because the detector missed something: they become detections.

A box may be given by its corners or by the four extreme points of the object, which people click
faster and at least as exactly (D. Papadopoulos et al. 2017, "Extreme clicking for efficient object
annotation"); the points are kept. Drawn boxes of one object on several frames of a shot make a
track, whose boxes in between are interpolated and say so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api import labelling
from vquery.api.keyframes import bridged, continued
from vquery.api.outlines import outline
from vquery.api.picturing import pictures
from vquery.errors import LabelError
from vquery.schema import US_PER_S
from vquery.store.catalog import text
from vquery.store.drawn import BOX_ROWS, BY_HAND
from vquery.store.events import DRAW, MOVE, REMOVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vquery.api.labelling import Rows
    from vquery.store.events import Event
    from vquery.store.snapshot import Snapshot
    from vquery.store.store import Store

    Numbers = Sequence[float]
    Points = Sequence[Sequence[float]]
    Row = dict[str, Any]

MAX_GAP_S = 5.0
"""The longest stretch between two drawn boxes over which a track is interpolated."""
OBJECT = "object"
LONGEST_CLASS = 200


class Drawn(NamedTuple):
    """What drawing a box, or giving it another place, did.

    Attributes
    ----------
    detection_id, track
        Of the box.
    event
        The action, which `undo` takes back.
    rows
        How many boxes came of it: the drawn one and those between it and others of its track.
    waiting
        Whether the boxes are kept, but no rows yet since another process writes: they appear
        when it lets them.
    sentence
        What was done, for people.
    """

    detection_id: int
    track: int
    event: int
    rows: int
    waiting: bool
    sentence: str


class Drawing:
    """Boxes drawn by hand."""

    _store: Store

    def draw(
        self,
        video: str,
        time_s: float,
        box: Numbers | None = None,
        points: Points | None = None,
        *,
        class_: str | None = None,
        concept: str | None = None,
        label: str | None = None,
        continues: int | None = None,
        max_gap_s: float = MAX_GAP_S,
        by: str | None = None,
    ) -> Drawn:
        """Draw a box on the frame that is shown at a time, as one undoable action.

        It is a detection like any other, of that frame alone, with a number of its own that no
        other one ever gets. Where the file of the video can be read it has a crop and a vector
        too, so that labels spread to it.

        Parameters
        ----------
        video, time_s
            The video, and the time in seconds.
        box
            ``x1, y1, x2, y2`` in shares of the picture; it may stick out.
        points
            Instead of a box the four extreme points ``(x, y)`` of the object, in any order.
        class_
            What it is; by default that of the box it continues, else "object".
        concept, label
            Also label it, in the same action.
        continues
            A drawn box of the same object on another frame of the shot: both are of one track
            then, and every frame between them gets a box in a straight line.
        max_gap_s
            The longest stretch that is filled so.
        by
            Who draws, by default the user's login name.

        Raises
        ------
        LabelError
            If there is no such video or frame, the box cannot be, or lies outside the picture, or
            what it continues lies too far away or behind a cut.
        StoreError
            If a name is too long, or nothing can be kept.
        """
        if not math.isfinite(time_s):
            raise LabelError(f"a box is drawn at a time in seconds, got {time_s}")
        return draw(
            self._store,
            video,
            round(time_s * US_PER_S),
            box=box,
            points=points,
            class_=class_,
            concept=concept,
            label=label,
            continues=continues,
            max_gap_s=max_gap_s,
            by=by,
        )

    def redraw(
        self,
        detection: int,
        box: Numbers | None = None,
        points: Points | None = None,
        *,
        by: str | None = None,
    ) -> Drawn:
        """Give a drawn box another place; boxes interpolated beside it follow.

        One that was interpolated counts as drawn from then on.

        Raises
        ------
        LabelError
            If it was not drawn by hand or is not there any more, or the box cannot be.
        """
        return redraw(self._store, detection, box=box, points=points, by=by)

    def erase(self, detections: Rows, *, by: str | None = None) -> int:
        """Remove drawn boxes and what lies between them, as one undoable action; return how many.

        Their labels count no more, until this is undone.

        Raises
        ------
        LabelError
            If one was not drawn by hand, or is not there any more.
        """
        before = self._store.standing()["detection_id"]
        erase(self._store, detections, by=by)
        # by their numbers: others may have drawn meanwhile
        return len(np.setdiff1d(before, self._store.standing()["detection_id"]))


def draw(
    store: Store,
    video: str,
    time_us: int,
    *,
    box: Numbers | None = None,
    points: Points | None = None,
    class_: str | None = None,
    concept: str | None = None,
    label: str | None = None,
    continues: int | None = None,
    max_gap_s: float = MAX_GAP_S,
    by: str | None = None,
    query: str | None = None,
    key: str | None = None,
) -> Drawn:
    """Draw a box; see `Drawing.draw`. Sent again under the same ``key`` it is done once."""
    done = store.action_of(key, DRAW)
    if done is not None:
        return told(store, done.event_id)
    _check_names(class_, concept, label)
    if not max_gap_s >= 0:  # NaN is refused here too
        raise LabelError(f"max_gap_s is a number of seconds from 0 on, got {max_gap_s}")
    place = outline(box, points)
    with store.snapshot() as snapshot:
        film = _film(snapshot, video)
        frames = snapshot.read("frames", videos=[film["video"]])
        at = _shown(frames, time_us, film["video"])
        shots = snapshot.read("shots", videos=[film["video"]])
        row = _row(film["video"], frames, shots, at) | place | {"class": class_ or OBJECT}
        rows, more = [row], ""
        if continues is not None:
            known = store.standing()
            before = int(labelling.ids_of([continues])[0])
            first = continued(known, before, film["video"], class_)
            row["class"], row["track"] = first["class"], first["track"]
            track = known.filter(pc.equal(known["track"], first["track"])).to_pylist()
            between, more = bridged(row, track, frames, max_gap_s)
            rows += between
        columns, lack = pictures(store, snapshot, film, row, len(rows))
    event = store.draw(
        _table(rows, columns),
        film["video_id"],
        who=by or labelling.login(),
        concept=concept,
        label=label,
        query=query,
        key=key,
    )
    return told(store, event, more + lack)


def redraw(
    store: Store,
    detection: int,
    *,
    box: Numbers | None = None,
    points: Points | None = None,
    by: str | None = None,
    key: str | None = None,
) -> Drawn:
    """Give a drawn box another place; see `Drawing.redraw`."""
    done = store.action_of(key, MOVE)
    if done is not None:
        return told(store, done.event_id)
    place = outline(box, points)
    row = _standing(store, labelling.ids_of([detection]).tolist()).to_pylist()[0]
    row |= place | {"left": None, "right": None, "source": BY_HAND}
    with store.snapshot() as snapshot:
        columns, lack = pictures(store, snapshot, _film(snapshot, row["video"]), row, 1)
    rows = _table([row], columns)
    return told(store, store.move_boxes(rows, who=by or labelling.login(), key=key), lack)


def erase(
    store: Store, detections: Rows, *, by: str | None = None, key: str | None = None
) -> Drawn:
    """Remove drawn boxes; see `Drawing.erase`. The answer is about the first of them."""
    done = store.action_of(key, REMOVE)
    if done is not None:
        return told(store, done.event_id)
    ids = labelling.ids_of(detections, none="nothing is removed: no boxes were given")
    _standing(store, ids.tolist())
    return told(store, store.remove_boxes(ids, who=by or labelling.login(), key=key))


def told(store: Store, event_id: int, more: str = "") -> Drawn:
    """Say what an action on boxes did."""
    event = _event(store, event_id)
    assert event.rows is not None
    first = event.rows.slice(0, 1).to_pylist()[0]
    waiting = not _shown_already(store, event)
    later = f"; {later_than(store)}" if waiting else ""
    return Drawn(
        first["detection_id"],
        first.get("track") or 0,
        event_id,
        event.rows.num_rows,
        waiting,
        labelling.described(event) + more + later,
    )


def _shown_already(store: Store, event: Event) -> bool:
    """Whether the stored rows of the boxes of an action are those in force."""
    assert event.rows is not None
    ids = event.rows["detection_id"]
    with store.snapshot() as snapshot:
        have = snapshot.read("drawn", columns=["detection_id", "event"])
    pairs = [
        {
            (row["detection_id"], row["event"])
            for row in some.filter(pc.is_in(some["detection_id"], value_set=ids)).to_pylist()
        }
        for some in (have, store.standing().select(have.column_names))
    ]
    return pairs[0] == pairs[1]


def later_than(store: Store) -> str:
    """Say what rows of drawn boxes wait for."""
    why = f" ({store.waiting})" if store.waiting else ""
    return f"kept, and shown as soon as the collection can be written{why}"


def row_of(store: Store, event_id: int) -> Row:
    """Return the box that an action drew or moved, as it was then."""
    event = _event(store, event_id)
    assert event.rows is not None
    found: Row = event.rows.slice(0, 1).to_pylist()[0]
    return found


def _event(store: Store, event_id: int) -> Event:
    return next(one for one in reversed(store.events()) if one.event_id == event_id)


def _check_names(class_: str | None, concept: str | None, label: str | None) -> None:
    if class_ is not None and not class_.strip():
        raise LabelError("the class of a drawn box is a word such as 'face'; got a blank one")
    text(class_ or "", LONGEST_CLASS, "the class of a drawn box")
    if (concept is None) != (label is None):
        given = f"concept {concept!r}" if label is None else f"label {label!r}"
        raise LabelError(
            f"a drawn box was given the {given} alone: give concept= and label=, or neither"
        )
    if concept is not None and label is not None:
        labelling.check_concept(concept)
        labelling.check_values(label)


def _film(snapshot: Snapshot, video: str) -> Row:
    """Find a video by its name or another name of it."""
    name = snapshot.aliases().get(video, video)
    videos = snapshot.videos()
    found: list[Row] = videos.filter(pc.equal(videos["video"], name)).to_pylist()
    if not found:
        raise LabelError(
            f"there is no video {video[:200]!r} in the collection: `videos` lists those there are"
        )
    return found[0]


def _shown(frames: pa.Table, time_us: int, video: str) -> int:
    """Find the frame that is shown at a time; a single picture is shown at 0."""
    start, end = frames["start_us"].to_numpy(), frames["end_us"].to_numpy()
    if not len(start):
        raise LabelError(f"{video!r} has no pictures, so no box can be drawn on one")
    at = int(np.searchsorted(start, time_us, side="right")) - 1
    if at < 0 or time_us >= max(end[at], start[at] + 1):
        raise LabelError(
            f"no frame of {video!r} is shown at {time_us / US_PER_S:g} s: they go from "
            f"{start[0] / US_PER_S:g} to {end[-1] / US_PER_S:g} s"
        )
    return at


def _row(video: str, frames: pa.Table, shots: pa.Table, at: int) -> Row:
    """Make a detection of one frame, without a box."""
    start, end, number = (frames[name][at].as_py() for name in ("start_us", "end_us", "frame"))
    begins = shots["start_us"].to_numpy()
    shot = int(np.searchsorted(begins, start, side="right")) - 1
    return {
        "video": video,
        "start_us": start,
        "end_us": end,
        "frame": number,
        "shot_id": shots["shot_id"][shot].as_py() if shot >= 0 else None,
        "score": 1.0,
        "source": BY_HAND,
        "track": None,
        "left": None,
        "right": None,
    }


def _standing(store: Store, ids: Sequence[int]) -> pa.Table:
    """Return drawn boxes in force; refuse what is none."""
    known = store.standing()
    found = known.filter(pc.is_in(known["detection_id"], value_set=pa.array(ids, pa.int64())))
    missing = sorted(set(ids) - set(found["detection_id"].to_pylist()))
    if missing:
        raise LabelError(
            f"detection {missing[0]} is no box that was drawn by hand, or it is not there any more:"
            " only drawn boxes can be changed; draw another one, or reject its label"
        )
    return found


def _table(rows: list[Row], columns: dict[str, pa.Array]) -> pa.Table:
    table = pa.Table.from_pylist(
        [{name: row.get(name) for name in BOX_ROWS.names} for row in rows], schema=BOX_ROWS
    )
    for name, values in columns.items():
        table = table.append_column(name, values)
    return table
