"""What a page shows of one video: its frames, what is detected in them and what that is called.

Everything is read for one video at a time, as it was at one moment, and kept while it is looked at.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.labelling import NONE_OF_THEM
from vquery.api.lately import Lately, weight
from vquery.api.tables import HUMAN, Wanted, labels_of, propagated, without_rejected
from vquery.errors import MediaError, StoreError
from vquery.schema import BOX, IDS_PER_VIDEO
from vquery.store.spans import derive_spans

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy.typing as npt

    from vquery.api.moment import Moment
    from vquery.store.store import Store

    Ints: TypeAlias = npt.NDArray[np.int64]
    Codes: TypeAlias = npt.NDArray[np.int32]

BYTES = 192 << 20
"""Of detections, of labels and of times of frames that are kept."""
NOTHING, PROPOSED, CONFIRMED, CONFLICT = range(4)
STATES = (None, "proposed", "confirmed", "conflict")
"""What a label is: found, said by a person, or said by a person against what was found."""
BOXES_SHOWN = 2_000
FRAMES_TOLD = 20_000


@dataclass(frozen=True)
class Film:
    """One video, and where its file is.

    Attributes
    ----------
    kind
        "video", "images" (a folder), "image" or "none" (no media).
    """

    video: str
    video_id: int
    kind: str
    uri: str | None
    fps: str | None
    width: int | None
    height: int | None
    duration_us: int | None

    def place(self) -> Path:
        """Return where its file is.

        Raises
        ------
        MediaError
            If it has none, or it is no longer there.
        """
        if self.kind == "none" or not self.uri:
            raise MediaError(f"{self.video!r} has no pictures: it was indexed without its file")
        path = Path(self.uri)
        if not path.exists():
            raise MediaError(
                f"the file of {self.video!r} is no longer where it was indexed: put it back"
            )
        return path


@dataclass(frozen=True, eq=False)
class Seen:
    """The detections of one video, by start.

    Attributes
    ----------
    ids, start, end, track
        int64 (n,); tracks are -1 where there is none.
    box
        float32 (n, 4).
    kind, kinds
        Which class each is of; the classes.
    reach
        The latest end so far (n,), by which the first row of a window is found.
    """

    ids: Ints
    start: Ints
    end: Ints
    track: Ints
    box: npt.NDArray[np.float32]
    kind: Codes
    kinds: tuple[str, ...]
    reach: Ints

    @functools.cached_property
    def by_id(self) -> Ints:
        """Rows in the order of ids."""
        return np.argsort(self.ids, kind="stable")

    def row_of(self, detection_id: int) -> int | None:
        """Find the row of a detection."""
        at = int(np.searchsorted(self.ids, detection_id, sorter=self.by_id))
        if at < len(self.ids) and self.ids[self.by_id[at]] == detection_id:
            return int(self.by_id[at])
        return None


@dataclass(frozen=True, eq=False)
class Called:
    """What the detections of one video are called, row for row of `Seen`.

    Attributes
    ----------
    code, names
        int32 (n,), -1 where there is no label; the labels. A person's "none of them" is one.
    probability
        float32 (n,), NaN where there is none.
    human
        Whether a person said it, bool (n,).
    state
        int8 (n,), as in `STATES`.
    """

    code: Codes
    names: tuple[str, ...]
    probability: npt.NDArray[np.float32]
    human: npt.NDArray[np.bool_]
    state: npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class FrameTimes:
    """The frames of one video: number, start and end of each, int64 (n,)."""

    number: Ints
    start: Ints
    end: Ints

    def at(self, t_us: int) -> int:
        """Find the row of the frame that is shown at a time; after the last one that one.

        Raises
        ------
        StoreError
            If there are no frames, or the time is before the first one.
        """
        if not len(self.start):
            raise StoreError("the frames of this video are not known")
        row = int(np.searchsorted(self.start, t_us, side="right")) - 1
        if row < 0:
            raise StoreError(f"no frame is shown at {t_us} us: the first is at {self.start[0]}")
        return row

    def near(self, t_us: int) -> int:
        """Find the row of the frame that is shown at a time, or of the first if it is earlier."""
        return self.at(max(t_us, int(self.start[0])) if len(self.start) else t_us)


class Looker:
    """Reads what is shown of videos, and keeps the last of it.

    Parameters
    ----------
    store
        The collection's.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._films: Lately[dict[str, Film]] = Lately(2)
        self._seen: Lately[Seen] = Lately(BYTES, weight)
        self._called: Lately[Called] = Lately(BYTES, weight)
        self._frames: Lately[FrameTimes] = Lately(BYTES, weight)
        self._soft: Lately[pa.Table] = Lately(BYTES, weight)
        self._spans: Lately[pa.Table] = Lately(8)
        self._points: Lately[dict[int, Any]] = Lately(64)

    def film(self, moment: Moment, video: str) -> Film:
        """Find a video by its name.

        Raises
        ------
        StoreError
            If the collection has none of that name.
        """
        films = self._films.get(moment.snapshot.generation, lambda: _films(moment))
        found = films.get(moment.snapshot.aliases().get(video, video))
        if found is None:
            raise StoreError(f"there is no video {video[:200]!r} in the collection")
        return found

    def film_of(self, moment: Moment, detection_id: int) -> Film:
        """Find the video of a detection.

        Raises
        ------
        StoreError
            If there is none.
        """
        films = self._films.get(moment.snapshot.generation, lambda: _films(moment))
        wanted = detection_id // IDS_PER_VIDEO
        for film in films.values():
            if film.video_id == wanted:
                return film
        raise StoreError(f"there is no detection {detection_id} in the collection")

    def frames(self, moment: Moment, video: str) -> FrameTimes:
        """Read when each frame of a video is shown."""
        key = (moment.snapshot.generation, video)
        return self._frames.get(key, lambda: _frames(moment, video))

    def seen(self, moment: Moment, video: str) -> Seen:
        """Read the detections of a video."""
        key = (moment.snapshot.generation, video)
        return self._seen.get(key, lambda: _seen(moment, video))

    def called(self, moment: Moment, video: str, concept: str) -> Called:
        """Read what the detections of a video are called."""
        key = (moment.snapshot.generation, moment.last_event, video, concept)
        return self._called.get(key, lambda: self._name(moment, video, concept))

    def _name(self, moment: Moment, video: str, concept: str) -> Called:
        key = (moment.snapshot.generation, video, concept)
        soft = self._soft.get(key, lambda: propagated(moment.snapshot, concept, [video]))
        return _called(moment, video, self.seen(moment, video), concept, soft)

    def spans(self, moment: Moment, concept: str) -> pa.Table:
        """Read the labels that people gave to spans of time (schema SEED_SPAN)."""

        def make() -> pa.Table:
            # a moment may see later labels than its snapshot
            return derive_spans(self.store.events_until(moment.last_event), concept)

        return self._spans.get((moment.last_event, concept), make)

    def overlay(
        self, moment: Moment, video: str, start_us: int, end_us: int, concept: str
    ) -> dict[str, Any]:
        """Tell the boxes that are shown in a stretch of a video, with their labels."""
        self.film(moment, video)
        seen, called = self.seen(moment, video), self.called(moment, video, concept)
        rows = within(seen.start, seen.end, seen.reach, start_us, end_us)
        shown = [_box(seen, called, row) for row in rows[:BOXES_SHOWN].tolist()]
        drawn = self.drawn(moment, video)
        by_hand = {"drawn": True, "points": None, "interpolated": False}
        for box in shown:
            box |= by_hand | drawn.get(box["detection_id"], {"drawn": False})
        return {"boxes": shown, "total": len(rows)}

    def drawn(self, moment: Moment, video: str) -> dict[int, dict[str, Any]]:
        """Read which boxes of a video people drew: the extreme points, and whether in between."""

        def make() -> dict[int, dict[str, Any]]:
            columns = ["detection_id", "points", "interpolated"]
            rows = moment.snapshot.read("drawn", columns=columns, videos=[video])
            return {
                row["detection_id"]: {
                    "points": _pairs(row["points"]),
                    "interpolated": row["interpolated"],
                }
                for row in rows.to_pylist()
            }

        return self._points.get((moment.snapshot.generation, video), make)

    def times(self, moment: Moment, video: str, start_us: int, end_us: int) -> dict[str, Any]:
        """Tell the exact starts of the frames that are shown in a stretch of a video."""
        self.film(moment, video)
        frames = self.frames(moment, video)
        first = int(np.searchsorted(frames.end, start_us, side="right"))
        last = int(np.searchsorted(frames.start, end_us, side="left"))
        shown = frames.start[first : min(last, first + FRAMES_TOLD)]
        return {"start_us": shown.tolist(), "total": max(last - first, 0)}


