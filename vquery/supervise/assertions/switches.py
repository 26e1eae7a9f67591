"""Switches: two tracks that change places, as if they had exchanged their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from vquery.errors import SchemaError
from vquery.supervise.assertions.findings import (
    RELABEL,
    Assertion,
    Found,
    believed,
    columns_of,
    corrections,
    nothing,
    share_of,
    violations,
)
from vquery.supervise.assertions.pairs import LEAST_SIDE
from vquery_kernels.overlap_join import overlap_join

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.assertions.rows import Rows

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

MARGIN = 0.5
"""Box sizes by which two tracks together must fit better when they are exchanged: a quarter of a
box each way for both, more than boxes tremble from frame to frame."""
HISTORY_US = 200_000
"""Over how much of its last (and next) time the speed of a track is measured: people go on as they
go for about that long, and boxes tremble less over it than from frame to frame."""


@dataclass(frozen=True, kw_only=True)
class Switches(Assertion):
    """See `switches`."""

    margin: float
    by: str
    rank: ClassVar[int] = 1

    def find(self, rows: Rows) -> Found:
        """List pairs of tracks that fit better when exchanged, and exchange them."""
        if rows.box is None:
            raise SchemaError(f"{self.name}: the table has no boxes (x1, y1, x2, y2)")
        steps = _steps(rows, rows.codes((self.by,), self.name))
        one, other, own, swapped = self._suspected(rows, steps)
        if not len(one):
            return nothing()
        severity = (own - swapped) / own
        weight = believed(severity)
        moved = _exchanged(steps, one, other)
        names = rows.column(self.by, self.name).cast(pa.string())
        row = np.flatnonzero(moved.violation >= 0)
        after = names.take(pa.array(moved.first[row]))
        pairs = _told(names, steps, one, other)
        found = violations(
            self.name,
            rows,
            video=rows.video[steps.before[one]],
            start=np.minimum(rows.start[steps.before[one]], rows.start[steps.before[other]]),
            end=np.maximum(rows.start[steps.after[one]], rows.start[steps.after[other]]),
            items=rows.item[
                np.c_[steps.before[one], steps.before[other], steps.after[one], steps.after[other]]
            ].tolist(),
            severity=severity,
            before=pairs,
            after=["exchanged"] * len(one),
            action=RELABEL,
            weight=weight,
        )
        of = moved.violation[row]
        fixed = corrections(
            self.name,
            rows,
            RELABEL,
            row,
            violation=of,
            weight=weight[of],
            column=self.by,
            before=names.take(pa.array(row)),
            after=after,
        )
        return Found(found, fixed)

    def _suspected(self, rows: Rows, steps: Steps) -> tuple[Ints, Ints, Floats, Floats]:
        """Choose pairs of steps, each step once, those that gain most first."""
        every = np.arange(len(steps.before))
        straight = _misfit(rows, steps, every, every)
        # nothing is gained by more than both have, so one of the two misses by half the margin
        bad = np.flatnonzero(straight > self.margin / 2)
        side = (rows.shot[steps.before], rows.start[steps.before], rows.start[steps.after])
        some = (side[0][bad], side[1][bad], side[2][bad])
        one, right = overlap_join(*some, *side)
        pair = np.sort(np.c_[bad[one], right.astype(np.int64)], axis=1)
        pair = np.unique(pair[steps.track[pair[:, 0]] != steps.track[pair[:, 1]]], axis=0)
        left, right = pair[:, 0], pair[:, 1]
        own = straight[left] + straight[right]
        swapped = _misfit(rows, steps, left, right) + _misfit(rows, steps, right, left)
        gain = own - swapped
        likely = np.flatnonzero(gain > self.margin)
        used: set[int] = set()
        chosen = []
        for pair in likely[np.lexsort((likely, -gain[likely]))].tolist():
            if not used & {int(left[pair]), int(right[pair])}:
                used |= {int(left[pair]), int(right[pair])}
                chosen.append(pair)
        best = np.array(sorted(chosen), np.int64)
        return left[best], right[best], own[best], swapped[best]


def switches(*, margin: float = MARGIN, by: str = "track", name: str = "") -> Switches:
    """Assert that no two tracks change places.

    At every step of a track from one box to its next, each end is continued evenly to the other;
    how far it misses, in box sizes, and how much the size changes, is the misfit. Two tracks of one
    shot whose steps overlap in time are suspected of an exchange if their misfit falls by more than
    ``margin`` when their ends are exchanged; then they are, from there on.

    Parameters
    ----------
    margin
        Box sizes, above 0, at most 1; less finds more, and more of what is none.
    by
        The column of tracks.
    name
        What violations call the rule.

    Raises
    ------
    QueryError
        If an argument cannot be.
    """
    made = Switches(
        name=name,
        margin=share_of(margin, "switches(margin=)"),
        by=columns_of(by, "switches(by=)")[0],
    )
    made.settle_name("switches")
    return made


class Steps(NamedTuple):
    """From each box of a track to the next one, inside one shot; shapes (steps,), but ``next``.

    Attributes
    ----------
    before, after
        Row numbers.
    track
        Code of the track.
    leaving, arriving
        Shape (steps, 2): speed of the centre up to the first box, and from the second one on, in
        widths or heights of the picture a microsecond.
    next
        Shape (n,): the row that follows in its track and shot, -1 for none.
    """

    before: Ints
    after: Ints
    track: Ints
    leaving: Floats
    arriving: Floats
    next: Ints


def _steps(rows: Rows, track: Ints) -> Steps:
    assert rows.box is not None
    taking = np.flatnonzero((track >= 0) & ~np.isnan(rows.box).any(axis=1))
    row = taking[np.lexsort((rows.start[taking], rows.shot[taking], track[taking]))]
    joined = np.zeros(len(row), bool)
    joined[1:] = (
        (track[row[1:]] == track[row[:-1]])
        & (rows.shot[row[1:]] == rows.shot[row[:-1]])
        & (rows.start[row[1:]] > rows.start[row[:-1]])
    )
    piece = np.cumsum(~joined)
    at = np.flatnonzero(joined)
    leaving = _speed(rows, row, piece, at - 1, -1)
    arriving = _speed(rows, row, piece, at, 1)
    following = np.full(len(rows), -1, np.int64)
    following[row[at - 1]] = row[at]
    return Steps(row[at - 1], row[at], track[row[at]], leaving, arriving, following)


def _speed(rows: Rows, row: Ints, piece: Ints, at: Ints, way: int) -> Floats:
    """Speed of the centre over about HISTORY_US from a place backward (way -1) or forward (1)."""
    assert rows.box is not None
    times, box = rows.start[row], rows.box[row]
    centre = (box[:, :2] + box[:, 2:]) / 2
    first = np.flatnonzero(np.diff(piece, prepend=-1))
    last = np.append(first[1:], len(row))[: len(first)] - 1  # there may be no rows
    # pieces one after the other on one clock, so that one search serves all of them
    length = times[last] - times[first] + 3 * HISTORY_US
    clock = times + np.repeat(np.cumsum(length) - length - times[first], last - first + 1)
    found = np.searchsorted(clock, clock[at] + way * HISTORY_US, "left" if way < 0 else "right")
    number = piece[at] - 1
    far = np.clip(found - (way > 0), first[number], last[number])
    passed = times[at] - times[far]
    moved = centre[at] - centre[far]
    out = np.zeros((len(at), 2))
    np.divide(moved, passed[:, None], out=out, where=passed[:, None] != 0)
    return out


def _misfit(rows: Rows, steps: Steps, one: Ints, other: Ints) -> Floats:
    """How badly the second box of some steps continues the first box of others, in box sizes."""
    assert rows.box is not None
    old, new = steps.before[one], steps.after[other]
    passed = (rows.start[new] - rows.start[old]).astype(np.float64)[:, None]
    a, b = rows.box[old], rows.box[new]
    size_a, size_b = (np.maximum(box[:, 2:] - box[:, :2], LEAST_SIDE) for box in (a, b))
    unit = np.sqrt(size_a * size_b)
    way = (b[:, :2] + b[:, 2:] - a[:, :2] - a[:, 2:]) / 2
    forward = np.sqrt((((way - steps.leaving[one] * passed) / unit) ** 2).sum(axis=1))
    backward = np.sqrt((((way - steps.arriving[other] * passed) / unit) ** 2).sum(axis=1))
    grown = np.abs(np.log(size_b / size_a)).max(axis=1)
    return np.asarray((forward + backward) / 2 + grown)


class _Moved(NamedTuple):
    """For each row the first row of its track after all exchanges, and the exchange that moved it.

    ``violation`` is -1 where the row stays in its track.
    """

    first: Ints
    violation: Ints


def _exchanged(steps: Steps, one: Ints, other: Ints) -> _Moved:
    """Exchange what follows at pairs of steps, and follow the tracks from their first rows."""
    n = len(steps.next)
    follows = steps.next.copy()
    follows[steps.before[one]] = steps.after[other]
    follows[steps.before[other]] = steps.after[one]
    cause = np.full(n, -1, np.int64)
    cause[steps.after[one]] = cause[steps.after[other]] = np.arange(len(one))
    track = np.full(n, -1, np.int64)
    track[steps.before], track[steps.after] = steps.track, steps.track
    touched = np.isin(track, steps.track[np.concatenate([one, other])])
    heads = touched.copy()
    heads[follows[touched & (follows >= 0)]] = False
    first, violation = np.arange(n), np.full(n, -1, np.int64)
    for head in np.flatnonzero(heads).tolist():
        row, last = head, -1
        while row >= 0:
            last = int(cause[row]) if cause[row] >= 0 else last
            first[row] = head
            violation[row] = last if track[row] != track[head] else -1
            row = int(follows[row])
    return _Moved(first, violation)


def _told(names: pa.ChunkedArray, steps: Steps, one: Ints, other: Ints) -> list[str]:
    left, right = (names.take(pa.array(steps.before[at])).to_pylist() for at in (one, other))
    return [f"{a} and {b} change places" for a, b in zip(left, right, strict=True)]
