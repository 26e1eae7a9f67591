"""What a timeline shows of one video: a lane for each source."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.api.labelling import NONE_OF_THEM
from vquery.api.lanes import NO_VALUE, Spans, lane, sorted_spans
from vquery.api.lately import Lately, weight
from vquery.api.looking import CONFIRMED, CONFLICT, PROPOSED
from vquery.api.span_labels import without_rejected
from vquery.api.tables import HUMAN
from vquery.store.span_verdicts import rejected_spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vquery.api.looking import Called, Ints, Looker, Seen
    from vquery.api.moment import Moment

VOTED = "vote"
BYTES = 384 << 20
"""Of spans that are kept."""
MOST_VOTERS = 16
"""Lanes of votes that are shown."""
_NONE = np.empty(0, np.int64)
NOTHING = Spans(_NONE, _NONE)


class Timeline:
    """Draws the lanes of videos, and keeps what it read of the last ones.

    Parameters
    ----------
    looker
        Reads detections and their labels.
    """

    def __init__(self, looker: Looker) -> None:
        self._looker = looker
        self._kept: Lately[Any] = Lately(BYTES, weight)

    def hits(self, name: str, table: pa.Table, video: str) -> Spans:
        """Find the rows of a result, which has a name and does not change, in a video."""
        found: dict[str, Spans] = self._kept.get(("hits", name), lambda: hits_by_video(table))
        return found.get(video, NOTHING)

    def draw(
        self,
        moment: Moment,
        video: str,
        window: tuple[int, int],
        width: int,
        *,
        concept: str,
        hits: Spans | None = None,
    ) -> list[dict[str, Any]]:
        """Draw all lanes of a video that are not empty.

        Parameters
        ----------
        moment
            When.
        video
            Its name.
        window
            Start and end in microseconds.
        width
            Pixels, and bars of a lane at most.
        concept
            Whose labels are shown.
        hits
            What a query found in this video.

        Raises
        ------
        StoreError
            If there is no such video.
        """
        self._looker.film(moment, video)
        sources = [
            *self._told(moment, video),
            *self._detected(moment, video),
            ("query", "query", hits or NOTHING),
            *self._votes(moment, video, concept),
            *self._labels(moment, video, concept),
        ]
        drawn = [lane(name, kind, spans, window, width) for name, kind, spans in sources]
        return [one for one in drawn if one is not None]

    def _told(self, moment: Moment, video: str) -> Iterator[tuple[str, str, Spans]]:
        """Give shots and captions."""
        for name, table, text in (("shots", "shots", None), ("captions", "cues", "text")):
            key = (moment.snapshot.generation, video, table)
            make = functools.partial(_stored, moment, video, table, text)
            yield name, name, self._kept.get(key, make)

    def _detected(self, moment: Moment, video: str) -> Iterator[tuple[str, str, Spans]]:
        """Give a lane for each class of detections."""
        key = (moment.snapshot.generation, video, "detected")
        make = functools.partial(_detected, moment, video, self._looker)
        for title, spans in self._kept.get(key, make):
            yield title, "detections", spans

    def _votes(self, moment: Moment, video: str, concept: str) -> Iterator[tuple[str, str, Spans]]:
        """Give what saved relations vote: a lane for each function."""
        key = (moment.snapshot.generation, video, "votes", concept)
        yield from self._kept.get(key, lambda: list(_votes(moment, video, concept)))

    def _labels(self, moment: Moment, video: str, concept: str) -> Iterator[tuple[str, str, Spans]]:
        """Give what was found of the concept, and what people say of it."""
        key = (moment.snapshot.generation, moment.last_event, video, "labels", concept)
        found, said = self._kept.get(key, lambda: self._both(moment, video, concept))
        yield "propagated", "propagated", found
        yield "human", "human", said

    def _both(self, moment: Moment, video: str, concept: str) -> tuple[Spans, Spans]:
        seen = self._looker.seen(moment, video)
        called = self._looker.called(moment, video, concept)
        found = _called(seen, called, np.flatnonzero(called.state == PROPOSED))
        said = _called(seen, called, np.flatnonzero(called.human))
        wrong = rejected_spans(self._looker.store.events_until(moment.last_event), concept)
        fused = _fused(moment, video, concept, wrong)
        spans = _person(self._looker.spans(moment, concept), video, fused)
        return _joined(found, fused), _joined(said, spans)


def _detected(moment: Moment, video: str, looker: Looker) -> list[tuple[str, Spans]]:
    seen = looker.seen(moment, video)
    found = []
    for kind, name in enumerate(seen.kinds):
        rows = slice(None) if len(seen.kinds) == 1 else seen.kind == kind
        spans = Spans(seen.start[rows], seen.end[rows], key=_keys(seen)[rows])
        found.append(("faces" if name == "face" else name or "detections", spans))
    return found


def _keys(seen: Seen) -> Ints:
    """Tell tracks apart; a detection without one is its own."""
    return np.where(seen.track >= 0, seen.track, -1 - seen.ids)


def _called(seen: Seen, called: Called, rows: Ints) -> Spans:
    return Spans(
        seen.start[rows],
        seen.end[rows],
        code=called.code[rows].astype(np.int64),
        values=called.names,
        state=called.state[rows],
        key=np.zeros(len(rows), np.int64),
    )


def _stored(moment: Moment, video: str, table: str, text: str | None) -> Spans:
    columns = ["start_us", "end_us", *([text] if text else [])]
    rows = moment.snapshot.read(table, columns=columns, videos=[video])
    texts = rows[text].to_pylist() if text else None
    return sorted_spans(Spans(rows["start_us"].to_numpy(), rows["end_us"].to_numpy(), text=texts))


def _votes(moment: Moment, video: str, concept: str) -> Iterator[tuple[str, str, Spans]]:
    from vquery.store.parts import has_video

    shown = 0
    for name in moment.snapshot.saved():
        there = moment.snapshot.schema(name)
        if not {VOTED, "start_us", "end_us"} <= set(there.names) or not has_video(there):
            continue
        rows = moment.snapshot.read(name, videos=[video])
        if "concept" in there.names:
            rows = rows.filter(pc.equal(rows["concept"], concept))
        functions = rows["function"].unique().to_pylist() if "function" in there.names else [None]
        for one in sorted(functions, key=str):
            mine = rows if one is None else rows.filter(pc.equal(rows["function"], one))
            if shown == MOST_VOTERS:
                return
            shown += 1
            yield str(one or name), "votes", _valued(mine, VOTED, None)


def _valued(rows: pa.Table, column: str, state: int | None) -> Spans:
    """Make spans of rows whose values stand in a column; null says "none of them"."""
    values = pc.fill_null(rows[column].cast(pa.string()), NONE_OF_THEM)
    coded = values.combine_chunks().dictionary_encode()
    n = rows.num_rows
    return sorted_spans(
        Spans(
            rows["start_us"].to_numpy(),
            rows["end_us"].to_numpy(),
            code=coded.indices.to_numpy(zero_copy_only=False).astype(np.int64),
            values=coded.dictionary.to_pylist(),
            state=None if state is None else np.full(n, state, np.int8),
        )
    )


def _fused(moment: Moment, video: str, concept: str, wrong: pa.Table) -> Spans:
    """Labels that a fusion gave to spans of time, without those that people rejected."""
    columns = ["video", "start_us", "end_us", "concept", "label", "best", "source"]
    rows = moment.snapshot.read("soft_intervals", columns=columns, videos=[video])
    keep = pc.and_(pc.equal(rows["concept"], concept), pc.is_valid(rows["label"]))
    rows = rows.filter(pc.and_(keep, pc.not_equal(rows["source"], HUMAN)))
    rows, *_ = without_rejected(rows, wrong.filter(pc.equal(wrong["video"], video)))
    return _valued(rows, "label", PROPOSED)


def _person(every: pa.Table, video: str, found: Spans) -> Spans:
    """Labels that people gave to spans of time; against what was found they are in conflict."""
    rows = every.filter(pc.equal(every["video"], video))
    said = _valued(rows, "label", CONFIRMED)
    assert said.state is not None
    for at, (low, high) in enumerate(zip(said.start.tolist(), said.end.tolist(), strict=True)):
        assert said.code is not None
        own = said.values[said.code[at]]
        over = np.flatnonzero((found.start < high) & (found.end > low))
        if any(found.values[code] != own for code in _codes(found)[over].tolist()):
            said.state[at] = CONFLICT
    return said


def _codes(spans: Spans) -> Ints:
    return np.full(len(spans.start), NO_VALUE) if spans.code is None else spans.code


def _joined(first: Spans, second: Spans) -> Spans:
    """Put two sets of spans on one lane."""
    if not len(second.start):
        return first
    if not len(first.start):
        return second
    values = list(dict.fromkeys([*first.values, *second.values]))
    place = {value: at for at, value in enumerate(values)}
    codes = []
    for one in (first, second):
        own = np.array([place[value] for value in one.values] + [NO_VALUE], np.int64)
        codes.append(own[_codes(one)])
    assert first.state is not None
    assert second.state is not None
    key = np.zeros(len(first.start) + len(second.start), np.int64)
    return sorted_spans(
        Spans(
            np.concatenate([first.start, second.start]),
            np.concatenate([first.end, second.end]),
            code=np.concatenate(codes),
            values=values,
            state=np.concatenate([first.state, second.state]),
            key=key,
        )
    )


def hits_by_video(table: pa.Table) -> dict[str, Spans]:
    """Find the rows of a result in each video, by start."""
    videos = table["video"].cast(pa.string()).combine_chunks().dictionary_encode()
    code = videos.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    start, end = (table[name].to_numpy() for name in ("start_us", "end_us"))
    order = np.lexsort((start, code))
    borders = np.searchsorted(code[order], np.arange(len(videos.dictionary) + 1))
    found = {}
    for at, name in enumerate(videos.dictionary.to_pylist()):
        rows = order[borders[at] : borders[at + 1]]
        found[name] = Spans(start[rows], end[rows], row=rows)
    return found


def next_hit(hits: Spans, after_us: int | None, before_us: int | None) -> dict[str, int] | None:
    """Find the first hit that starts after a time, or the last one that starts before it.

    >>> hits = Spans(np.array([3, 9]), np.array([4, 10]), row=np.array([1, 0]))
    >>> next_hit(hits, 3, None)
    {'row': 0, 'start_us': 9, 'end_us': 10}
    >>> next_hit(hits, None, 3) is None
    True
    """
    at = -1
    if after_us is not None:
        at = int(np.searchsorted(hits.start, after_us, side="right"))
    elif before_us is not None:
        at = int(np.searchsorted(hits.start, before_us, side="left")) - 1
    if not 0 <= at < len(hits.start):
        return None
    assert hits.row is not None
    return {
        "row": int(hits.row[at]),
        "start_us": int(hits.start[at]),
        "end_us": int(hits.end[at]),
    }