def _pairs(points: list[float] | None) -> list[list[float]] | None:
    """Put x and y of each point together.

    >>> _pairs([0.5, 0.25, 1.0, 0.0])
    [[0.5, 0.25], [1.0, 0.0]]
    """
    if points is None:
        return None
    return [[round(x, 5), round(y, 5)] for x, y in zip(points[::2], points[1::2], strict=True)]


def within(start: Ints, end: Ints, reach: Ints, low: int, high: int) -> Ints:
    """Find the rows, sorted by start, that are shown between two times; instants count.

    >>> start, end = np.array([0, 5, 9]), np.array([20, 6, 9])
    >>> within(start, end, np.maximum.accumulate(end), 6, 10).tolist()
    [0, 2]
    """
    first = int(np.searchsorted(reach, low, side="left"))
    last = int(np.searchsorted(start, max(high, low + 1), side="left"))
    rows = np.arange(first, max(last, first))
    here = np.maximum(end[first:last], start[first:last] + 1) > low
    return rows[here]


def _films(moment: Moment) -> dict[str, Film]:
    found = {}
    for row in moment.snapshot.videos().to_pylist():
        fps = f"{row['fps_num']}/{row['fps_den']}" if row["fps_num"] and row["fps_den"] else None
        found[row["video"]] = Film(
            row["video"],
            row["video_id"],
            row["kind"] or "none",
            row["uri"],
            fps,
            row["width"],
            row["height"],
            row["duration_us"],
        )
    return found


