"""Items in the order of time: which follow which, how long each lasts, where nothing is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vquery.engine.bring import any_table
from vquery.errors import LabelError, QueryError
from vquery.schema import US_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.votes.matrix import LabelMatrix

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

ROUNDING = 0.5
"""Share of the shorter one that two neighbours may overlap: times of frames are rounded."""
SLACK = 0.5
"""Share of a step that may lie between two items before it counts as a gap, for the same reason."""
UNEVEN = 2.0
"""Items are uneven where the 90th percentile of their lengths is more times the 10th than this."""
ALWAYS = 0.95
"""Uneven items are atomic segments where so many touching neighbours differ in their votes."""


class Sequences(NamedTuple):
    """Items and gaps between them, one node each, in the order of time.

    Attributes
    ----------
    bounds
        Shape (sequences + 1,): nodes of sequence ``s`` are ``bounds[s] .. bounds[s + 1]``.
    row
        Shape (nodes,): row of the item, -1 for a gap.
    length
        Shape (nodes,): seconds.
    looks
        Shape (nodes,): how many times the votes of the item count, each a tick of the chain.
    start_us, end_us
        Shape (nodes,).
    video
        Shape (sequences,): name of the video, None where items have none.
    step
        Seconds of a tick: of a typical item, or of one look where items weigh by their time.
    by_time
        Whether items weigh by their time; else each is one look.
    """

    bounds: Ints
    row: Ints
    length: Floats
    looks: Floats
    start_us: Ints
    end_us: Ints
    video: list[str | None]
    step: float
    by_time: bool


def sequences_of(
    votes: LabelMatrix, *, cuts: Any = None, gap: float | None = None, step: float | None = None
) -> Sequences:
    """Bring items into sequences: one a video, begun anew at cuts and behind long gaps.

    Items with a column ``track`` whose tracks have several items make one sequence a track.

    Parameters
    ----------
    votes
        With ``items`` that have ``video``, ``start_us``, ``end_us``; without, rows follow each
        other, each one second long.
    cuts
        Where classes begin anew: a relation or table with ``video`` and ``start_us``, or
        ``{video: seconds}``, or seconds of the only sequence.
    gap
        Seconds without an item behind which classes begin anew; None never does.
    step
        Seconds of one look, for items that weigh by their time. None: each item is one look, unless
        items are atomic segments (of uneven length, and neighbours differ in their votes).

    Raises
    ------
    LabelError
        If two items of a sequence overlap, or cuts name a video that there is not.

    >>> import pyarrow as pa
    >>> from vquery.supervise.votes.matrix import LabelMatrix
    >>> rows = {"video": ["a"] * 3, "start_us": [9, 0, 2], "end_us": [11, 2, 4]}
    >>> items = pa.table({"item": [0, 1, 2], **rows})
    >>> found = sequences_of(LabelMatrix.from_dense([[0]] * 3, classes=[0], items=items))
    >>> found.row.tolist(), found.bounds.tolist()
    ([1, 2, -1, 0], [0, 4])
    """
    video, start, end = _times(votes)
    names, code = _coded(video, votes)
    order = np.lexsort((end, start, code))
    code, start, end = code[order], start[order], end[order]
    end = _lasting(code, start, end)
    _refuse_overlap(order, code, start, end)
    length = (end - start) / US_PER_S
    usual = float(np.median(length)) if length.size else 1.0
    same = code[1:] == code[:-1]
    apart = np.concatenate((np.zeros(min(1, code.size)), (start[1:] - end[:-1]) / US_PER_S))
    fresh = np.concatenate((np.ones(min(1, code.size), bool), ~same))
    if gap is not None:
        fresh |= apart > _positive(gap, "gap")
    fresh |= _begun(cuts, names, code, start, end)
    hole = ~fresh & (apart > SLACK * usual)
    node = np.arange(code.size) + np.cumsum(hole)
    total = int(code.size + hole.sum())
    row = np.full(total, -1, np.int64)
    row[node] = order
    starts, ends = np.empty(total, np.int64), np.empty(total, np.int64)
    starts[node], ends[node] = start, end
    before = node[hole] - 1
    starts[before], ends[before] = end[:-1][hole[1:]], start[hole]
    first = np.flatnonzero(fresh)
    by_time = step is not None or _segmented(votes, order, same, apart, length)
    tick = usual if step is None else _positive(step, "step")
    lasts = (ends - starts) / US_PER_S
    return Sequences(
        bounds=np.append(node[first], total).astype(np.int64) if total else np.zeros(1, np.int64),
        row=row,
        length=lasts,
        looks=lasts / tick if by_time else np.ones(total),
        start_us=starts,
        end_us=ends,
        video=[names[each] for each in code[first]],
        step=tick,
        by_time=by_time,
    )


def _times(votes: LabelMatrix) -> tuple[list[Any] | None, Ints, Ints]:
    items, n = votes.items, votes.n
    if items is None or "start_us" not in items.column_names:
        start = np.arange(n, dtype=np.int64) * US_PER_S
        return None, start, start + US_PER_S
    columns = (items["start_us"].to_numpy(), items["end_us"].to_numpy())
    start, end = (np.asarray(each, np.int64) for each in columns)
    return items["video"].to_pylist(), start, end


def _coded(video: list[Any] | None, votes: LabelMatrix) -> tuple[list[str | None], Ints]:
    """Name the sequence of each item: its video, or its track where tracks have several items."""
    if video is None:
        return [None], np.zeros(votes.n, np.int64)
    items = votes.items
    assert items is not None
    keys: list[Any] = list(video)
    if "track" in items.column_names:
        tracks = items["track"].to_pylist()
        if len(set(zip(video, tracks, strict=True))) < len(tracks):
            keys = list(zip(video, tracks, strict=True))
    known = {key: number for number, key in enumerate(sorted(set(keys), key=_sortable))}
    names = [key[0] if isinstance(key, tuple) else key for key in known]
    return names, np.array([known[key] for key in keys], np.int64)


def _sortable(key: Any) -> tuple[str, float]:
    """Order by video, then by track, items without a track last."""
    if isinstance(key, tuple):
        return str(key[0]), np.inf if key[1] is None else float(key[1])
    return str(key), 0.0


def _lasting(code: Ints, start: Ints, end: Ints) -> Ints:
    """Let instants last until the next item of their sequence, or as usual if that is far."""
    if not (end == start).any():
        return end
    ahead = np.diff(start, append=start[-1])
    ahead[np.append(code[1:] != code[:-1], True)] = 0
    usual = int(np.median(ahead[ahead > 0])) if (ahead > 0).any() else US_PER_S
    near = (ahead > 0) & (ahead <= usual + usual // 2)
    return np.where(end == start, start + np.where(near, ahead, usual), end)


def _refuse_overlap(order: Ints, code: Ints, start: Ints, end: Ints) -> None:
    shared, length = end[:-1] - start[1:], end - start
    most = ROUNDING * np.minimum(length[1:], length[:-1])
    bad = (code[1:] == code[:-1]) & (shared > most)
    if bad.any():
        at = int(bad.argmax())
        raise LabelError(
            f"items {order[at]} and {order[at + 1]} overlap in time ({int(bad.sum())} such pairs): "
            "decode() needs items that follow each other, such as frames, shots or segments; items "
            "with a column 'track' are followed track by track"
        )


def _begun(cuts: Any, names: list[str | None], code: Ints, start: Ints, end: Ints) -> Any:
    """Tell which items are the first behind a cut: their middle is, and that before it is not."""
    fresh = np.zeros(code.size, bool)
    if cuts is None:
        return fresh
    middle = start + (end - start) // 2
    for name, times in _cut_times(cuts, names).items():
        for number in (each for each, known in enumerate(names) if known == name):
            low, high = np.searchsorted(code, [number, number + 1])
            place = low + np.searchsorted(middle[low:high], np.asarray(times, np.int64))
            fresh[place[(place > low) & (place < high)]] = True
    return fresh


def _cut_times(cuts: Any, names: list[str | None]) -> dict[str | None, Any]:
    if isinstance(cuts, Mapping):
        unknown = [name for name in cuts if name not in names]
        if unknown:
            raise LabelError(
                f"cuts name the video {unknown[0]!r}, which has no items; videos: "
                f"{', '.join(map(str, names[:8]))}"
            )
        return {name: _seconds(times) for name, times in cuts.items()}
    if isinstance(cuts, list | tuple | np.ndarray):
        if len(set(names)) > 1:
            raise QueryError(
                f"cuts must name their videos, as there are {len(set(names))}: give "
                "{video: seconds} or a relation such as db.shots"
            )
        return {names[0]: _seconds(cuts)} if names else {}
    table = any_table(cuts, "cuts").to_arrow()
    videos = np.array(table["video"].to_pylist(), object)
    times = table["start_us"].to_numpy()
    return {name: times[videos == name] for name in set(names) & set(videos.tolist())}


def _seconds(times: Any) -> Ints:
    return np.rint(np.asarray(times, np.float64) * US_PER_S).astype(np.int64)


def _segmented(votes: LabelMatrix, order: Ints, same: Any, apart: Floats, length: Floats) -> bool:
    """Tell whether items are what borders of votes cut out: uneven, and neighbours differ."""
    touch = same & (apart[1:] <= 0)
    if not touch.any():
        return False
    low, high = np.quantile(length, [0.1, 0.9])
    if high <= UNEVEN * low:
        return False
    rows = votes.votes[order]
    differ = (rows[1:] != rows[:-1]).any(axis=1)
    return bool(differ[touch].mean() >= ALWAYS)


def _positive(value: float, name: str) -> float:
    good = isinstance(value, int | float | np.number) and value > 0
    if not good:
        raise QueryError(f"{name} must be a number of seconds above 0, got {value!r}")
    return float(value)
