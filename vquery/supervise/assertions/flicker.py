"""Flicker: something is gone for a moment, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from vquery import schema
from vquery.schema import BOX, US_PER_S
from vquery.supervise.assertions.findings import (
    ADD,
    Assertion,
    Found,
    believed,
    columns_of,
    nothing,
    seconds_of,
    violations,
)
from vquery.supervise.assertions.pairs import LEAST_SIDE
from vquery.supervise.assertions.runs import in_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vquery.supervise.assertions.rows import Rows

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

MAX_GAP_S = 0.3
"""About the time of one glance: nobody leaves a picture and is back at once, and a person walks
half a body width meanwhile, so that the line between both ends still meets what was missed."""
DECAY = 0.9
"""What the score of a filled row is of the lower of its neighbours'."""


@dataclass(frozen=True, kw_only=True)
class Flicker(Assertion):
    """See `flicker`."""

    max_gap_us: int
    by: tuple[str, ...]
    rank: ClassVar[int] = 3

    def find(self, rows: Rows) -> Found:
        """List the short gaps of each group, and fill them; O(n log n)."""
        if not len(rows):
            return nothing()
        order = in_order(rows, rows.codes(self.by, self.name))
        short = np.flatnonzero(order.parted & (order.gap < self.max_gap_us))
        if not len(short):
            return nothing()
        before, after = order.before[short], order.row[short]
        severity = 1.0 - order.gap[short] / self.max_gap_us
        weight = believed(severity)
        found = violations(
            self.name,
            rows,
            video=rows.video[before],
            start=rows.until[before],
            end=rows.start[after],
            items=np.c_[rows.item[before], rows.item[after]].tolist(),
            severity=severity,
            before=[f"gone for {gap / US_PER_S:.3g} s" for gap in order.gap[short].tolist()],
            after=["there"] * len(short),
            action=ADD,
            weight=weight,
        )
        return Found(found, _filled(self.name, rows, before, after, weight))


def flicker(
    *, max_gap: float = MAX_GAP_S, by: str | tuple[str, ...] = "track", name: str = ""
) -> Flicker:
    """Assert that nothing is gone for less than ``max_gap`` seconds and then back in the same shot.

    A gap is filled: boxes on the line between those beside it (centre, and logarithm of the size),
    one for each frame of which other rows are known or that lies at the usual distance; without
    boxes by one row.

    Parameters
    ----------
    max_gap
        Seconds; shorter gaps break the rule.
    by
        Columns whose values say what belongs together, such as "track" or "name". Rows without a
        value take no part.
    name
        What violations call the rule.

    Raises
    ------
    QueryError
        If an argument cannot be.
    """
    made = Flicker(
        name=name,
        max_gap_us=seconds_of(max_gap, "flicker(max_gap=)"),
        by=columns_of(by, "flicker(by=)"),
    )
    made.settle_name("flicker")
    return made


class _Fills(NamedTuple):
    """Rows to add: the gap that each is of, its times, and how far along the gap it lies."""

    gap: Ints
    start: Ints
    end: Ints
    along: Floats


def _filled(rule: str, rows: Rows, before: Ints, after: Ints, weight: Floats) -> pa.Table:
    fills = _moments(rows, before, after)
    one, other, count = before[fills.gap], after[fills.gap], len(fills.gap)
    found = {
        "violation": fills.gap,
        "rule": pa.repeat(pa.scalar(rule, pa.string()), count),
        "action": pa.repeat(pa.scalar(ADD, pa.string()), count),
        "item": rows.lowest - 1 - np.arange(count),
        "video": pa.array(rows.videos, pa.string()).take(pa.array(rows.video[one])),
        "start_us": fills.start,
        "end_us": fills.end,
        "score": _known(DECAY * np.minimum(rows.score[one], rows.score[other])),
        "neighbours": pa.array(
            np.c_[rows.item[one], rows.item[other]].tolist(), pa.list_(pa.int64())
        ),
        "weight": weight[fills.gap].astype(np.float32),
    }
    if rows.box is not None:
        box = between(rows.box[one], rows.box[other], fills.along)
        found |= {name: _known(box[:, side]) for side, name in enumerate(BOX)}
    return schema.conform(pa.table(found), schema.CORRECTION, what=rule)


def _known(values: Floats) -> pa.Array:
    return pa.array(values.astype(np.float32), mask=np.isnan(values))


def _moments(rows: Rows, before: Ints, after: Ints) -> _Fills:
    """Say at which moments a row is missing, one for each frame or one for the whole gap."""
    gaps, starts, ends, along = [], [], [], []
    for gap, (one, other) in enumerate(zip(before.tolist(), after.tolist(), strict=True)):
        low, high = int(rows.start[one]), int(rows.start[other])
        at = _frames(rows, int(rows.video[one]), int(rows.until[one]), high)
        gaps.append(np.full(len(at), gap))
        starts.append(at)
        ends.append(np.append(at[1:], high))
        along.append((at - low) / (high - low))
    return _Fills(*(np.concatenate(each) for each in (gaps, starts, ends, along)))


def _frames(rows: Rows, video: int, low: int, high: int) -> Ints:
    """Frames of a gap: those at even distances, drawn to known ones near them.

    Where rows are not one a frame, the gap is one.
    """
    step = int(rows.step[video])
    count = round((high - low) / step) if step else 1
    if count < 2:
        return np.array([low])
    even = low + np.round(np.arange(count) * (high - low) / count).astype(np.int64)
    known = rows.moments(video)
    known = known[np.searchsorted(known, low - step // 2) : np.searchsorted(known, high)]
    if not len(known):
        return np.asarray(even)
    right = np.minimum(np.searchsorted(known, even), len(known) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(even - known[left] < known[right] - even, known[left], known[right])
    near = np.where(np.abs(nearest - even) < step / 2, nearest, even)
    return np.unique(np.maximum(near, low))  # what was there before lasts until the gap


def between(one: Floats, other: Floats, along: Floats) -> Floats:
    """Boxes on the way from one to another: centre and logarithm of the size go evenly.

    Parameters
    ----------
    one, other
        Shape (n, 4).
    along
        Shape (n,), 0 to 1.

    >>> between(np.array([[0, 0, 1, 1.0]]), np.array([[4, 0, 8, 4.0]]), np.array([0.5])).tolist()
    [[2.25, 0.25, 4.25, 2.25]]
    """
    way = along[:, None]
    centre = (one[:, :2] + one[:, 2:]) / 2 * (1 - way) + (other[:, :2] + other[:, 2:]) / 2 * way
    sizes = [np.log(np.maximum(box[:, 2:] - box[:, :2], LEAST_SIDE)) for box in (one, other)]
    half = np.exp(sizes[0] * (1 - way) + sizes[1] * way) / 2
    return np.asarray(np.concatenate([centre - half, centre + half], axis=1))