def _frames(moment: Moment, video: str) -> FrameTimes:
    columns = ["frame", "start_us", "end_us"]
    rows = moment.snapshot.read("frames", columns=columns, videos=[video])
    return FrameTimes(*(rows[name].to_numpy() for name in columns))


def _seen(moment: Moment, video: str) -> Seen:
    columns = ["detection_id", "start_us", "end_us", *BOX, "class", "track"]
    rows = moment.snapshot.read("detections", columns=columns, videos=[video])
    kinds = pc.fill_null(rows["class"], "").combine_chunks().dictionary_encode()
    end = rows["end_us"].to_numpy()
    return Seen(
        ids=rows["detection_id"].to_numpy(),
        start=rows["start_us"].to_numpy(),
        end=end,
        track=pc.fill_null(rows["track"], -1).to_numpy(),
        box=np.column_stack([rows[name].to_numpy() for name in BOX]),
        kind=kinds.indices.to_numpy(zero_copy_only=False).astype(np.int32),
        kinds=tuple(kinds.dictionary.to_pylist()),
        reach=np.maximum.accumulate(end) if len(end) else end,
    )


def _called(moment: Moment, video: str, seen: Seen, concept: str, soft: pa.Table) -> Called:
    wanted = Wanted(concept, detail=True)
    found = labels_of(
        moment.snapshot, moment.seeds, moment.rejected, seen.ids, wanted, videos=[video]
    )
    label, source = found[concept], found[f"{concept}_source"]
    human = pc.fill_null(pc.equal(source, HUMAN), fill_value=False)
    label = pc.if_else(pc.and_(human, pc.is_null(label)), pa.scalar(NONE_OF_THEM), label)
    coded = label.combine_chunks().dictionary_encode()
    code = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32)
    by_hand = np.asarray(human.to_numpy(), np.bool_)
    against = by_hand & _contradicted(without_rejected(soft, moment.rejected), seen.ids, label)
    state = np.select([against, by_hand, code >= 0], [CONFLICT, CONFIRMED, PROPOSED], NOTHING)
    chance = found[f"{concept}_probability"].cast(pa.float32())
    return Called(
        code=code,
        names=tuple(coded.dictionary.to_pylist()),
        probability=pc.fill_null(chance, float("nan")).to_numpy(),
        human=by_hand,
        state=state.astype(np.int8),
    )


def _contradicted(soft: pa.Table, ids: Ints, label: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Whether something else was found of each detection than its label, (n,)."""
    soft = soft.filter(pc.and_(pc.not_equal(soft["source"], HUMAN), pc.is_valid(soft["label"])))
    at = pc.index_in(pa.array(ids), value_set=soft["detection_id"].combine_chunks())
    other = pc.not_equal(soft["label"].combine_chunks().take(at), label.combine_chunks())
    return np.asarray(
        pc.fill_null(other, fill_value=False).to_numpy(zero_copy_only=False), np.bool_
    )


def _box(seen: Seen, called: Called, row: int) -> dict[str, Any]:
    code, track = int(called.code[row]), int(seen.track[row])
    chance = float(called.probability[row])
    return {
        "detection_id": int(seen.ids[row]),
        "track": None if track < 0 else track,
        "start_us": int(seen.start[row]),
        "end_us": int(seen.end[row]),
        "box": [round(float(side), 5) for side in seen.box[row]],
        "class": seen.kinds[seen.kind[row]],
        "label": called.names[code] if code >= 0 else None,
        "probability": round(chance, 4) if math.isfinite(chance) else None,
        "state": STATES[int(called.state[row])],
    }
