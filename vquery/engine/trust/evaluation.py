"""How good a result is against labels: in time, by items, by rank, at the boundaries."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vquery.engine.arrays import group_codes, ints
from vquery.engine.trust.evaluation_text import html, text
from vquery.errors import QueryError, UnknownColumnError
from vquery.expr.types import Kind, kind_of
from vquery.metrics.items import (
    Boundaries,
    ItemScore,
    Overlaps,
    Segmentation,
    boundaries,
    distinct,
    one_to_one,
    overlaps,
    segmentation,
)
from vquery.metrics.ranking import average_precision, ranks
from vquery.metrics.spans import Spans, TimeScore, time_by_group

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

OVERLAP = "overlap"


@dataclass(frozen=True)
class Evaluation:
    """A result compared with labels.

    Attributes
    ----------
    time
        Precision, recall and F1 of the time covered; overlapping rows count once, instants cover
        none.
    items
        Precision, recall and F1 of rows: under ``"overlap"`` a row is a hit where it overlaps any
        row of the other side, under a tIoU such as ``0.5`` where it is matched one to one with at
        least that overlap.
    ap
        Average precision at each tIoU, the mean over the classes that have labels.
    boundaries
        How far the ends of matched rows are off, at the lowest tIoU.
    segments
        Over- and under-segmentation.
    videos, classes
        The same for each video, and for each value of the columns ``by``.
    unscored
        Rows of the result without a score; they rank after all others.
    """

    time: TimeScore
    items: dict[str | float, ItemScore]
    ap: dict[float, float | None]
    boundaries: Boundaries
    segments: Segmentation
    videos: pa.Table
    classes: pa.Table
    unscored: int

    def metric(self, name: str) -> float | None:
        """One number by its name, as ``tune`` takes it.

        Raises
        ------
        QueryError
            Naming the ones that exist.
        """
        known = self.to_dict()
        if name not in known:
            raise QueryError(f"there is no metric {name!r}. Metrics: {', '.join(known)}")
        value: float | None = known[name]
        return value

    def to_dict(self) -> dict[str, Any]:
        """All totals by name: ``time_f1``, ``item_recall``, ``f1@0.5``, ``ap@0.5`` and so on."""
        found: dict[str, Any] = {f"time_{name}": getattr(self.time, name) for name in PRF}
        for key, item in self.items.items():
            for name in PRF:
                known = f"item_{name}" if key == OVERLAP else f"{name}@{key:g}"
                found[known] = getattr(item, name)
        found |= {f"ap@{key:g}": value for key, value in self.ap.items()}
        there = [value for value in self.ap.values() if value is not None]
        found["mean_ap"] = sum(there) / len(there) if there else None
        found |= asdict(self.boundaries)
        found |= asdict(self.segments)
        return found | {"unscored": self.unscored}

    def __str__(self) -> str:
        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html(self)


PRF = ("precision", "recall", "f1")


class Rows(NamedTuple):
    """One side, ready to be compared: groups are a video and a class."""

    spans: Spans
    video: Ints
    kind: Ints


def evaluate(
    found: pa.Table, truth: pa.Table, tiou: Sequence[float], by: Sequence[str]
) -> Evaluation:
    """Compare rows found with true rows."""
    thresholds = thresholds_of(tiou)
    ours, theirs, names, kinds = _coded(found, truth, by)
    videos, classes = len(names), kinds.num_rows
    pairs = overlaps(ours.spans, theirs.spans)
    score = _scores(found)
    best = np.zeros(found.num_rows)
    np.maximum.at(best, pairs.found, pairs.tiou)
    rank = ranks(score, best)
    matched = {each: one_to_one(_at_least(pairs, each), rank) for each in thresholds}
    hits = {each: rows >= 0 for each, rows in matched.items()}
    items: dict[str | float, ItemScore] = {
        OVERLAP: _hit_any(pairs, found.num_rows, truth.num_rows),
        **{each: _matched(rows, truth.num_rows) for each, rows in hits.items()},
    }
    by_class = {each: _class_ap(score, hits[each], ours, theirs, classes) for each in thresholds}
    ap = {each: _mean(values) for each, values in by_class.items()}
    video_of = _videos_of_groups(ours, theirs)
    time = time_by_group(ours.spans, theirs.spans, video_of.size)
    return Evaluation(
        TimeScore(*(int(each.sum()) for each in time)),
        items,
        ap,
        boundaries(ours.spans, theirs.spans, matched[thresholds[0]]),
        segmentation(pairs, found.num_rows, truth.num_rows),
        _by_video(names, ours, theirs, pairs, [_summed(each, video_of, videos) for each in time]),
        _by_class(kinds, ours, theirs, by_class),
        int(np.isnan(score).sum()),
    )


def only(table: pa.Table, videos: Iterable[Any] | None) -> pa.Table:
    """Keep the rows of some videos; None keeps all."""
    if videos is None:
        return table
    column = table["video"]
    column = column.cast(pa.string()) if kind_of(column.type) is Kind.STRING else column
    try:
        wanted = pa.array(list(videos), column.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise QueryError(f"videos= takes names of videos, each {column.type}: {error}") from error
    return table.filter(pc.is_in(column, value_set=wanted))


def thresholds_of(tiou: Sequence[float]) -> list[float]:
    """Check thresholds of tIoU and sort them.

    Raises
    ------
    QueryError
        If there are none, or one is not above 0 and at most 1.
    """
    given = [tiou] if isinstance(tiou, (int, float)) else list(tiou)
    fits = all(isinstance(each, (int, float)) and 0 < each <= 1 for each in given)
    if not given or not fits:
        raise QueryError(
            f"tiou= takes numbers above 0 and at most 1, such as (0.3, 0.5), got {tiou!r}"
        )
    return sorted({float(each) for each in given})


def _coded(
    found: pa.Table, truth: pa.Table, by: Sequence[str]
) -> tuple[Rows, Rows, pa.ChunkedArray, pa.Table]:
    """Give videos and classes numbers that mean the same on both sides; null equals null."""
    for name in by:
        for side, what in ((found, "the result"), (truth, "labels")):
            if name not in side.column_names:
                raise UnknownColumnError.of(name, side.column_names, where=what)
    columns = {name: _stacked(found, truth, name) for name in ("video", *by)}
    total = found.num_rows + truth.num_rows
    video = group_codes([columns["video"]])
    kind = group_codes([columns[name] for name in by]) if by else np.zeros(total, np.int64)
    group = group_codes(list(columns.values()))
    sides = []
    for table, part in ((found, slice(0, found.num_rows)), (truth, slice(found.num_rows, None))):
        spans = Spans(group[part], ints(table["start_us"]), ints(table["end_us"]))
        sides.append(Rows(spans, video[part], kind[part]))
    first = np.unique(video, return_index=True)[1]
    of_class = np.unique(kind, return_index=True)[1]
    kinds = pa.table({name: columns[name].take(pa.array(of_class)) for name in by})
    if not by:
        kinds = pa.table({"class": pa.array(["all"])})
    return sides[0], sides[1], columns["video"].take(pa.array(first)), kinds


def _stacked(found: pa.Table, truth: pa.Table, name: str) -> pa.ChunkedArray:
    parts = [found[name], truth[name]]
    kinds = {kind_of(each.type) for each in parts}
    if len(kinds - {Kind.NULL}) > 1:
        one, other = (each.type for each in parts)
        raise QueryError(f"{name} is {one} in the result and {other} in labels: they never match")
    types = [each.type for each in parts if kind_of(each.type) is not Kind.NULL]
    wanted = types[0] if types else pa.null()
    wanted = {Kind.STRING: pa.string(), Kind.INTEGER: pa.int64()}.get(kind_of(wanted), wanted)
    chunks = [chunk for each in parts for chunk in each.cast(wanted).chunks]
    return pa.chunked_array(chunks, type=wanted)


def _scores(found: pa.Table) -> npt.NDArray[np.float64]:
    """Scores of what was found; NaN where there is none, all equal without such a column."""
    if "score" not in found.column_names or kind_of(found["score"].type) is Kind.NULL:
        return np.full(found.num_rows, np.nan)
    column = pc.cast(found["score"], pa.float64()).combine_chunks()
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _at_least(pairs: Overlaps, tiou: float) -> Overlaps:
    near = pairs.tiou >= tiou
    return Overlaps(pairs.found[near], pairs.truth[near], pairs.tiou[near])


def _hit_any(pairs: Overlaps, found: int, true: int) -> ItemScore:
    return ItemScore(found, true, distinct(pairs.found).size, distinct(pairs.truth).size)


def _matched(hit: npt.NDArray[np.bool_], true: int) -> ItemScore:
    number = int(hit.sum())
    return ItemScore(hit.size, true, number, number)


def _class_ap(
    score: npt.NDArray[np.float64],
    hit: npt.NDArray[np.bool_],
    ours: Rows,
    theirs: Rows,
    classes: int,
) -> list[float | None]:
    true = np.bincount(theirs.kind, minlength=classes)
    order = np.argsort(ours.kind, kind="stable")
    cuts = np.searchsorted(ours.kind[order], np.arange(classes + 1))
    parts = [order[low:high] for low, high in itertools.pairwise(cuts)]
    return [average_precision(score[rows], hit[rows], int(true[n])) for n, rows in enumerate(parts)]


def _mean(values: Sequence[float | None]) -> float | None:
    there = [each for each in values if each is not None]
    return math.fsum(there) / len(there) if there else None


def _by_video(
    names: pa.ChunkedArray,
    ours: Rows,
    theirs: Rows,
    pairs: Overlaps,
    time: list[Ints],
) -> pa.Table:
    videos = len(names)
    counts = [np.bincount(side.video, minlength=videos) for side in (ours, theirs)]
    hits = [
        np.bincount(side.video[distinct(rows)], minlength=videos)
        for side, rows in ((ours, pairs.found), (theirs, pairs.truth))
    ]
    shares = {
        "time_precision": (time[2], time[0]),
        "time_recall": (time[2], time[1]),
        "time_f1": (2 * time[2], time[0] + time[1]),
        "item_precision": (hits[0], counts[0]),
        "item_recall": (hits[1], counts[1]),
    }
    columns: dict[str, Any] = {"video": names, "found": counts[0], "true": counts[1]}
    columns |= {name: _share(*each) for name, each in shares.items()}
    # the harmonic mean of both, written so that nothing is divided by nothing
    top = 2 * hits[0] * hits[1]
    below = hits[0] * counts[1] + hits[1] * counts[0]
    some = counts[0] + counts[1] > 0
    columns["item_f1"] = _share(top, np.where(some, np.maximum(below, 1), 0))
    return pa.table(columns).sort_by("video")


def _share(part: Ints, whole: Ints) -> pa.Array:
    """Return ``part / whole``, null where there is nothing to divide by."""
    values = np.divide(part, whole, out=np.zeros(part.size), where=whole > 0)
    return pa.array(values, mask=whole == 0)


def _videos_of_groups(ours: Rows, theirs: Rows) -> Ints:
    """Video of each group: groups are videos, or videos and classes."""
    groups = np.concatenate((ours.spans.group, theirs.spans.group))
    video_of = np.zeros(int(groups.max(initial=-1)) + 1, dtype=np.int64)
    video_of[groups] = np.concatenate((ours.video, theirs.video))
    return video_of


def _summed(values: Ints, places: Ints, size: int) -> Ints:
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, places, values)
    return total


def _by_class(
    kinds: pa.Table, ours: Rows, theirs: Rows, ap: dict[float, list[float | None]]
) -> pa.Table:
    number = kinds.num_rows
    table = kinds.append_column("found", pa.array(np.bincount(ours.kind, minlength=number)))
    table = table.append_column("true", pa.array(np.bincount(theirs.kind, minlength=number)))
    for each, values in ap.items():
        table = table.append_column(f"ap@{each:g}", pa.array(values, pa.float64()))
    return table
